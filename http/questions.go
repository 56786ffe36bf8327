package http

import (
	"slices"
	"strings"
	"time"

	"kelisim/commands"
	"kelisim/domain"
	"kelisim/domain/consent"
	"kelisim/domain/permission"
	"kelisim/domain/site"
)

// asked is what every answer about one user says of the question.
type asked struct {
	UserID       domain.UserID `json:"user_id"`
	AsOf         time.Time     `json:"as_of"`
	KnownAt      string        `json:"known_at"`
	Position     int64         `json:"position"`
	TermsVersion string        `json:"terms_version"`
}

// ask reads a question's user, moment and knowledge.
func (a *API) ask(r *Request, moment string) (commands.Snapshot, asked, error) {
	id, err := r.User()
	if err != nil {
		return commands.Snapshot{}, asked{}, err
	}
	known, err := r.known()
	if err != nil {
		return commands.Snapshot{}, asked{}, err
	}
	at := r.Query.Time(moment)
	if err := r.Query.Err(); err != nil {
		return commands.Snapshot{}, asked{}, err
	}
	snap, err := a.Service.Snapshot(r.Context(), id, known)
	if err != nil {
		return snap, asked{}, err
	}
	asOf := a.Service.Now().UTC().Truncate(time.Microsecond)
	if at != nil {
		asOf = *at
	}
	return snap, asked{id, asOf, snap.Known.Text(), snap.Position, snap.Site.ParametersAt(asOf).TermsVersion}, nil
}

// access answers: may this user use the paid content?
func (a *API) access(r *Request) (*Response, error) {
	place := permission.Place{Location: r.Query.String("location"), Language: r.Query.String("language")}
	if place.Location != "" && !domain.ValidLocation(place.Location) {
		return nil, domain.Malformed("?location", "a location is a code such as KZ or KZ-71")
	}
	if place.Language != "" && !domain.ValidLanguage(place.Language) {
		return nil, domain.Malformed("?language", "a language is a tag such as kk, ru or en")
	}
	snap, about, err := a.ask(r, "as_of")
	if err != nil {
		return nil, err
	}
	answer := permission.Access(snap.State.Books, snap.Site, place, about.AsOf)
	if r.own() {
		hideGrounds(answer.Reasons)
	}
	return OK(struct {
		permission.Answer
		asked
	}{answer, about}).At(snap.Revision), nil
}

// hideGrounds leaves of a block only that it is one, and until when (T-3.8, T-1.3).
func hideGrounds(reasons []permission.Reason) {
	for i := range reasons {
		if reasons[i].Code == "blocked" || reasons[i].Code == "restricted" {
			reasons[i].Events = []string{}
		}
	}
}

// processing answers: may we process this person's data?
func (a *API) processing(r *Request) (*Response, error) {
	purpose, act, err := r.purposeAndAct()
	if err != nil {
		return nil, err
	}
	snap, about, err := a.ask(r, "as_of")
	if err != nil {
		return nil, err
	}
	return OK(struct {
		permission.ProcessingAnswer
		asked
	}{permission.Processing(snap.State.Books, snap.Site, purpose, act, about.AsOf), about}).At(snap.Revision), nil
}

func (r *Request) purposeAndAct() (purpose, act string, err error) {
	purpose = r.Query.Required("purpose")
	act = r.Query.String("act")
	if !r.Query.Has("act") {
		act = "use"
	}
	if err := r.Query.Err(); err != nil {
		return "", "", err
	}
	if !site.ValidPurpose(purpose) {
		return "", "", domain.Malformed("?purpose", "a purpose is a word of small letters, digits and hyphens, such as advertising").By("P-2.3")
	}
	if !slices.Contains(consent.Acts, act) {
		return "", "", domain.Malformed("?act", "an act is one of %s", strings.Join(consent.Acts, ", ")).By("P-1.5")
	}
	return purpose, act, nil
}

// attribution answers: whose is an action at a moment? (T-3.6)
func (a *API) attribution(r *Request) (*Response, error) {
	snap, about, err := a.ask(r, "at")
	if err != nil {
		return nil, err
	}
	return OK(struct {
		permission.Attribution
		UserID   domain.UserID `json:"user_id"`
		KnownAt  string        `json:"known_at"`
		Position int64         `json:"position"`
	}{permission.AttributionAt(snap.State.Books, about.AsOf), about.UserID, about.KnownAt, about.Position}).At(snap.Revision), nil
}
