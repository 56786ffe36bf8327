// Package witness is the other side of the log: one who is not its operator, looks at checkpoint after checkpoint, and says under a key of their own that
// each continues the one before (c2sp.org/tlog-witness). An operator who would show two histories to two people must show both to the witness, and the
// second is refused.
//
// It keeps nothing but the newest size and root of each log, knows nothing of events, and imports nothing of the ledger but the verifier. What it
// promises:
//
//   - No cosignature leaves before the state that forbids another history is durable (TestStateComesFirst, and the script that kills the process).
//   - Of one log it never cosigns two checkpoints of which neither continues the other, whatever is asked at once (TestNeverTwoHistories).
//   - Without its state it does not begin anew under the same key (TestLostState).
//
// A state that was put back to an earlier one cannot be told from the newest: do not restore it from a backup; retire the key instead.
package witness

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"sync"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"kelisim/commands/tlog/verify"
)

// Options of a witness.
type Options struct {
	KeyFile   string // made with the state where neither is there
	StateFile string
	Name      string   // of a key that is made, a URL without its scheme; "" is one made of the key
	Logs      []string // public keys of the logs that are witnessed, as c2sp.org/signed-note writes them; a key's name is its log's origin
	Log       *slog.Logger
}

// Witness cosigns checkpoints.
type Witness struct {
	signer *torchwood.CosignatureSigner
	logs   map[string]note.Verifiers // by origin
	path   string
	lock   *os.File
	log    *slog.Logger

	mu     sync.Mutex // held from the look at the state until the cosignature is made
	state  State
	broken error // the state could not be written: what the disk holds is not known
}

// ErrStateLost: the key is there, and what was cosigned with it is not known any more.
var ErrStateLost = errors.New("the witness's state is missing beside its key: put back the file itself, or begin anew with another key, and retire this one; " +
	"a witness that has forgotten what it cosigned could cosign another history")

// Open takes up a witness where it was left, or makes one.
func Open(o Options) (*Witness, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	w := &Witness{path: o.StateFile, log: o.Log, logs: map[string]note.Verifiers{}}
	if err := w.trust(o.Logs); err != nil {
		return nil, err
	}
	var err error
	if w.lock, err = hold(o.StateFile); err != nil {
		return nil, err
	}
	if err := w.load(o); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// trust takes the keys of the logs. Of one log any key may have signed.
func (w *Witness) trust(vkeys []string) error {
	byOrigin := map[string][]note.Verifier{}
	for _, vkey := range vkeys {
		v, err := verify.LogVerifier(vkey)
		if err != nil {
			return fmt.Errorf("the key of a log: %w", err)
		}
		byOrigin[v.Name()] = append(byOrigin[v.Name()], v)
	}
	for origin, all := range byOrigin {
		w.logs[origin] = note.VerifierList(all...)
	}
	return nil
}

func (w *Witness) load(o Options) error {
	key, err := os.ReadFile(o.KeyFile)
	noKey := errors.Is(err, fs.ErrNotExist)
	if err != nil && !noKey {
		return fmt.Errorf("read the witness's key: %w", err)
	}
	text, err := os.ReadFile(o.StateFile)
	noState := errors.Is(err, fs.ErrNotExist)
	if err != nil && !noState {
		return fmt.Errorf("read the witness's state: %w", err)
	}
	if !noState {
		if w.state, err = ParseState(text); err != nil {
			return fmt.Errorf("read the witness's state in %s: %w", o.StateFile, err)
		}
	}
	switch {
	case noKey && !noState && len(w.state.Logs) > 0:
		return fmt.Errorf("%s is missing beside the state that was kept for it", o.KeyFile)
	case noKey: // no state, or one whose key never came to be
		return w.begin(o)
	case noState:
		return ErrStateLost
	}
	if w.signer, err = parseKey(string(key)); err != nil {
		return fmt.Errorf("read the witness's key in %s: %w", o.KeyFile, err)
	}
	if o.Name != "" && o.Name != w.signer.Name() {
		return fmt.Errorf("the key in %s is that of %s: a witness's name is never changed", o.KeyFile, w.signer.Name())
	}
	if w.state.Witness != w.VerifierKey() {
		return fmt.Errorf("the state in %s is of another witness than the key in %s", o.StateFile, o.KeyFile)
	}
	return nil
}

// begin makes a key and its state. The state is the first: a key without one is a witness that has forgotten.
func (w *Witness) begin(o Options) error {
	text, err := newKey(o.Name)
	if err != nil {
		return fmt.Errorf("make the witness's key: %w", err)
	}
	if w.signer, err = parseKey(text); err != nil {
		return fmt.Errorf("make the witness's key: %w", err)
	}
	w.state = State{Witness: w.VerifierKey(), Logs: map[string]tlog.Tree{}}
	if err := replace(o.StateFile, w.state.Format()); err != nil {
		return fmt.Errorf("write the witness's state: %w", err)
	}
	if err := replace(o.KeyFile, []byte(text)); err != nil {
		return fmt.Errorf("write the witness's key: %w", err)
	}
	return nil
}

// VerifierKey is the witness's public key, as a policy names it.
func (w *Witness) VerifierKey() string { return w.signer.Verifier().String() }

// Close lets go of the state.
func (w *Witness) Close() error { return w.lock.Close() }

// Refusal is why a checkpoint is not cosigned.
type Refusal struct {
	Status int   // of HTTP, by the protocol
	Known  int64 // with 409, the size that was cosigned last
	Detail string
}

func (r *Refusal) Error() string { return r.Detail }

func refuse(status int, detail string) error { return &Refusal{Status: status, Detail: detail} }

// Cosign judges a request and answers the line of the cosignature, or a *Refusal. Another error means that the witness cannot go on.
func (w *Witness) Cosign(body []byte) ([]byte, error) {
	r, err := ParseRequest(body)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, err.Error())
	}
	origin, _, _ := bytes.Cut(r.Checkpoint, []byte("\n"))
	keys, ok := w.logs[string(origin)]
	if !ok {
		return nil, refuse(http.StatusNotFound, "the checkpoint is of a log that is not witnessed here")
	}
	n, err := note.Open(r.Checkpoint, keys)
	if err != nil {
		return nil, refuse(http.StatusForbidden, "the checkpoint is not signed by a key of its log that is known here")
	}
	c, err := torchwood.ParseCheckpoint(n.Text)
	if err != nil || c.Origin != string(origin) || c.String() != n.Text {
		return nil, refuse(http.StatusBadRequest, "the note is no checkpoint")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken != nil {
		return nil, w.broken
	}
	if err := w.judge(r, c); err != nil {
		return nil, err
	}
	if err := w.keep(c); err != nil {
		return nil, err
	}
	signed, err := note.Sign(&note.Note{Text: n.Text}, w.signer)
	if err != nil {
		return nil, fmt.Errorf("cosign a checkpoint: %w", err)
	}
	return signed[len(n.Text)+1:], nil
}

// judge tells whether a signed checkpoint continues what was cosigned last. One that does not is written down as it came: with what others hold it may
// be proof of two histories, signed by the log itself.
func (w *Witness) judge(r Request, c torchwood.Checkpoint) error {
	known := w.state.Logs[c.Origin]
	switch {
	case r.Old > c.N:
		return refuse(http.StatusBadRequest, "the old size is greater than the checkpoint's")
	case r.Old != known.N:
		return &Refusal{http.StatusConflict, known.N, "another size was cosigned last"}
	case known.N == c.N && known.N > 0 && known.Hash != c.Hash:
		w.warn("the log has signed two checkpoints of one size", known, r, c)
		return &Refusal{http.StatusConflict, known.N, "another root of this size was cosigned"}
	case known.N == 0:
		empty, _ := tlog.TreeHash(0, nil)
		if len(r.Proof) > 0 || c.N == 0 && c.Hash != empty {
			return refuse(http.StatusUnprocessableEntity, "a proof from nothing is empty, and so is the root of nothing")
		}
	case tlog.CheckTree(r.Proof, c.N, c.Hash, known.N, known.Hash) != nil:
		w.warn("a checkpoint that the log signed came without a proof that it continues what was cosigned", known, r, c)
		return refuse(http.StatusUnprocessableEntity, "the proof does not lead from what was cosigned to the checkpoint")
	}
	return nil
}

func (w *Witness) warn(what string, known tlog.Tree, r Request, c torchwood.Checkpoint) {
	w.log.Warn(what, "origin", c.Origin, "cosigned_size", known.N, "cosigned_root", known.Hash.String(),
		"size", c.N, "root", c.Hash.String(), "checkpoint", string(r.Checkpoint))
}

// keep makes the checkpoint the one that was cosigned last, durably. After a failure nobody knows what the disk holds, and nothing more is cosigned until
// the witness is opened again.
func (w *Witness) keep(c torchwood.Checkpoint) error {
	if w.state.Logs[c.Origin] == c.Tree && c.N > 0 {
		return nil
	}
	next := State{Witness: w.state.Witness, Logs: maps.Clone(w.state.Logs)}
	next.Logs[c.Origin] = c.Tree
	if err := replace(w.path, next.Format()); err != nil {
		w.broken = fmt.Errorf("the witness's state could not be written, nothing is cosigned until it is opened again: %w", err)
		w.log.Error("nothing is cosigned any more", "error", w.broken)
		return w.broken
	}
	w.state = next
	return nil
}

// ServeHTTP answers POST …/add-checkpoint as c2sp.org/tlog-witness asks.
func (w *Witness) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/add-checkpoint" {
		http.NotFound(out, r)
		return
	}
	if r.Method != http.MethodPost {
		out.Header().Set("Allow", http.MethodPost)
		http.Error(out, "a checkpoint is posted", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(out, r.Body, MaxRequest))
	if err != nil {
		http.Error(out, "the request is too long, or was cut off", http.StatusRequestEntityTooLarge)
		return
	}
	lines, err := w.Cosign(body)
	var refused *Refusal
	switch {
	case err == nil:
		out.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = out.Write(lines)
	case !errors.As(err, &refused):
		http.Error(out, "nothing can be cosigned now", http.StatusInternalServerError)
	case refused.Status == http.StatusConflict:
		out.Header().Set("Content-Type", SizeType)
		out.WriteHeader(http.StatusConflict)
		_, _ = fmt.Fprintf(out, "%d\n", refused.Known)
	default:
		http.Error(out, refused.Detail, refused.Status)
	}
}

// SizeType is the media type of an answer 409, which holds the size that was cosigned last.
const SizeType = "text/x.tlog.size"
