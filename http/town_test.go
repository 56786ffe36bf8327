package http_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"kelisim/commands"
	"kelisim/commands/access"
	"kelisim/commands/journal"
	"kelisim/commands/sqlite"
	"kelisim/commands/terms"
	"kelisim/commands/vault"
	"kelisim/domain/calendar"
	"kelisim/domain/catalogue"
	"kelisim/domain/event"
	ledger "kelisim/http"
	"kelisim/projections"
)

// town is a server over a ledger of many users, with its read models.
type town struct {
	*outside
	service  *commands.Service
	views    *projections.Runner
	users    []string
	position int64       // of the last event
	ends     []time.Time // of blocks, as they were asked for
	r        *rand.Rand
}

func newTown(t *testing.T, seed uint64) *town {
	t.Helper()
	w := &town{r: rand.New(rand.NewPCG(seed, 7))}
	views, err := sqlite.OpenViews(filepath.Join(t.TempDir(), "views.db"))
	if err != nil {
		t.Fatal(err)
	}
	w.outside = newOutside(t, func(o *ledger.Options) {
		v, err := vault.New(t.Context(), &vault.Memory{}, vault.NewMemoryKEK())
		if err != nil {
			t.Fatal(err)
		}
		v.Now = o.Now
		w.service = &commands.Service{Journal: journal.New(&journal.Memory{Now: o.Now}, catalogue.All()), Vault: v, Now: o.Now}
		builtin, err := terms.Builtin()
		if err == nil {
			err = builtin.Publish(t.Context(), w.service)
		}
		if err != nil {
			t.Fatal(err)
		}
		w.views = &projections.Runner{Journal: w.service.Journal, Writer: views.Writer, Readers: views.Readers, Log: slog.New(slog.DiscardHandler)}
		o.Service, o.Views = w.service, w.views
	})
	if err := w.views.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.views.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-ended, views.Close()); err != nil {
			t.Error(err)
		}
	})
	return w
}

// wish carries out a command about a user, which may be refused; occurred is how long ago it happened.
func (w *town) wish(id, command, body string, ago time.Duration) commands.Done {
	w.t.Helper()
	b, err := commands.Decode(command, []byte(body), nil)
	if err != nil {
		w.t.Fatalf("%s %s: %v", command, body, err)
	}
	at := w.clock.Now().Add(-ago)
	kind := []string{"officer", "approver"}[w.r.IntN(2)]
	done, err := w.service.Do(w.t.Context(), commands.Wish{Command: command, Subject: id, Body: b.Command, Actor: event.Actor{Kind: kind, ID: kind}, OccurredAt: &at, Imported: true})
	if err == nil {
		w.position = max(w.position, done.Position)
	}
	return done
}

func (w *town) register() string {
	id := uuid.NewSHA1(uuid.Nil, fmt.Append(nil, len(w.users))).String()
	place := []string{"KZ", "KZ-71", "KZ-75", "DE"}[w.r.IntN(4)]
	language := []string{"kk", "ru", "en"}[w.r.IntN(3)]
	done := w.wish(id, "register", fmt.Sprintf(`{"login":"l%d","location":%q,"acceptance":{"button":"register","page":"subscription","language":%q},"contacts":{"email":"secret%d@example.kz"}}`,
		len(w.users), place, language, len(w.users)), 0)
	if len(done.Events) == 0 {
		w.t.Fatal("a registration was refused")
	}
	w.users = append(w.users, id)
	return id
}

// live carries out one random command about a random user, now or entered late.
func (w *town) live() {
	id := w.users[w.r.IntN(len(w.users))]
	now, ago := w.clock.Now(), time.Duration(0)
	if w.r.IntN(3) == 0 {
		ago = time.Duration(w.r.IntN(30*24)) * time.Hour
	}
	day := func(ahead int) string { return calendar.DayOf(now).AddDays(ahead).String() }
	language := []string{"kk", "ru", "en"}[w.r.IntN(3)]
	press := fmt.Sprintf(`"acceptance":{"button":"buy","page":"marketplace","language":%q}`, language)
	switch w.r.IntN(17) {
	case 0:
		w.wish(id, "consent", fmt.Sprintf(`{%s,"acknowledge_pending_withdrawal":%v}`, press, w.r.IntN(2) == 0), ago)
	case 1, 2, 3:
		months := []int{1, 3, 6, 12}[w.r.IntN(4)]
		o := w.wish(id, "purchase", fmt.Sprintf(`{"months":%d,%s,"acknowledge_pending_withdrawal":true}`, months, press), ago)
		if len(o.Events) == 0 {
			return
		}
		price, _ := json.Marshal(o.Answer["price"])
		paid := now.Add(-ago).Add(time.Duration(w.r.IntN(25)) * time.Hour)
		if paid.After(now) {
			paid = now.Add(time.Duration(w.r.IntN(200)) * time.Second)
		}
		w.wish(id, "record-payment", fmt.Sprintf(`{"order_id":%q,"provider":"bank","transaction_id":"%d","paid_at":%q,"amount":%s}`,
			o.Answer["order_id"], w.r.Int32(), paid.Format(time.RFC3339Nano), price), 0)
	case 4, 5:
		purposes := []string{"", "", `,"purposes":["advertising"]`, `,"purposes":["quality-research","marketing-statistics"]`}[w.r.IntN(4)]
		requested := []string{"", `,"requested_on":"` + day(20) + `"`}[w.r.IntN(2)]
		channel := []string{"registered-post", "registered-post", "e-mail"}[w.r.IntN(3)]
		done := w.wish(id, "withdraw", fmt.Sprintf(`{"received_on":%q,"channel":%q,"tracking_number":"RR123456785KZ"%s%s}`, day(-w.r.IntN(12)), channel, purposes, requested), 0)
		if notice, ok := done.Answer["notice_id"].(string); ok {
			switch w.r.IntN(6) {
			case 0:
				w.wish(id, "rescind-withdrawal", fmt.Sprintf(`{"notice_id":%q}`, notice), 0)
			case 1:
				w.wish(id, "refuse-withdrawal", fmt.Sprintf(`{"notice_id":%q,"ground":"law"}`, notice), 0)
			case 2:
				w.wish(id, "accept-withdrawal", fmt.Sprintf(`{"notice_id":%q}`, notice), 0)
			}
		}
	case 6:
		until := ""
		if w.r.IntN(4) > 0 { // finer than the microseconds that lists are asked in
			end := now.Add(time.Duration(1+w.r.IntN(3e6))*time.Second + 300*time.Nanosecond)
			until, w.ends = `,"until":"`+end.Format(time.RFC3339Nano)+`"`, append(w.ends, end)
		}
		w.wish(id, "block", `{"clause":"T-3.8"`+until+`}`, ago)
	case 7:
		w.wish(id, "unblock", fmt.Sprintf(`{"compensate_days":%d}`, w.r.IntN(3)), ago)
	case 8:
		w.wish(id, "block-data", `{"basis":"request"}`, ago)
	case 9:
		w.wish(id, "unblock-data", `{"basis":"done"}`, ago)
	case 10:
		done := w.wish(id, "demand-fine", fmt.Sprintf(`{"clause":"T-6.6","act_on":%q}`, day(-1)), 0)
		if ob, ok := done.Answer["obligation_id"].(string); ok && w.r.IntN(2) == 0 {
			w.wish(id, "discharge", fmt.Sprintf(`{"obligation_id":%q,"how":"waived"}`, ob), 0)
		}
	case 11:
		done := w.wish(id, "set-legal-hold", `{"basis":"court","acts":["store"]}`, ago)
		if hold, ok := done.Answer["hold_id"].(string); ok && w.r.IntN(2) == 0 {
			w.wish(id, "lift-legal-hold", fmt.Sprintf(`{"hold_id":%q}`, hold), 0)
		}
	case 12:
		w.wish(id, "set-location", fmt.Sprintf(`{"location":%q,"language":%q}`, []string{"KZ-10", "kz", "UZ"}[w.r.IntN(3)], language), ago)
	case 13:
		w.wish(id, "grant-days", fmt.Sprintf(`{"days":%d,"reason":"kindness"}`, 1+w.r.IntN(9)), ago)
	case 14:
		events, _, err := w.service.Entries(w.t.Context(), commands.User, id)
		if err != nil {
			w.t.Fatal(err)
		}
		e := events[w.r.IntN(len(events))].ID
		w.wish(id, "void-entry", fmt.Sprintf(`{"event_id":%q,"reason":"slip"}`, e), 0)
		w.wish(id, "approve-void", fmt.Sprintf(`{"event_id":%q}`, e), 0)
	case 15:
		if w.r.IntN(4) == 0 {
			w.wish(id, "depersonalise", `{"basis":"request"}`, 0)
		}
	case 16:
		if w.r.IntN(4) == 0 {
			w.wish(id, "destroy", `{"basis":"request"}`, 0)
			w.wish(id, "approve-destruction", `{}`, 0)
		}
	}
}

// list asks for all pages of a list.
func (w *town) list(query string, limit int) (items []projections.User, at time.Time) {
	w.t.Helper()
	after := ""
	for range 1000 {
		a := w.ask(access.Auditor, "GET", fmt.Sprintf("/v1/users?limit=%d&at_least=%d&%s%s", limit, w.position, query, after), "")
		var page struct {
			Items []projections.User
			Next  *string
			AsOf  time.Time `json:"as_of"`
		}
		if err := json.Unmarshal(a.Body.Bytes(), &page); err != nil || a.Code != 200 {
			w.t.Fatalf("%s: %d %s", query, a.Code, a.Body)
		}
		if items = append(items, page.Items...); page.Next == nil {
			return items, page.AsOf
		}
		after = "&after=" + *page.Next
	}
	w.t.Fatalf("%s never ends", query)
	return nil, at
}

func (w *town) get(path string) map[string]any {
	w.t.Helper()
	a := w.ask(access.Officer, "GET", path, "")
	if a.Code != 200 {
		w.t.Fatalf("%s: %d %s\n%s", path, a.Code, a.Body, w.log)
	}
	return answer(w.t, a)
}

var purposes = []string{"advertising", "marketing-statistics", "quality-research"}

// single is what the questions about one user answer, in the form of a line of the list.
func (w *town) single(id string, at time.Time) projections.User {
	w.t.Helper()
	path, query := "/v1/users/"+id, "?as_of="+url.QueryEscape(at.Format(time.RFC3339Nano))
	moment := func(v any) *time.Time {
		s, _ := v.(string)
		t, err := time.Parse(time.RFC3339, s)
		if err != nil {
			return nil
		}
		return &t
	}
	u := projections.User{RegisteredAt: time.Time{}, UserStanding: projections.UserStanding{Status: "active"}}
	view := w.get(path + query)
	u.UserID, u.RegisteredAt = "", *moment(view["registered_at"])
	u.Location, _ = view["location"].(string)
	u.Language, _ = view["language"].(string)
	for _, r := range view["access"].(map[string]any)["reasons"].([]any) {
		if r.(map[string]any)["code"] == "blocked" {
			u.Blocked, u.Status = true, "blocked"
		}
	}
	if p := view["protection"].(string); p != "protected" {
		u.Status = p
	}
	sub := w.get(path + "/subscription" + query)
	u.Coverage = projections.UserCoverage{Status: sub["status"].(string), Until: moment(sub["until"])}
	var last time.Time
	for _, p := range sub["payments"].([]any) {
		p := p.(map[string]any)
		if paid := moment(p["paid_at"]); p["status"] == "applied" && !paid.After(at) && !paid.Before(last) {
			last, u.Plan = *paid, int(p["months"].(float64))
		}
	}
	for purpose := range view["consent"].(map[string]any) {
		p := w.get(path + "/processing" + query + "&purpose=" + purpose)
		k := projections.UserConsent{Purpose: purpose, Status: p["status"].(string)}
		if reason := p["reasons"].([]any)[0].(map[string]any); reason["code"] == "withdrawal-pending" {
			k.EffectiveFrom = moment(reason["until"])
		}
		u.Consents = append(u.Consents, k)
	}
	slices.SortFunc(u.Consents, func(a, b projections.UserConsent) int { return strings.Compare(a.Purpose, b.Purpose) })
	consents := w.get(path + "/consents" + query)
	for _, h := range consents["legal_holds"].([]any) {
		h := h.(map[string]any)
		if until := moment(h["until"]); !moment(h["since"]).After(at) && (until == nil || at.Before(*until)) {
			u.LegalHolds++
		}
	}
	counts := map[string]int{}
	for _, o := range w.get(path + "/obligations" + query)["items"].([]any) {
		if o := o.(map[string]any); o["status"] == "standing" || o["status"] == "contested" {
			counts[o["kind"].(string)]++
		}
	}
	for kind, n := range counts {
		u.Obligations = append(u.Obligations, projections.UserObligation{Kind: kind, Count: n})
	}
	return u
}

// told is a user without what the single questions do not tell in the same words.
func told(u projections.User) string {
	u.UserID, u.NextChangeAt, u.Documents, u.DataBlocked = "", nil, nil, false
	u.RegisteredAt = u.RegisteredAt.UTC()
	text, _ := json.Marshal(u)
	return strings.NewReplacer(`"consents":null`, `"consents":[]`, `"obligations":null`, `"obligations":[]`).Replace(string(text))
}
