package projections_test

import (
	"testing"

	"kelisim/domain"
	"kelisim/domain/reconciliation"
	"kelisim/projections"
)

// A finding is listed as open until it is resolved, and stays listed.
func TestFindings(t *testing.T) {
	b := newBench(t, projections.All...)
	found := func(kind string) reconciliation.Found {
		return reconciliation.Found{Provider: "cloudpayments", Finding: kind + "|1", Kind: kind, TransactionID: "1", PaymentID: "2", Reference: "c", Here: "none", There: "Completed", Amount: domain.KZT(10), At: noon}
	}
	last := b.append("reconciliation-cloudpayments-2026-03", found("missing-here"), found("charge-back"), reconciliation.Found{Finding: "x", Kind: "late-refund", At: noon})
	b.wait("findings", last)
	ask := func(status, class string) []projections.Finding {
		t.Helper()
		all, err := b.Findings(t.Context(), status, class)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	all := ask("", "")
	if len(all) != 3 || len(ask("open", "")) != 3 || len(ask("resolved", "")) != 0 || len(ask("open", "charge-back")) != 1 {
		t.Fatalf("%+v", all)
	}
	first := ask("", "missing-here")[0]
	if first.TransactionID != "1" || first.PaymentID != "2" || first.Claim != "c" || first.Here != "none" || first.There != "Completed" || *first.Amount != domain.KZT(10) || !first.At.Equal(noon) || first.Status != "open" || first.ResolvedAt != nil {
		t.Errorf("%+v", first)
	}
	if none := ask("", "late-refund")[0]; none.Amount != nil {
		t.Errorf("%+v", none)
	}
	last = b.append("reconciliation-cloudpayments-2026-03", reconciliation.FindingResolved{FindingID: first.FindingID, How: reconciliation.Entered})
	b.wait("findings", last)
	ended, err := b.Finding(t.Context(), first.FindingID)
	if err != nil || ended.Status != "resolved" || ended.How != "entered" || ended.ResolvedAt == nil || ended.ResolvedBy == "" {
		t.Errorf("%+v, %v", ended, err)
	}
	if len(ask("open", "")) != 2 || len(ask("resolved", "missing-here")) != 1 || len(ask("", "")) != 3 {
		t.Error("the lists do not follow")
	}
	if _, err := b.Finding(t.Context(), string(someone)); domain.Code(err) != "finding-not-found" {
		t.Error(err)
	}
}
