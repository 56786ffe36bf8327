package http

import (
	"cmp"
	"slices"
	"time"

	"kelisim/commands"
	"kelisim/commands/access"
	"kelisim/commands/vault"
	"kelisim/domain"
	"kelisim/domain/permission"
	"kelisim/domain/user"
)

// userView is one user at a glance.
type userView struct {
	asked
	RegisteredAt time.Time         `json:"registered_at"`
	Location     string            `json:"location,omitempty"`
	Language     string            `json:"language,omitempty"`
	Access       permission.Answer `json:"access"`
	Consent      map[string]string `json:"consent"` // by purpose
	Protection   string            `json:"protection"`
	Disputed     bool              `json:"disputed"`
	Destruction  *destructionView  `json:"destruction"` // of the person's keys; null where there is none
	Obligations  int               `json:"obligations"` // that stand
	Revision     int64             `json:"revision"`
}

// user answers what stands about one user (P-2.5: protection).
func (a *API) user(r *Request) (*Response, error) {
	snap, about, err := a.ask(r, "as_of")
	if err != nil {
		return nil, err
	}
	b, t := snap.State.Books, about.AsOf
	place := b.Account.PlaceAt(t)
	v := userView{asked: about, RegisteredAt: b.Account.Registered.At.UTC(), Location: place.Location, Language: place.Language,
		Access: permission.Access(b, snap.Site, permission.Place{}, t), Consent: map[string]string{}, Protection: "protected",
		Obligations: len(b.Obligations.StandingAt(t.Add(1))), Revision: snap.Revision}
	for _, c := range b.Consent.Consents {
		for _, p := range c.Purposes {
			v.Consent[p] = permission.ProcessingOnly(b, snap.Site, p, "use", t).Status
		}
	}
	if e := b.Account.DepersonalisedAt; e.Event != "" && !e.At.After(t) {
		v.Protection = "depersonalised"
	}
	if e := b.Account.DestroyedAt; e.Event != "" && !e.At.After(t) {
		v.Protection = "destroyed"
	}
	_, v.Disputed = b.Account.DisputedAt(t)
	if v.Destruction, err = a.destruction(r, snap, t); err != nil {
		return nil, err
	}
	if r.own() {
		hideGrounds(v.Access.Reasons)
	}
	return OK(v).At(snap.Revision), nil
}

// eventView is one event as the contract writes it.
type eventView struct {
	ID          string         `json:"id"`
	Stream      string         `json:"stream"`
	Revision    int64          `json:"revision"`
	Position    int64          `json:"position"`
	Type        string         `json:"type"`
	Version     int            `json:"version"`
	OccurredAt  time.Time      `json:"occurred_at"`
	RecordedAt  time.Time      `json:"recorded_at"`
	ImportedAt  *time.Time     `json:"imported_at,omitempty"`
	Late        bool           `json:"late"`
	Actor       any            `json:"actor"`
	Command     string         `json:"command,omitempty"`
	CausationID string         `json:"causation_id,omitempty"`
	Attribution string         `json:"attribution,omitempty"`
	Data        map[string]any `json:"data"`
}

func viewOf(e user.Recorded, data map[string]any) eventView {
	v := eventView{ID: e.ID.String(), Stream: e.Stream, Revision: e.Revision, Position: e.Position, Type: e.Type, Version: e.Version,
		OccurredAt: e.OccurredAt.UTC(), RecordedAt: e.RecordedAt.UTC(), Late: e.Late, Actor: e.Actor, Command: e.Command, Data: data}
	if e.Causation != [16]byte{} {
		v.CausationID = e.Causation.String()
	}
	if !e.ImportedAt.IsZero() {
		at := e.ImportedAt.UTC()
		v.ImportedAt = &at
	}
	return v
}

// hiddenFromOwner are the members of events that the user's own view leaves out beside everyHidden: the grounds of blocks and of removals, and
// what tells of them in passing, such as why an entry about one was mistaken (T-3.8). The ground of a refused notice is not among them: the person is
// told why (P-2.6).
var hiddenFromOwner = map[string][]string{
	"account.blocked":               {"clause"},
	"account.content_removed":       {"clause"},
	"account.entry_void_requested":  {"reason", "by"},
	"account.destruction_requested": {"by"},
}

// everyHidden are members that no event shows to the user: notes are officers' own, and who they are is nobody's business (P-2.4: the kind of actor is
// shown).
var everyHidden = []string{"note", "requested_by", "approved_by"}

// hide takes from an event's view what its user is not shown.
func (v *eventView) hide(kind string) {
	for _, member := range slices.Concat(everyHidden, hiddenFromOwner[v.Type]) {
		delete(v.Data, member)
	}
	v.Actor = ownActor(kind)
}

// events lists a user's events and the markers of time about them, in the order of their record. An officer who gives a Purpose sees personal values in clear, and the look is recorded first.
func (a *API) events(r *Request) (*Response, error) {
	var from struct {
		After int64 `json:"after"`
	}
	from.After = -1
	r.Query.Cursor("after", &from)
	limit := r.Query.Int("limit", 100, 1, 1000)
	snap, _, err := a.ask(r, "as_of")
	if err != nil {
		return nil, err
	}
	open := r.Route.Method == "GET" && r.http.Header.Get("Purpose") != "" && slices.Contains([]access.Role{access.Officer, access.Approver}, r.Actor.Role)
	why := ""
	if open {
		if why, err = r.Purpose(); err != nil {
			return nil, err
		}
	}
	markers, err := a.Service.Markers(r.Context(), snap)
	if err != nil {
		return nil, err
	}
	all := slices.Concat(snap.Events, markers)
	slices.SortFunc(all, func(x, y user.Recorded) int { return cmp.Compare(x.Position, y.Position) })
	items, next := []eventView{}, ""
	var looked []string
	for _, e := range all {
		if e.Position <= from.After {
			continue
		}
		if len(items) == limit {
			from.After = items[limit-1].Position
			next = Cursor(from)
			break
		}
		var data map[string]any
		if open || r.own() {
			var fields []string
			data, fields, err = a.Service.Shown(r.Context(), e)
			looked = append(looked, fields...)
		} else {
			data, err = commands.Masked(e)
		}
		if err != nil {
			return nil, err
		}
		v := viewOf(e, data)
		if r.own() {
			v.hide(e.Actor.Kind)
		}
		if e.Actor.Kind == string(access.Service) || e.Actor.Kind == string(access.Subject) { // done through the account (T-3.6)
			v.Attribution = permission.AttributionAt(snap.State.Books, e.OccurredAt).Attribution
		}
		items = append(items, v)
	}
	if open {
		if err := a.Service.Looked(r.Context(), snap.User, commands.Reader{Actor: r.Actor.Event(), Why: why, Route: r.Route.Path}, looked); err != nil {
			return nil, err
		}
	}
	return Page(items, next).At(snap.Revision), nil
}

// ownActor is an actor as the user's own view shows it: what kind, not who.
func ownActor(kind string) map[string]string { return map[string]string{"kind": kind} }

// moment is a pointer to a moment, nil for none.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// reads lists who looked at a user's personal data (P-2.4). The person sees which kind of actor it was.
func (a *API) reads(r *Request) (*Response, error) {
	snap, _, err := a.ask(r, "as_of")
	if err != nil {
		return nil, err
	}
	entries, _, err := a.Service.Entries(r.Context(), commands.Reads, string(snap.User))
	if domain.Code(err) == "user-not-found" {
		entries, err = nil, nil
	}
	if err != nil {
		return nil, err
	}
	items := []eventView{}
	for _, e := range entries {
		if snap.Known.Position > 0 && e.Position > snap.Known.Position || snap.Known.Position == 0 && e.RecordedAt.After(snap.Known.At) {
			continue
		}
		data, err := commands.Masked(e)
		if err != nil {
			return nil, err
		}
		v := viewOf(e, data)
		if r.own() {
			v.Actor = ownActor(e.Actor.Kind)
			delete(v.Data, "purpose")
		}
		items = append(items, v)
	}
	return Page(items, ""), nil
}

// personalData shows a user's personal data to an officer who says why, or to the person.
func (a *API) personalData(r *Request) (*Response, error) {
	id, err := r.User()
	if err != nil {
		return nil, err
	}
	reader := commands.Reader{Actor: r.Actor.Event(), Route: r.Route.Path}
	if !r.own() {
		if reader.Why, err = r.Purpose(); err != nil {
			return nil, err
		}
	}
	p, err := a.Service.PersonalData(r.Context(), id, reader)
	if err != nil {
		return nil, err
	}
	return OK(struct {
		UserID domain.UserID `json:"user_id"`
		commands.Person
	}{id, p}).With("Cache-Control", "no-store"), nil
}

// search finds users by exactly one value, given in the body, never in a URL. Who is found by an officer or an approver was looked at: a value that finds a
// person is a value that was seen, and so it is recorded before the answer (P-2.4).
func (a *API) search(r *Request) (*Response, error) {
	var by struct {
		Login  string `json:"login"`
		Email  string `json:"email"`
		Mobile string `json:"mobile"`
		IIN    string `json:"iin"`
	}
	if err := r.Decode(&by); err != nil {
		return nil, err
	}
	given := map[vault.Field]string{}
	for field, value := range map[vault.Field]string{vault.Login: by.Login, vault.Email: by.Email, vault.Mobile: by.Mobile, vault.IIN: by.IIN} {
		if value != "" {
			given[field] = value
		}
	}
	if len(given) != 1 {
		return nil, domain.Malformed("/", "name exactly one of login, email, mobile and iin")
	}
	type found struct {
		UserID domain.UserID `json:"user_id"`
	}
	reader, staff := commands.Reader{Actor: r.Actor.Event(), Why: "search", Route: r.Route.Path}, r.Actor.Role != access.Service
	if staff && r.http.Header.Get("Purpose") != "" {
		var err error
		if reader.Why, err = r.Purpose(); err != nil {
			return nil, err
		}
	}
	items := []found{}
	for field, value := range given {
		ids, err := a.Service.Find(r.Context(), field, value)
		if refusal, ok := err.(*domain.Error); ok {
			return nil, refusal.At("/" + string(field))
		}
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			if staff {
				if err := a.Service.Looked(r.Context(), id, reader, []string{string(field)}); err != nil {
					return nil, err
				}
			}
			items = append(items, found{id})
		}
	}
	return Page(items, ""), nil
}
