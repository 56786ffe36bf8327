package http_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"kelisim/commands"
	"kelisim/commands/access"
	"kelisim/commands/journal"
	"kelisim/commands/sqlite"
	"kelisim/commands/tlog"
	"kelisim/commands/tlog/witness"
	"kelisim/domain/catalogue"
	"kelisim/domain/event"
	"kelisim/domain/incident"
	ledger "kelisim/http"
	"kelisim/projections"
)

// readiness is what /readyz says, and the code of each check that fails.
func (o *outside) readiness() (status int, word string, codes map[string]any) {
	o.t.Helper()
	w := o.ask("", "GET", "/readyz", "")
	body := answer(o.t, w)
	codes = map[string]any{}
	for _, c := range body["checks"].([]any) {
		if c := c.(map[string]any); c["ok"] != true {
			codes[c["name"].(string)] = c["code"]
		}
	}
	return w.Code, body["status"].(string), codes
}

func (o *outside) metric(line string) {
	o.t.Helper()
	w := httptest.NewRecorder()
	o.AdminHandler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if !strings.Contains(w.Body.String(), "\n"+line+"\n") {
		o.t.Errorf("the metrics lack %s", line)
	}
}

// happen appends an event.
func happen(t *testing.T, j *journal.Journal, stream string, last int64) {
	t.Helper()
	r, err := j.Encode(incident.Contained{}, event.Meta{ID: uuid.New(), OccurredAt: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), Actor: event.Actor{Kind: "officer", ID: "a"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Append(t.Context(), stream, last, []journal.NewRecord{r}); err != nil {
		t.Fatal(err)
	}
}

// A log that stops, a witness that contradicts or does not come, a read model that halts: each is told in /readyz, /v1/health and the metrics, and the ledger
// takes requests all the same.
func TestDegraded(t *testing.T) {
	down := httptest.NewServer(http.NotFoundHandler())
	defer down.Close()
	dir := t.TempDir()
	keys, err := tlog.OpenKeys(filepath.Join(dir, "log.key"), "kelisim.test/ledger")
	if err != nil {
		t.Fatal(err)
	}
	w, err := witness.Open(witness.Options{KeyFile: filepath.Join(dir, "key"), StateFile: filepath.Join(dir, "state"), Name: "w.test", Logs: keys.VerifierKeys()})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	var j *journal.Journal
	var store tlog.Memory
	var log *tlog.Follower
	follow := func(o *ledger.Options) {
		asked, err := tlog.NewWitnesses([]byte("witness w "+w.VerifierKey()+" "+down.URL+"\nquorum w\n"), keys)
		if err != nil {
			t.Fatal(err)
		}
		asked.Every = time.Millisecond
		if log, err = tlog.NewFollower(t.Context(), tlog.Config{Journal: j, Store: &store, Keys: keys, Now: o.Now, Witnesses: asked}); err != nil {
			t.Fatal(err)
		}
		o.Evidence, o.Service = log, &commands.Service{Journal: j, Now: o.Now}
	}
	views, err := sqlite.OpenViews(filepath.Join(dir, "views.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer views.Close()
	var runner *projections.Runner
	o := newOutside(t, func(o *ledger.Options) {
		j = journal.New(&journal.Memory{Now: o.Now}, catalogue.All())
		happen(t, j, "incident-1", journal.NoStream)
		follow(o)
		poisoned := projections.Projection{Name: "poisoned", Version: 1, Schema: "CREATE TABLE @rows (n INTEGER PRIMARY KEY) STRICT", Tables: []string{"rows"},
			Apply: func(_ context.Context, _ projections.Tables, e journal.Event) error {
				if e.Position > 1 && e.Type == "incident.contained" {
					return errors.New("poison of a kind")
				}
				return nil
			}}
		runner = &projections.Runner{Journal: j, Writer: views.Writer, Readers: views.Readers, Models: []projections.Projection{poisoned}}
		if err := runner.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
		o.Views = runner
	})
	if status, word, codes := o.readiness(); status != 200 || word != "degraded" || codes["read models"] != "building" || len(codes) != 1 {
		t.Errorf("before it has begun: %d %s %v", status, word, codes)
	}
	following, stop := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	go func() { ended <- runner.Run(following) }()
	go func() { ended <- log.Run(following) }()
	end := sync.OnceFunc(func() {
		stop()
		<-ended
		<-ended
	})
	defer end()
	eventually(t, "all is well", func() bool { _, word, _ := o.readiness(); return word == "ready" })
	eventually(t, "the witness is asked", func() bool { return log.Status().Witnessing.Each[0].Trouble != nil })
	health := answer(t, o.ask(access.Operator, "GET", "/v1/health", ""))
	said := health["witnesses"].(map[string]any)
	if each := said["each"].([]any)[0].(map[string]any); each["name"] != "w" || each["code"] != "refused" || each["cosigned_at"] != nil || said["waiting_since"] == nil {
		t.Errorf("the witnesses: %v", said)
	}
	if l := health["log"].(map[string]any); l["size"] != 2.0 || l["signed_size"] != 2.0 || l["code"] != nil { // the event and a commitment of heads
		t.Errorf("the log: %v", l)
	}
	o.clock.pass(16 * time.Minute)
	if status, word, codes := o.readiness(); status != 200 || word != "degraded" || codes["witnesses"] != "late" || len(codes) != 1 {
		t.Errorf("the witnesses are late: %d %s %v", status, word, codes)
	}
	o.metric("kelisim_log_witness_waiting_seconds 960")
	o.metric(`kelisim_log_witness_trouble{why="refused",witness="w"} 1`)
	o.metric(`kelisim_log_witness_trouble{why="contradicted",witness="w"} 0`)
	o.metric("kelisim_log_signed_leaves 2")
	o.metric("kelisim_log_impaired 0")
	o.metric(`kelisim_read_model_halted{model="poisoned"} 0`)
	happen(t, j, "incident-2", journal.NoStream)
	eventually(t, "the read model halts", func() bool { _, _, codes := o.readiness(); return codes["read models"] == "halted" })
	o.metric(`kelisim_read_model_halted{model="poisoned"} 1`)
	model := answer(t, o.ask(access.Operator, "GET", "/v1/health", ""))["read_models"].([]any)[0].(map[string]any)
	if model["name"] != "poisoned" || model["halted"] != true || model["lag"].(float64) < 1 {
		t.Errorf("the read model: %v", model)
	}
	for range 5 {
		o.readiness()
	}
	if n := strings.Count(o.log.String(), "poison of a kind"); n != 1 {
		t.Errorf("that the read model halted is logged %d times", n)
	}
	if strings.Contains(o.ask("", "GET", "/readyz", "").Body.String(), "poison of") {
		t.Error("/readyz tells the text of an error")
	}

	end()
	// Another history under the store of this one.
	other := newOutside(t, func(o *ledger.Options) {
		j = journal.New(&journal.Memory{Now: o.Now}, catalogue.All())
		happen(t, j, "incident-9", journal.NoStream)
		happen(t, j, "incident-9", 0)
		happen(t, j, "incident-9", 1)
		happen(t, j, "incident-9", 2)
		happen(t, j, "incident-9", 3)
		happen(t, j, "incident-9", 4)
		follow(o)
	})
	fault := log.Status().Fault
	if fault == nil {
		t.Fatal("the log goes on over another history")
	}
	if status, word, codes := other.readiness(); status != 200 || word != "degraded" || codes["log"] != fault.Code {
		t.Errorf("a fault of the log: %d %s %v", status, word, codes)
	}
	other.metric("kelisim_log_impaired 1")
	if l := answer(t, other.ask(access.Operator, "GET", "/v1/health", ""))["log"].(map[string]any); l["code"] != fault.Code {
		t.Errorf("the log: %v", l)
	}
	if w := other.ask("", "GET", "/v1/log/checkpoint", ""); w.Code != 200 {
		t.Errorf("what was signed is shown: %d", w.Code)
	}
}

// A witness that has seen another history is told of at once.
func TestContradicted(t *testing.T) {
	dir := t.TempDir()
	keys, err := tlog.OpenKeys(filepath.Join(dir, "log.key"), "kelisim.test/ledger")
	if err != nil {
		t.Fatal(err)
	}
	w, err := witness.Open(witness.Options{KeyFile: filepath.Join(dir, "key"), StateFile: filepath.Join(dir, "state"), Name: "w.test", Logs: keys.VerifierKeys()})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	up := httptest.NewServer(w)
	defer up.Close()
	for round, want := range []string{"", "contradicted"} {
		o := newOutside(t, func(o *ledger.Options) {
			j := journal.New(&journal.Memory{Now: o.Now}, catalogue.All())
			happen(t, j, "incident-1", journal.NoStream)
			asked, err := tlog.NewWitnesses([]byte("witness w "+w.VerifierKey()+" "+up.URL+"\nquorum w\n"), keys)
			if err != nil {
				t.Fatal(err)
			}
			asked.Every = time.Millisecond
			if o.Evidence, err = tlog.NewFollower(t.Context(), tlog.Config{Journal: j, Store: &tlog.Memory{}, Keys: keys, Now: o.Now, Witnesses: asked}); err != nil {
				t.Fatal(err)
			}
			following, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- o.Evidence.Run(following) }()
			t.Cleanup(func() {
				stop()
				<-ended
			})
			eventually(t, "the witness is asked", func() bool {
				each := o.Evidence.Status().Witnessing.Each[0]
				return each.Size > 0 || each.Trouble != nil
			})
		})
		status, word, codes := o.readiness()
		if got, _ := codes["witnesses"].(string); status != 200 || got != want || (word == "ready") != (want == "") {
			t.Errorf("round %d: %d %s %v", round, status, word, codes)
		}
		if want == "" {
			o.metric(`kelisim_log_witness_leaves{witness="w"} 2`)
			o.metric("kelisim_log_witnessed_leaves 2")
		}
	}
}
