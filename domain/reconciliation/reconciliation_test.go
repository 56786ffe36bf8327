package reconciliation_test

import (
	"testing"

	"kelisim/domain"
	"kelisim/domain/decidertest"
	"kelisim/domain/reconciliation"
)

func TestEvolveIsTotal(t *testing.T) {
	decidertest.Total(t, reconciliation.Decider, reconciliation.Events)
}

// A difference and a payout are recorded once, whatever comes again and in whatever company.
func TestRecord(t *testing.T) {
	found := func(id string) reconciliation.Found {
		return reconciliation.Found{Provider: "cloudpayments", Finding: id, Kind: "missing-here", TransactionID: id, At: decidertest.Start}
	}
	payout := func(id string) reconciliation.Payout {
		return reconciliation.Payout{TransactionID: id, Amount: domain.KZT(10), Payout: domain.KZT(9), Fee: domain.KZT(1), At: decidertest.Start}
	}
	run := reconciliation.Compared{Provider: "cloudpayments", From: decidertest.Start, Until: decidertest.Start, Rows: 3, Findings: 1}
	s := decidertest.New(t, reconciliation.Decider).When(domain.Context{}, reconciliation.Record{
		Provider: "cloudpayments", Run: &run, Found: []reconciliation.Found{found("1"), found("1")}, Payouts: []reconciliation.Payout{payout("1"), payout("1"), payout("2")},
	}).Then(found("1"), reconciliation.Settled{Provider: "cloudpayments", Payouts: []reconciliation.Payout{payout("1"), payout("2")}}, run)
	if st := s.State(); !st.Knows("1") || st.Knows("2") || !st.KnowsPayout("2") || st.KnowsPayout("3") || st.Last != run {
		t.Errorf("%+v", st)
	}
	s.When(domain.Context{}, reconciliation.Record{Found: []reconciliation.Found{found("1")}, Payouts: []reconciliation.Payout{payout("1"), payout("2")}}).Nothing()
	s.When(domain.Context{}, reconciliation.Record{Provider: "cloudpayments", Payouts: []reconciliation.Payout{payout("2"), payout("3")}}).
		Then(reconciliation.Settled{Provider: "cloudpayments", Payouts: []reconciliation.Payout{payout("3")}})
	s.When(domain.Context{}, reconciliation.Record{Payouts: make([]reconciliation.Payout, reconciliation.MaxPayouts+1)}).Refused("invalid-request")
}

// A finding is resolved once, in words that there are; what is resolved stays known, and is found again only where it differs.
func TestResolve(t *testing.T) {
	found := reconciliation.Found{Provider: "cloudpayments", Finding: "missing-here|1", Kind: "missing-here", TransactionID: "1", At: decidertest.Start}
	other := found
	other.Finding = "missing-here|1|another sum"
	given := func() *decidertest.Story[reconciliation.Command, reconciliation.State, reconciliation.Event] {
		return decidertest.New(t, reconciliation.Decider).Given(found)
	}
	s := given()
	id := decidertest.EventID(0).String()
	note := domain.NewPersonal("paid in cash")
	ended := reconciliation.Resolve{FindingID: id, How: reconciliation.Explained, Note: note}
	if got := s.State().Open(found.Finding); got != id {
		t.Errorf("open is %q", got)
	}
	for code, c := range map[string]reconciliation.Resolve{
		"finding-not-found": {FindingID: decidertest.EventID(7).String(), How: reconciliation.Entered},
		"invalid-request":   {FindingID: id, How: "forgotten", Note: note},
	} {
		s.When(domain.Context{}, c).Refused(code)
	}
	for _, how := range []string{reconciliation.Explained, reconciliation.WrittenOff} {
		s.When(domain.Context{}, reconciliation.Resolve{FindingID: id, How: how}).Refused("invalid-request")
	}
	for _, how := range []string{reconciliation.Entered, reconciliation.Corrected} {
		given().When(domain.Context{}, reconciliation.Resolve{FindingID: id, How: how}).Then(reconciliation.FindingResolved{FindingID: id, How: how})
	}
	s = s.When(domain.Context{}, ended).Then(reconciliation.FindingResolved(ended))
	s.When(domain.Context{}, ended).Refused("finding-resolved")
	if st := s.State(); st.Open(found.Finding) != "" || !st.Knows(found.Finding) {
		t.Errorf("%+v", st)
	}
	s.When(domain.Context{}, reconciliation.Record{Provider: "cloudpayments", Found: []reconciliation.Found{found, other}}).Then(other)
}
