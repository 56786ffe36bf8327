package http

import (
	"encoding/json"
	"time"

	"kelisim/commands"
	"kelisim/domain"
	"kelisim/domain/activity"
	"kelisim/domain/permission"
)

// observe records a batch of actions (T-1.5).
func (a *API) observe(r *Request) (*Response, error) {
	batch, err := Items[activity.Item](r, activity.MaxItems)
	if err != nil {
		return nil, err
	}
	canonical, err := r.Canonical()
	if err != nil {
		return nil, err
	}
	command := activity.Observe(batch)
	done, err := a.carry(r.Context(), r, "observe", "", commands.Body{Command: &command, Canonical: canonical})
	if err != nil {
		return nil, err
	}
	return created(done), nil
}

// maxDecided is how many people one request asks about.
const maxDecided = 1_000_000

// decided is one line of the answer for many people.
type decided struct {
	UserID  domain.UserID `json:"user_id"` // "" of a line that is invalid: what it held is not said again
	Allowed bool          `json:"allowed"`
	Code    string        `json:"code"`
}

// summary is the last line of the answer for many people, where it is asked for: who does not ask meets lines about people alone. Its standing
// there says that the answer is whole.
type summary struct {
	Summary struct {
		Asked   int            `json:"asked"`
		Allowed int            `json:"allowed"`
		Denied  map[string]int `json:"denied"` // by code
		AsOf    time.Time      `json:"as_of"`
		KnownAt string         `json:"known_at"`
	} `json:"summary"`
}

// count takes one line into the summary.
func (s *summary) count(d decided) {
	s.Summary.Asked++
	if d.Allowed {
		s.Summary.Allowed++
	} else {
		s.Summary.Denied[d.Code]++
	}
}

// invalidLine is the code of a line that is not {"user_id": an id of ours}. It stands in the answer, since by then the answer has begun.
const invalidLine = "invalid-line"

// lineIsAbout is whom a line is about; false where it does not say so in the ledger's form: an object of that one member, a UUID in lower case
// (TestInvalidLines, FuzzLineIsAbout).
func lineIsAbout(line json.RawMessage) (domain.UserID, bool) {
	var members map[string]json.RawMessage
	var text string
	if json.Unmarshal(line, &members) != nil || len(members) != 1 || json.Unmarshal(members["user_id"], &text) != nil {
		return "", false
	}
	id, err := domain.ParseUserID(text)
	return id, err == nil
}

// decisions answers the processing question for a list of people, a line each, all from one position of the journal. A line about
// nobody is answered user-not-found, so that a list can be longer than the ledger; one that is no such line is answered invalid-line.
func (a *API) decisions(r *Request) (*Response, error) {
	purpose, act, err := r.purposeAndAct()
	if err != nil {
		return nil, err
	}
	known, err := r.known()
	if err != nil {
		return nil, err
	}
	asOf := r.Query.Time("as_of")
	summed := r.Query.OneOf("summary", "false", "true") == "true"
	if err := r.Query.Err(); err != nil {
		return nil, err
	}
	lines, err := Items[json.RawMessage](r, maxDecided)
	if err != nil {
		return nil, err
	}
	at := a.Service.Now().UTC()
	if asOf != nil {
		at = *asOf
	}
	if known == (commands.Known{}) {
		if known.Position, _, err = a.Service.Journal.Head(r.Context()); err != nil {
			return nil, err
		}
	}
	return Streamed("application/x-ndjson", func(w *Stream) error {
		e := json.NewEncoder(w)
		var all summary
		all.Summary.Denied, all.Summary.AsOf, all.Summary.KnownAt = map[string]int{}, at, known.Text()
		for _, line := range lines {
			d := decided{Code: invalidLine}
			if id, ok := lineIsAbout(line); ok {
				d = decided{UserID: id, Code: "user-not-found"}
				snap, err := a.Service.Snapshot(r.Context(), id, known)
				switch {
				case err == nil:
					answer := permission.ProcessingOnly(snap.State.Books, snap.Site, purpose, act, at)
					d.Allowed, d.Code = answer.Allowed, answer.Reasons[0].Code
				case domain.Code(err) != "user-not-found":
					return err
				}
			}
			if err := e.Encode(d); err != nil {
				return err
			}
			all.count(d)
		}
		if summed {
			return e.Encode(all)
		}
		return nil
	}).With("Kelisim-Position", known.Text()), nil
}
