package policies_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"kelisim/commands"
	"kelisim/commands/cloudpayments"
	"kelisim/commands/cloudpayments/cloudpaymentstest"
	"kelisim/commands/journal"
	"kelisim/commands/policies"
	"kelisim/commands/terms"
	"kelisim/commands/vault"
	"kelisim/domain"
	"kelisim/domain/catalogue"
	"kelisim/domain/event"
)

// desk is a ledger with a user who paid, the processor's double, and the policy. It lives in a bubble, where time passes in no time.
type desk struct {
	*commands.Service
	t         *testing.T
	store     *journal.Memory
	processor *cloudpaymentstest.Processor
	policy    *policies.Refunds
	log       *bytes.Buffer
	user      domain.UserID
	paid      cloudpaymentstest.Operation
	mu        sync.Mutex
	asked     []commands.Refund
}

var officer = event.Actor{Kind: "officer", ID: "o1"}

func newDesk(t *testing.T) *desk {
	t.Helper()
	time.Sleep(time.Until(time.Date(2026, 1, 31, 7, 0, 0, 0, time.UTC)))
	d := &desk{t: t, store: &journal.Memory{}, processor: cloudpaymentstest.New(t), log: &bytes.Buffer{}}
	v, err := vault.New(t.Context(), &vault.Memory{}, vault.NewMemoryKEK())
	if err != nil {
		t.Fatal(err)
	}
	d.Service = &commands.Service{Journal: journal.New(d.store, catalogue.All()), Vault: v, Now: time.Now}
	builtin, err := terms.Builtin()
	if err == nil {
		err = builtin.Publish(t.Context(), d.Service)
	}
	if err != nil {
		t.Fatal(err)
	}
	d.restart()
	d.user = domain.UserID(d.do("register", "", `{"login":"payer","acceptance":{"button":"register","page":"subscription","language":"kk"},"contacts":{"mobile":"+77015550101"}}`)["user_id"].(string))
	o := d.do("purchase", string(d.user), `{"months":1,"acceptance":{"button":"buy","page":"subscription","language":"kk"}}`)
	d.paid = d.processor.Add(cloudpaymentstest.Operation{InvoiceID: o["invoice_id"].(string), AccountID: o["account_id"].(string), Amount: o["price"].(domain.Money), At: time.Now()})
	d.tell(cloudpayments.Pay, d.paid)
	return d
}

// restart forgets what the policy has in memory.
func (d *desk) restart() {
	d.policy = &policies.Refunds{Service: d.Service, Processor: d.processor, Now: time.Now, Log: slog.New(slog.NewTextHandler(d.log, nil)),
		Waiting: func(context.Context) ([]commands.Refund, error) {
			d.mu.Lock()
			defer d.mu.Unlock()
			return slices.Clone(d.asked), nil
		}}
}

func (d *desk) do(name, subject, body string) map[string]any {
	d.t.Helper()
	decoded, err := commands.Decode(name, []byte(body), nil)
	if err != nil {
		d.t.Fatal(err)
	}
	done, err := d.Do(d.t.Context(), commands.Wish{Command: name, Subject: subject, Body: decoded.Command, Actor: officer, Imported: true})
	if err != nil {
		d.t.Fatalf("%s: %v", name, err)
	}
	return done.Answer
}

func (d *desk) tell(kind cloudpayments.Kind, op cloudpaymentstest.Operation) {
	d.t.Helper()
	n, err := cloudpayments.Parse(kind, "application/x-www-form-urlencoded", []byte(op.Notification(kind).Form()))
	if err != nil {
		d.t.Fatal(err)
	}
	if _, err := (commands.Money{Service: d.Service}).Notified(d.t.Context(), n); err != nil {
		d.t.Fatal(err)
	}
}

// ask asks for so many tenge to go back.
func (d *desk) ask(tenge int64) {
	d.t.Helper()
	id := d.do("refund", string(d.user), fmt.Sprintf(`{"transaction_id":%q,"amount":{"amount":"%d.00","currency":"KZT"},"reason":"asked for"}`, d.paid.TransactionID, tenge))["refund_id"].(string)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = append(d.asked, commands.Refund{Provider: commands.Provider, TransactionID: d.paid.TransactionID, UserID: d.user, RefundID: id})
}

func (d *desk) pass() {
	d.t.Helper()
	if err := d.policy.Pass(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
}

// given is how much the processor gave back, in how many refunds.
func (d *desk) given() string {
	n, sum := 0, int64(0)
	for _, op := range d.processor.Operations() {
		if op.Original != "" {
			n, sum = n+1, sum+op.Amount.Minor
		}
	}
	return fmt.Sprint(n, " of ", sum/100)
}

// known is how the ledger sees the payment's refunds.
func (d *desk) known() string {
	d.t.Helper()
	snap, err := d.Snapshot(d.t.Context(), d.user, commands.Known{})
	if err != nil {
		d.t.Fatal(err)
	}
	p, _ := snap.State.Subscription.Payment(commands.Provider, d.paid.TransactionID)
	var out []string
	for _, r := range p.Refunds {
		switch {
		case !r.RefundedAt.IsZero():
			out = append(out, "made")
		case !r.RefusedAt.IsZero():
			out = append(out, "refused")
		case !r.SentAt.IsZero():
			out = append(out, "sent")
		default:
			out = append(out, "asked")
		}
	}
	return strings.Join(out, " ")
}

func (d *desk) want(given, known string) {
	d.t.Helper()
	if g, k := d.given(), d.known(); g != given || k != known {
		d.t.Errorf("given %q, want %q; known %q, want %q", g, given, k, known)
	}
}

// A refund is made once, by its own id: whatever is lost on the way, and also where two of one payment are equal.
func TestRefundIsMadeOnce(t *testing.T) {
	for name, fault := range map[string]cloudpaymentstest.Faults{
		"nothing": {}, "the answer is lost": {Lost: 2}, "the answer is a page": {Garbled: 1}, "it is down": {Down: 3}, "it is busy": {Busy: 40, RetryAfter: "1"},
	} {
		for _, restarts := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", restarts ", restarts), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					d := newDesk(t)
					d.ask(1000)
					d.ask(1000)
					d.processor.Set(fault)
					for range 8 {
						d.pass()
						time.Sleep(20 * time.Second)
						if restarts {
							d.restart()
						}
					}
					d.want("2 of 2000", "made made")
					for _, op := range d.processor.Operations() { // and the processor tells of it
						if op.Original != "" {
							d.tell(cloudpayments.Refund, op)
						}
					}
					d.want("2 of 2000", "made made")
					d.pass() // the list is stale: nothing is asked again
					d.want("2 of 2000", "made made")
				})
			})
		}
	}
}

// It is recorded that the processor is asked, before it is: what cannot be recorded is not asked for.
func TestRefundIsRecordedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.ask(1000)
		d.store.Fail = func(string) journal.Failure { return journal.Refused }
		d.pass()
		d.want("0 of 0", "asked")
		if len(d.processor.Calls()) != 0 {
			t.Errorf("asked: %v", d.processor.Calls())
		}
		// Written, made, and the record of it lost: asked again under the same id.
		n := 0
		d.store.Fail = func(string) journal.Failure {
			if n++; n > 1 {
				return journal.Refused
			}
			return journal.Works
		}
		d.pass()
		d.want("1 of 1000", "sent")
		d.store.Fail = nil
		d.restart()
		d.pass()
		d.want("1 of 1000", "made")
	})
}

// An hour later a repetition could be done twice: it is looked up, and never asked for blindly.
func TestRefundTooOldIsLookedUp(t *testing.T) {
	t.Run("it was done", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(t)
			d.ask(1000)
			d.processor.Set(cloudpaymentstest.Faults{Lost: 1})
			d.pass()
			d.want("1 of 1000", "sent")
			time.Sleep(2 * time.Hour)
			d.restart()
			d.pass()
			d.want("1 of 1000", "made")
		})
	})
	t.Run("it was not", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(t)
			d.ask(1000)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_ = d.policy.Pass(ctx)
			if err := d.SendingRefund(t.Context(), d.asked[0], false); err != nil { // and the process died
				t.Fatal(err)
			}
			d.want("0 of 0", "sent")
			time.Sleep(2 * time.Hour)
			d.restart()
			d.pass()
			d.want("0 of 0", "sent")
			time.Sleep(23 * time.Hour)
			d.pass()
			d.want("0 of 0", "refused")
			d.ask(1000) // the officer asks anew
			d.pass()
			d.want("1 of 1000", "refused made")
		})
	})
	t.Run("we had other credentials for long", func(t *testing.T) { // every answer surely was no
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(t)
			d.ask(1000)
			d.processor.Set(cloudpaymentstest.Faults{NoLongerYou: true})
			for range 60 {
				d.pass()
				time.Sleep(5 * time.Minute)
			}
			d.want("0 of 0", "sent")
			d.processor.Set(cloudpaymentstest.Faults{})
			d.pass()
			d.want("1 of 1000", "made")
		})
	})
}

// An old wish that was never carried on, in old records or in a ledger that was put back from a backup, is looked up before it is asked for.
func TestOldRefundIsLookedUpFirst(t *testing.T) {
	for _, made := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(t)
			d.ask(1000)
			if made {
				if _, err := d.processor.Refund(t.Context(), cloudpayments.RefundRequest{RequestID: "in the cabinet", TransactionID: d.paid.TransactionID, Amount: domain.KZT(1000)}); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(48 * time.Hour)
			d.pass()
			d.want("1 of 1000", "made")
			d.pass()
			d.want("1 of 1000", "made")
		})
	}
}

// What the processor refuses stays with us, and the officer sees it.
func TestRefundRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.ask(1000)
		time.Sleep(366 * 24 * time.Hour)
		d.pass()
		d.want("0 of 0", "refused")
		d.pass()
		d.want("0 of 0", "refused")
		if !strings.Contains(d.log.String(), "refused a refund") || strings.Contains(d.log.String(), "too old") {
			t.Errorf("the log: %s", d.log)
		}
	})
}

// Money of nobody's order goes back the same way; other processors' refunds are none of ours.
func TestRefundOfHeldMoney(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		lost := d.processor.Add(cloudpaymentstest.Operation{InvoiceID: "nobodys", Amount: domain.KZT(500), At: time.Now()})
		d.tell(cloudpayments.Pay, lost)
		done, err := d.RefundHeld(t.Context(), commands.Wish{Actor: officer}, "", commands.Provider, lost.TransactionID, domain.NewPersonal("nobody ordered it"))
		if err != nil {
			t.Fatal(err)
		}
		d.asked = []commands.Refund{
			{Provider: "kaspi", TransactionID: lost.TransactionID, RefundID: done.Answer["refund_id"].(string)},
			{Provider: commands.Provider, TransactionID: lost.TransactionID, RefundID: done.Answer["refund_id"].(string)},
		}
		d.processor.Set(cloudpaymentstest.Faults{Lost: 1})
		d.pass()
		d.pass()
		d.pass()
		d.want("1 of 500", "")
		if _, waits, err := d.WaitingRefund(t.Context(), d.asked[1]); waits || err != nil {
			t.Errorf("it waits still (%v)", err)
		}
	})
}

// Run goes on until it is told to stop.
func TestRefundsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		ctx, stop := context.WithCancel(t.Context())
		go d.policy.Run(ctx)
		synctest.Wait()
		d.ask(1000)
		time.Sleep(time.Minute)
		synctest.Wait()
		stop()
		synctest.Wait()
		d.want("1 of 1000", "made")
	})
}
