package main

import (
	"fmt"
	"log/slog"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"kelisim/commands/access"
	"kelisim/commands/cloudpayments"
	"kelisim/commands/cloudpayments/cloudpaymentstest"
	"kelisim/domain"
)

// T-2.1, C-1, decisions 12 and 15: from "Buy" to months, and from refunds to months taken back.
func TestPurchaseToRefund(t *testing.T) {
	h := newHouse(t)
	user := h.register()
	free := h.until(user)
	o := h.buy(user)
	op := h.paying(o)

	check := op.Notification(cloudpayments.Check)
	h.accepted(cloudpayments.Check, check, cloudpaymentstest.Form)
	failed := h.processor.Add(cloudpaymentstest.Operation{InvoiceID: o.invoice, AccountID: o.account, Amount: o.price, At: h.now(), Status: "Declined", ReasonCode: "5051"})
	h.accepted(cloudpayments.Fail, failed.Notification(cloudpayments.Fail), cloudpaymentstest.Form)
	if got := h.until(user); got != free {
		t.Errorf("a declined attempt moved the end from %s to %s", free, got)
	}
	h.move(2 * time.Hour) // it is delivered late
	h.accepted(cloudpayments.Pay, op.Notification(cloudpayments.Pay), cloudpaymentstest.JSON)
	paid := h.until(user)
	if end, _ := time.Parse(time.RFC3339, paid); !end.Equal(mustTime(t, free).AddDate(0, 1, 0)) { // 1 June to 1 July: no clamping
		t.Fatalf("the end moved from %s to %s", free, paid)
	}
	h.accepted(cloudpayments.Pay, op.Notification(cloudpayments.Pay), cloudpaymentstest.Form) // again, in another form
	if got := h.until(user); got != paid {
		t.Errorf("told twice, the end is %s", got)
	}
	if _, code := h.tell(cloudpaymentstest.Request(cloudpayments.Check, check, cloudpaymentstest.Form)); code != 13 {
		t.Errorf("an order that is paid is checked with code %d", code)
	}

	half := domain.Money{Minor: o.price.Minor / 2, Currency: o.price.Currency}
	h.move(time.Hour)
	for i, end := range []string{paid, free} { // two equal parts: the second makes it whole
		part := h.processor.Add(cloudpaymentstest.Operation{Type: cloudpayments.RowRefund, Original: op.TransactionID, InvoiceID: o.invoice, Amount: half, At: h.now()})
		for range 2 {
			h.accepted(cloudpayments.Refund, part.Notification(cloudpayments.Refund), cloudpaymentstest.Form)
		}
		if got := h.until(user); got != end {
			t.Errorf("after refund %d the end is %s, want %s", i+1, got, end)
		}
	}
	if held := h.held(); len(held) != 0 {
		t.Errorf("held: %v", held)
	}
}

func mustTime(t *testing.T, s string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Decision 12: the processor's time of the payment counts. A minute before the end, delivered two hours later, extends the chain.
func TestPaidBeforeTheEndDeliveredAfter(t *testing.T) {
	h := newHouse(t)
	user := h.register()
	free := mustTime(t, h.until(user))
	h.move(free.Sub(h.now()) - time.Hour)
	o := h.buy(user)
	h.move(59 * time.Minute)
	op := h.paying(o)
	h.move(2 * time.Hour)
	if got := h.ask(access.Service, 200, "GET", "/v1/users/"+user+"/access", ""); got["allowed"] != false {
		t.Fatalf("access after the end is %v", got)
	}
	h.accepted(cloudpayments.Pay, op.Notification(cloudpayments.Pay), cloudpaymentstest.Form)
	if got := mustTime(t, h.until(user)); !got.Equal(free.AddDate(0, 1, 0)) {
		t.Errorf("the end is %v", got)
	}
}

// Decision 14, T-3.8: money that cannot be applied is registered, held and listed; an officer applies it or sends it back.
func TestHeldMoney(t *testing.T) {
	h := newHouse(t)
	user := h.register()
	free := h.until(user)
	want := map[string]string{}
	hold := func(reason string, change func(*cloudpaymentstest.Operation)) cloudpaymentstest.Operation {
		t.Helper()
		op := h.paying(h.buy(user))
		change(&op)
		h.accepted(cloudpayments.Pay, op.Notification(cloudpayments.Pay), cloudpaymentstest.Form)
		want[op.TransactionID] = reason
		return op
	}
	hold("amount-mismatch", func(op *cloudpaymentstest.Operation) { op.Amount.Minor-- })
	hold("amount-mismatch", func(op *cloudpaymentstest.Operation) { op.Amount.Currency = "RUB" })
	hold("test-mode", func(op *cloudpaymentstest.Operation) { op.Test = true })
	hold("order-expired", func(op *cloudpaymentstest.Operation) { op.At = op.At.Add(24 * time.Hour) })
	hold("unknown-order", func(op *cloudpaymentstest.Operation) { op.AccountID = "somebody-else" })
	lost := hold("unknown-order", func(op *cloudpaymentstest.Operation) { op.InvoiceID = "an-order-of-nobody" })
	alien := hold("unknown-order", func(op *cloudpaymentstest.Operation) { op.InvoiceID = user + ".000000000000" })

	waits := h.buy(user)
	h.move(time.Minute)
	h.ask(access.Officer, 201, "POST", "/v1/users/"+user+"/block", `{"clause":"T-1.4","note":"a reason"}`)
	h.move(time.Minute)
	blocked := h.paying(waits)
	if _, code := h.tell(cloudpaymentstest.Request(cloudpayments.Check, blocked.Notification(cloudpayments.Check), cloudpaymentstest.Form)); code != 13 {
		t.Errorf("a blocked cabinet is checked with code %d", code)
	}
	h.accepted(cloudpayments.Pay, blocked.Notification(cloudpayments.Pay), cloudpaymentstest.Form)
	want[blocked.TransactionID] = "blocked"
	if got := h.held(); !maps.Equal(got, want) {
		t.Errorf("held: %v\nwant: %v", got, want)
	}
	if got := h.until(user); got != free {
		t.Errorf("held money moved the end from %s to %s", free, got)
	}

	// Applied by an officer it counts as of the processor's time, also where it was held in a stream of its own.
	apply := func(op cloudpaymentstest.Operation, order string, status int) map[string]any {
		t.Helper()
		return h.ask(access.Officer, status, "POST", "/v1/payments/"+op.TransactionID+"/apply", fmt.Sprintf(`{"user_id":%q,"order_id":%q}`, user, order))
	}
	apply(blocked, waits.order, 201)
	delete(want, blocked.TransactionID)
	one := h.until(user)
	if one == free {
		t.Error("what was applied grants nothing")
	}
	h.ask(access.Officer, 201, "POST", "/v1/users/"+user+"/unblock", `{}`)
	second := h.buy(user)
	apply(lost, second.order, 201)
	apply(lost, second.order, 201) // again: the same
	delete(want, lost.TransactionID)
	two := h.until(user)
	if two == one {
		t.Error("what was held in a stream of its own grants nothing")
	}
	if p := apply(lost, waits.order, 409); p["code"] != "payment-applied" {
		t.Errorf("applied to another order too: %v", p)
	}
	h.ask(access.Officer, 201, "POST", "/v1/payments/"+alien.TransactionID+"/refund", `{"reason":"nobody ordered it"}`)
	if p := h.ask(access.Officer, 409, "POST", "/v1/payments/"+alien.TransactionID+"/refund", `{"reason":"again"}`); p["code"] != "refund-requested" {
		t.Errorf("asked for twice: %v", p)
	}
	if p := apply(alien, second.order, 409); p["code"] != "refund-requested" {
		t.Errorf("applied while it goes back: %v", p)
	}
	if got := h.held(); !maps.Equal(got, want) {
		t.Errorf("held: %v\nwant: %v", got, want)
	}
	// A refund of money that was applied from a stream of its own reaches the user.
	h.move(time.Minute)
	back := h.processor.Add(cloudpaymentstest.Operation{Type: cloudpayments.RowRefund, Original: lost.TransactionID, InvoiceID: lost.InvoiceID, Amount: lost.Amount, At: h.now()})
	h.accepted(cloudpayments.Refund, back.Notification(cloudpayments.Refund), cloudpaymentstest.Form)
	if got := h.until(user); got != one {
		t.Errorf("after its refund the end is %s, want %s", got, one)
	}
	gone := h.processor.Add(cloudpaymentstest.Operation{Type: cloudpayments.RowRefund, Original: alien.TransactionID, InvoiceID: alien.InvoiceID, Amount: alien.Amount, At: h.now()})
	h.accepted(cloudpayments.Refund, gone.Notification(cloudpayments.Refund), cloudpaymentstest.Form)
	delete(want, alien.TransactionID)
	if got := h.held(); !maps.Equal(got, want) {
		t.Errorf("held at the end: %v\nwant: %v", got, want)
	}
}

// The nine ways in which public handlers of these notifications fail.
func TestDefectsOfOthers(t *testing.T) {
	h := newHouse(t)
	head := func() int64 {
		t.Helper()
		at, _, err := h.l.Journal.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	check := func(f cloudpaymentstest.Fields) int {
		t.Helper()
		status, code := h.tell(cloudpaymentstest.Request(cloudpayments.Check, f, cloudpaymentstest.Form))
		if status != 200 {
			t.Errorf("a check is answered with status %d", status)
		}
		return code
	}
	user := h.register()
	o := h.buy(user)
	op := h.paying(o)
	pay := op.Notification(cloudpayments.Pay)

	t.Run("a: unsigned, 11 for a wrong sum, any refund ends the order", func(t *testing.T) {
		r := cloudpaymentstest.Request(cloudpayments.Pay, pay, cloudpaymentstest.Form)
		r.Header.Del("Content-HMAC")
		r.Header.Del("X-Content-HMAC")
		if status, _ := h.tell(r); status != 401 {
			t.Errorf("unsigned: status %d", status)
		}
		if code := check(op.Notification(cloudpayments.Check).With("Amount", "1.00")); code != 12 {
			t.Errorf("a wrong sum is checked with code %d", code)
		}
		if code := check(op.Notification(cloudpayments.Check).With("AccountId", "another")); code != 11 {
			t.Errorf("another's account is checked with code %d", code)
		}
	})
	t.Run("b: a part that goes back is answered 12, an unknown order goes on", func(t *testing.T) {
		if code := check(op.Notification(cloudpayments.Check).With("InvoiceId", "nobodys")); code != 10 {
			t.Errorf("an unknown order is checked with code %d", code)
		}
		if code := check(op.Notification(cloudpayments.Check).With("Amount", o.price.Amount()+"00")); code != 0 { // the same sum, written otherwise
			t.Errorf("the order's own sum is checked with code %d", code)
		}
	})
	t.Run("c, d: a wrong signature is answered 200", func(t *testing.T) {
		at := head()
		for _, kind := range cloudpayments.Kinds {
			r := cloudpaymentstest.Request(kind, pay, cloudpaymentstest.Form)
			cloudpaymentstest.Sign(r.Header, pay.Form(), "a secret that was changed too early")
			if status, code := h.tell(r); status != 401 || code != -1 {
				t.Errorf("%s: status %d, code %d", kind, status, code)
			}
		}
		if head() != at {
			t.Error("what was not signed is recorded")
		}
	})
	t.Run("e: without a secret everything is believed", func(t *testing.T) {
		bare := newHouse(t, func(p *processing) { p.secrets = nil })
		for _, kind := range cloudpayments.Kinds {
			r := cloudpaymentstest.Request(kind, pay, cloudpaymentstest.Form)
			cloudpaymentstest.Sign(r.Header, pay.Form(), "")
			if status, _ := bare.tell(r); status != 503 {
				t.Errorf("%s: status %d", kind, status)
			}
		}
	})
	t.Run("f: a decline hides the payment of its order", func(t *testing.T) {
		free := h.until(user)
		failed := h.processor.Add(cloudpaymentstest.Operation{InvoiceID: o.invoice, AccountID: o.account, Amount: o.price, At: h.now(), Status: "Declined", ReasonCode: "5051"})
		h.accepted(cloudpayments.Fail, failed.Notification(cloudpayments.Fail), cloudpaymentstest.Form)
		if h.until(user) != free {
			t.Error("a decline changed the coverage")
		}
		h.accepted(cloudpayments.Pay, pay, cloudpaymentstest.Form)
		if h.until(user) == free {
			t.Error("the payment after a decline grants nothing")
		}
		for range 200 { // nor is the processor told to slow down
			h.accepted(cloudpayments.Pay, pay, cloudpaymentstest.Form)
		}
	})
	t.Run("g: each repetition is a new payment, and tiyn are lost", func(t *testing.T) {
		at := head()
		h.accepted(cloudpayments.Pay, pay, cloudpaymentstest.Form)
		h.accepted(cloudpayments.Pay, pay, cloudpaymentstest.JSON)
		h.accepted(cloudpayments.Pay, pay, cloudpaymentstest.Query)
		h.accepted(cloudpayments.Confirm, op.Notification(cloudpayments.Confirm), cloudpaymentstest.Form)
		if head() != at {
			t.Error("a repetition is recorded")
		}
		odd := h.paying(h.buy(user))
		odd.Amount.Minor += 50
		h.accepted(cloudpayments.Pay, odd.Notification(cloudpayments.Pay), cloudpaymentstest.Form)
		h.held()
		list := h.ask(access.Officer, 200, "GET", "/v1/payments/held", "")["items"].([]any)
		if got := list[len(list)-1].(map[string]any)["amount"].(map[string]any)["amount"]; got != odd.Amount.Amount() {
			t.Errorf("%s is held as %v", odd.Amount.Amount(), got)
		}
	})
	t.Run("h: the second header is not enough, and sums are floats", func(t *testing.T) {
		next := h.paying(h.buy(user)).Notification(cloudpayments.Check)
		r := cloudpaymentstest.Request(cloudpayments.Check, next, cloudpaymentstest.Form)
		r.Header.Del("Content-HMAC")
		if status, code := h.tell(r); status != 200 || code != 0 {
			t.Errorf("signed in X-Content-HMAC alone: status %d, code %d", status, code)
		}
		if code := check(next.With("Amount", o.price.Amount()+"0000001")); code == 0 {
			t.Error("a sum that is nearly right is accepted")
		}
	})
	t.Run("i: an unknown currency is tenge, an unreadable sum is zero, equal refunds are one", func(t *testing.T) {
		next := h.paying(h.buy(user))
		if code := check(next.Notification(cloudpayments.Check).With("Currency", "XAF")); code != 12 {
			t.Errorf("another currency is checked with code %d", code)
		}
		at := head()
		for _, f := range []cloudpaymentstest.Fields{
			next.Notification(cloudpayments.Pay).With("Amount", "a lot"), next.Notification(cloudpayments.Pay).With("Currency", "tenge"), next.Notification(cloudpayments.Pay).Without("Amount"),
		} {
			if status, _ := h.tell(cloudpaymentstest.Request(cloudpayments.Pay, f, cloudpaymentstest.Form)); status != 503 {
				t.Errorf("unreadable: status %d", status)
			}
		}
		if head() != at {
			t.Error("what cannot be read is recorded")
		}
		next.Amount.Currency = "XAF"
		h.accepted(cloudpayments.Pay, next.Notification(cloudpayments.Pay), cloudpaymentstest.Form)
		if got := h.held()[next.TransactionID]; got != "amount-mismatch" {
			t.Errorf("another currency: %q", got)
		}
	})
}

// C-2, P-1.4: whatever the processor tells, nothing of the card or of the payer reaches a file or the log.
func TestNothingOfTheCardIsKept(t *testing.T) {
	h := newHouse(t)
	user := h.register()
	for _, as := range []cloudpaymentstest.Format{cloudpaymentstest.Form, cloudpaymentstest.JSON, cloudpaymentstest.Query} {
		op := h.paying(h.buy(user))
		for _, kind := range []cloudpayments.Kind{cloudpayments.Check, cloudpayments.Fail, cloudpayments.Pay, cloudpayments.Confirm, cloudpayments.Refund, cloudpayments.Cancel} {
			op := op
			if kind != cloudpayments.Pay && kind != cloudpayments.Confirm {
				op = h.processor.Add(cloudpaymentstest.Operation{Original: op.TransactionID, InvoiceID: op.InvoiceID, AccountID: op.AccountID, Amount: op.Amount, At: h.now()})
			}
			if kind == cloudpayments.Fail {
				op.Status, op.ReasonCode = "Declined", "5051"
			}
			f := op.Notification(kind)
			if status, _ := h.tell(cloudpaymentstest.Request(kind, f, as)); status != 200 {
				t.Fatalf("%s: status %d", kind, status)
			}
			// What cannot be taken leaves nothing either: not signed, not readable, told otherwise the second time.
			r := cloudpaymentstest.Request(kind, f, as)
			r.Header.Set("Content-HMAC", cloudpaymentstest.Signature("other", "other"))
			r.Header.Del("X-Content-HMAC")
			h.tell(r)
			h.tell(cloudpaymentstest.Request(kind, f.With("Amount", "4242424242424242"), as))
			h.tell(cloudpaymentstest.Request(kind, f.With("TransactionId", "tk_0badc0de0badc0de0badc0de0badc"), as))
			h.tell(cloudpaymentstest.Request(kind, f.With("InvoiceId", "4000056655665556").With("Nickname", "PLANTED HOLDERSSON"), as))
		}
		h.accepted(cloudpayments.Recurrent, cloudpaymentstest.Recurring("sc_0badc0de0badc0de", "Active"), as)
	}
	h.held() // the read models have caught up
	if err := os.WriteFile(h.dir+"/log", h.log.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	leaks, err := cloudpaymentstest.ScanFS(os.DirFS(h.dir))
	if err != nil || len(leaks) > 0 {
		t.Errorf("%v, %v", leaks, err)
	}
	// The scanner sees what it should: it finds the same in a file beside them.
	if err := os.WriteFile(h.dir+"/planted", []byte(h.paying(h.buy(user)).Notification(cloudpayments.Pay).Form()), 0o600); err != nil {
		t.Fatal(err)
	}
	if leaks, _ := cloudpaymentstest.ScanFS(os.DirFS(h.dir)); len(leaks) == 0 {
		t.Error("the scanner is blind")
	}
}

// The settings of the processor are held together, and say nothing of a secret.
func TestProcessing(t *testing.T) {
	for name, c := range map[string]struct {
		env  map[string]string
		want string // a part of the error; "" is none
	}{
		"none":             {nil, ""},
		"a secret alone":   {map[string]string{secretSetting: "s1"}, ""},
		"two secrets":      {map[string]string{secretSetting: "s1,s2", publicIDSetting: "pk_1"}, ""},
		"three":            {map[string]string{secretSetting: "s1,s2,s3"}, secretSetting},
		"an id alone":      {map[string]string{publicIDSetting: "pk_1"}, secretSetting},
		"an address alone": {map[string]string{secretSetting: "s1", urlSetting: "https://api.test"}, "public id"},
		"plain http":       {map[string]string{secretSetting: "s1", publicIDSetting: "pk_1", urlSetting: "http://api.test"}, "https"},
		"test mode":        {map[string]string{testSetting: "1"}, ""},
		"no test mode":     {map[string]string{testSetting: "maybe"}, testSetting},
	} {
		p := &program{getenv: func(name string) string { return c.env[name] }}
		got, err := p.processing()
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want != "" && (err == nil || exitCode(err) != exitUsage || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v", name, err)
		case c.want == "" && (got.api != nil) != (c.env[publicIDSetting] != ""), c.want == "" && got.test != (c.env[testSetting] == "1"):
			t.Errorf("%s: %+v", name, got)
		}
		if err != nil && strings.Contains(err.Error(), "s1") {
			t.Errorf("%s: the error shows a secret: %v", name, err)
		}
	}
}

// What an officer asks for goes to the processor, which tells of it; the list of held money is empty in the end.
func TestRefundsAreCarried(t *testing.T) {
	h := newHouse(t)
	h.at = time.Now().UTC().Truncate(time.Second)
	user := h.register()
	op := h.paying(h.buy(user))
	op.Amount.Minor--
	h.accepted(cloudpayments.Pay, op.Notification(cloudpayments.Pay), cloudpaymentstest.Form)
	api := cloudpaymentstest.New(t)
	there := api.Add(cloudpaymentstest.Operation{InvoiceID: op.InvoiceID, Amount: op.Amount, At: op.At})
	for there.TransactionID != op.TransactionID { // the same transaction in a double of its own
		there = api.Add(cloudpaymentstest.Operation{InvoiceID: op.InvoiceID, Amount: op.Amount, At: op.At})
	}
	h.ask(access.Officer, 201, "POST", "/v1/payments/"+op.TransactionID+"/refund", fmt.Sprintf(`{"user_id":%q,"reason":"a wrong sum"}`, user))
	if got := h.held(); got[op.TransactionID] != "amount-mismatch" {
		t.Fatalf("held: %v", got)
	}
	stop := processing{api: api}.policies(t.Context(), h.l, slog.New(slog.DiscardHandler))
	for range 400 {
		if len(h.held()) == 0 {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	stop()
	if got := h.held(); len(got) != 0 {
		t.Errorf("held: %v", got)
	}
	processing{}.policies(t.Context(), h.l, slog.New(slog.DiscardHandler))() // where no API is set nothing is carried
}

// Notifications are taken from the processor's networks alone where those are set, and of our own proxy's word for it.
func TestSourcesOfNotifications(t *testing.T) {
	p := program{getenv: func(name string) string {
		return map[string]string{secretSetting: cloudpaymentstest.APISecret, sourcesSetting: "185.98.81.0/28", proxiesSetting: "10.0.0.0/8"}[name]
	}}
	set, err := p.processing()
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, func(c *processing) { c.sources = set.sources })
	user := h.register()
	op := h.paying(h.buy(user))
	head := func() int64 {
		n, _, err := h.l.Journal.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := head()
	ask := func(peer, forwarded string) int {
		r := cloudpaymentstest.Request(cloudpayments.Pay, op.Notification(cloudpayments.Pay), cloudpaymentstest.Form)
		r.RemoteAddr = peer
		r.Header.Set("X-Forwarded-For", forwarded)
		status, _ := h.tell(r)
		return status
	}
	if status := ask("203.0.113.9:1", "185.98.81.1"); status != 403 || head() != before {
		t.Errorf("a stranger: status %d, %d events", status, head()-before)
	}
	if !strings.Contains(h.log.String(), "wrong-source") || strings.Contains(h.log.String(), "203.0.113.9") {
		t.Error("the register has no line, or one with the address")
	}
	if status := ask("10.0.0.7:1", "203.0.113.9, 185.98.81.1"); status != 200 || head() == before {
		t.Errorf("by our proxy: status %d", status)
	}
	p.getenv = func(name string) string { return map[string]string{sourcesSetting: "everywhere"}[name] }
	if _, err := p.processing(); err == nil {
		t.Error("a list that cannot be read is taken")
	}
}
