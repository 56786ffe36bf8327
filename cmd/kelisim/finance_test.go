package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"kelisim/commands/cloudpayments"
	"kelisim/commands/cloudpayments/cloudpaymentstest"
	"kelisim/projections/finance"
)

// The statement of a closed month is the same bytes for ever, beside a server and after late news; each of its tables can be had as CSV.
func TestFinanceReport(t *testing.T) {
	h := newHouse(t)
	user := h.register()
	op, late := h.paying(h.buy(user)), h.paying(h.buy(user))
	late.Amount.Minor--
	h.accepted(cloudpayments.Pay, op.Notification(cloudpayments.Pay), cloudpaymentstest.Form)
	report := func(month string, args ...string) string {
		t.Helper()
		code, out, say := called(t, "", nil, append([]string{"report", "finance", "--data", h.dir, "--month", month}, args...)...)
		if code != 0 {
			t.Fatalf("code %d: %s", code, say)
		}
		return out
	}
	h.move(40 * 24 * time.Hour) // from 1 March into April: March is closed
	first := report("2026-03")
	var s finance.Statement
	if err := json.Unmarshal([]byte(first), &s); err != nil || !s.Closed || len(s.Receipts) != 1 || s.Receipts[0].Received != op.Amount.Minor || len(s.Held) != 0 || len(s.SHA256) != 64 {
		t.Fatalf("%s (%v)", first, err)
	}
	h.accepted(cloudpayments.Pay, late.Notification(cloudpayments.Pay), cloudpaymentstest.Form)
	if again := report("2026-03"); again != first {
		t.Errorf("a closed month was\n%s\nand is\n%s", first, again)
	}
	for table, want := range map[string]string{
		"accounts": "provider-clearing,KZT," + op.Amount.Amount() + "," + late.Amount.Amount(),
		"receipts": "2026-03-01,2026-03-01,cloudpayments,KZT,1," + late.Amount.Amount() + ",0.00,0.00,0.00,0.00,0.00",
		"held":     "cloudpayments," + late.TransactionID + ",KZT," + late.Amount.Amount() + ",amount-mismatch,2026-03-01T12:00:00Z,",
	} {
		out := report("2026-04", "--format", "csv", "--table", table)
		if rows, err := csv.NewReader(bytes.NewReader([]byte(out))).ReadAll(); err != nil || len(rows) < 2 || !strings.Contains(out, want) {
			t.Errorf("%s: %s (%v), want %s", table, out, err, want)
		}
	}
	for _, bad := range [][]string{{"--month", "October"}, {}} {
		if code, _, _ := called(t, "", nil, append([]string{"report", "finance", "--data", h.dir}, bad...)...); code != exitUsage {
			t.Errorf("%v: code %d", bad, code)
		}
	}
}
