package http

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"kelisim/commands"
	"kelisim/commands/access"
	"kelisim/commands/tlog"
	"kelisim/domain"
	"kelisim/projections"
	"kelisim/projections/reports"
)

// API is what the routes ask.
type API struct {
	Service *commands.Service
	Views   *projections.Runner
	Log     *tlog.Follower

	reporting chan struct{} // holds who makes a report
	kept      reports.Kept  // its, between two
}

// wished carries out one command of the table. Path variables become the command's members: {notice} is notice_id. subject names
// the variable that holds what the command is about, "" where the command creates it or is about the site.
func (a *API) wished(name, subject string) func(*Request) (*Response, error) {
	return func(r *Request) (*Response, error) {
		id := ""
		if subject != "" {
			var err error
			if id, err = r.VarID(subject); err != nil {
				return nil, err
			}
		}
		path := map[string]string{}
		for variable, value := range r.vars {
			switch variable {
			case subject:
			case "months":
				path[variable] = value
			default:
				path[variable+"_id"] = value
			}
		}
		if err := r.strictly(name); err != nil {
			return nil, err
		}
		body, err := commands.Decode(name, r.value(), path)
		if err != nil {
			return nil, err
		}
		if id == "" {
			id = body.Subject
		}
		done, err := a.carry(r.Context(), r, name, id, body)
		if err != nil {
			return nil, err
		}
		return created(done), nil
	}
}

// strictly holds a body against the command's own form, to the letter of its members and with a pointer to each that is wrong;
// commands.Decode, which reads it, would take a name in another case. What it has beside the command's members is decided there.
func (r *Request) strictly(command string) error {
	spec, ok := commands.Lookup(command)
	if !ok {
		return fmt.Errorf("command %q is not in the table", command)
	}
	var beside struct {
		OccurredAt *time.Time      `json:"occurred_at"`
		Supersedes json.RawMessage `json:"supersedes"`
		UserID     json.RawMessage `json:"user_id"`
		LetterID   json.RawMessage `json:"letter_id"`
		IncidentID json.RawMessage `json:"incident_id"`
	}
	return r.Decode(&beside, spec.New())
}

// carry makes the wish of a request and carries it out.
func (a *API) carry(ctx context.Context, r *Request, name, subject string, body commands.Body) (commands.Done, error) {
	return a.Service.Do(ctx, commands.Wish{
		Command: name, Subject: subject, Body: body.Command, Actor: r.Actor.Event(),
		Key: r.Key, Scope: r.Scope(), Fingerprinted: body.Canonical, OccurredAt: body.OccurredAt,
		MayBeLate: r.Actor.Role == access.Service || r.Actor.Role == access.Officer, IfRevision: r.IfRevision, Correlation: r.ID, Causation: body.Supersedes,
	})
}

// created is the answer to a command: its own members beside the events, the revision and the position.
func created(done commands.Done) *Response {
	body := map[string]any{"events": done.Events, "revision": done.Revision, "position": done.Position}
	maps.Copy(body, done.Answer)
	answer := Created(body, done.Revision)
	if done.Repeated {
		answer.With("Idempotency-Replayed", "true")
	}
	return answer
}

// own tells whether the asker is the person asked about, who sees no ground of a block (T-3.8).
func (r *Request) own() bool { return r.Actor.Role == access.Subject }

// known reads known_at.
func (r *Request) known() (commands.Known, error) {
	if r.Query.Has("known_at") && r.Query.String("known_at") == "" {
		return commands.Known{}, domain.Malformed("?known_at", "known_at is a moment (RFC 3339) or position:N; leave it out for now")
	}
	k, err := commands.ParseKnown(strings.Replace(r.Query.String("known_at"), " ", "+", 1))
	if refusal, ok := err.(*domain.Error); ok {
		return k, refusal.At("?known_at")
	}
	return k, err
}
