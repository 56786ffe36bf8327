package webhooks_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"kelisim/commands/cloudpayments"
	"kelisim/commands/cloudpayments/cloudpaymentstest"
	"kelisim/domain"
	"kelisim/http/webhooks"
)

// site is a handler, and all that went through it.
type site struct {
	webhooks.CloudPayments
	mu    sync.Mutex
	got   []cloudpayments.Notification
	lines []webhooks.Line
}

func newSite() *site {
	s := &site{}
	s.CloudPayments = webhooks.CloudPayments{
		Secrets: cloudpaymentstest.Secrets(),
		Handle: func(_ context.Context, n cloudpayments.Notification) (cloudpayments.Code, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.got = append(s.got, n)
			return cloudpayments.Accepted, nil
		},
		Register: func(_ context.Context, l webhooks.Line) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.lines = append(s.lines, l)
		},
	}
	return s
}

// ask sends a request and gives its status and body.
func (s *site) ask(r *http.Request) (int, string) {
	rec := httptest.NewRecorder()
	s.ServeHTTP(rec, r)
	return rec.Code, strings.TrimSpace(rec.Body.String())
}

func operation(kind cloudpayments.Kind) cloudpaymentstest.Fields {
	op := cloudpaymentstest.Operation{TransactionID: "897749645", InvoiceID: "1f0e2c5a-93b8-4f57-9d21-6f0a5b1c7d3e.4b825dc642cb",
		AccountID: "1f0e2c5a-93b8-4f57-9d21-6f0a5b1c7d3e", Amount: domain.Money{Minor: 499_050, Currency: "KZT"}, Status: "Completed",
		At: time.Date(2026, 7, 21, 9, 15, 0, 0, time.UTC), ReasonCode: "5051"}
	switch kind {
	case cloudpayments.Fail:
		op.Status = "Declined"
	case cloudpayments.Refund:
		op.TransactionID, op.Original = "897749700", op.TransactionID
	case cloudpayments.Recurrent:
		return cloudpaymentstest.Recurring("sc_a38ca02005d40db7d32b36a0097b0", "Active")
	}
	return op.Notification(kind)
}

const registered = `{"code":0}`

// Every kind is taken in every form in which it travels, and leaves one line.
func TestEveryKindInEveryFormat(t *testing.T) {
	s := newSite()
	for _, kind := range cloudpayments.Kinds {
		for _, as := range []cloudpaymentstest.Format{cloudpaymentstest.Form, cloudpaymentstest.JSON, cloudpaymentstest.Query} {
			if status, body := s.ask(cloudpaymentstest.Request(kind, operation(kind), as)); status != 200 || body != registered {
				t.Errorf("%s as %d: %d %s", kind, as, status, body)
			}
			n, l := s.got[len(s.got)-1], s.lines[len(s.lines)-1]
			if n.Kind != kind || l.Kind != kind || l.Outcome != webhooks.Answered || l.Status != 200 || l.Code != 0 || l.Key != n.Key() || l.Err != nil {
				t.Errorf("%s as %d: %+v and %+v", kind, as, n, l)
			}
		}
	}
	if len(s.got) != 21 || len(s.lines) != 21 {
		t.Errorf("%d notifications, %d lines", len(s.got), len(s.lines))
	}
}

// The answer of a check is the decision's.
func TestCheckIsAnsweredWithItsCode(t *testing.T) {
	s := newSite()
	for _, code := range []cloudpayments.Code{0, 10, 11, 12, 13, 20} {
		s.Handle = func(context.Context, cloudpayments.Notification) (cloudpayments.Code, error) { return code, nil }
		status, body := s.ask(cloudpaymentstest.Request(cloudpayments.Check, operation(cloudpayments.Check), cloudpaymentstest.Form))
		if want := fmt.Sprintf(`{"code":%d}`, code); status != 200 || body != want || s.lines[len(s.lines)-1].Code != code {
			t.Errorf("%d %s, want %s", status, body, want)
		}
	}
	// A check that is signed and cannot be read is refused, since nobody asks again.
	unreadable := operation(cloudpayments.Check).With("Amount", "much")
	if status, body := s.ask(cloudpaymentstest.Request(cloudpayments.Check, unreadable, cloudpaymentstest.Form)); status != 200 || body != `{"code":13}` {
		t.Errorf("%d %s", status, body)
	}
	// One that could not be decided has no answer at all: that declines it, too, and shows what is wrong.
	s.Handle = func(context.Context, cloudpayments.Notification) (cloudpayments.Code, error) {
		return cloudpayments.Accepted, errors.New("the store is down")
	}
	if status, body := s.ask(cloudpaymentstest.Request(cloudpayments.Check, operation(cloudpayments.Check), cloudpaymentstest.Form)); status != 503 || strings.Contains(body, "code\":0") {
		t.Errorf("%d %s", status, body)
	}
}

// The published notification passes as it is, and not once it is written again.
func TestPublishedNotification(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "..", "testdata", "vectors", "cloudpayments", "pay.form"))
	if err != nil {
		t.Fatal(err)
	}
	s := newSite()
	if s.Secrets, err = cloudpayments.ParseSecrets("pass"); err != nil {
		t.Fatal(err)
	}
	values, err := url.ParseQuery(string(raw))
	if err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]int{string(raw): 200, values.Encode(): 401} {
		r := httptest.NewRequest("POST", "/webhooks/cloudpayments/pay", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Content-HMAC", "tJW02TMAce4Em8eJTNqjhOax+BYRM5K2D8mX9xsmUUc=")
		if status, answer := s.ask(r); status != want {
			t.Errorf("%d %s, want %d", status, answer, want)
		}
	}
	if len(s.got) != 1 || s.got[0].Key() != "pay:666" {
		t.Errorf("%+v", s.got)
	}
}

// What is not signed is not read: neither a query beside a body, nor what has the wrong size, kind or method.
func TestWhatDoesNotComeThrough(t *testing.T) {
	path := "/webhooks/cloudpayments/"
	body := operation(cloudpayments.Pay).Form()
	with := func(method, target, contentType, body string) *http.Request {
		r := httptest.NewRequest(method, target, strings.NewReader(body))
		if contentType != "" {
			r.Header.Set("Content-Type", contentType)
		}
		cloudpaymentstest.Sign(r.Header, body, cloudpaymentstest.APISecret)
		return r
	}
	form := "application/x-www-form-urlencoded"
	large := body + "&Data=" + strings.Repeat("x", webhooks.MaxBody)
	exact := body + "&Data2=" + strings.Repeat("x", webhooks.MaxBody-len(body)-len("&Data2="))
	for what, c := range map[string]struct {
		r    *http.Request
		want int
		line webhooks.Outcome
	}{
		"no such kind":                     {with("POST", path+"receipt", form, body), 404, ""},
		"no kind":                          {with("POST", path, form, body), 404, ""},
		"another letter case":              {with("POST", path+"Pay", form, body), 404, ""},
		"another method":                   {with("PUT", path+"pay", form, body), 405, ""},
		"a HEAD":                           {with("HEAD", path+"pay?"+body, "", ""), 405, ""},
		"too large":                        {with("POST", path+"pay", form, large), 413, webhooks.TooLarge},
		"as large as may be":               {with("POST", path+"pay", form, exact), 200, webhooks.Answered},
		"another content type":             {with("POST", path+"pay", "text/plain", body), 503, webhooks.Malformed},
		"a form that says it is JSON":      {with("POST", path+"pay", "application/json", body), 503, webhooks.Malformed},
		"nothing":                          {with("POST", path+"pay", form, ""), 503, webhooks.Malformed},
		"the body in the query of a POST":  {with("POST", path+"pay?"+body, form, ""), 503, webhooks.Malformed},
		"the query of a GET, and its body": {with("GET", path+"pay?"+strings.Replace(body, "4990.50", "1.00", 1), "", body), 401, webhooks.WrongSignature},
		"the body of a GET":                {with("GET", path+"pay", "", body), 401, webhooks.WrongSignature},
		"the connection is cut":            {httptest.NewRequest("POST", path+"pay", io.MultiReader(strings.NewReader(body), cut{})), 503, webhooks.Failed},
	} {
		s := newSite()
		status, answer := s.ask(c.r)
		if status != c.want {
			t.Errorf("%s: %d %s, want %d", what, status, answer, c.want)
		}
		if c.line == "" && len(s.lines) > 0 || c.line != "" && (len(s.lines) != 1 || s.lines[0].Outcome != c.line || s.lines[0].Status != c.want) {
			t.Errorf("%s left the lines %+v", what, s.lines)
		}
		if (len(s.got) > 0) != (c.want == 200) {
			t.Errorf("%s came through", what)
		}
	}
	// A query beside a signed body changes nothing.
	s := newSite()
	s.ask(with("POST", path+"pay?Amount=1.00&TransactionId=1", form, body))
	if len(s.got) != 1 || s.got[0].Amount.Minor != 499_050 {
		t.Errorf("%+v", s.got)
	}
}

type cut struct{}

func (cut) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// Only 0 is an answer to what has happened already, whoever decides otherwise.
func TestNoCodeButZeroForWhatHappened(t *testing.T) {
	s := newSite()
	for _, kind := range cloudpayments.Kinds {
		s.Handle = func(context.Context, cloudpayments.Notification) (cloudpayments.Code, error) {
			return cloudpayments.NotAccepted, nil
		}
		status, body := s.ask(cloudpaymentstest.Request(kind, operation(kind), cloudpaymentstest.Form))
		want := http.StatusServiceUnavailable
		if kind == cloudpayments.Check {
			want = http.StatusOK
		}
		if status != want || kind != cloudpayments.Check && strings.Contains(body, "13") {
			t.Errorf("%s: %d %s", kind, status, body)
		}
	}
}

// Problems are of the contract's form, and tell nothing.
func TestProblems(t *testing.T) {
	s := newSite()
	codes := map[int]string{401: "unauthenticated", 404: "route-not-found", 405: "method-not-allowed", 413: "body-too-large", 503: "unavailable"}
	send := func(method, kind, body string) *httptest.ResponseRecorder {
		rec := httptest.NewRecorder()
		s.ServeHTTP(rec, httptest.NewRequest(method, "/webhooks/cloudpayments/"+kind, strings.NewReader(body)))
		return rec
	}
	answers := []*httptest.ResponseRecorder{send("POST", "pay", "a=1"), send("POST", "nothing", ""), send("PUT", "pay", ""), send("POST", "pay", strings.Repeat("x", webhooks.MaxBody+1))}
	s.Secrets = nil
	answers = append(answers, send("POST", "pay", "a=1"))
	var seen []int
	for _, rec := range answers {
		var p map[string]any
		if err := json.Unmarshal(rec.Body.Bytes(), &p); err != nil || rec.Header().Get("Content-Type") != "application/problem+json" ||
			p["code"] != codes[rec.Code] || p["status"] != float64(rec.Code) || p["detail"] != nil || p["title"] != http.StatusText(rec.Code) {
			t.Errorf("%d %s (%v)", rec.Code, rec.Body, err)
		}
		seen = append(seen, rec.Code)
	}
	if slices.Sort(seen); !slices.Equal(seen, []int{401, 404, 405, 413, 503}) {
		t.Errorf("%v", seen)
	}
	if got := answers[2].Header().Get("Allow"); got != "GET, POST" {
		t.Errorf("allowed: %q", got)
	}
	// Who registers nothing is answered all the same.
	s = newSite()
	s.Register = nil
	if status, body := s.ask(cloudpaymentstest.Request(cloudpayments.Pay, operation(cloudpayments.Pay), cloudpaymentstest.Form)); status != 200 || body != registered {
		t.Errorf("%d %s", status, body)
	}
}

// A hundred at once are a hundred repetitions of one: each is told of, under one key.
func TestManyAtOnce(t *testing.T) {
	s := newSite()
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			s.ask(cloudpaymentstest.Request(cloudpayments.Pay, operation(cloudpayments.Pay), cloudpaymentstest.Form))
		})
	}
	all.Wait()
	keys := map[string]bool{}
	for _, n := range s.got {
		keys[n.Key()] = true
	}
	if len(s.got) != 100 || len(s.lines) != 100 || len(keys) != 1 {
		t.Errorf("%d notifications, %d lines, %d keys", len(s.got), len(s.lines), len(keys))
	}
}

// FuzzHandler: whatever comes, the answer is one of the known ones; without a signature nothing passes; nothing of a card is kept; and what is not a check is never
// answered with a code but 0.
func FuzzHandler(f *testing.F) {
	for i, kind := range cloudpayments.Kinds {
		f.Add(uint8(i), true, "POST", "application/x-www-form-urlencoded", operation(kind).Form())
		f.Add(uint8(i), true, "POST", "application/json", operation(kind).JSON())
		f.Add(uint8(i), false, "GET", "", operation(kind).Form())
	}
	f.Fuzz(func(t *testing.T, which uint8, signed bool, method, contentType, body string) {
		kind := cloudpayments.Kinds[int(which)%len(cloudpayments.Kinds)]
		if method != "GET" && method != "POST" {
			method = "POST"
		}
		r := httptest.NewRequest(method, "/webhooks/cloudpayments/"+string(kind), strings.NewReader(body))
		if method == "GET" {
			r.URL.RawQuery = body
		}
		r.Header.Set("Content-Type", contentType)
		if signed {
			r.Header.Set("Content-HMAC", cloudpaymentstest.Signature(body, cloudpaymentstest.APISecret))
		}
		s := newSite()
		status, answer := s.ask(r)
		if !slices.Contains([]int{200, 401, 413, 503}, status) || (status == 401) == signed && status != 413 || len(s.lines) != 1 {
			t.Fatalf("signed %v: %d %s, %+v", signed, status, answer, s.lines)
		}
		if status == 200 && answer != registered && (kind != cloudpayments.Check || answer != `{"code":13}`) || len(s.got) > 0 && status != 200 {
			t.Fatalf("%s: %d %s", kind, status, answer)
		}
		if len(s.got) > 0 {
			s.holdsNothingOfTheCard(t)
		}
	})
}
