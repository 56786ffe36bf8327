package receipts_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"kelisim/commands"
	"kelisim/commands/journal"
	"kelisim/commands/receipts"
	"kelisim/commands/terms"
	"kelisim/commands/tlog"
	"kelisim/commands/tlog/verify"
	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/calendar"
	"kelisim/domain/catalogue"
	"kelisim/domain/consent"
	"kelisim/domain/event"
	"kelisim/domain/obligation"
	"kelisim/domain/site"
)

const origin = "kelisim.test/ledger"

// keys follow from a number, so that what they sign is the same in every run.
func keys(t testing.TB, n byte) *tlog.Keys {
	t.Helper()
	seed := bytes.Repeat([]byte{n}, 32)
	public := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	id := verify.KeyID(origin, append([]byte{verify.AlgEd25519}, public...))
	k, err := tlog.ParseKeys(fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s\n", origin, id, base64.StdEncoding.EncodeToString(append([]byte{verify.AlgEd25519}, seed...))), origin)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func policy(t testing.TB, k *tlog.Keys) *verify.Policy {
	t.Helper()
	p, err := verify.ParsePolicy(tlog.PolicyText(k.VerifierKeys()))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// world is a ledger whose every byte is the same in each run: three people, each of whom was shown the agreement in another language.
type world struct {
	t     testing.TB
	store *journal.Memory
	typed *journal.Journal
	now   time.Time
	n     int
	ends  map[string]int64
	desk  receipts.Desk
	keys  *tlog.Keys
	texts map[string]site.DocumentPublished
}

const (
	kazakh  = domain.UserID("0f9d2f3e-1b0a-4c53-9d51-000000000001")
	russian = domain.UserID("0f9d2f3e-1b0a-4c53-9d51-000000000002")
	english = domain.UserID("0f9d2f3e-1b0a-4c53-9d51-000000000003")

	refused = "aaaaaaaa-0000-4000-8000-000000000001"
	partly  = "aaaaaaaa-0000-4000-8000-000000000002"
	emailed = "aaaaaaaa-0000-4000-8000-000000000003"
	fine    = "bbbbbbbb-0000-4000-8000-000000000001"
)

func consentOf(u domain.UserID) string { return "cccccccc" + string(u)[8:] }

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

func aDay(text string) calendar.Day {
	d, err := calendar.ParseDay(text)
	if err != nil {
		panic(err)
	}
	return d
}

func (w *world) uuid() uuid.UUID {
	w.n++
	return uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "event %d", w.n))
}

// record appends one event as of the world's moment, and answers its id.
func (w *world) record(stream domain.Stream, kind string, e any) string {
	w.t.Helper()
	return w.recordOf(w.now, stream, kind, e)
}

// recordOf is record for what happened at another moment.
func (w *world) recordOf(occurred time.Time, stream domain.Stream, kind string, e any) string {
	w.t.Helper()
	m := event.Meta{ID: w.uuid(), OccurredAt: occurred, Actor: event.Actor{Kind: kind, ID: kind + "-1"}, Command: "test", TermsVersion: "2020-10-27"}
	r, err := w.typed.Encode(e, m)
	if err != nil {
		w.t.Fatal(err)
	}
	last, ok := w.ends[string(stream)]
	if !ok {
		last = journal.NoStream
	}
	receipt, err := w.store.Append(w.t.Context(), string(stream), last, []journal.NewRecord{r})
	if err != nil {
		w.t.Fatal(err)
	}
	w.ends[string(stream)] = receipt.Revision
	return m.ID.String()
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, now: at("2020-10-27T00:00:00+06:00"), ends: map[string]int64{}, keys: keys(t, 7), texts: map[string]site.DocumentPublished{}}
	w.store = &journal.Memory{Now: func() time.Time { return w.now }}
	w.typed = journal.New(w.store, catalogue.All())
	w.desk.Service = &commands.Service{Journal: w.typed, Now: func() time.Time { return w.now }}
	w.publish()
	for i, u := range []domain.UserID{kazakh, russian, english} {
		w.now = at("2026-01-31T23:30:00+05:00").Add(time.Duration(i) * time.Minute)
		w.press(u, receipts.Languages[i], "register", "subscription", consentOf(u))
	}
	w.now = at("2026-02-03T10:00:00+05:00")
	w.record(domain.UserStream(english), "officer", consent.DisclosureMade{DisclosureID: partly, Recipient: "«Казпочта» АҚ", Country: "KZ", Purpose: "advertising",
		Basis: "P-2.3", Allowed: true, Code: "consent-given"})
	w.record(domain.UserStream(russian), "officer", obligation.FineDemanded{ObligationID: fine, Amount: domain.KZT(50_000), Clause: "T-6.6", ActOn: aDay("2026-02-01"), TermsVersion: "2020-10-27"})
	w.now = at("2026-02-07T15:04:05+05:00")
	sent := aDay("2026-02-01")
	notice := consent.WithdrawalNoticeReceived{NoticeID: refused, ReceivedOn: aDay("2026-02-04"), Channel: consent.RegisteredPost, TrackingNumber: "RR473124829KZ",
		SentOn: &sent, PerTerms: true, EffectiveOn: aDay("2026-02-14"), EffectiveFrom: aDay("2026-02-14").Start()}
	w.record(domain.UserStream(russian), "officer", notice)
	w.record(domain.UserStream(russian), "officer", consent.WithdrawalRefused{NoticeID: refused, Grounds: []consent.Ground{{Code: "unfulfilled-obligation", Clause: "P-2.6", ObligationID: fine}}})
	early := aDay("2026-02-05")
	notice.NoticeID, notice.SentOn, notice.TrackingNumber, notice.Purposes = partly, nil, "RR473124830KZ", []string{"advertising"}
	notice.RequestedOn, notice.RequestedOnTooEarly = &early, true
	w.record(domain.UserStream(english), "service", notice)
	w.record(domain.UserStream(kazakh), "officer", consent.WithdrawalNoticeReceived{NoticeID: emailed, ReceivedOn: aDay("2026-02-06"), Channel: "e-mail",
		EffectiveOn: aDay("2026-02-16"), EffectiveFrom: aDay("2026-02-16").Start()})
	w.now = at("2026-02-14T00:00:10+05:00")
	w.recordOf(aDay("2026-02-14").Start(), domain.DueStream(english), "system", consent.WithdrawalTookEffect{NoticeID: partly, EffectiveFrom: aDay("2026-02-14").Start(), Purposes: []string{"advertising"}})
	w.now = at("2026-03-01T09:00:00+05:00")
	w.press(english, "en", "buy", "marketplace", partly)
	w.follow()
	return w
}

func (w *world) publish() {
	builtin, err := terms.Builtin()
	if err != nil {
		w.t.Fatal(err)
	}
	w.record(domain.SiteStream, "system", site.ParametersSet{InForceFrom: w.now, Parameters: builtin.Parameters.Parameters})
	for _, d := range builtin.Documents {
		events, err := site.Decider.Decide(site.State{}, d.PublishDocument, domain.Context{OccurredAt: w.now})
		if err != nil {
			w.t.Fatal(err)
		}
		published := events[0].(site.DocumentPublished)
		w.record(domain.SiteStream, "system", published)
		w.texts[published.ID+" "+published.Language] = published
	}
}

func (w *world) press(u domain.UserID, language, button, page, id string) {
	ref := func(document string) account.DocumentRef {
		d := w.texts[document+" "+language]
		return account.DocumentRef{ID: d.ID, Version: d.Version, SHA256: d.SHA256}
	}
	shown := account.Acceptance{Button: button, Page: page, Language: language, Documents: []account.DocumentRef{ref("terms"), ref("personal-data")}}
	if button == "register" {
		w.record(domain.UserStream(u), "service", account.Registered{Acceptance: shown, Location: "KZ-71"})
	}
	w.record(domain.UserStream(u), "service", consent.Given{ConsentID: id, Acceptance: shown, Document: ref("personal-data"), Purposes: site.DefaultPurposes, Day: calendar.DayOf(w.now)})
}

// follow opens a log over the journal as it stands.
func (w *world) follow() {
	w.t.Helper()
	f, err := tlog.NewFollower(w.t.Context(), tlog.Config{Journal: w.typed, Store: &tlog.Memory{}, Keys: w.keys, Now: func() time.Time { return w.now }})
	if err == nil {
		err = f.Settle(w.t.Context())
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.desk.Log = f
}

func (w *world) snapshot(u domain.UserID, known commands.Known) commands.Snapshot {
	w.t.Helper()
	snap, err := w.desk.Service.Snapshot(w.t.Context(), u, known)
	if err != nil {
		w.t.Fatal(err)
	}
	return snap
}

func (w *world) consent(u domain.UserID, asOf time.Time, id string) receipts.Receipt {
	w.t.Helper()
	r, err := w.desk.Consent(w.t.Context(), w.snapshot(u, commands.Known{}), asOf, id)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *world) notice(u domain.UserID, asOf time.Time, id string) receipts.Receipt {
	w.t.Helper()
	r, err := w.desk.Notice(w.t.Context(), w.snapshot(u, commands.Known{}), asOf, id)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// all are the receipts of the golden files, by name.
func (w *world) all() map[string]receipts.Receipt {
	before := at("2026-02-10T12:00:00+05:00")
	return map[string]receipts.Receipt{
		"consent-kk":       w.consent(kazakh, w.now, consentOf(kazakh)),
		"consent-ru":       w.consent(russian, w.now, consentOf(russian)),
		"consent-en":       w.consent(english, w.now, consentOf(english)),
		"consent-renewed":  w.consent(english, w.now, partly),
		"notice-pending":   w.notice(english, before, partly),
		"notice-effective": w.notice(english, w.now, partly),
		"notice-refused":   w.notice(russian, w.now, refused),
		"notice-e-mail":    w.notice(kazakh, w.now, emailed),
	}
}
