package http_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kelisim/commands"
	"kelisim/commands/access"
	"kelisim/commands/journal"
	"kelisim/commands/sqlite"
	"kelisim/commands/terms"
	"kelisim/commands/tlog"
	"kelisim/commands/tlog/verify"
	"kelisim/commands/vault"
	"kelisim/domain/catalogue"
	"kelisim/domain/event"
	ledger "kelisim/http"
	"kelisim/projections"
)

// kept is a server over a ledger in memory, in which the user is registered.
type kept struct {
	*outside
	service *commands.Service
	log     *tlog.Follower
	keys    *tlog.Keys
	consent string
}

func newKept(t *testing.T) *kept {
	t.Helper()
	k := &kept{}
	k.outside = newOutside(t, func(o *ledger.Options) {
		store := &journal.Memory{Now: o.Now}
		v, err := vault.New(t.Context(), &vault.Memory{}, vault.NewMemoryKEK())
		if err != nil {
			t.Fatal(err)
		}
		v.Now = o.Now
		k.service = &commands.Service{Journal: journal.New(store, catalogue.All()), Vault: v, Now: o.Now}
		if k.keys, err = tlog.OpenKeys(filepath.Join(t.TempDir(), "log.key"), "kelisim.test/ledger"); err != nil {
			t.Fatal(err)
		}
		if k.log, err = tlog.NewFollower(t.Context(), tlog.Config{Journal: k.service.Journal, Store: &tlog.Memory{}, Keys: k.keys, Now: o.Now}); err != nil {
			t.Fatal(err)
		}
		views, err := sqlite.OpenViews(filepath.Join(t.TempDir(), "views.db"))
		if err != nil {
			t.Fatal(err)
		}
		runner := &projections.Runner{Journal: k.service.Journal, Writer: views.Writer, Readers: views.Readers}
		if err := runner.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		following, stop := context.WithCancel(context.Background())
		go func() { ended <- runner.Run(following) }()
		t.Cleanup(func() {
			stop()
			if err := errors.Join(<-ended, views.Close()); err != nil {
				t.Error(err)
			}
		})
		o.Service, o.Evidence, o.Views = k.service, k.log, runner
		builtin, err := terms.Builtin()
		if err == nil {
			err = builtin.Publish(t.Context(), k.service)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	st, err := k.service.SiteAt(t.Context(), commands.Known{})
	if err != nil {
		t.Fatal(err)
	}
	var shown []string
	for _, id := range []string{"terms", "personal-data"} {
		d, _ := st.InForce(id, "ru", k.clock.Now())
		shown = append(shown, fmt.Sprintf(`{"id":%q,"version":%q,"sha256":%q}`, d.ID, d.Version, d.SHA256))
	}
	k.consent = k.do("register", fmt.Sprintf(`{"user_id":%q,"login":"asel","acceptance":{"button":"register","page":"subscription","language":"ru","documents":[%s]},
		"contacts":{"email":"asel@example.kz"},"personal_data":{"family_name":"Қанатқызы","given_name":"Әсел"}}`, user, strings.Join(shown, ","))).Answer["consent_id"].(string)
	return k
}

func (k *kept) do(command, body string) commands.Done {
	k.t.Helper()
	b, err := commands.Decode(command, []byte(body), nil)
	if err != nil {
		k.t.Fatal(err)
	}
	done, err := k.service.Do(k.t.Context(), commands.Wish{Command: command, Subject: string(user), Body: b.Command, Actor: event.Actor{Kind: "officer", ID: "o"}, MayBeLate: true})
	if err == nil {
		err = k.log.Settle(k.t.Context())
	}
	if err != nil {
		k.t.Fatalf("%s: %v", command, err)
	}
	return done
}

// looks are the recorded looks at the person's data: who, and at what.
func (k *kept) looks() []string {
	k.t.Helper()
	var all []string
	for _, item := range answer(k.t, k.ask(access.Auditor, "GET", "/v1/users/"+string(user)+"/reads", ""))["items"].([]any) {
		e := item.(map[string]any)
		all = append(all, fmt.Sprint(e["actor"].(map[string]any)["kind"], " ", e["data"].(map[string]any)["fields"]))
	}
	return all
}

func file(t *testing.T, what string, w *httptest.ResponseRecorder, kind, name string) []byte {
	t.Helper()
	if w.Code != 200 || w.Header().Get("Content-Type") != kind || w.Header().Get("Content-Disposition") != `attachment; filename="`+name+`"` {
		t.Fatalf("%s: %d, %v, %.300s", what, w.Code, w.Header(), w.Body)
	}
	return w.Body.Bytes()
}

// P-2.2, P-2.6: receipts by their routes, in every form, checked with the log's public key alone.
func TestReceipts(t *testing.T) {
	k := newKept(t)
	notice := k.do("withdraw", `{"received_on":"2026-03-01","channel":"registered-post","tracking_number":"RR473124829KZ"}`).Answer["notice_id"].(string)
	p, err := verify.ParsePolicy(tlog.PolicyText(k.keys.VerifierKeys()))
	if err != nil {
		t.Fatal(err)
	}
	for what, path := range map[string]string{"consent-" + k.consent: "/consents/" + k.consent, "notice-" + notice: "/withdrawal-notices/" + notice} {
		path = "/v1/users/" + string(user) + path + "/record"
		text := file(t, what, k.ask(access.Subject, "GET", path+"?format=json", ""), "application/json", what+".json")
		if shown, err := verify.Receipt(text, p); err != nil || shown.Subject != string(user) || shown.Events[0].Index < 0 {
			t.Errorf("%s shows %+v (%v)", what, shown, err)
		}
		if !json.Valid(file(t, what, k.ask(access.Service, "GET", path, ""), "application/ld+json", what+".jsonld")) {
			t.Errorf("%s as JSON-LD is no JSON", what)
		}
		for query, language := range map[string]string{"": "ru", "&language=kk": "kk", "&language=en": "en"} {
			pdf := file(t, what, k.ask(access.Auditor, "GET", path+"?format=pdf"+query, ""), "application/pdf", what+"."+language+".pdf")
			if !bytes.HasPrefix(pdf, []byte("%PDF-")) || !bytes.Contains(pdf, []byte("/Lang ("+language+")")) {
				t.Errorf("%s%s is no PDF in %s", what, query, language)
			}
		}
		wantProblem(t, "a form", k.ask(access.Officer, "GET", path+"?format=xml", ""), 400, "invalid-request")
		wantProblem(t, "a language", k.ask(access.Officer, "GET", path+"?language=uz", ""), 400, "invalid-request")
		wantProblem(t, "before it", k.ask(access.Officer, "GET", path+"?as_of=2026-01-01T00:00:00Z", ""), 404, strings.Split(what, "-")[0]+"-not-found")
		wantProblem(t, "another id", k.ask(access.Officer, "GET", strings.Replace(path, what[len(what)-36:], string(nobody), 1), ""), 404, strings.Split(what, "-")[0]+"-not-found")
	}
	if looks := k.looks(); len(looks) != 0 {
		t.Errorf("nobody was shown a name, and these looked: %v", looks)
	}
}

// P-2.4: a name stands on the PDF alone, for the person and for an officer who says why; each look is recorded.
func TestNameOnAReceipt(t *testing.T) {
	k := newKept(t)
	k.clock.pass(time.Hour)
	path := "/v1/users/" + string(user) + "/consents/" + k.consent + "/record?as_of=2026-03-01T12:30:00Z&known_at=2026-03-01T12:30:00Z&format="
	name := "consent-" + k.consent + ".ru.pdf"
	without := file(t, "an officer", k.ask(access.Officer, "GET", path+"pdf", ""), "application/pdf", name)
	with := file(t, "an officer who says why", k.ask(access.Officer, "GET", path+"pdf", "", "Purpose: a complaint"), "application/pdf", name)
	own := file(t, "the person", k.ask(access.Subject, "GET", path+"pdf", ""), "application/pdf", name)
	if bytes.Equal(with, without) || !bytes.Equal(with, own) {
		t.Error("a name makes no difference")
	}
	wantProblem(t, "a purpose that is none", k.ask(access.Officer, "GET", path+"pdf", "", "Purpose: x"), 400, "invalid-request")
	service := file(t, "a service with a purpose", k.ask(access.Service, "GET", path+"pdf", "", "Purpose: a complaint"), "application/pdf", name)
	if !bytes.Equal(service, without) {
		t.Error("a service is shown the name")
	}
	for _, form := range []string{"json", "dpv-27560"} {
		if w := k.ask(access.Officer, "GET", path+form, "", "Purpose: a complaint"); w.Code != 200 || strings.Contains(w.Body.String(), "Әсел") || strings.Contains(w.Body.String(), "asel") {
			t.Errorf("%s: %d, and the name", form, w.Code)
		}
	}
	if got := k.looks(); len(got) != 2 || got[0] != "officer [family_name given_name]" || got[1] != "subject [family_name given_name]" {
		t.Errorf("these looked: %v", got)
	}
}

// The records of all consents come a line each, the same bytes for the same knowledge and moment, with nothing personal in them, for an auditor as for
// an officer.
func TestPopulationByItsRoute(t *testing.T) {
	k := newKept(t)
	w := k.ask(access.Auditor, "GET", "/v1/consents/records?as_of=2026-03-02T00:00:00Z", "")
	position := w.Header().Get("Kelisim-Position")
	if w.Code != 200 || strings.Count(w.Body.String(), "\n") != 1 || !strings.Contains(w.Body.String(), k.consent) || !strings.HasPrefix(position, "position:") {
		t.Fatalf("%d %q %s", w.Code, position, w.Body)
	}
	for _, personal := range []string{"asel", "Әсел", "Қанат"} {
		if strings.Contains(w.Body.String(), personal) {
			t.Errorf("it names %q", personal)
		}
	}
	k.do("withdraw", `{"received_on":"2026-03-01","channel":"registered-post","tracking_number":"RR123456785KZ"}`)
	again := k.ask(access.Officer, "GET", "/v1/consents/records?format=dpv-27560&as_of=2026-03-02T00:00:00Z&known_at="+position, "")
	if again.Body.String() != w.Body.String() {
		t.Errorf("other bytes: %s", again.Body)
	}
	later := k.ask(access.Officer, "GET", "/v1/consents/records?as_of=2026-03-20T00:00:00Z", "")
	if !strings.Contains(later.Body.String(), "dpv:ConsentWithdrawn") || strings.Contains(w.Body.String(), "dpv:ConsentWithdrawn") {
		t.Errorf("the withdrawal is not told: %s", later.Body)
	}
	p := wantProblem(t, "another form", k.ask(access.Officer, "GET", "/v1/consents/records?format=pdf", ""), 400, "invalid-request")
	if at(p) != "?format" {
		t.Errorf("at %s", at(p))
	}
}
