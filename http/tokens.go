package http

import (
	"net/http"
	"time"

	"kelisim/commands/access"
	"kelisim/domain"
)

// tokens are credentials as a resource: who am I, the list and the revocation for operators, and the short-lived token that
// lets one user's browser or application see that user's own view.
type tokens struct{ *Server }

// A subject's token lives for an hour unless asked otherwise: it is as good as the user's session at the site, and should end with it.
const (
	subjectTTL    = time.Hour
	minSubjectTTL = time.Minute
	maxSubjectTTL = 24 * time.Hour
)

type tokenView struct {
	TokenID    string     `json:"token_id"`
	Name       string     `json:"name"`
	Role       string     `json:"role"`
	Person     string     `json:"person"`
	UserID     string     `json:"user_id,omitempty"`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  time.Time  `json:"expires_at"`
	RevokedAt  *time.Time `json:"revoked_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
	Live       bool       `json:"live"`
}

func (s tokens) view(t access.Token) tokenView {
	return tokenView{t.ID, t.Name, string(t.Role), t.Owner(), string(t.Subject), t.CreatedAt, t.ExpiresAt, given(t.RevokedAt), given(t.LastUsedAt), t.Live(s.now())}
}

// given is nil for a zero time.
func given(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (s tokens) whoami(r *Request) (*Response, error) {
	return OK(struct {
		Role    access.Role   `json:"role"`
		Name    string        `json:"name"`
		TokenID string        `json:"token_id"`
		UserID  domain.UserID `json:"user_id,omitempty"`
	}{r.Actor.Role, r.Actor.Name, r.Actor.TokenID, r.Actor.Subject}), nil
}

// list leaves out subjects' tokens: they name users, which are no business of an operator.
func (s tokens) list(r *Request) (*Response, error) {
	all, err := s.options.Tokens.List(r.Context())
	if err != nil {
		return nil, err
	}
	var views []tokenView
	for _, t := range all {
		if t.Role != access.Subject {
			views = append(views, s.view(t))
		}
	}
	return Page(views, ""), nil
}

func (s tokens) revoke(r *Request) (*Response, error) {
	if err := s.options.Tokens.Revoke(r.Context(), r.Var("token")); err != nil {
		return nil, err
	}
	return OK(map[string]string{"name": r.Var("token")}), nil
}

// createForUser answers with the token itself, this once. It appends nothing to the journal, and cannot be repeated with the same answer, so it
// takes no Idempotency-Key.
func (s tokens) createForUser(r *Request) (*Response, error) {
	user, err := r.User()
	if err != nil {
		return nil, err
	}
	var body struct {
		ExpiresIn *int64 `json:"expires_in"` // seconds
	}
	if err := r.Decode(&body); err != nil {
		return nil, err
	}
	ttl := subjectTTL
	if body.ExpiresIn != nil {
		if *body.ExpiresIn < int64(minSubjectTTL/time.Second) || *body.ExpiresIn > int64(maxSubjectTTL/time.Second) {
			return nil, domain.Malformed("/expires_in", "a subject's token lives from 60 seconds to 86400")
		}
		ttl = time.Duration(*body.ExpiresIn) * time.Second
	}
	known, err := s.options.KnowsUser(r.Context(), user)
	if err != nil {
		return nil, err
	}
	if !known {
		return nil, notFound("user")
	}
	secret, made, err := s.options.Tokens.Create(r.Context(), access.Wish{Role: access.Subject, Subject: user, TTL: ttl})
	if err != nil {
		return nil, err
	}
	return &Response{Status: http.StatusCreated, Body: struct {
		Token string `json:"token"`
		tokenView
	}{secret, s.view(made)}}, nil
}
