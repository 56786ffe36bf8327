package account

import (
	"time"

	"kelisim/domain"
)

// Depersonalise destroys the keys to who the person is (P-1.5, P-2.5).
type Depersonalise struct {
	Basis string `json:"basis"`

	Keys []string `json:"-"` // ids of the keys that go
	Held bool     `json:"-"` // a legal hold stands
}

// RequestDestruction asks for every key of the person to be destroyed; a second person approves it.
type RequestDestruction struct {
	Basis string `json:"basis"`

	Held bool `json:"-"`
}

// ApproveDestruction is the second person's word.
type ApproveDestruction struct {
	Keys []string `json:"-"`
	Held bool     `json:"-"`
}

func (Depersonalise) isCommand()      {}
func (RequestDestruction) isCommand() {}
func (ApproveDestruction) isCommand() {}

// Erased are the classes whose keys depersonalisation destroys. Workplace and position go too: nothing in the ledger can show that they do
// not single a person out.
var Erased = []domain.Class{domain.Identity, domain.Attributes, domain.Freeform}

// atOnce is how long before its record an erasure may be said to have happened: what was read meanwhile would look as if it had been forbidden.
const atOnce = 5 * time.Minute

func erase(s State, c Command, in domain.Context) ([]Event, error) {
	held, basis := false, "-"
	switch c := c.(type) {
	case Depersonalise:
		held, basis = c.Held, c.Basis
	case RequestDestruction:
		held, basis = c.Held, c.Basis
	case ApproveDestruction:
		held = c.Held
	}
	if basis != "-" && !codeForm.MatchString(basis) {
		return nil, domain.Malformed("/basis", "a basis is a word such as retention-ended or lawful-demand").By("P-1.5")
	}
	if s.DestroyedAt.Event != "" {
		return nil, domain.Refuse(domain.Conflict, "destroyed", "the person's data were destroyed already").By("P-2.5")
	}
	if held {
		return nil, domain.Refuse(domain.Conflict, "legal-hold", "a legal hold stands; lift it first").By("P-2.6")
	}
	_, blocked := s.DataBlockedAt(in.OccurredAt)
	if _, now := s.DataBlockedAt(in.Now); blocked || now { // keys go now, whatever day the command names
		return nil, domain.Refuse(domain.Conflict, "data-blocked", "the data are blocked, and a block suspends this; unblock them first").By("P-1.5")
	}
	if _, asks := c.(RequestDestruction); !asks && in.OccurredAt.Before(in.Now.Add(-atOnce)) {
		return nil, domain.Malformed("/occurred_at", "keys are destroyed when this is recorded; it has not happened before").By("P-1.5")
	}
	var asked *Request
	if n := len(s.DestructionRequested); n > 0 {
		asked = &s.DestructionRequested[n-1]
	}
	switch c := c.(type) {
	case Depersonalise:
		if s.DepersonalisedAt.Event != "" {
			return nil, domain.Refuse(domain.Conflict, "depersonalised", "the person's data were depersonalised already").By("P-2.5")
		}
		return []Event{Depersonalised{c.Basis, Erased, c.Keys}}, nil
	case RequestDestruction:
		if asked != nil {
			return nil, domain.Refuse(domain.Conflict, "destruction-requested", "destruction was asked for already; a second person must approve it").By("P-1.5")
		}
		return []Event{DestructionRequested{c.Basis, in.Actor.Who()}}, nil
	case ApproveDestruction:
		switch {
		case asked == nil:
			return nil, domain.Refuse(domain.NotFound, "destruction-not-found", "nobody asked for destruction").By("P-1.5")
		case in.Actor.Is(asked.By):
			return nil, domain.Refuse(domain.Forbidden, "second-person-needed", "who asked for it cannot approve it").By("P-1.5")
		case in.OccurredAt.Before(asked.At):
			return nil, domain.Malformed("/occurred_at", "that is before it was asked for").By("P-1.5")
		}
		return []Event{Destroyed{asked.Basis, asked.By, in.Actor.Who(), c.Keys}}, nil
	}
	panic("unhandled account command")
}
