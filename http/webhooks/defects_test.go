package webhooks_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"kelisim/commands/cloudpayments"
	"kelisim/commands/cloudpayments/cloudpaymentstest"
	"kelisim/http/webhooks"
)

// The nine handlers of table 1.10, each by what it does wrong. What only the book can show (no second event for a repetition, no sum but the order's applied, a refund
// of a part that leaves the rest) is the book's to test.
func TestDefectsOfOthers(t *testing.T) {
	all := cloudpayments.Kinds
	unsigned := func(kind cloudpayments.Kind) *http.Request {
		r := cloudpaymentstest.Request(kind, operation(kind), cloudpaymentstest.Form)
		r.Header.Del("Content-HMAC")
		r.Header.Del("X-Content-HMAC")
		return r
	}
	forged := func(kind cloudpayments.Kind, as cloudpaymentstest.Format) *http.Request {
		r := cloudpaymentstest.Request(kind, operation(kind), as)
		cloudpaymentstest.Sign(r.Header, "another text", "another secret")
		return r
	}
	t.Run("a: no check of the signature", func(t *testing.T) {
		s := newSite()
		for _, kind := range all {
			if status, _ := s.ask(unsigned(kind)); status != 401 {
				t.Errorf("%s unsigned: %d", kind, status)
			}
		}
		s.onlyLines(t, webhooks.Unsigned)
	})
	t.Run("a: the token is kept", func(t *testing.T) {
		s := newSite()
		for _, kind := range all {
			s.ask(cloudpaymentstest.Request(kind, operation(kind), cloudpaymentstest.Form))
			s.ask(cloudpaymentstest.Request(kind, operation(kind).With("Amount", "4242424242424242"), cloudpaymentstest.JSON))
			s.ask(forged(kind, cloudpaymentstest.JSON))
		}
		s.holdsNothingOfTheCard(t)
	})
	t.Run("b: a refund of a part, or of no order, is refused for ever", func(t *testing.T) {
		s := newSite()
		for _, f := range []cloudpaymentstest.Fields{operation(cloudpayments.Refund).With("Amount", "0.01"), operation(cloudpayments.Refund).With("InvoiceId", "")} {
			if status, body := s.ask(cloudpaymentstest.Request(cloudpayments.Refund, f, cloudpaymentstest.Form)); status != 200 || body != registered {
				t.Errorf("%d %s", status, body)
			}
		}
		if s.got[0].Amount.Minor != 1 || s.got[0].PaymentTransactionID != "897749645" {
			t.Errorf("%+v", s.got[0])
		}
	})
	t.Run("c: a wrong signature is 200 with code 13", func(t *testing.T) {
		s := newSite()
		for _, kind := range all {
			for _, as := range []cloudpaymentstest.Format{cloudpaymentstest.Form, cloudpaymentstest.JSON, cloudpaymentstest.Query} {
				if status, body := s.ask(forged(kind, as)); status != 401 || strings.Contains(body, `"code":1`) {
					t.Errorf("%s: %d %s", kind, status, body)
				}
			}
		}
		s.onlyLines(t, webhooks.WrongSignature)
	})
	t.Run("d: a wrong signature is registered, none is taken", func(t *testing.T) {
		s := newSite()
		rotated := cloudpaymentstest.Request(cloudpayments.Pay, operation(cloudpayments.Pay), cloudpaymentstest.Form)
		cloudpaymentstest.Sign(rotated.Header, operation(cloudpayments.Pay).Form(), "a new secret")
		if status, body := s.ask(rotated); status != 401 || strings.Contains(body, registered) {
			t.Errorf("by a secret that is not known yet: %d %s", status, body)
		}
		next, err := cloudpayments.ParseSecrets(cloudpaymentstest.APISecret + ",a new secret")
		if err != nil {
			t.Fatal(err)
		}
		s.Secrets = next
		again := cloudpaymentstest.Request(cloudpayments.Pay, operation(cloudpayments.Pay), cloudpaymentstest.Form)
		cloudpaymentstest.Sign(again.Header, operation(cloudpayments.Pay).Form(), "a new secret")
		if status, body := s.ask(again); status != 200 || body != registered || len(s.got) != 1 {
			t.Errorf("once it is: %d %s", status, body)
		}
	})
	t.Run("e: no secret takes everything", func(t *testing.T) {
		s := newSite()
		for _, none := range []cloudpayments.Secrets{nil, {}, {cloudpayments.NewSecret("")}} {
			s.Secrets = none
			for _, kind := range all {
				r := cloudpaymentstest.Request(kind, operation(kind), cloudpaymentstest.Form)
				cloudpaymentstest.Sign(r.Header, operation(kind).Form(), "")
				if status, _ := s.ask(r); status != 503 {
					t.Errorf("%s: %d", kind, status)
				}
			}
		}
		s.onlyLines(t, webhooks.NoSecret)
	})
	t.Run("f: known by the order, and counted", func(t *testing.T) {
		s := newSite()
		s.ask(cloudpaymentstest.Request(cloudpayments.Fail, operation(cloudpayments.Fail), cloudpaymentstest.Form))
		s.ask(cloudpaymentstest.Request(cloudpayments.Pay, operation(cloudpayments.Pay).With("TransactionId", "897749646"), cloudpaymentstest.Form))
		if len(s.got) != 2 || s.got[0].Key() == s.got[1].Key() || s.got[0].InvoiceID != s.got[1].InvoiceID {
			t.Errorf("a payment after a decline: %+v", s.got)
		}
		// Another sum than the order's is for the book to hold: here it passes, and so do many in a row.
		for i := range 300 {
			f := operation(cloudpayments.Pay).With("Amount", "1.00").With("TransactionId", fmt.Sprint(1+i))
			if status, body := s.ask(cloudpaymentstest.Request(cloudpayments.Pay, f, cloudpaymentstest.Form)); status != 200 || body != registered {
				t.Fatalf("%d: %d %s", i, status, body)
			}
		}
		if len(s.got) != 302 {
			t.Errorf("%d came through", len(s.got))
		}
	})
	t.Run("g: a repetition is new, a failure is swallowed, tiyn are cut", func(t *testing.T) {
		s := newSite()
		for range 3 {
			s.ask(cloudpaymentstest.Request(cloudpayments.Pay, operation(cloudpayments.Pay), cloudpaymentstest.Form))
		}
		for _, n := range s.got {
			if n.Key() != "pay:897749645" || !bytes.Equal(n.Canonical(), s.got[0].Canonical()) || n.Amount.Minor != 499_050 {
				t.Errorf("%s %s", n.Key(), n.Canonical())
			}
		}
		s.Handle = func(context.Context, cloudpayments.Notification) (cloudpayments.Code, error) {
			return 0, errors.New("append to user-…: disk full")
		}
		for _, kind := range all {
			if status, body := s.ask(cloudpaymentstest.Request(kind, operation(kind), cloudpaymentstest.Form)); status != 503 || strings.Contains(body, "disk") {
				t.Errorf("%s that was not stored: %d %s", kind, status, body)
			}
			if l := s.lines[len(s.lines)-1]; l.Outcome != webhooks.Failed || l.Err == nil || l.Key == "" {
				t.Errorf("%+v", l)
			}
		}
	})
	t.Run("h: one header alone", func(t *testing.T) {
		s := newSite()
		for _, drop := range []string{"Content-HMAC", "X-Content-HMAC"} {
			for _, as := range []cloudpaymentstest.Format{cloudpaymentstest.Form, cloudpaymentstest.JSON, cloudpaymentstest.Query} {
				f := operation(cloudpayments.Pay)
				r := cloudpaymentstest.Request(cloudpayments.Pay, f, as)
				r.Header.Del(drop)
				if status, body := s.ask(r); status != 200 || body != registered {
					t.Errorf("without %s as %d: %d %s", drop, as, status, body)
				}
			}
		}
	})
	t.Run("i: a currency becomes another, a sum becomes nothing, a refund is known by its sum", func(t *testing.T) {
		s := newSite()
		for _, f := range []cloudpaymentstest.Fields{operation(cloudpayments.Pay).With("Amount", "much"), operation(cloudpayments.Pay).With("Amount", "0.00"),
			operation(cloudpayments.Pay).With("Amount", ""), operation(cloudpayments.Pay).With("Currency", ""), operation(cloudpayments.Pay).With("Currency", "tenge")} {
			for _, as := range []cloudpaymentstest.Format{cloudpaymentstest.Form, cloudpaymentstest.JSON} {
				if status, body := s.ask(cloudpaymentstest.Request(cloudpayments.Pay, f, as)); status != 503 {
					t.Errorf("%d %s", status, body)
				}
			}
		}
		s.onlyLines(t, webhooks.Malformed)
		s.ask(cloudpaymentstest.Request(cloudpayments.Pay, operation(cloudpayments.Pay).With("Currency", "XTS"), cloudpaymentstest.Form))
		s.ask(cloudpaymentstest.Request(cloudpayments.Refund, operation(cloudpayments.Refund), cloudpaymentstest.Form))
		s.ask(cloudpaymentstest.Request(cloudpayments.Refund, operation(cloudpayments.Refund).With("TransactionId", "897749701"), cloudpaymentstest.Form))
		if s.got[0].Amount.Currency != "XTS" || s.got[1].Key() == s.got[2].Key() || s.got[1].Amount != s.got[2].Amount {
			t.Errorf("%+v", s.got)
		}
	})
}

// onlyLines: nothing came through, and each request left one line of one sort.
func (s *site) onlyLines(t *testing.T, want webhooks.Outcome) {
	t.Helper()
	if len(s.got) > 0 || len(s.lines) == 0 {
		t.Errorf("%d came through, %d lines", len(s.got), len(s.lines))
	}
	for _, l := range s.lines {
		if l.Outcome != want || l.Status < 400 || l.Key != "" || len(l.KeyNames)+len(l.Unread) > 0 {
			t.Errorf("%+v", l)
		}
	}
}

func (s *site) holdsNothingOfTheCard(t *testing.T) {
	t.Helper()
	var all strings.Builder
	for _, n := range s.got {
		fmt.Fprintf(&all, "%+v %s %s\n", n, n.Key(), n.Canonical())
	}
	for _, l := range s.lines {
		fmt.Fprintf(&all, "%+v\n", l)
	}
	leaks, err := cloudpaymentstest.Scan(strings.NewReader(all.String()))
	if err != nil || len(leaks) > 0 || len(s.got) == 0 {
		t.Errorf("%v in\n%s (%v)", leaks, all.String(), err)
	}
}
