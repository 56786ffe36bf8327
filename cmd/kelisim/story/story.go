// Package story brings lives into the ledger: newline-delimited JSON, one command a line, in the order in which they became known.
//
//	{"at":"2026-01-31T10:00:00+05:00","command":"register","user":"<uuid>","body":{…}}
//
// command and body are those of the table of commands, at is when it happened. Ids that a path would carry stand in the body, and so
// may the ids of what the command creates. Three members may be left out: actor ("officer/aigul"; else "import/import"), recorded_at
// (when the ledger learnt it; else now) and expect (the code of the refusal that this line is to meet).
//
// The id of each wish derives from the story's name, the line's number, at, command and user, so that the same story told again adds
// nothing and goes on where it stopped (TestToldAgain). A line is held to the same strictness as a request.
package story

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"kelisim/commands"
	"kelisim/domain"
	"kelisim/domain/event"
	"kelisim/http/strictjson"
)

// Line is one command of a story.
type Line struct {
	At         time.Time       `json:"at" required:"true"`
	RecordedAt *time.Time      `json:"recorded_at,omitempty"`
	Actor      string          `json:"actor,omitempty"` // KIND/NAME
	Command    string          `json:"command" required:"true"`
	User       domain.UserID   `json:"user,omitempty"`
	Body       json.RawMessage `json:"body,omitempty"`
	Expect     string          `json:"expect,omitempty"`
}

// importer is the actor of a line that names none.
var importer = event.Actor{Kind: "import", ID: "import"}

// actors are the kinds that a line may name: those who may send commands by HTTP, save a user's own view, which sends none.
var actors = []string{"service", "officer", "approver", "operator"}

var nameForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?$`)

// Parse reads a line as strictly as a request is read: no name twice, no member that nobody knows, no card number, no password. A
// refusal names its place in the line.
func Parse(raw []byte) (Line, error) {
	var l Line
	if err := strictjson.Decode(raw, &l); err != nil {
		return l, err
	}
	if _, ok := commands.Lookup(l.Command); !ok {
		return l, domain.Malformed("/command", "there is no such command")
	}
	if l.User != "" {
		if _, err := domain.ParseUserID(string(l.User)); err != nil {
			return l, domain.Malformed("/user", "a user's id is a UUID in lower case with hyphens")
		}
	}
	if _, err := l.actor(); err != nil {
		return l, err
	}
	if l.Body == nil {
		l.Body = json.RawMessage("{}")
	}
	return l, nil
}

func (l Line) actor() (event.Actor, error) {
	if l.Actor == "" {
		return importer, nil
	}
	kind, name, _ := strings.Cut(l.Actor, "/")
	if !slices.Contains(actors, kind) || !nameForm.MatchString(name) {
		return event.Actor{}, domain.Malformed("/actor", "an actor is KIND/NAME: one of %s, and the name of a token", strings.Join(actors, ", "))
	}
	return event.Actor{Kind: kind, ID: name}, nil
}

// wishes is the space of the ids of wishes.
var wishes = uuid.MustParse("6f0f5c0e-6d0a-4f53-9d4f-0b1f6f9f7a3e")

// WishID names the wish of a line: the same line of the same story always has the same. Nothing of the body is in it.
func WishID(story string, number int, l Line) uuid.UUID {
	return uuid.NewSHA1(wishes, []byte(strings.Join([]string{
		story, strconv.Itoa(number), l.At.UTC().Format(time.RFC3339Nano), l.Command, string(l.User)}, "\x00")))
}

// wish makes the command's wish.
func (l Line) wish(story string, number int) (commands.Wish, error) {
	if err := l.strictly(); err != nil {
		var refusal *domain.Error
		if errors.As(err, &refusal) {
			err = refusal.At("/body" + refusal.Pointer)
		}
		return commands.Wish{}, err
	}
	body, err := commands.Decode(l.Command, l.Body, nil)
	if err != nil {
		return commands.Wish{}, within(err)
	}
	if body.OccurredAt != nil {
		return commands.Wish{}, domain.Malformed("/body/occurred_at", "in a story at says when it happened")
	}
	subject := body.Subject
	if l.User != "" {
		if subject != "" && subject != string(l.User) {
			return commands.Wish{}, domain.Malformed("/user", "the body names another than user does")
		}
		subject = string(l.User)
	}
	actor, err := l.actor()
	if err != nil {
		return commands.Wish{}, err
	}
	w := commands.Wish{
		Command: l.Command, Subject: subject, Body: body.Command, Actor: actor, ID: WishID(story, number, l), OccurredAt: &l.At,
		MayBeLate: true, Imported: true, Causation: body.Supersedes, Correlation: uuid.NewSHA1(wishes, []byte(story)).String(),
	}
	if l.RecordedAt != nil {
		w.RecordedAt = *l.RecordedAt
	}
	// What must be equal when the line is told again: all of it but the expectation, which records nothing.
	l.Body, l.Expect = body.Canonical, ""
	if w.Fingerprinted, err = json.Marshal(l); err != nil {
		return commands.Wish{}, fmt.Errorf("write the line down: %w", err)
	}
	return w, nil
}

// strictly holds the body against the command's own form, as the HTTP interface does; what may stand beside is decided by commands.Decode.
func (l Line) strictly() error {
	spec, _ := commands.Lookup(l.Command)
	if spec.Target == commands.Activity {
		return strictjson.Decode(l.Body, spec.New())
	}
	var beside struct {
		OccurredAt *time.Time      `json:"occurred_at"`
		Supersedes json.RawMessage `json:"supersedes"`
		UserID     json.RawMessage `json:"user_id"`
		LetterID   json.RawMessage `json:"letter_id"`
		IncidentID json.RawMessage `json:"incident_id"`
	}
	return strictjson.Decode(l.Body, &beside, spec.New())
}

// within makes the pointer of a refusal, which is the command's, one into the line.
func within(err error) error {
	var refusal *domain.Error
	if !errors.As(err, &refusal) {
		return err
	}
	switch refusal.Pointer {
	case "":
		return refusal
	case "/occurred_at":
		return refusal.At("/at")
	case "/recorded_at", "/command":
		return refusal
	case "/":
		return refusal.At("/body")
	}
	return refusal.At("/body" + refusal.Pointer)
}
