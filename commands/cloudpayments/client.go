package cloudpayments

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// defaultURL is the API for terminals in Kazakhstan. Two more hosts are in use there, so it can be set.
const defaultURL = "https://api.tiptoppay.kz"

// Config says whom to ask and as whom.
type Config struct {
	BaseURL  string // https; plain http to this machine alone; "" is https://api.tiptoppay.kz
	PublicID string // of the terminal: the name to sign in with
	Secret   Secret // its API secret
	Zone     Zone   // registers are asked for in it; the zero value is UTC
	// Timeout of one request; 0 is a minute. The processor itself gives up after five.
	Timeout time.Duration
	// Transport that requests go through; nil is one of the client's own.
	Transport http.RoundTripper
}

// Client is the Processor that is reached over HTTP. It says nothing of what it sends or gets, in errors no more than in a log,
// follows no redirect, and waits when it is told that it asks too often.
type Client struct {
	base     string
	publicID string
	secret   Secret
	zone     Zone
	http     *http.Client
	slots    chan struct{}
}

const (
	defaultTimeout = time.Minute
	maxAnswer      = 16 << 20
	// atOnce keeps below the five requests that a test terminal may have under way.
	atOnce = 4
	// busyTries is how often a request is made that is answered with "too many".
	busyTries = 5
	longWait  = time.Minute
	// maxYear is the longest span of charge-backs.
	maxYear  = 366 * 24 * time.Hour
	maxPages = 10_000
)

// NewClient checks a configuration.
func NewClient(c Config) (*Client, error) {
	if c.BaseURL == "" {
		c.BaseURL = defaultURL
	}
	u, err := url.Parse(c.BaseURL)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("the processor's address is to be a URL without user, query and fragment")
	case u.Scheme != "https" && (u.Scheme != "http" || !local(u.Hostname())):
		return nil, errors.New("the processor's address is to begin with https")
	case c.PublicID == "" || !c.Secret.Given():
		return nil, errors.New("the processor's public id and API secret are both wanted")
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.Transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxConnsPerHost = atOnce
		c.Transport = t
	}
	return &Client{
		base: strings.TrimRight(c.BaseURL, "/") + "/", publicID: c.PublicID, secret: c.Secret, zone: c.Zone,
		http: &http.Client{
			Transport: c.Transport, Timeout: c.Timeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		slots: make(chan struct{}, atOnce),
	}, nil
}

func local(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Refund is as Processor says.
func (c *Client) Refund(ctx context.Context, r RefundRequest) (string, error) {
	switch {
	case r.RequestID == "" || !transactionForm.MatchString(r.TransactionID) || r.Amount.Minor <= 0:
		return "", errors.New("a refund names its own id, a payment, and an amount above zero")
	case !r.FirstAsked.IsZero() && time.Since(r.FirstAsked) > RepeatWithin:
		return "", ErrTooOld
	}
	a, err := c.ask(ctx, "payments/refund", r.RequestID, map[string]any{
		"TransactionId": json.Number(r.TransactionID), "Amount": json.Number(r.Amount.Amount()),
	})
	if err != nil {
		return "", err
	}
	if !a.Success {
		return "", &RefusedError{"payments/refund", a.Message}
	}
	id, ok := readTransaction(a.model("TransactionId"))
	if !ok {
		return "", fmt.Errorf("payments/refund was done and names no transaction: %w", ErrNoAnswer)
	}
	return id, nil
}

// Get is as Processor says. The answer has Success false for an operation that was declined, and the operation all the same.
func (c *Client) Get(ctx context.Context, transactionID string) (Row, error) {
	if !transactionForm.MatchString(transactionID) {
		return Row{}, ErrNotFound
	}
	a, err := c.ask(ctx, "payments/get", "", map[string]any{"TransactionId": json.Number(transactionID)})
	if err != nil {
		return Row{}, err
	}
	if len(a.Model) == 0 || string(a.Model) == "null" {
		return Row{}, ErrNotFound
	}
	fields, err := splitJSON(a.Model)
	if err != nil {
		return Row{}, fmt.Errorf("payments/get: %w: %w", err, ErrNoAnswer)
	}
	row, err := c.zone.row(fields)
	if err != nil {
		return Row{}, fmt.Errorf("payments/get of %s: %w: %w", transactionID, err, ErrNoAnswer)
	}
	return row, nil
}

// Payments is as Processor says.
func (c *Client) Payments(ctx context.Context, from, until time.Time) iter.Seq2[Row, error] {
	return pages(ctx, c, "v2/payments/list", from, until, c.zone.row,
		func(r Row) (string, time.Time) { return r.TransactionID, r.CreatedAt })
}

// ChargeBacks is as Processor says.
func (c *Client) ChargeBacks(ctx context.Context, from, until time.Time) iter.Seq2[ChargeBack, error] {
	if until.Sub(from) > maxYear {
		return func(yield func(ChargeBack, error) bool) {
			yield(ChargeBack{}, errors.New("charge-backs are listed for a year at most"))
		}
	}
	return pages(ctx, c, "chargebacks/list", from, until, c.zone.chargeBack,
		func(b ChargeBack) (string, time.Time) { return b.key(), b.At })
}

// pages yields the rows of a list. It asks until a page is empty, since nothing says that a page is always full. The list includes
// its last moment and cuts in its own way, so rows outside of [from, until) are left out, and those that came already.
func pages[T any](ctx context.Context, c *Client, call string, from, until time.Time, read func([]pair) (T, error), key func(T) (string, time.Time)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		seen := map[string]bool{}
		for page := 1; page <= maxPages; page++ {
			rows, err := c.page(ctx, call, from, until, page)
			if err != nil {
				yield(none, err)
				return
			}
			fresh := len(rows) == 0
			for i, fields := range rows {
				v, err := read(fields)
				if err != nil {
					yield(none, fmt.Errorf("%s, page %d, row %d: %w: %w", call, page, i+1, err, ErrNoAnswer))
					return
				}
				id, at := key(v)
				if seen[id] {
					continue
				}
				seen[id], fresh = true, true
				if at.Before(from) || !at.Before(until) {
					continue
				}
				if !yield(v, nil) {
					return
				}
			}
			if len(rows) == 0 {
				return
			}
			if !fresh {
				yield(none, fmt.Errorf("%s, page %d holds what the pages before it held: %w", call, page, ErrNoAnswer))
				return
			}
		}
		yield(none, fmt.Errorf("%s has no end: %w", call, ErrNoAnswer))
	}
}

const zoned = "2006-01-02T15:04:05-07:00"

func (c *Client) page(ctx context.Context, call string, from, until time.Time, page int) ([][]pair, error) {
	in := map[string]any{
		"CreatedDateGte": from.In(c.zone.location()).Format(zoned), "CreatedDateLte": until.In(c.zone.location()).Format(zoned),
		"PageNumber": page, "TimeZone": c.zone.code(),
	}
	a, err := c.ask(ctx, call, "", in)
	if err != nil {
		return nil, err
	}
	if !a.Success {
		return nil, &RefusedError{call, a.Message}
	}
	rows, err := splitRows(a.Model)
	if err != nil {
		return nil, fmt.Errorf("%s, page %d: %w: %w", call, page, err, ErrNoAnswer)
	}
	return rows, nil
}

type answer struct {
	Success bool
	Message string
	Model   json.RawMessage
}

func (a answer) model(name string) string {
	fields, _ := splitJSON(a.Model)
	for _, f := range fields {
		if f.name == name {
			return f.value
		}
	}
	return ""
}

// ask makes one call, again and later if the processor is too busy for it.
func (c *Client) ask(ctx context.Context, call, requestID string, in any) (answer, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return answer{}, fmt.Errorf("write %s: %w", call, err)
	}
	for try := 1; ; try++ {
		status, after, out, err := c.post(ctx, call, requestID, body)
		switch {
		case err != nil:
			return answer{}, fmt.Errorf("%s: %w", call, err)
		case status == http.StatusOK:
			return readAnswer(call, out)
		case status == http.StatusUnauthorized:
			return answer{}, ErrCredentials
		case status >= 500:
			return answer{}, fmt.Errorf("%s: status %d: %w", call, status, ErrNoAnswer)
		case status != http.StatusTooManyRequests:
			return answer{}, &StatusError{call, status}
		case try == busyTries:
			return answer{}, ErrBusy
		}
		if err := wait(ctx, after, try); err != nil {
			return answer{}, fmt.Errorf("%s: %w: %w", call, ErrBusy, err)
		}
	}
}

func readAnswer(call string, body []byte) (answer, error) {
	var a struct {
		Success *bool
		Message *string
		Model   json.RawMessage
	}
	if err := json.Unmarshal(body, &a); err != nil || a.Success == nil {
		return answer{}, fmt.Errorf("%s: the answer is not of the processor's form: %w", call, ErrNoAnswer)
	}
	out := answer{Success: *a.Success, Model: a.Model}
	if a.Message != nil {
		out.Message = *a.Message
	}
	return out, nil
}

// post makes one request. Its errors show the address and what failed, and nothing of what was sent or came.
func (c *Client) post(ctx context.Context, call, requestID string, body []byte) (status int, after string, out []byte, err error) {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return 0, "", nil, ctx.Err()
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+call, bytes.NewReader(body))
	if err != nil {
		return 0, "", nil, err
	}
	r.SetBasicAuth(c.publicID, c.secret.reveal())
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "kelisim")
	if requestID != "" {
		r.Header.Set("X-Request-ID", requestID)
	}
	res, err := c.http.Do(r)
	if err != nil {
		return 0, "", nil, fmt.Errorf("%w: %w", err, ErrNoAnswer)
	}
	defer res.Body.Close()
	out, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return 0, "", nil, fmt.Errorf("%w: %w", err, ErrNoAnswer)
	}
	if len(out) > maxAnswer {
		return 0, "", nil, fmt.Errorf("an answer of more than %d bytes: %w", maxAnswer, ErrNoAnswer)
	}
	return res.StatusCode, res.Header.Get("Retry-After"), out, nil
}

// wait is as long as the processor says, or twice as long each time; a minute at most.
func wait(ctx context.Context, after string, try int) error {
	d := time.Second << (try - 1)
	if s, err := strconv.Atoi(after); err == nil && s >= 0 {
		d = time.Duration(min(s, int(longWait/time.Second))) * time.Second
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
