package policies_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"kelisim/commands"
	"kelisim/commands/cloudpayments"
	"kelisim/commands/cloudpayments/cloudpaymentstest"
	"kelisim/commands/policies"
	"kelisim/domain"
	"kelisim/domain/reconciliation"
)

// Every day the register is compared; what no notification told is found once, and a day on which the processor is away is made up for.
func TestRegistersAreCompared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		policy := &policies.Registers{Money: commands.Money{Service: d.Service}, Processor: d.processor, Now: time.Now, Log: slog.New(slog.NewTextHandler(d.log, nil))}
		count := func() (found, runs int) {
			for e, err := range d.Journal.ReadAll(t.Context(), 0) {
				if err != nil {
					t.Fatal(err)
				}
				switch e.Data.(type) {
				case reconciliation.Found:
					found++
				case reconciliation.Compared:
					runs++
				}
			}
			return found, runs
		}
		want := func(when string, found, runs int) {
			t.Helper()
			synctest.Wait()
			if f, r := count(); f != found || r != runs {
				t.Errorf("%s: %d findings in %d runs, want %d in %d", when, f, r, found, runs)
			}
		}
		ctx, stop := context.WithCancel(t.Context())
		go policy.Run(ctx)
		want("at the start", 0, 1)
		lost := d.processor.Add(cloudpaymentstest.Operation{InvoiceID: "nobodys", Amount: domain.KZT(500), At: time.Now()})
		d.processor.Claim(cloudpayments.ChargeBack{ID: "c1", TransactionID: d.paid.TransactionID, Amount: domain.KZT(10), At: time.Now()})
		time.Sleep(24*time.Hour + time.Minute)
		want("a day later", 2, 2)
		time.Sleep(24 * time.Hour)
		want("the day after", 2, 3)
		d.processor.Set(cloudpaymentstest.Faults{NoLongerYou: true})
		time.Sleep(24 * time.Hour)
		want("while the processor is away", 2, 3)
		d.processor.Set(cloudpaymentstest.Faults{})
		time.Sleep(time.Hour)
		want("an hour after it is back", 2, 4)
		stop()
		synctest.Wait()
		if log := d.log.String(); !strings.Contains(log, "missing-here") || !strings.Contains(log, lost.TransactionID) || strings.Contains(log, "PLANTED") {
			t.Errorf("the log: %s", log)
		}
	})
}
