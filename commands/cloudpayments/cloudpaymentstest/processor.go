// Package cloudpaymentstest is the card processor for tests: it behaves as the processor documents, fails on demand, and signs notifications.
//
// A Processor is the port cloudpayments.Processor, asked through the real client without a socket, and an http.Handler besides for
// httptest.NewServer. All that it answers and sends carries PlantedSecrets, as the real one's does, and Scan finds them again wherever
// they were left.
package cloudpaymentstest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"kelisim/commands/cloudpayments"
	"kelisim/domain"
)

// The credentials that a Processor knows.
const (
	PublicID  = "test_api_00000000000000000000001"
	APISecret = "a-secret-of-tests-alone"
)

// Operation is one row of the double's register.
type Operation struct {
	TransactionID string // given by Add
	Type          cloudpayments.RowType
	Original      string // the payment of a refund
	InvoiceID     string
	AccountID     string
	Amount        domain.Money
	Status        string // "" is Completed
	ReasonCode    string // of a decline
	At            time.Time
	Test          bool
	Refunded      bool
	PayoutAt      time.Time // zero: not settled
	Payout, Fee   domain.Money
}

// Faults are what goes wrong, for as many requests as the numbers say.
type Faults struct {
	Busy        int    // answered 429, nothing done
	RetryAfter  string // with it
	Down        int    // answered 503, nothing done
	Lost        int    // done, and the connection is cut before the answer
	Garbled     int    // done, and the answer is a page of HTML
	SamePage    bool   // every page is the first
	Redirects   bool   // every request is sent elsewhere
	NoLongerYou bool   // the credentials are changed
}

// Processor is the double. Its zero value is of no use; New makes one.
type Processor struct {
	cloudpayments.Processor

	mu       sync.Mutex
	faults   Faults
	next     int64
	ops      []Operation
	claims   []cloudpayments.ChargeBack
	answered map[string]answered
	calls    []Call
}

// Call is one request that came.
type Call struct{ Path, RequestID string }

type answered struct {
	at   time.Time
	body []byte
}

// requestLife is how long a successful answer is repeated for the same X-Request-ID.
const requestLife = time.Hour

// New makes a double without operations.
func New(t testing.TB) *Processor {
	t.Helper()
	p := &Processor{next: 897_000_000, answered: map[string]answered{}}
	c, err := cloudpayments.NewClient(p.Config())
	if err != nil {
		t.Fatal(err)
	}
	p.Processor = c
	return p
}

// Config reaches the double without a socket.
func (p *Processor) Config() cloudpayments.Config {
	return cloudpayments.Config{BaseURL: "https://processor.test", PublicID: PublicID, Secret: cloudpayments.NewSecret(APISecret), Transport: wire{p}}
}

// Secrets are those that notifications of the double verify by.
func Secrets() cloudpayments.Secrets {
	return cloudpayments.Secrets{cloudpayments.NewSecret(APISecret)}
}

// Set sets what goes wrong from now on.
func (p *Processor) Set(f Faults) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = f
}

// Calls are the requests that came, in order.
func (p *Processor) Calls() []Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.calls)
}

// Operations are all operations, in order.
func (p *Processor) Operations() []Operation {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.ops)
}

// Add enters an operation and gives it a transaction.
func (p *Processor) Add(op Operation) Operation {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.add(op)
}

func (p *Processor) add(op Operation) Operation {
	p.next++
	op.TransactionID = strconv.FormatInt(p.next, 10)
	if op.Type == "" {
		op.Type = cloudpayments.RowPayment
	}
	if op.Status == "" {
		op.Status = cloudpayments.StatusCompleted
	}
	op.At = op.At.UTC().Truncate(time.Second)
	p.ops = append(p.ops, op)
	return op
}

// Claim enters a charge-back.
func (p *Processor) Claim(c cloudpayments.ChargeBack) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.claims = append(p.claims, c)
}

// wire hands requests over without a socket, so that a test in a synctest bubble can wait in no time.
type wire struct{ p *Processor }

func (w wire) RoundTrip(r *http.Request) (res *http.Response, err error) {
	defer func() {
		if cut := recover(); cut == http.ErrAbortHandler {
			res, err = nil, io.ErrUnexpectedEOF
		} else if cut != nil {
			panic(cut)
		}
	}()
	rec := httptest.NewRecorder()
	w.p.ServeHTTP(rec, r)
	return rec.Result(), nil
}

// ServeHTTP answers as the processor does.
func (p *Processor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	id := r.Header.Get("X-Request-ID")
	p.calls = append(p.calls, Call{r.URL.Path, id})
	user, password, _ := r.BasicAuth()
	switch {
	case user != PublicID || password != APISecret || p.faults.NoLongerYou:
		w.WriteHeader(http.StatusUnauthorized)
		return
	case p.faults.Redirects:
		http.Redirect(w, r, "https://elsewhere.test/", http.StatusTemporaryRedirect)
		return
	case take(&p.faults.Busy):
		if p.faults.RetryAfter != "" {
			w.Header().Set("Retry-After", p.faults.RetryAfter)
		}
		w.WriteHeader(http.StatusTooManyRequests)
		return
	case take(&p.faults.Down):
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	in := map[string]any{}
	d := json.NewDecoder(r.Body)
	d.UseNumber()
	if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || d.Decode(&in) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	body := p.once(r.URL.Path, id, in)
	switch {
	case body == nil:
		w.WriteHeader(http.StatusNotFound)
	case take(&p.faults.Lost):
		panic(http.ErrAbortHandler)
	case take(&p.faults.Garbled):
		_, _ = io.WriteString(w, "<html>maintenance</html>")
	default:
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	}
}

func take(n *int) bool {
	if *n == 0 {
		return false
	}
	*n--
	return true
}

// once repeats a successful answer for an hour, and does the same request again after that.
func (p *Processor) once(path, id string, in map[string]any) []byte {
	if a, ok := p.answered[path+id]; ok && time.Since(a.at) < requestLife {
		return a.body
	}
	out := p.do(path, in)
	if out == nil {
		return nil
	}
	body, err := json.Marshal(out)
	if err != nil {
		panic(err)
	}
	if id != "" && out["Success"] == true {
		p.answered[path+id] = answered{time.Now(), body}
	}
	return body
}

func (p *Processor) do(path string, in map[string]any) map[string]any {
	switch path {
	case "/payments/refund":
		return p.refund(text(in["TransactionId"]), text(in["Amount"]))
	case "/payments/get":
		for _, op := range p.ops {
			if op.TransactionID == text(in["TransactionId"]) {
				success := op.Status == cloudpayments.StatusCompleted || op.Status == cloudpayments.StatusAuthorized
				return map[string]any{"Success": success, "Message": nil, "Model": op.model()}
			}
		}
		return refused("Not found")
	case "/v2/payments/list":
		var rows []listed
		for _, op := range p.ops {
			rows = append(rows, listed{op.At, op.model()})
		}
		return p.list(in, rows)
	case "/chargebacks/list":
		var rows []listed
		for _, c := range p.claims {
			rows = append(rows, listed{c.At, claimModel(c)})
		}
		return p.list(in, rows)
	}
	return nil
}

func text(v any) string { return fmt.Sprint(v) }

func refused(message string) map[string]any {
	return map[string]any{"Success": false, "Message": message}
}

// refund gives back what is left of a completed payment of the last year.
func (p *Processor) refund(id, amount string) map[string]any {
	i := slices.IndexFunc(p.ops, func(op Operation) bool { return op.TransactionID == id })
	if i < 0 || p.ops[i].Type != cloudpayments.RowPayment || p.ops[i].Status != cloudpayments.StatusCompleted {
		return refused("Transaction not found")
	}
	op := &p.ops[i]
	sum, err := domain.ParseMoney(amount, op.Amount.Currency)
	left := op.Amount.Minor
	for _, r := range p.ops {
		if r.Original == id {
			left -= r.Amount.Minor
		}
	}
	switch {
	case err != nil || sum.Minor == 0:
		return refused("Amount is required")
	case sum.Minor > left:
		return refused("Amount is more than is left")
	case time.Since(op.At) > 365*24*time.Hour:
		return refused("Transaction is too old")
	}
	op.Refunded = true
	r := p.add(Operation{Type: cloudpayments.RowRefund, Original: id, InvoiceID: op.InvoiceID, AccountID: op.AccountID,
		Amount: sum, At: time.Now(), Test: op.Test})
	return map[string]any{"Success": true, "Message": nil, "Model": map[string]any{"TransactionId": json.Number(r.TransactionID)}}
}

type listed struct {
	at    time.Time
	model map[string]any
}

const pageSize = 100

// list answers one page, from old to new; both ends belong to the span.
func (p *Processor) list(in map[string]any, rows []listed) map[string]any {
	from, err := time.Parse(time.RFC3339, text(in["CreatedDateGte"]))
	until, err2 := time.Parse(time.RFC3339, text(in["CreatedDateLte"]))
	page, err3 := strconv.Atoi(text(in["PageNumber"]))
	if err != nil || err2 != nil || err3 != nil || page < 1 {
		return refused("PageNumber is required")
	}
	rows = slices.DeleteFunc(rows, func(l listed) bool { return l.at.Before(from) || l.at.After(until) })
	slices.SortStableFunc(rows, func(a, b listed) int { return a.at.Compare(b.at) })
	if p.faults.SamePage {
		page = 1
	}
	models := []map[string]any{}
	for _, l := range rows[min(len(rows), (page-1)*pageSize):min(len(rows), page*pageSize)] {
		models = append(models, l.model)
	}
	return map[string]any{"Success": true, "Message": nil, "Model": models}
}

// number writes an amount as the processor's API does: without zeros at the end.
func number(m domain.Money) json.Number {
	return json.Number(strings.TrimSuffix(strings.TrimRight(m.Amount(), "0"), "."))
}

func dates(name string, t time.Time, into map[string]any) {
	into[name], into[name+"Iso"] = nil, nil
	if !t.IsZero() {
		into[name], into[name+"Iso"] = fmt.Sprintf("/Date(%d)/", t.UnixMilli()), t.UTC().Format("2006-01-02T15:04:05")
	}
}

// model is an operation as the API tells it, with all that the ledger must not keep.
func (op Operation) model() map[string]any {
	types := map[cloudpayments.RowType]int{cloudpayments.RowPayment: 0, cloudpayments.RowRefund: 1, cloudpayments.RowPayout: 2}
	m := map[string]any{
		"PublicId": PublicID, "TransactionId": json.Number(op.TransactionID), "Amount": number(op.Amount), "Currency": op.Amount.Currency,
		"CurrencyCode": 0, "PaymentAmount": number(op.Amount), "PaymentCurrency": op.Amount.Currency, "InvoiceId": op.InvoiceID,
		"AccountId": op.AccountID, "TestMode": op.Test, "Status": op.Status, "Type": types[op.Type], "Refunded": op.Refunded,
		"OriginalTransactionId": nil, "Rrn": nil, "PayoutAmount": nil, "TotalFee": number(op.Fee), "ReasonCode": 0,
	}
	dates("CreatedDate", op.At, m)
	dates("PayoutDate", op.PayoutAt, m)
	if !op.PayoutAt.IsZero() {
		m["PayoutAmount"] = number(op.Payout)
	}
	if op.Original != "" {
		m["OriginalTransactionId"] = json.Number(op.Original)
	}
	if op.ReasonCode != "" {
		m["ReasonCode"] = json.Number(op.ReasonCode)
	}
	for _, s := range PlantedSecrets {
		m[s.Field] = s.Value
	}
	return m
}

func claimModel(c cloudpayments.ChargeBack) map[string]any {
	operation, of := "Presentment", "Chargeback"
	if c.Reversed {
		operation = "Representment"
	}
	if c.Fee {
		of = "Fee"
	}
	return map[string]any{"ChargeBackId": c.ID, "TransactionId": json.Number(c.TransactionID), "Amount": number(c.Amount), "Currency": c.Amount.Currency,
		"Operation": operation, "Type": of, "Card": "547932*******8125", "Gateway": "Test", "Date": fmt.Sprintf("/Date(%d)/", c.At.UnixMilli())}
}
