package commands_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kelisim/commands"
	"kelisim/commands/cloudpayments"
	"kelisim/commands/cloudpayments/cloudpaymentstest"
	"kelisim/commands/journal"
	"kelisim/domain"
	"kelisim/domain/event"
	"kelisim/domain/payment"
	"kelisim/domain/subscription"
)

// op is an operation of the processor, made so many minutes after noon.
type op = cloudpaymentstest.Operation

// till is a bench with orders to pay, and the processor that takes money for them.
type till struct {
	*bench
	user   domain.UserID
	orders []subscription.Order
	next   int
}

func newTill(t testing.TB, orders int) *till {
	t.Helper()
	b := &till{bench: newBench(t), next: 700}
	b.user = b.register("payer")
	for range orders {
		b.do("purchase", string(b.user), `{"months":1,"acceptance":`+b.accept("buy", "subscription", "personal-data")+`}`)
	}
	b.orders = b.sub().Orders()
	b.move(24 * time.Hour)
	return b
}

func (b *till) sub() subscription.State {
	b.t.Helper()
	snap, err := b.Snapshot(b.t.Context(), b.user, commands.Known{})
	if err != nil {
		b.t.Fatal(err)
	}
	return snap.State.Subscription
}

func (b *till) money() commands.Money { return commands.Money{Service: b.Service} }

// paying is a payment of an order.
func (b *till) paying(order, minutes int) op {
	b.next++
	o := b.orders[order]
	return op{TransactionID: fmt.Sprint(b.next), InvoiceID: o.InvoiceID, AccountID: o.AccountID, Amount: o.Price, Status: "Completed", At: noon.Add(time.Duration(minutes) * time.Minute)}
}

// giving is a refund of a payment.
func (b *till) giving(of op, minor int64, minutes int) op {
	b.next++
	return op{TransactionID: fmt.Sprint(b.next), Original: of.TransactionID, InvoiceID: of.InvoiceID, AccountID: of.AccountID,
		Amount: domain.Money{Minor: minor, Currency: of.Amount.Currency}, At: noon.Add(time.Duration(minutes) * time.Minute)}
}

func notified(t testing.TB, kind cloudpayments.Kind, f cloudpaymentstest.Fields) cloudpayments.Notification {
	t.Helper()
	n, err := cloudpayments.Parse(kind, "application/x-www-form-urlencoded", []byte(f.Form()))
	if err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	return n
}

func told(t testing.TB, kind cloudpayments.Kind, o op) cloudpayments.Notification {
	t.Helper()
	return notified(t, kind, o.Notification(kind))
}

func (b *till) take(n cloudpayments.Notification) {
	b.t.Helper()
	if code, err := b.money().Notified(b.t.Context(), n); err != nil || code != 0 {
		b.t.Fatalf("%s: code %d, %v", n.Key(), code, err)
	}
}

// balances is all that the notifications came to: coverage, each payment, and each stream of money that fits no order.
func (b *till) balances() map[string]string {
	b.t.Helper()
	s := b.sub()
	out := map[string]string{}
	for i, c := range s.Coverage(noon.AddDate(10, 0, 0)) {
		out[fmt.Sprint("coverage ", i)] = fmt.Sprint(c.Reason, " ", c.From, " ", c.Until)
	}
	for _, p := range s.Payments() {
		var back []string
		for _, r := range p.Refunds {
			back = append(back, fmt.Sprint(r.Transaction, " ", r.Amount, " ", r.RefundedAt))
		}
		slices.Sort(back)
		line := fmt.Sprint(p.Status(), " ", p.OrderID, " ", p.Amount, " of ", p.PaidAt, ", left ", p.Left(), ", back ", back)
		if p.Status() == subscription.StatusHeld {
			line += ", held: " + p.HeldReason
		}
		out["payment "+p.TransactionID] = line
	}
	streams := map[string]bool{}
	for e, err := range b.Journal.ReadAll(b.t.Context(), 0) {
		if err != nil {
			b.t.Fatal(err)
		}
		if domain.Stream(e.Stream).Category() == "payment" {
			streams[e.Stream] = true
		}
	}
	for name := range streams {
		_, state, err := b.Entries(b.t.Context(), commands.Payment, strings.TrimPrefix(name, "payment-"))
		if err != nil {
			b.t.Fatal(err)
		}
		s := state.(payment.State)
		var back, notes []string
		for _, r := range s.Refunds {
			back = append(back, fmt.Sprint(r.Transaction, " ", r.Amount))
		}
		for _, n := range s.Notes {
			notes = append(notes, fmt.Sprint(n.Kind, " ", n.Amount, " ", n.Status))
		}
		slices.Sort(back)
		slices.Sort(notes)
		out[name] = fmt.Sprint(s.Waiting(), " ", s.Held, ", left ", s.Left(), ", back ", back, ", notes ", notes, ", contradicted ", len(s.Contradicts))
	}
	return out
}

// everything is one notification of each sort, and what they must come to.
func everything(t testing.TB, b *till) []cloudpayments.Notification {
	first, twice, parted, two, odd := b.paying(0, 10), b.paying(0, 11), b.paying(1, 20), b.paying(2, 30), b.paying(2, 31)
	odd.Amount.Currency = "RUB"
	failed := b.paying(0, 5)
	failed.Status, failed.ReasonCode = "Declined", "5051"
	test := b.paying(3, 40)
	test.Test = true
	late := b.paying(3, 24*60)
	lost, alien := b.paying(3, 41), b.paying(3, 42)
	lost.InvoiceID, alien.AccountID = "nobodys", "another"
	hold := two
	hold.Status = "Authorized"
	given := b.paying(3, 43)
	given.Status = "Authorized"
	half := parted.Amount.Minor / 2
	all := []cloudpayments.Notification{
		told(t, cloudpayments.Fail, failed), told(t, cloudpayments.Pay, first), told(t, cloudpayments.Confirm, first),
		told(t, cloudpayments.Pay, twice), told(t, cloudpayments.Refund, b.giving(twice, twice.Amount.Minor, 60)),
		told(t, cloudpayments.Pay, parted), told(t, cloudpayments.Refund, b.giving(parted, half, 61)), told(t, cloudpayments.Refund, b.giving(parted, half, 61)),
		told(t, cloudpayments.Pay, hold), told(t, cloudpayments.Confirm, two),
		told(t, cloudpayments.Pay, odd), told(t, cloudpayments.Refund, b.giving(odd, odd.Amount.Minor, 62)),
		told(t, cloudpayments.Pay, test), told(t, cloudpayments.Pay, late), told(t, cloudpayments.Pay, alien),
		told(t, cloudpayments.Pay, lost), told(t, cloudpayments.Refund, b.giving(lost, 100, 63)),
		told(t, cloudpayments.Pay, given), told(t, cloudpayments.Cancel, given),
		notified(t, cloudpayments.Recurrent, cloudpaymentstest.Recurring("sc_0badc0de", "PastDue")),
	}
	return all
}

// Any order of the same notifications, and any repetition, ends in the same coverage and balances.
func TestAnyOrderOfNotifications(t *testing.T) {
	var want map[string]string
	for seed := range uint64(25) {
		b := newTill(t, 4)
		// Users and orders have ids of their own in each run, so they are named by their place.
		names := []string{string(b.user), "USER"}
		for i, o := range b.orders {
			names = append(names, o.OrderID, fmt.Sprint("ORDER", i), o.InvoiceID[len(b.user):], fmt.Sprint(".INVOICE", i))
		}
		r := rand.New(rand.NewPCG(7, seed))
		all := everything(t, b)
		order := r.Perm(len(all))
		if seed == 0 {
			slices.Sort(order)
		}
		for _, i := range order {
			b.take(all[i])
			for r.IntN(3) == 0 {
				b.take(all[order[r.IntN(len(order))]])
			}
			if r.IntN(8) == 0 {
				b.open() // a restart
			}
		}
		got := map[string]string{}
		for k, v := range b.balances() {
			got[k] = strings.NewReplacer(names...).Replace(v)
		}
		if want == nil {
			want = got
			if !strings.HasPrefix(got["payment 701"], "applied ORDER0") || !strings.HasPrefix(got["payment 703"], "applied ORDER1") || !strings.HasPrefix(got["payment 704"], "applied ORDER2") ||
				!strings.HasSuffix(got["payment 702"], "held: duplicate") || len(got) != 15 {
				t.Fatalf("the orders were not paid as they should be: %v", got)
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("in another order (%d) it comes to something else:\n%s", seed, d)
		}
	}
}

// A notification is answered with code 0 if and only if it is durable: whatever fails on the way, the processor asks again, and it
// comes to the same, once.
func TestAcknowledgedMeansDurable(t *testing.T) {
	plain := newTill(t, 4)
	for _, n := range everything(t, plain) {
		plain.take(n)
	}
	want := len(plain.balances())
	for seed := range uint64(8) {
		b := newTill(t, 4)
		r := rand.New(rand.NewPCG(9, seed))
		var mu sync.Mutex
		b.store.Fail = func(string) journal.Failure {
			mu.Lock()
			defer mu.Unlock()
			return journal.Failure(r.IntN(4))
		}
		all := everything(t, b)
		for len(all) > 0 {
			before, _, err := b.store.Head(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			code, err := b.money().Notified(t.Context(), all[0])
			after, _, _ := b.store.Head(t.Context())
			switch {
			case err != nil && domain.Code(err) != "" && domain.Code(err) != "unavailable":
				t.Fatalf("%s is refused: %v", all[0].Key(), err)
			case err != nil && !errors.Is(err, journal.ErrNotWritten) && !errors.Is(err, journal.ErrUnknown):
				t.Fatalf("%s: %v", all[0].Key(), err)
			case err == nil && code != 0:
				t.Fatalf("%s: code %d", all[0].Key(), code)
			case err == nil:
				all = all[1:]
			case errors.Is(err, journal.ErrNotWritten) && after != before:
				t.Fatalf("%s: not written, and the journal grew", all[0].Key())
			}
			if r.IntN(3) == 0 {
				b.open()
			}
		}
		b.store.Fail = nil
		if got := len(b.balances()); got != want {
			t.Errorf("%d balances, want %d", got, want)
		}
		head, _, _ := b.store.Head(t.Context())
		plainHead, _, _ := plain.store.Head(t.Context())
		if head != plainHead {
			t.Errorf("%d events, want %d: something is lost or there twice", head, plainHead)
		}
	}
}

// What cannot stand beside what was said first is recorded as a contradiction and acknowledged: the same transaction with another sum, at another
// moment, of another order, of another user.
func TestContradictions(t *testing.T) {
	b := newTill(t, 2)
	first := b.paying(0, 10)
	b.take(told(t, cloudpayments.Pay, first))
	before := b.sub().Payments()
	other := b.register("another")
	b.do("purchase", string(other), `{"months":1,"acceptance":`+b.accept("buy", "subscription", "personal-data")+`}`)
	snap, err := b.Snapshot(t.Context(), other, commands.Known{})
	if err != nil {
		t.Fatal(err)
	}
	others := snap.State.Subscription.Orders()[0]
	changed := []func(*op){
		func(o *op) { o.Amount.Minor++ },
		func(o *op) { o.Amount.Currency = "RUB" },
		func(o *op) { o.At = o.At.Add(time.Second) },
		func(o *op) { o.InvoiceID = b.orders[1].InvoiceID },
		func(o *op) { o.InvoiceID, o.AccountID = others.InvoiceID, others.AccountID },
		func(o *op) { o.Test = true },
	}
	for _, change := range changed {
		o := first
		change(&o)
		b.take(told(t, cloudpayments.Pay, o))
		b.take(told(t, cloudpayments.Pay, o))
	}
	declined := first
	declined.Status, declined.ReasonCode = "Declined", "5051"
	b.take(told(t, cloudpayments.Fail, declined))
	if after := b.sub().Payments(); !reflect.DeepEqual(before, after) {
		t.Errorf("a contradiction changed what stands: %+v", after)
	}
	if snap, err = b.Snapshot(t.Context(), other, commands.Known{}); err != nil || len(snap.State.Subscription.Payments()) != 0 {
		t.Errorf("another user has %v (%v)", snap.State.Subscription.Payments(), err)
	}
	_, state, err := b.Entries(t.Context(), commands.Payment, commands.Provider+"-"+first.TransactionID)
	if err != nil {
		t.Fatal(err)
	}
	got := state.(payment.State)
	if len(got.Contradicts) != len(changed)+1 || got.Waiting() {
		t.Errorf("%d contradictions: %+v", len(got.Contradicts), got)
	}
	for _, c := range got.Contradicts {
		if c.Code != "transaction-conflict" {
			t.Errorf("%+v", c)
		}
	}
}

// The processor's clock may be ahead of ours: its money is taken all the same, as of its own time; a caller's is not.
func TestProcessorAhead(t *testing.T) {
	b := newTill(t, 1)
	b.bench.at = noon
	o := b.paying(0, 7)
	b.take(told(t, cloudpayments.Pay, o))
	if p := b.sub().Payments(); len(p) != 1 || p[0].Status() != subscription.StatusApplied || !p[0].PaidAt.Equal(o.At) {
		t.Errorf("%+v", p)
	}
}

// Money that is held in a stream of its own is applied once, by whichever officer is the first, and completed by asking again.
func TestApplyHeld(t *testing.T) {
	b := newTill(t, 2)
	other := b.register("another")
	b.do("purchase", string(other), `{"months":1,"acceptance":`+b.accept("buy", "subscription", "personal-data")+`}`)
	snap, _ := b.Snapshot(t.Context(), other, commands.Known{})
	lost := b.paying(0, 10)
	lost.InvoiceID = "nobodys"
	b.take(told(t, cloudpayments.Pay, lost))
	apply := func(id domain.UserID, order string) (commands.Done, error) {
		return b.ApplyHeld(t.Context(), commands.Wish{Actor: event.Actor{Kind: "officer", ID: "o1"}, MayBeLate: true}, id,
			subscription.ApplyPayment{Provider: commands.Provider, TransactionID: lost.TransactionID, OrderID: order})
	}
	if _, err := apply(b.user, lost.TransactionID); domain.Code(err) != "order-not-found" {
		t.Errorf("to an order of nobody: %v", err)
	}
	// The second append is lost: the money is the user's and not yet marked. Nobody else gets it, and asking again completes it.
	b.store.Fail = func(stream string) journal.Failure {
		if strings.HasPrefix(stream, "payment-") {
			return journal.Refused
		}
		return journal.Works
	}
	if _, err := apply(b.user, b.orders[0].OrderID); !errors.Is(err, journal.ErrNotWritten) {
		t.Fatalf("half applied: %v", err)
	}
	b.store.Fail = nil
	b.open()
	if _, err := apply(other, snap.State.Subscription.Orders()[0].OrderID); domain.Code(err) != "payment-applied" {
		t.Errorf("to another user: %v", err)
	}
	if _, err := apply(b.user, b.orders[1].OrderID); domain.Code(err) != "payment-applied" {
		t.Errorf("to another order: %v", err)
	}
	if _, err := apply(b.user, b.orders[0].OrderID); err != nil {
		t.Errorf("again: %v", err)
	}
	_, state, err := b.Entries(t.Context(), commands.Payment, commands.Provider+"-"+lost.TransactionID)
	if err != nil || !state.(payment.State).IsApplied {
		t.Errorf("%+v (%v)", state, err)
	}
	if snap, _ = b.Snapshot(t.Context(), other, commands.Known{}); len(snap.State.Subscription.Payments()) != 0 {
		t.Errorf("another user has %v", snap.State.Subscription.Payments())
	}
}

// An order is seen by the check in the moment in which it is placed, also where the settled moment is behind, as on a cluster.
func TestCheckSeesTheOrder(t *testing.T) {
	b := newTill(t, 1)
	b.bench.at = noon
	n := told(t, cloudpayments.Check, b.paying(0, 1))
	if code, err := b.money().Notified(t.Context(), n); code != 0 || err != nil {
		t.Errorf("code %d, %v", code, err)
	}
	test := commands.Money{Service: b.Service, Test: true}
	if code, _ := test.Notified(t.Context(), n); code != cloudpayments.NotAccepted {
		t.Errorf("real money in test mode is checked with code %d", code)
	}
	head, _, _ := b.store.Head(t.Context())
	if code, _ := b.money().Notified(t.Context(), notified(t, cloudpayments.Check, b.paying(0, 24*60).Notification(cloudpayments.Check))); code != cloudpayments.Expired {
		t.Errorf("after its time an order is checked with code %d", code)
	}
	if after, _, _ := b.store.Head(t.Context()); after != head {
		t.Error("a check is recorded")
	}
}

// The processor may deliver one notification many times at once, and a payment beside its refund.
func TestNotificationsAtOnce(t *testing.T) {
	b := newTill(t, 1)
	o := b.paying(0, 10)
	pay, back := told(t, cloudpayments.Pay, o), told(t, cloudpayments.Refund, b.giving(o, o.Amount.Minor, 60))
	var wg sync.WaitGroup
	for i := range 12 {
		n := pay
		if i%3 == 0 {
			n = back
		}
		wg.Go(func() {
			for { // as long as it is not acknowledged it comes again
				code, err := b.money().Notified(t.Context(), n)
				if err == nil && code == 0 {
					return
				}
				if domain.Code(err) != "unavailable" {
					t.Errorf("%s: code %d, %v", n.Key(), code, err)
					return
				}
			}
		})
	}
	wg.Wait()
	p := b.sub().Payments()
	if len(p) != 1 || p[0].Status() != subscription.StatusApplied || len(p[0].Refunds) != 1 || p[0].Left().Minor != 0 || len(p[0].Revocations) != 1 {
		t.Errorf("%+v", p)
	}
}
