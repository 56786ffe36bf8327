// Package webhooks is what others call: it believes nobody without a signature, and says of a notification that it is
// registered only when it is durable.
package webhooks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"

	"kelisim/commands/cloudpayments"
)

// MaxBody is the most bytes that a notification may have. Real ones have a few thousand.
const MaxBody = 64 << 10

// CloudPayments takes the card processor's notifications at …/{kind}, POST (form or JSON) and GET (the query).
//
// The bytes are read once, verified, and only then looked at. Answers:
//
//	404  no such kind                      405  neither GET nor POST
//	503  no secret is set; or what came is not durable, or cannot be read: the processor asks again
//	403  from an address that is not allowed
//	413  more than MaxBody                 401  not signed, or not with a secret of ours
//	200  {"code":N}  a check, decided      200  {"code":0}  any other kind, and it is durable
//
// A check that is signed and cannot be read is answered with code 13, since a check is never asked twice.
type CloudPayments struct {
	// Secrets are those that a notification may be signed with; without one, every kind answers 503.
	Secrets cloudpayments.Secrets
	// Sources are the addresses that notifications may come from.
	Sources Sources
	// Handle decides a check, and makes any other kind durable. For those a code other than 0 counts as an error: the money has
	// moved, and nothing can be refused any more. Errors hold no personal data.
	Handle func(ctx context.Context, n cloudpayments.Notification) (cloudpayments.Code, error)
	// Register is told of every notification that came, once, after it was answered; a wrong signature leaves nothing else behind. nil is nobody.
	Register func(ctx context.Context, l Line)
}

// Line is what the register says of one notification. Nothing of it comes from an unsigned body.
type Line struct {
	Kind    cloudpayments.Kind
	Outcome Outcome
	Status  int                // of the answer
	Code    cloudpayments.Code // where Outcome is Answered
	Key     string             // of the notification, where it could be read
	// KeyNames and Unread are the notification's: fields that are new, and fields that have not the form they should have.
	KeyNames, Unread []string
	// Err is why a signed notification was not taken; it shows no value.
	Err error
}

// Outcome says in a word what became of a notification.
type Outcome string

// The outcomes there are.
const (
	Answered       Outcome = "answered"
	NoSecret       Outcome = "no-secret"
	WrongSource    Outcome = "wrong-source"
	TooLarge       Outcome = "too-large"
	Unsigned       Outcome = "unsigned"
	WrongSignature Outcome = "wrong-signature"
	Malformed      Outcome = "malformed"
	Failed         Outcome = "failed"
)

// ServeHTTP takes one notification.
func (h CloudPayments) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	kind, ok := cloudpayments.ParseKind(path.Base(r.URL.Path))
	switch {
	case !ok:
		problem(w, http.StatusNotFound)
		return
	case r.Method != http.MethodPost && r.Method != http.MethodGet:
		w.Header().Set("Allow", "GET, POST")
		problem(w, http.StatusMethodNotAllowed)
		return
	}
	line := h.take(w, r, kind)
	line.Kind = kind
	if line.Outcome == Answered {
		line.Status = http.StatusOK
		answer(w, line.Code)
	} else {
		problem(w, line.Status)
	}
	if h.Register != nil {
		h.Register(r.Context(), line)
	}
}

// take goes the way of a notification and says where it ended.
func (h CloudPayments) take(w http.ResponseWriter, r *http.Request, kind cloudpayments.Kind) Line {
	if !h.Secrets.Given() {
		return Line{Outcome: NoSecret, Status: http.StatusServiceUnavailable}
	}
	if !h.Sources.Permits(r) {
		return Line{Outcome: WrongSource, Status: http.StatusForbidden}
	}
	raw := []byte(r.URL.RawQuery)
	if r.Method == http.MethodPost {
		var err error
		var large *http.MaxBytesError
		raw, err = io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
		switch {
		case errors.As(err, &large):
			return Line{Outcome: TooLarge, Status: http.StatusRequestEntityTooLarge}
		case err != nil:
			return Line{Outcome: Failed, Status: http.StatusServiceUnavailable, Err: fmt.Errorf("read the notification: %w", err)}
		}
	}
	switch err := cloudpayments.Verify(h.Secrets, r.Header, raw); {
	case errors.Is(err, cloudpayments.ErrUnsigned):
		return Line{Outcome: Unsigned, Status: http.StatusUnauthorized}
	case err != nil:
		return Line{Outcome: WrongSignature, Status: http.StatusUnauthorized}
	}
	n, err := cloudpayments.Parse(kind, r.Header.Get("Content-Type"), raw)
	if err != nil && kind == cloudpayments.Check {
		return Line{Outcome: Answered, Code: cloudpayments.NotAccepted, Err: err}
	}
	if err != nil {
		return Line{Outcome: Malformed, Status: http.StatusServiceUnavailable, Err: err}
	}
	line := Line{Outcome: Answered, Key: n.Key(), KeyNames: n.KeyNames, Unread: n.Unread}
	line.Code, line.Err = h.Handle(r.Context(), n)
	if line.Err == nil && kind != cloudpayments.Check && line.Code != cloudpayments.Accepted {
		line.Err = fmt.Errorf("code %d is no answer to a notification of %s", line.Code, kind)
	}
	if line.Err != nil {
		line.Outcome, line.Code, line.Status = Failed, 0, http.StatusServiceUnavailable
	}
	return line
}

func answer(w http.ResponseWriter, code cloudpayments.Code) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = fmt.Fprintf(w, `{"code":%d}`, code)
}

// codes are the contract's words for the statuses answered here.
var codes = map[int]string{
	http.StatusUnauthorized:          "unauthenticated",
	http.StatusForbidden:             "forbidden",
	http.StatusNotFound:              "route-not-found",
	http.StatusMethodNotAllowed:      "method-not-allowed",
	http.StatusRequestEntityTooLarge: "body-too-large",
	http.StatusServiceUnavailable:    "unavailable",
}

// problem tells a status and no detail: who guesses at secrets learns nothing from it.
func problem(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"type": "about:blank", "title": http.StatusText(status), "status": status, "code": codes[status]})
}
