// Package reconciliation is the book of what a processor's register says beside what the ledger says: one stream for each month of operations,
// reconciliation-<provider>-<year>-<month>, so that none grows for ever. A difference is recorded once and stays open until it is resolved;
// money and months change by what is recorded in the books of users and payments, never here.
package reconciliation

import (
	"maps"
	"slices"
	"time"

	"kelisim/domain"
	"kelisim/domain/event"
)

// Event is any fact of this book.
type Event interface{ isReconciliation() }

// Events is the catalogue of this book.
var Events = []event.Type{
	event.Of[Compared]("reconciliation.compared"),
	event.Of[Found]("reconciliation.found"),
	event.Of[Settled]("reconciliation.settled"),
	event.Of[FindingResolved]("reconciliation.finding_resolved"),
}

// Compared: a register of [From, Until), by the processor's time, was held against the ledger.
type Compared struct {
	Provider    string    `json:"provider"`
	From        time.Time `json:"from"`
	Until       time.Time `json:"until"`
	Rows        int       `json:"rows"`
	ChargeBacks int       `json:"charge_backs"`
	Findings    int       `json:"findings"` // that were not known
}

// Found: the two differ. Kind is a word of commands/cloudpayments.
type Found struct {
	Provider      string       `json:"provider"`
	Finding       string       `json:"finding"` // the same for the same difference at every run
	Kind          string       `json:"kind"`
	TransactionID string       `json:"transaction_id"`
	PaymentID     string       `json:"payment_transaction_id,omitempty"`
	Reference     string       `json:"claim,omitempty"` // the processor's id of a charge-back
	Here          string       `json:"here,omitempty"`
	There         string       `json:"there,omitempty"`
	Amount        domain.Money `json:"amount,omitzero"`
	At            time.Time    `json:"at"` // of the operation
}

// Settled: the processor paid out the money of these operations to the company, less its fees.
type Settled struct {
	Provider string   `json:"provider"`
	Payouts  []Payout `json:"payouts"`
}

// Payout is one operation's money as it was paid out.
type Payout struct {
	TransactionID string       `json:"transaction_id"`
	Amount        domain.Money `json:"amount"`
	Payout        domain.Money `json:"payout"`
	Fee           domain.Money `json:"fee"`
	At            time.Time    `json:"at"`
}

// FindingResolved: a finding needs nobody's attention any more. It stays known, so that the same difference is not found again.
type FindingResolved struct {
	FindingID string          `json:"finding_id"` // of the event that found it
	How       string          `json:"how"`
	Note      domain.Personal `json:"note,omitzero" personal:"freeform"`
}

// How a finding is resolved.
const (
	Entered    = "entered"     // the ledger was put right
	Corrected  = "corrected"   // the processor put its register right
	Explained  = "explained"   // both are right; the note says why they differ
	WrittenOff = "written-off" // they differ for good
)

// Hows are the words for it.
var Hows = []string{Entered, Corrected, Explained, WrittenOff}

func (Compared) isReconciliation()        {}
func (Found) isReconciliation()           {}
func (Settled) isReconciliation()         {}
func (FindingResolved) isReconciliation() {}

// Command is any wish about this book.
type Command interface{ isCommand() }

// Record records what of a comparison is new to this month. Run is nil where another month's stream tells of the run.
type Record struct {
	Provider string
	Run      *Compared
	Found    []Found
	Payouts  []Payout // at most MaxPayouts
}

// MaxPayouts is how many payouts one command may bring, so that it fits one append.
const MaxPayouts = 2000

// Resolve ends a finding.
type Resolve struct {
	FindingID string          `json:"finding_id"`
	How       string          `json:"how"`
	Note      domain.Personal `json:"note,omitzero"`
}

func (Record) isCommand()  {}
func (Resolve) isCommand() {}

// State is what is known already.
type State struct {
	settled map[string]bool
	found   map[string]string // the ids of the events that found them, by finding
	open    map[string]bool   // by the event's id; false: it is resolved
	// Last is the latest run.
	Last Compared
}

// Knows tells whether a finding is recorded.
func (s State) Knows(finding string) bool { return s.found[finding] != "" }

// Open is the id of a finding that is recorded and not resolved, "" where there is none.
func (s State) Open(finding string) string {
	if id := s.found[finding]; s.open[id] {
		return id
	}
	return ""
}

// KnowsPayout tells whether an operation's payout is recorded.
func (s State) KnowsPayout(transaction string) bool { return s.settled[transaction] }

// Decider is the book's rules.
var Decider = domain.Decider[Command, State, Event]{Decide: decide, Evolve: evolve}

func evolve(s State, e Event, m event.Meta) State {
	switch e := e.(type) {
	case Compared:
		s.Last = e
	case Found:
		id := m.ID.String()
		s.found, s.open = with(s.found, id, e.Finding), with(s.open, true, id)
	case FindingResolved:
		s.open = with(s.open, false, e.FindingID)
	case Settled:
		ids := make([]string, len(e.Payouts))
		for i, p := range e.Payouts {
			ids[i] = p.TransactionID
		}
		s.settled = with(s.settled, true, ids...)
	default:
		panic("unhandled reconciliation event")
	}
	return s
}

// with is a copy of a map with more.
func with[V any](of map[string]V, v V, ids ...string) map[string]V {
	out := make(map[string]V, len(of)+len(ids))
	maps.Copy(out, of)
	for _, id := range ids {
		out[id] = v
	}
	return out
}

func decide(s State, c Command, _ domain.Context) ([]Event, error) {
	switch c := c.(type) {
	case Record:
		return record(s, c)
	case Resolve:
		return resolve(s, c)
	}
	panic("unhandled reconciliation command")
}

func resolve(s State, c Resolve) ([]Event, error) {
	open, known := s.open[c.FindingID]
	switch {
	case !known:
		return nil, NotFound()
	case !open:
		return nil, domain.Refuse(domain.Conflict, "finding-resolved", "this finding was resolved already")
	case !slices.Contains(Hows, c.How):
		return nil, domain.Malformed("/how", "a finding is entered, corrected, explained or written-off")
	case (c.How == Explained || c.How == WrittenOff) && !c.Note.Given():
		return nil, domain.Malformed("/note", "say why the two differ")
	}
	return []Event{FindingResolved(c)}, nil
}

// NotFound is the refusal of a finding that is not there.
func NotFound() error {
	return domain.Refuse(domain.NotFound, "finding-not-found", "there is no such finding")
}

func record(s State, r Record) ([]Event, error) {
	var out []Event
	seen := map[string]bool{}
	for _, f := range r.Found {
		if !s.Knows(f.Finding) && !seen[f.Finding] {
			seen[f.Finding] = true
			out = append(out, f)
		}
	}
	if len(r.Payouts) > MaxPayouts {
		return nil, domain.Malformed("", "at most %d payouts are recorded at once", MaxPayouts)
	}
	paid, fresh := map[string]bool{}, []Payout{}
	for _, p := range r.Payouts {
		if !s.settled[p.TransactionID] && !paid[p.TransactionID] {
			paid[p.TransactionID] = true
			fresh = append(fresh, p)
		}
	}
	if len(fresh) > 0 {
		out = append(out, Settled{r.Provider, fresh})
	}
	if r.Run != nil {
		out = append(out, *r.Run)
	}
	return out, nil
}
