// Package reconciliation is the book of what a processor's register says beside what the ledger says: one stream for each month of operations,
// reconciliation-<provider>-<year>-<month>, so that none grows for ever. A difference is recorded once; it is settled by what is recorded
// in the books of users and payments, never here.
package reconciliation

import (
	"maps"
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

func (Compared) isReconciliation() {}
func (Found) isReconciliation()    {}
func (Settled) isReconciliation()  {}

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

func (Record) isCommand() {}

// State is what is known already.
type State struct {
	found, settled map[string]bool
	// Last is the latest run.
	Last Compared
}

// Knows tells whether a finding is recorded.
func (s State) Knows(finding string) bool { return s.found[finding] }

// KnowsPayout tells whether an operation's payout is recorded.
func (s State) KnowsPayout(transaction string) bool { return s.settled[transaction] }

// Decider is the book's rules.
var Decider = domain.Decider[Command, State, Event]{Decide: decide, Evolve: evolve}

func evolve(s State, e Event, _ event.Meta) State {
	switch e := e.(type) {
	case Compared:
		s.Last = e
	case Found:
		s.found = with(s.found, e.Finding)
	case Settled:
		ids := make([]string, len(e.Payouts))
		for i, p := range e.Payouts {
			ids[i] = p.TransactionID
		}
		s.settled = with(s.settled, ids...)
	default:
		panic("unhandled reconciliation event")
	}
	return s
}

// with is a copy of a set with more.
func with(set map[string]bool, ids ...string) map[string]bool {
	out := make(map[string]bool, len(set)+len(ids))
	maps.Copy(out, set)
	for _, id := range ids {
		out[id] = true
	}
	return out
}

func decide(s State, c Command, _ domain.Context) ([]Event, error) {
	r := c.(Record)
	var out []Event
	seen := map[string]bool{}
	for _, f := range r.Found {
		if !s.found[f.Finding] && !seen[f.Finding] {
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
