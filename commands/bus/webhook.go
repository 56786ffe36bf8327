package bus

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
)

// RetryHook is how a web hook is tried again.
var RetryHook = Backoff{First: 2 * time.Second, Most: 15 * time.Minute}

const (
	hookTimeout = 15 * time.Second
	// giveUpAfter is how long after its first attempt an event is tried again.
	giveUpAfter = 3 * 24 * time.Hour
)

// Webhook posts each event to an address, signed. An answer of 2xx acknowledges it; any other, a redirection too, does not. Every attempt is kept in the log of
// deliveries. One that was delivered or given up, by that log, is not sent again when the relay comes by it a second time.
type Webhook struct {
	outlet  string
	url     string
	secrets Secrets
	log     Deliveries
	now     func() time.Time
	slog    *slog.Logger
	client  *http.Client

	mu sync.Mutex // held from reading a delivery of the log to writing it
}

// HookOptions say how a web hook is reached.
type HookOptions struct {
	Outlet  string
	URL     string
	Secrets Secrets
	// AllowPrivate lets it be on this machine or in a private network, and speak plain HTTP.
	AllowPrivate bool
	Roots        *x509.CertPool // nil: those of the system
	Deliveries   Deliveries
	Now          func() time.Time // nil: time.Now
	Log          *slog.Logger     // nil: nothing is logged
}

// NewWebhook makes a web hook, and refuses an address that it could never use.
func NewWebhook(o HookOptions) (*Webhook, error) {
	u, err := url.Parse(o.URL)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		return nil, errors.New("the address of a web hook is a URL, such as https://example.kz/hooks")
	case u.User != nil:
		return nil, errors.New("a user's name and password do not belong in a web hook's address: what is sent is signed")
	case u.Scheme != "https" && (u.Scheme != "http" || !o.AllowPrivate):
		return nil, errors.New("the address of a web hook begins with https://; http:// needs allow_private")
	case len(o.Secrets) == 0:
		return nil, errors.New("a web hook needs a secret to sign with")
	}
	w := &Webhook{outlet: o.Outlet, url: u.String(), secrets: o.Secrets, log: o.Deliveries, now: o.Now, slog: o.Log}
	if w.now == nil {
		w.now = time.Now
	}
	if w.slog == nil {
		w.slog = slog.New(slog.DiscardHandler)
	}
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	if !o.AllowPrivate {
		dialer.Control = onlyPublic
	}
	w.client = &http.Client{
		Timeout:       hookTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{ // without the environment's proxy, which would dial in our place
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.Roots},
			TLSHandshakeTimeout:    5 * time.Second,
			ForceAttemptHTTP2:      true,
			MaxIdleConnsPerHost:    inFlight,
			IdleConnTimeout:        90 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
		},
	}
	return w, nil
}

// Publish sends one message and waits for the answer. The topic means nothing to a web hook.
func (w *Webhook) Publish(_ string, messages ...*message.Message) error {
	for _, m := range messages {
		id, err := uuid.Parse(m.UUID)
		if err != nil {
			return fmt.Errorf("read a message's id: %w", err)
		}
		switch d, found, err := w.log.Find(m.Context(), w.outlet, id); {
		case err != nil:
			return &Error{"log", err}
		case found && d.State != Waiting:
			continue
		}
		d, err := w.send(m.Context(), m)
		if err != nil {
			return err
		}
		switch last := d.Last[len(d.Last)-1]; d.State {
		case Waiting:
			return Fail(last.Code, "attempt %d, status %d", d.Attempts, last.Status)
		case GivenUp:
			w.slog.Error("an event was given up; redeliver it when the endpoint is mended", "outlet", w.outlet, "event", m.UUID, "attempts", d.Attempts, "code", last.Code)
		}
	}
	return nil
}

// Close closes what connections are left open.
func (w *Webhook) Close() error {
	w.client.CloseIdleConnections()
	return nil
}

// send makes one attempt and keeps it in the log.
func (w *Webhook) send(ctx context.Context, m *message.Message) (Delivery, error) {
	began := w.now()
	a := w.attempt(ctx, began, m)
	if a.Code != "delivered" && ctx.Err() != nil {
		return Delivery{}, ctx.Err() // it was broken off by us: no attempt of the endpoint's
	}
	position, err := Position(m)
	if err != nil {
		return Delivery{}, err
	}
	id, err := uuid.Parse(m.UUID)
	if err != nil {
		return Delivery{}, fmt.Errorf("read a message's id: %w", err)
	}
	ctx = context.WithoutCancel(ctx) // what was delivered is noted
	w.mu.Lock()
	defer w.mu.Unlock()
	d, found, err := w.log.Find(ctx, w.outlet, id)
	if err != nil {
		return Delivery{}, &Error{"log", err}
	}
	if !found {
		d = Delivery{Outlet: w.outlet, Event: id, Position: position, Type: m.Metadata.Get(HeaderType), State: Waiting, FirstAt: a.At}
	}
	d.Attempts++
	d.Last = append(d.Last, a)
	d.Last = d.Last[max(0, len(d.Last)-keptAttempts):]
	switch {
	case a.Code == "delivered":
		d.State = Delivered
	case d.State == Waiting && a.At.Sub(d.FirstAt) >= giveUpAfter:
		d.State = GivenUp
	}
	if err := w.log.Keep(ctx, d); err != nil {
		return Delivery{}, &Error{"log", err}
	}
	return d, nil
}

// attempt posts the message once.
func (w *Webhook) attempt(ctx context.Context, began time.Time, m *message.Message) Attempt {
	a := Attempt{At: began.UTC().Truncate(time.Millisecond)}
	status, err := w.post(ctx, began, m)
	a.Took = max(0, w.now().Sub(began)).Truncate(time.Millisecond)
	a.Status = status
	switch {
	case err != nil:
		a.Code = codeOfDial(err)
	case status >= 200 && status < 300:
		a.Code = "delivered"
	case status >= 300 && status < 400:
		a.Code = "redirected"
	default:
		a.Code = "status-" + strconv.Itoa(status)
	}
	return a
}

func (w *Webhook) post(ctx context.Context, at time.Time, m *message.Message) (status int, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(m.Payload))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "Kelisim")
	r.Header.Set(SignatureHeader, w.secrets.Sign(at, m.Payload))
	for name, value := range m.Metadata {
		r.Header.Set(name, value)
	}
	answer, err := w.client.Do(r)
	if err != nil {
		return 0, err
	}
	_, _ = io.CopyN(io.Discard, answer.Body, 4<<10) // so that the connection can serve again; what it says is nothing to us
	return answer.StatusCode, answer.Body.Close()
}

// codeOfDial is the word for a request that had no answer.
func codeOfDial(err error) string {
	var timeout net.Error
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	switch {
	case errors.Is(err, errPrivate):
		return "address-refused"
	case errors.As(err, &dns):
		return "unknown-host"
	case errors.As(err, &certificate), errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return "tls"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	}
	return "unreachable"
}
