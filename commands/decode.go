package commands

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/google/uuid"

	"kelisim/domain"
	"kelisim/domain/activity"
)

// Body is a decoded request for a command.
type Body struct {
	Command    any        // pointer, for Wish.Body
	Subject    string     // the id that the body names for what the command creates or is about, or ""
	OccurredAt *time.Time // nil: now
	Supersedes uuid.UUID  // the voided entry that this one is entered anew for; it becomes the events' causation
	// Canonical is the body with its members in order and no white space, path ids among them: what a used key is compared by.
	Canonical []byte
}

// subjectNames are the members by which a body may name the id of what its command creates; the path or the story
// names it otherwise.
var subjectNames = map[Target]string{User: "user_id", Letter: "letter_id", Incident: "incident_id"}

// Decode reads the body of a command: an object with the command's own members, optionally occurred_at and supersedes, and, where the command
// creates something, its id. path holds what the path carried; a body that names the same must say the same. Where there is no path, nil,
// the body of any command may name what it is about: user_id, letter_id, incident_id. Members that nobody knows are refused. The caller
// has checked that the body is well-formed JSON without duplicate names.
func Decode(name string, body []byte, path map[string]string) (Body, error) {
	spec, ok := table[name]
	if !ok {
		return Body{}, domain.Refuse(domain.Invalid, "invalid-request", "there is no such command").At("/command")
	}
	if spec.Target == Activity {
		return decodeBatch(body)
	}
	members := map[string]json.RawMessage{}
	if len(bytes.TrimSpace(body)) > 0 {
		if err := json.Unmarshal(body, &members); err != nil || members == nil {
			return Body{}, domain.Malformed("/", "the body is a JSON object")
		}
	}
	for key, value := range path {
		member, err := pathMember(spec, key, value)
		if err != nil {
			return Body{}, err
		}
		if said, ok := members[key]; ok && !bytes.Equal(bytes.TrimSpace(said), member) {
			return Body{}, domain.Malformed("/"+key, "the body says another %s than the path", key)
		}
		members[key] = member
	}
	var out Body
	canonical, err := json.Marshal(members) // sorts the names
	if err != nil {
		return Body{}, domain.Malformed("/", "the body is a JSON object")
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, canonical); err != nil {
		return Body{}, domain.Malformed("/", "the body is a JSON object")
	}
	out.Canonical = compact.Bytes()
	members = maps.Clone(members)
	if raw, ok := members["supersedes"]; ok {
		delete(members, "supersedes")
		if err := json.Unmarshal(raw, &out.Supersedes); err != nil {
			return Body{}, domain.Malformed("/supersedes", "name the voided entry by its event's id")
		}
	}
	if raw, ok := members["occurred_at"]; ok {
		delete(members, "occurred_at")
		if err := json.Unmarshal(raw, &out.OccurredAt); err != nil {
			return Body{}, domain.Malformed("/occurred_at", "a moment is written as in RFC 3339, such as 2026-01-31T10:00:00+05:00")
		}
	}
	if key := subjectNames[spec.Target]; key != "" && (spec.Creates || path == nil) {
		if raw, ok := members[key]; ok {
			delete(members, key)
			if err := json.Unmarshal(raw, &out.Subject); err != nil {
				return Body{}, domain.Malformed("/"+key, "an id is a UUID in lower case with hyphens")
			}
			if _, err := domain.ParseID(out.Subject); err != nil {
				return Body{}, domain.Malformed("/"+key, "an id is a UUID in lower case with hyphens")
			}
		}
	}
	out.Command = spec.New()
	if err := decodeInto(members, out.Command); err != nil {
		return Body{}, err
	}
	return out, nil
}

// decodeBatch reads a batch of observed actions: an array.
func decodeBatch(body []byte) (Body, error) {
	var compact bytes.Buffer
	if err := json.Compact(&compact, body); err != nil {
		return Body{}, domain.Malformed("/", "the body is an array of actions")
	}
	out := Body{Command: new(activity.Observe), Canonical: compact.Bytes()}
	return out, strictly(compact.Bytes(), out.Command)
}

// pathMember is a path's value as it stands in a body: months is a number, all else an id.
func pathMember(spec Spec, key, value string) (json.RawMessage, error) {
	if key == "months" {
		return json.RawMessage(value), numeric(value)
	}
	if _, err := domain.ParseID(value); err != nil {
		what := strings.TrimSuffix(strings.TrimSuffix(key, "_id"), "_")
		return nil, domain.Refuse(domain.NotFound, what+"-not-found", "an id is a UUID in lower case with hyphens")
	}
	return json.RawMessage(`"` + value + `"`), nil
}

func numeric(s string) error {
	if s == "" || len(s) > 4 || strings.Trim(s, "0123456789") != "" {
		return domain.Malformed("/months", "a number of months is wanted")
	}
	return nil
}

// decodeInto decodes strictly, and names the member at fault.
func decodeInto(members map[string]json.RawMessage, into any) error {
	whole, err := json.Marshal(members)
	if err != nil {
		return fmt.Errorf("join the body: %w", err)
	}
	return strictly(whole, into)
}

func strictly(whole []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(whole))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		return nil
	}
	var refusal *domain.Error
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &refusal):
		return refusal
	case errors.As(err, &kind):
		return domain.Malformed("/"+strings.ReplaceAll(kind.Field, ".", "/"), "a value of another kind is wanted here")
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return domain.Malformed("/"+strings.Trim(name, `"`), "there is no such member")
	}
	return domain.Malformed("/", "a value does not have the form that is wanted")
}
