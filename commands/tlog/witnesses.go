package tlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"kelisim/commands/tlog/verify"
	"kelisim/commands/tlog/witness"
)

// Witnesses are those who are asked to cosign a log's checkpoints, and how many of them are wanted. Set the fields before a follower gets them.
type Witnesses struct {
	Every    time.Duration // between two checkpoints that they are asked to cosign; 0 is ten seconds
	Patience time.Duration // that the published checkpoint waits for a quorum; 0 is a minute
	Timeout  time.Duration // of one request; 0 is ten seconds

	policy *verify.Policy
	asked  []*asked
	http   *http.Client
}

// maxAnswer bounds what is read of a witness's answer: a few signatures.
const maxAnswer = 64 << 10

// NewWitnesses reads whom to ask from a policy in the form of c2sp.org/tlog-policy, where each witness has the URL that checkpoints are submitted
// under. A policy that names logs must name this one; one that names none is meant for it.
func NewWitnesses(policy []byte, keys *Keys) (*Witnesses, error) {
	p, err := verify.ParsePolicy(policy)
	if errors.Is(err, verify.ErrNoLog) {
		quick, _ := splitKeys(keys.VerifierKeys())
		var logs []byte
		for _, k := range quick {
			logs = fmt.Appendf(logs, "log %s\n", k)
		}
		p, err = verify.ParsePolicy(append(logs, policy...))
	}
	if err != nil {
		return nil, err
	}
	root, _ := tlog.TreeHash(0, nil)
	nothing, lasting, err := keys.Sign(checkpointText(keys.Origin, 0, root))
	if err != nil {
		return nil, err
	}
	if _, err := p.Log(append(nothing, lasting...)); err != nil {
		return nil, fmt.Errorf("policy: it names logs, and none of them is %s with its key", keys.Origin)
	}
	if !p.Quorum() {
		return nil, errors.New("policy: its quorum is none, so that no witness would be waited for")
	}
	w := &Witnesses{policy: p, http: &http.Client{
		Transport:     http.DefaultTransport.(*http.Transport).Clone(),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	for _, one := range p.Witnesses() {
		u, err := url.Parse(one.URL)
		switch {
		case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
			return nil, fmt.Errorf("policy: the witness %s has no URL without user, query and fragment to submit checkpoints under", one.Name)
		case u.Scheme != "https" && (u.Scheme != "http" || !local(u.Hostname())):
			return nil, fmt.Errorf("policy: the URL of the witness %s is to begin with https", one.Name)
		}
		w.asked = append(w.asked, &asked{Witness: one, url: strings.TrimRight(one.URL, "/") + "/add-checkpoint"})
	}
	return w, nil
}

func local(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// asked is one witness and what is known of it.
type asked struct {
	verify.Witness
	url  string
	size int64 // that it cosigned last, as far as is known; it is asked by one goroutine at a time

	at   int64 // the size of the checkpoint that line is its cosignature on
	line []byte
}

// RefusedError is what a witness answered to a checkpoint that it will not cosign: that the log is not known to it, or is no continuation of what
// it has seen. It holds nothing of the answer's text.
type RefusedError struct {
	Status int
	Size   int64 // that the witness cosigned last, where it said so
	Ahead  bool  // that is more than the checkpoint covers: another process on this journal is quicker, or an earlier state was put back
}

func (e *RefusedError) Error() string {
	switch e.Status {
	case http.StatusConflict:
		if e.Ahead {
			return fmt.Sprintf("it has cosigned %d leaves, more than this checkpoint covers", e.Size)
		}
		return fmt.Sprintf("it has cosigned %d leaves, of which this checkpoint is no continuation", e.Size)
	case http.StatusUnprocessableEntity:
		return "it takes this checkpoint for no continuation of what it has cosigned"
	case http.StatusForbidden:
		return "it does not know the key of the log"
	case http.StatusNotFound:
		return "it does not know the log"
	}
	return fmt.Sprintf("it answers %d", e.Status)
}

// Contradicts tells whether the witness has seen a history that this one does not continue: somebody signed two, or an earlier state was put back and went on.
func (e *RefusedError) Contradicts() bool {
	return e.Status == http.StatusConflict && !e.Ahead || e.Status == http.StatusUnprocessableEntity
}

// ask gets a witness's cosignature on a checkpoint. The witness is told what is thought to be the size that it cosigned last; where it knows better it says
// so, and is asked again.
func (w *Witnesses) ask(ctx context.Context, a *asked, r *Reader, c Checkpoint) (line []byte, err error) {
	ctx, done := context.WithTimeout(ctx, w.Timeout)
	defer done()
	for tries := 0; ; tries++ {
		request := witness.Request{Old: min(a.size, c.Size), Checkpoint: c.Note}
		if request.Old > 0 {
			proof, err := tlog.ProveTree(c.Size, request.Old, r.hashes(ctx, c))
			if err != nil {
				return nil, fmt.Errorf("prove that %d leaves begin %d: %w", request.Old, c.Size, err)
			}
			request.Proof = proof
		}
		status, kind, answer, err := w.post(ctx, a.url, request.Format())
		if err != nil {
			return nil, err
		}
		switch status {
		case http.StatusOK:
			if line, err = a.Cosignature(c.Note, answer); err == nil {
				a.size = c.Size
			}
			return line, err
		case http.StatusConflict:
			size, err := strconv.ParseInt(strings.TrimSuffix(string(answer), "\n"), 10, 64)
			if err != nil || size < 0 || kind != witness.SizeType {
				return nil, errors.New("it answers 409 without the size that it cosigned last")
			}
			switch {
			case size == request.Old:
				return nil, &RefusedError{Status: status, Size: size}
			case size > c.Size:
				return nil, &RefusedError{Status: status, Size: size, Ahead: true}
			case tries == 2:
				return nil, errors.New("it answers 409 again and again")
			}
			a.size = size
		default:
			return nil, &RefusedError{Status: status}
		}
	}
}

// post sends a request and answers what came back. An error says nothing of the address: the witness's name is told beside it.
func (w *Witnesses) post(ctx context.Context, to string, body []byte) (status int, kind string, answer []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return 0, "", nil, err
	}
	r.Header.Set("Content-Type", "text/plain; charset=utf-8")
	response, err := w.http.Do(r)
	if err != nil {
		return 0, "", nil, fmt.Errorf("it cannot be reached: %w", bare(err))
	}
	defer response.Body.Close()
	if answer, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer)); err != nil {
		return 0, "", nil, fmt.Errorf("its answer was cut off: %w", bare(err))
	}
	kind, _, _ = mime.ParseMediaType(response.Header.Get("Content-Type"))
	return response.StatusCode, kind, answer, nil
}

// bare is what went wrong with a request, without the address.
func bare(err error) error {
	var at *url.Error
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}
