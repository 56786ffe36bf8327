package receipts

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"kelisim/commands"
	"kelisim/commands/journal"
	"kelisim/commands/tlog"
	"kelisim/commands/tlog/verify"
	"kelisim/domain"
	"kelisim/domain/user"
)

// Evidence is an event that a receipt rests on, as stored, with its proof.
type Evidence struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Stream   string `json:"stream"`
	Revision int64  `json:"revision"`
	Data     string `json:"data"` // the stored bytes, which are JSON; what is personal in them stays sealed
	// Metadata are the stored bytes too. They are left out where they name who of the staff entered it.
	Metadata string `json:"metadata,omitempty"`
	// Proof is a c2sp.org/tlog-proof with its checkpoint; empty until one covers the event.
	Proof string `json:"proof,omitempty"`
}

// proofWait is how long a receipt waits for checkpoints where the desk says nothing else.
const proofWait = 2 * time.Second

// Desk makes receipts. Its fields are set once, before use.
type Desk struct {
	Service *commands.Service
	// Log proves and signs. Without it receipts have neither proof nor signature; without its keys, no signature.
	Log *tlog.Follower
	// Wait is how long a receipt waits for checkpoints that cover what was just recorded; 0 is two seconds.
	Wait time.Duration
}

// Receipt is a record with its evidence, and the signature over both.
type Receipt struct {
	Record
	signature []byte
}

// Consent makes the receipt of a consent as it stood at a moment, by what the snapshot knows: consent-not-found where it had not been given by then, or
// was voided.
func (d Desk) Consent(ctx context.Context, snap commands.Snapshot, asOf time.Time, id string) (Receipt, error) {
	r, ok := ofConsent(snap, asOf, id)
	if !ok {
		return Receipt{}, domain.Refuse(domain.NotFound, "consent-not-found", "this user has no such consent")
	}
	return d.issue(ctx, snap, r, r.Consent.Event)
}

// Notice makes the receipt of a notice of withdrawal in the same way: notice-not-found where it had not been received by then.
func (d Desk) Notice(ctx context.Context, snap commands.Snapshot, asOf time.Time, id string) (Receipt, error) {
	r, ok := ofNotice(snap, asOf, id)
	if !ok {
		return Receipt{}, domain.Refuse(domain.NotFound, "notice-not-found", "this user has no such notice")
	}
	n := r.Notice
	events := []string{n.Event}
	if n.Refusal != nil {
		events = append(events, n.Refusal.Event)
	}
	for _, k := range []*Decision{n.Acceptance, n.Rescission} {
		if k != nil {
			events = append(events, k.Event)
		}
	}
	if n.Effect != nil {
		markers, err := d.Service.Markers(ctx, snap)
		if err != nil {
			return Receipt{}, fmt.Errorf("make a receipt: %w", err)
		}
		if n.Effect.mark(markers, n.NoticeID); n.Effect.Event != "" {
			events = append(events, n.Effect.Event)
			snap.Events = slices.Concat(snap.Events, markers)
		}
	}
	return d.issue(ctx, snap, r, events...)
}

// issue adds the evidence and signs.
func (d Desk) issue(ctx context.Context, snap commands.Snapshot, r Record, events ...string) (Receipt, error) {
	waiting, done := context.WithTimeout(ctx, cmp.Or(d.Wait, proofWait))
	defer done()
	for _, e := range snap.Events {
		if !slices.Contains(events, e.ID.String()) {
			continue
		}
		evidence, err := d.evidence(ctx, waiting, e)
		if err != nil {
			return Receipt{}, fmt.Errorf("make a receipt: %w", err)
		}
		r.Evidence = append(r.Evidence, evidence)
	}
	out := Receipt{Record: r}
	if d.Log == nil || d.Log.Keys == nil {
		return out, nil
	}
	body, err := out.canonical()
	if err == nil {
		out.signature, err = d.Log.Keys.SignReceipt(sha256.Sum256(body))
	}
	return out, err
}

// evidence reads an event as stored, and waits for its proof. A log that has stopped at a fault is an error: nothing is vouched for then.
func (d Desk) evidence(ctx, waiting context.Context, e user.Recorded) (Evidence, error) {
	record, err := stored(ctx, d.Service.Journal.Store, e)
	if err != nil {
		return Evidence{}, err
	}
	out := Evidence{ID: e.ID.String(), Type: e.Type, Stream: e.Stream, Revision: e.Revision, Data: string(record.Data)}
	if !slices.Contains(staff, e.Actor.Kind) {
		out.Metadata = string(record.Meta)
	}
	if d.Log == nil {
		return out, nil
	}
	proof, err := d.Log.WaitProve(waiting, e.ID)
	if err != nil && !errors.Is(err, tlog.ErrNotCovered) && !errors.Is(err, tlog.ErrNotFound) {
		return Evidence{}, err
	}
	out.Proof = string(proof)
	return out, ctx.Err()
}

// staff are the kinds of actors whose names are not told to the person.
var staff = []string{"officer", "approver", "auditor", "operator"}

func stored(ctx context.Context, store journal.Store, e user.Recorded) (journal.Record, error) {
	for r, err := range store.ReadStream(ctx, e.Stream, e.Revision) {
		if err != nil {
			return journal.Record{}, fmt.Errorf("read %s revision %d: %w", e.Stream, e.Revision, err)
		}
		if r.ID == e.ID {
			return r, nil
		}
		break
	}
	return journal.Record{}, fmt.Errorf("%s has no event %s at revision %d", e.Stream, e.ID, e.Revision)
}

// canonical is what is signed.
func (r Receipt) canonical() ([]byte, error) {
	text, err := json.Marshal(r.Record)
	if err == nil {
		text, err = verify.CanonicalJSON(text)
	}
	if err != nil {
		return nil, fmt.Errorf("write a receipt: %w", err)
	}
	return text, nil
}
