package cloudpayments_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"kelisim/commands/cloudpayments"
	"kelisim/commands/cloudpayments/cloudpaymentstest"
	"kelisim/domain"
)

// Over a socket the client finds what the double holds, in the very fields that the ledger keeps.
func TestClientOverHTTP(t *testing.T) {
	p := cloudpaymentstest.New(t)
	server := httptest.NewServer(p)
	defer server.Close()
	config := p.Config()
	config.BaseURL, config.Transport = server.URL+"/", nil
	c, err := cloudpayments.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now().UTC().Truncate(time.Second).Add(-time.Hour)
	op := pay()
	op.At = at
	op = p.Add(op)
	id, err := c.Refund(t.Context(), cloudpayments.RefundRequest{RequestID: "r-1", TransactionID: op.TransactionID, Amount: domain.Money{Minor: 99_050, Currency: "KZT"}})
	if err != nil || id == "" || id == op.TransactionID {
		t.Fatalf("the refund's transaction is %q: %v", id, err)
	}
	row, err := c.Get(t.Context(), op.TransactionID)
	want := cloudpayments.Row{TransactionID: op.TransactionID, Type: cloudpayments.RowPayment, InvoiceID: op.InvoiceID, Amount: op.Amount, Status: "Completed",
		CreatedAt: at, Refunded: true, ReasonCode: "5051"}
	if err != nil || row != want {
		t.Errorf("%+v (%v), want\n%+v", row, err, want)
	}
	var rows []cloudpayments.Row
	for r, err := range c.Payments(t.Context(), at, time.Now().Add(time.Minute)) {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r)
	}
	if len(rows) != 2 || rows[0] != want || rows[1].Type != cloudpayments.RowRefund || rows[1].TransactionID != id || rows[1].OriginalTransactionID != op.TransactionID ||
		rows[1].Amount.Amount() != "990.50" {
		t.Errorf("the register is %+v", rows)
	}
	leaks, err := cloudpaymentstest.Scan(strings.NewReader(fmt.Sprintf("%+v", rows)))
	if err != nil || len(leaks) > 0 {
		t.Errorf("card data in rows: %v (%v)", leaks, err)
	}
}

// A declined operation has Success false, and the operation all the same.
func TestSuccessIsNotAStatus(t *testing.T) {
	p := cloudpaymentstest.New(t)
	op := pay()
	op.Status = "Declined"
	op = p.Add(op)
	row, err := p.Get(t.Context(), op.TransactionID)
	if err != nil || row.Status != "Declined" || row.ReasonCode != "5051" {
		t.Errorf("%+v, %v", row, err)
	}
	for _, id := range []string{"1", "", "abc", "4242424242424242"} {
		if _, err := p.Get(t.Context(), id); !errors.Is(err, cloudpayments.ErrNotFound) {
			t.Errorf("operation %q: %v", id, err)
		}
	}
	// The same word in a refund: understood and declined. What the processor says of it is no part of the error.
	_, err = p.Refund(t.Context(), cloudpayments.RefundRequest{RequestID: "r", TransactionID: op.TransactionID, Amount: domain.KZT(1)})
	var refused *cloudpayments.RefusedError
	if !errors.As(err, &refused) || refused.Message != "Transaction not found" || strings.Contains(err.Error(), refused.Message) || errors.Is(err, cloudpayments.ErrNoAnswer) {
		t.Errorf("%v", err)
	}
}

// Two equal parts of one payment are two refunds, and one request is one, however often it is sent within the hour (1.2).
func TestRefundsAreIdempotentByTheirOwnID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := cloudpaymentstest.New(t)
		op := pay()
		op.At = time.Now()
		op = p.Add(op)
		part := func(id string, asked time.Time) cloudpayments.RefundRequest {
			return cloudpayments.RefundRequest{RequestID: id, TransactionID: op.TransactionID, Amount: domain.KZT(1000), FirstAsked: asked}
		}
		begin := time.Now()
		one, err := p.Refund(t.Context(), part("refund-1", time.Time{}))
		again, err2 := p.Refund(t.Context(), part("refund-1", begin))
		two, err3 := p.Refund(t.Context(), part("refund-2", time.Time{}))
		if err := errors.Join(err, err2, err3); err != nil || one != again || one == two {
			t.Fatalf("%s, %s, %s: %v", one, again, two, err)
		}
		time.Sleep(cloudpayments.RepeatWithin)
		if again, err := p.Refund(t.Context(), part("refund-1", begin)); err != nil || again != one {
			t.Errorf("within the time for it: %s, %v", again, err)
		}
		time.Sleep(time.Second)
		if _, err := p.Refund(t.Context(), part("refund-1", begin)); !errors.Is(err, cloudpayments.ErrTooOld) {
			t.Errorf("after it, when a repetition could be a second refund: %v", err)
		}
		// So it would have been: the double forgets as the processor does.
		time.Sleep(time.Hour - cloudpayments.RepeatWithin)
		if third, err := p.Refund(t.Context(), part("refund-1", time.Time{})); err != nil || third == one {
			t.Errorf("the double repeats after an hour: %s, %v", third, err)
		}
		for _, c := range p.Calls() {
			if !strings.HasPrefix(c.RequestID, "refund-") {
				t.Errorf("a refund was sent under %q", c.RequestID)
			}
		}
		if got := len(p.Operations()); got != 4 {
			t.Errorf("%d operations, want the payment and three refunds", got)
		}
	})
}

// What surely was not done, and what perhaps was, are told apart.
func TestFaults(t *testing.T) {
	for what, c := range map[string]struct {
		faults cloudpaymentstest.Faults
		want   error
		known  bool // it is known that nothing was done
	}{
		"credentials":  {cloudpaymentstest.Faults{NoLongerYou: true}, cloudpayments.ErrCredentials, true},
		"always busy":  {cloudpaymentstest.Faults{Busy: 99}, cloudpayments.ErrBusy, true},
		"redirected":   {cloudpaymentstest.Faults{Redirects: true}, nil, true},
		"down":         {cloudpaymentstest.Faults{Down: 1}, cloudpayments.ErrNoAnswer, false},
		"answer lost":  {cloudpaymentstest.Faults{Lost: 1}, cloudpayments.ErrNoAnswer, false},
		"answer a web": {cloudpaymentstest.Faults{Garbled: 1}, cloudpayments.ErrNoAnswer, false},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := cloudpaymentstest.New(t)
				op := pay()
				op.At = time.Now()
				op = p.Add(op)
				p.Set(c.faults)
				r := cloudpayments.RefundRequest{RequestID: "r", TransactionID: op.TransactionID, Amount: domain.KZT(1000)}
				_, err := p.Refund(t.Context(), r)
				if err == nil || c.want != nil && !errors.Is(err, c.want) || errors.Is(err, cloudpayments.ErrNoAnswer) == c.known {
					t.Fatalf("%v", err)
				}
				if strings.Contains(err.Error(), cloudpaymentstest.APISecret) || strings.Contains(err.Error(), cloudpaymentstest.PublicID) {
					t.Errorf("the error shows credentials: %v", err)
				}
				if c.known && len(p.Operations()) != 1 {
					t.Error("it was done")
				}
				if c.faults.Redirects && len(p.Calls()) != 1 {
					t.Error("it went where it was sent")
				}
				// The same request afterwards makes one refund in all.
				p.Set(cloudpaymentstest.Faults{})
				if _, err := p.Refund(t.Context(), r); err != nil || len(p.Operations()) != 2 {
					t.Errorf("repeated: %v, %d operations", err, len(p.Operations()))
				}
			})
		})
	}
}

// Too many requests: it waits as long as it is told, else longer each time, and says so in the end; the request stays the same one.
func TestWaitsWhenTooBusy(t *testing.T) {
	for _, c := range []struct {
		busy  int
		after string
		want  time.Duration
	}{{0, "", 0}, {1, "", time.Second}, {3, "", 7 * time.Second}, {2, "30", time.Minute}, {1, "86400", time.Minute}, {1, "soon", time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			p := cloudpaymentstest.New(t)
			op := pay()
			op.At = time.Now()
			op = p.Add(op)
			p.Set(cloudpaymentstest.Faults{Busy: c.busy, RetryAfter: c.after})
			begin := time.Now()
			_, err := p.Refund(t.Context(), cloudpayments.RefundRequest{RequestID: "r", TransactionID: op.TransactionID, Amount: domain.KZT(1)})
			if waited := time.Since(begin); err != nil || waited != c.want || len(p.Calls()) != c.busy+1 {
				t.Errorf("busy %d times, retry after %q: waited %v in %d calls (%v), want %v", c.busy, c.after, waited, len(p.Calls()), err, c.want)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		p := cloudpaymentstest.New(t)
		p.Set(cloudpaymentstest.Faults{Busy: 99})
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		_, err := p.Get(ctx, "1")
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, cloudpayments.ErrBusy) || len(p.Calls()) != 2 {
			t.Errorf("given up by the caller: %v after %d calls", err, len(p.Calls()))
		}
	})
}

// At most four requests are under way at once: a test terminal may have five.
func TestFewAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var under, most atomic.Int32
		config := cloudpayments.Config{PublicID: "pk", Secret: cloudpayments.NewSecret("s"), Transport: slow(func() {
			if n := under.Add(1); n > most.Load() {
				most.Store(n)
			}
			time.Sleep(time.Second)
			under.Add(-1)
		})}
		c, err := cloudpayments.NewClient(config)
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			go func() { _, _ = c.Get(t.Context(), "1") }()
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if most.Load() != 4 {
			t.Errorf("%d at once", most.Load())
		}
	})
}

type slow func()

func (s slow) RoundTrip(r *http.Request) (*http.Response, error) {
	s()
	rec := httptest.NewRecorder()
	rec.WriteHeader(http.StatusInternalServerError)
	return rec.Result(), nil
}

// Every page is read, rows at the ends are in or out by [from, until), and each comes once.
func TestPaging(t *testing.T) {
	p := cloudpaymentstest.New(t)
	from := time.Date(2026, 7, 21, 0, 0, 0, 0, time.UTC)
	until := from.Add(250 * time.Minute)
	for i := -1; i <= 250; i++ {
		op := pay()
		op.At = from.Add(time.Duration(i) * time.Minute)
		p.Add(op)
		p.Claim(cloudpayments.ChargeBack{ID: fmt.Sprintf("c%d", i), TransactionID: "1", Amount: op.Amount, At: op.At, Reversed: i%2 == 0, Fee: i%3 == 0})
	}
	var got []time.Time
	for r, err := range p.Payments(t.Context(), from, until) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, r.CreatedAt)
	}
	if len(got) != 250 || got[0] != from || got[249] != until.Add(-time.Minute) || !slices.IsSortedFunc(got, time.Time.Compare) {
		t.Errorf("%d rows from %v to %v", len(got), got[0], got[len(got)-1])
	}
	if calls := len(p.Calls()); calls != 4 {
		t.Errorf("%d calls, want three pages and an empty one", calls)
	}
	claims := 0
	for b, err := range p.ChargeBacks(t.Context(), from, until) {
		if err != nil || b.Reversed != (claims%2 == 0) || b.Fee != (claims%3 == 0) || b.At != from.Add(time.Duration(claims)*time.Minute) {
			t.Fatalf("claim %d is %+v, %v", claims, b, err)
		}
		claims++
	}
	if claims != 250 {
		t.Errorf("%d claims", claims)
	}
	// Who has enough stops the pages.
	before := len(p.Calls())
	for range p.Payments(t.Context(), from, until) {
		break
	}
	if len(p.Calls()) != before+1 {
		t.Error("it reads on after the caller has enough")
	}
	// A processor that pays no heed to the page's number is not read for ever, and not believed.
	p.Set(cloudpaymentstest.Faults{SamePage: true})
	before = len(p.Calls())
	var last error
	rows := 0
	for _, err := range p.Payments(t.Context(), from, until) {
		if last = err; err == nil {
			rows++
		}
	}
	if calls := len(p.Calls()) - before; !errors.Is(last, cloudpayments.ErrNoAnswer) || rows != 100 || calls != 2 {
		t.Errorf("the same page for ever: %v after %d rows and %d calls", last, rows, calls)
	}
	for _, err := range p.ChargeBacks(t.Context(), from, from.AddDate(1, 0, 2)) {
		if err == nil {
			t.Error("claims of more than a year")
		}
	}
	p.Set(cloudpaymentstest.Faults{NoLongerYou: true})
	for _, err := range p.Payments(t.Context(), from, until) {
		if !errors.Is(err, cloudpayments.ErrCredentials) {
			t.Errorf("%v", err)
		}
	}
}

// A register is asked for in UTC unless another zone is set, with what the processor means by its code; it still says +6 for Almaty.
func TestZone(t *testing.T) {
	for setting, want := range map[string]string{"": "UTC +00:00", "UTC": "UTC +00:00", "ALMT+06:00": "ALMT +06:00", "MSK+03:00": "MSK +03:00"} {
		z, err := cloudpayments.ParseZone(setting)
		at := time.Date(2026, 7, 21, 0, 0, 0, 0, z.Location)
		if err != nil || z.Code+at.Format(" -07:00") != want {
			t.Errorf("%q is %v at %v (%v)", setting, z.Code, at, err)
		}
	}
	for _, setting := range []string{"ALMT", "Asia/Almaty", "+06:00", "ALMT+6", "ALMT+06:99", "almt+06:00"} {
		if z, err := cloudpayments.ParseZone(setting); err == nil {
			t.Errorf("%q is %v", setting, z)
		}
	}
	p := cloudpaymentstest.New(t)
	config := p.Config()
	z, err := cloudpayments.ParseZone("ALMT+06:00")
	if err != nil {
		t.Fatal(err)
	}
	config.Zone = z
	sent := make(chan string, 2)
	config.Transport = tap{config.Transport, sent}
	c, err := cloudpayments.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range c.Payments(t.Context(), paidAt, paidAt.Add(time.Hour)) {
		t.Fatal(err)
	}
	if got := <-sent; got != `{"CreatedDateGte":"2026-07-21T15:15:00+06:00","CreatedDateLte":"2026-07-21T16:15:00+06:00","PageNumber":1,"TimeZone":"ALMT"}` {
		t.Errorf("asked %s", got)
	}
}

type tap struct {
	to   http.RoundTripper
	sent chan string
}

func (t tap) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := r.GetBody()
	if err != nil {
		return nil, err
	}
	b := make([]byte, r.ContentLength)
	if _, err := body.Read(b); err != nil {
		return nil, err
	}
	t.sent <- string(b)
	return t.to.RoundTrip(r)
}

// Sums travel as exact decimals.
func TestRefundIsSentExactly(t *testing.T) {
	p := cloudpaymentstest.New(t)
	config := p.Config()
	sent := make(chan string, 1)
	config.Transport = tap{config.Transport, sent}
	c, err := cloudpayments.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = c.Refund(t.Context(), cloudpayments.RefundRequest{RequestID: "r", TransactionID: "455", Amount: domain.Money{Minor: 1677721701, Currency: "KZT"}})
	if got := <-sent; got != `{"Amount":16777217.01,"TransactionId":455}` {
		t.Errorf("sent %s", got)
	}
	for _, r := range []cloudpayments.RefundRequest{{TransactionID: "455", Amount: domain.KZT(1)}, {RequestID: "r", Amount: domain.KZT(1)},
		{RequestID: "r", TransactionID: "455"}, {RequestID: "r", TransactionID: "455", Amount: domain.KZT(-1)}, {RequestID: "r", TransactionID: "4x5", Amount: domain.KZT(1)}} {
		if _, err := c.Refund(t.Context(), r); err == nil || len(sent) > 0 {
			t.Errorf("%+v was sent", r)
		}
	}
}

// The credentials go to https, or nowhere.
func TestClientConfiguration(t *testing.T) {
	good := cloudpayments.Config{PublicID: "pk", Secret: cloudpayments.NewSecret("s")}
	for _, base := range []string{"", "https://api.cloudpayments.kz", "https://api.cp.kz/", "https://proxy.local:8443/cp", "http://127.0.0.1:8080", "http://[::1]:1", "http://localhost"} {
		c := good
		c.BaseURL = base
		if _, err := cloudpayments.NewClient(c); err != nil {
			t.Errorf("%q: %v", base, err)
		}
	}
	for _, base := range []string{"http://api.tiptoppay.kz", "http://127.0.0.1.example.kz", "ftp://x", "api.tiptoppay.kz", "https://", "https://pk:s@api.cp.kz", "https://api.cp.kz/?a=1", "https://api.cp.kz/#a", ":"} {
		c := good
		c.BaseURL = base
		if _, err := cloudpayments.NewClient(c); err == nil {
			t.Errorf("%q is taken", base)
		}
	}
	for _, c := range []cloudpayments.Config{{PublicID: "pk"}, {Secret: cloudpayments.NewSecret("s")}, {PublicID: "pk", Secret: cloudpayments.NewSecret("")}} {
		if _, err := cloudpayments.NewClient(c); err == nil {
			t.Error("it goes without credentials")
		}
	}
}
