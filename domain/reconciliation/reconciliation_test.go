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
