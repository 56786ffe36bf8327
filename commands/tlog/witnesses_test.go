package tlog_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"kelisim/commands/tlog"
	"kelisim/commands/tlog/verify"
)

// What is published has the quorum: the checkpoint, a bundle, a proof. What is signed after it is not published until it has one too, and an auditor who wants
// more than signed is not content.
func TestWitnessedCheckpoints(t *testing.T) {
	a, b, c := newWatcher(t, "a.test/w"), newWatcher(t, "b.test/w"), newWatcher(t, "c.test/w")
	c.down.Store(true)
	w, _ := watched(t, nil, quorum(2, a, b, c))
	events := w.record(user(1), 5)
	w.settle()
	w.witnessed("a quorum", func(s tlog.Witnessing) bool { return s.Size == 6 && s.Each[2].Trouble != nil })
	s := w.Status().Witnessing
	if !s.Waiting.IsZero() || s.Open || s.Each[0].Size != 6 || s.Each[0].At.IsZero() || s.Each[2].Size != 0 || s.Each[2].Name != "w2" {
		t.Errorf("it stands at %+v", s)
	}
	if got := w.published(); got.Size != 6 || bytes.Count(got.Cosigned, []byte("\n")) != 2 || len(got.Lasting) == 0 {
		t.Errorf("published: %+v", got)
	}
	a.down.Store(true)
	b.down.Store(true)
	w.record(user(1), 2)
	w.settle()
	proof, err := w.Reader().Prove(t.Context(), events[4].ID)
	if err != nil {
		t.Fatal(err)
	}
	if got := w.published(); got.Size != 6 || w.checkpoint().Size != 8 {
		t.Errorf("published are %d leaves of %d", got.Size, w.checkpoint().Size)
	}
	for _, p := range []struct {
		policy string
		want   bool
	}{{"quorum none\n", true}, {quorum(1, a), true}, {quorum(2, a, b, c), true}, {quorum(1, c), false}, {quorum(3, a, b, c), false}} {
		journal, bundle, proven := w.check(auditor(t, p.policy), proof)
		for what, err := range map[string]error{"journal": journal, "bundle": bundle, "proof": proven} {
			var fault *verify.Fault
			if (err == nil) != p.want || err != nil && (!errors.As(err, &fault) || fault.Code != verify.Unsigned) {
				t.Errorf("%s\n%s: %v", p.policy, what, err)
			}
		}
	}
	a.down.Store(false)
	c.down.Store(false)
	w.witnessed("the next quorum", func(s tlog.Witnessing) bool { return s.Size == 8 })
	if got := w.published(); got.Size != 8 {
		t.Errorf("published are %d leaves", got.Size)
	}
	if verdict, err := verify.Dir(t.Context(), tlog.NewSource(w.journal, w.store), verify.Options{Policy: auditor(t, quorum(2, a, c))}); err != nil || verdict.Witnessed != 8 {
		t.Errorf("the journal: %+v (%v)", verdict, err)
	}
}

// A publishing that would wait for ever does not: after a while what is signed is published with what cosignatures there are, and with a quorum again when there is one.
func TestPatienceEnds(t *testing.T) {
	a, b := newWatcher(t, "a.test/w"), newWatcher(t, "b.test/w")
	w, _ := watched(t, nil, quorum(2, a, b))
	w.record(user(1), 5)
	w.settle()
	w.witnessed("a quorum", func(s tlog.Witnessing) bool { return s.Size == 6 })
	b.down.Store(true)
	w.record(user(1), 1)
	w.settle()
	w.witnessed("one of two", func(s tlog.Witnessing) bool { return s.Each[0].Size == 7 && s.Each[1].Trouble != nil })
	if got := w.published(); got.Size != 6 {
		t.Errorf("published are %d leaves before the time is over", got.Size)
	}
	w.now = w.now.Add(2 * time.Minute)
	w.witnessed("the end of patience", func(s tlog.Witnessing) bool { return s.Open })
	if got := w.published(); got.Size != 7 || bytes.Count(got.Cosigned, []byte("\n")) != 1 {
		t.Errorf("published are %d leaves with\n%s", got.Size, got.Cosigned)
	}
	w.record(user(1), 1)
	w.settle()
	if got := w.published(); got.Size != 8 {
		t.Errorf("published are %d leaves of 7 while none is waited for", got.Size)
	}
	if s := w.Status().Witnessing; s.Waiting.IsZero() || s.Size != 6 {
		t.Errorf("it stands at %+v", s)
	}
	// An auditor still sees how far the quorum reached.
	if verdict, err := verify.Dir(t.Context(), tlog.NewSource(w.journal, w.store), verify.Options{Policy: auditor(t, quorum(2, a, b))}); err != nil || verdict.Witnessed != 6 {
		t.Errorf("the journal: %+v (%v)", verdict, err)
	}
	b.down.Store(false)
	w.witnessed("a quorum again", func(s tlog.Witnessing) bool { return s.Size == 8 && !s.Open && s.Waiting.IsZero() })
	w.record(user(1), 1)
	w.settle()
	if got := w.published(); got.Size != 8 {
		t.Errorf("published are %d leaves: it waits again", got.Size)
	}
}

// A ledger that asks nobody any more waits for nobody; one that begins to ask waits from the first quorum on.
func TestWitnessesComeAndGo(t *testing.T) {
	a := newWatcher(t, "a.test/w")
	w := newWorld(t, nil, nil)
	w.record(user(1), 3)
	w.settle()
	w, _ = watched(t, w, quorum(1, a))
	if got := w.published(); got.Size != 4 {
		t.Errorf("published are %d leaves", got.Size)
	}
	w.witnessed("a quorum", func(s tlog.Witnessing) bool { return s.Size == 4 })
	w.record(user(1), 1)
	w.settle()
	if got := w.published(); got.Size != 4 {
		t.Errorf("published are %d leaves before they are cosigned", got.Size)
	}
	w = again(t, w)
	if w.settle(); w.published().Size != 4 { // a program that only signs, and ends
		t.Error("it publishes without those who are asked otherwise")
	}
	w.witnessed("nobody is asked", func(tlog.Witnessing) bool { return w.published().Size == 5 })
	w.record(user(1), 1)
	w.settle()
	if got := w.published(); got.Size != 6 {
		t.Errorf("published are %d leaves where nobody is asked", got.Size)
	}
	asked := a.asked.Load()
	w, _ = watched(t, w, quorum(1, a))
	w.witnessed("a quorum again", func(s tlog.Witnessing) bool { return s.Size == 6 })
	if n := a.asked.Load() - asked; n != 1 {
		t.Errorf("what the witness has cosigned is known from before, and it was asked %d times", n)
	}
	asked = a.asked.Load()
	w.store = &tlog.Memory{} // lost, and made anew from the journal
	w = again(t, w)
	w.settle()
	w, _ = watched(t, w, quorum(1, a))
	w.witnessed("a quorum in a new store", func(s tlog.Witnessing) bool { return s.Size == 6 })
	if n := a.asked.Load() - asked; n != 2 {
		t.Errorf("what the witness has cosigned is learnt by a 409, and it was asked %d times", n)
	}
}

// A program that starts while one of its witnesses is away goes on to publish what both have cosigned.
func TestRestartKeepsTheQuorum(t *testing.T) {
	a, b := newWatcher(t, "a.test/w"), newWatcher(t, "b.test/w")
	w, _ := watched(t, nil, quorum(2, a, b))
	w.record(user(1), 5)
	w.settle()
	w.witnessed("a quorum", func(s tlog.Witnessing) bool { return s.Size == 6 })
	b.down.Store(true)
	w, _ = watched(t, w, quorum(2, a, b))
	rounds := 0
	w.witnessed("nothing new", func(tlog.Witnessing) bool { rounds++; return rounds > 50 && !w.Status().Scrubbed.IsZero() })
	if got := w.published(); got.Size != 6 || bytes.Count(got.Cosigned, []byte("\n")) != 2 {
		t.Errorf("published are %d leaves with\n%s", got.Size, got.Cosigned)
	}
	w.record(user(1), 1)
	w.settle()
	w.witnessed("one of two", func(s tlog.Witnessing) bool { return s.Each[0].Size == 7 && s.Each[1].Trouble != nil })
	w, _ = watched(t, w, quorum(2, a, b))
	w.witnessed("one of two, again", func(s tlog.Witnessing) bool { return s.Each[1].Trouble != nil })
	if got := w.published(); got.Size != 6 || bytes.Count(got.Cosigned, []byte("\n")) != 2 {
		t.Errorf("published are %d leaves with\n%s", got.Size, got.Cosigned)
	}
	b.down.Store(false)
	asked := a.asked.Load()
	w.witnessed("both", func(s tlog.Witnessing) bool { return s.Size == 7 })
	if got := w.published(); got.Size != 7 || bytes.Count(got.Cosigned, []byte("\n")) != 2 || a.asked.Load() != asked {
		t.Errorf("published are %d leaves with\n%s", got.Size, got.Cosigned)
	}
}

// Two histories signed with the log's own key are shown to two witnesses: each sees one of them, and neither history gets both.
func TestForkIsCaught(t *testing.T) {
	a, b := newWatcher(t, "a.test/w"), newWatcher(t, "b.test/w")
	left, _ := watched(t, nil, quorum(2, a, b))
	left.record(user(1), 5)
	left.settle()
	left.witnessed("a quorum", func(s tlog.Witnessing) bool { return s.Size == 6 })
	// The same directory as it was then, and another life of it. Each knows the way to one witness alone: a request that was given up may still arrive.
	both, nowhere := quorum(2, a, b), "http://127.0.0.1:1"
	right, _ := watched(t, nil, strings.ReplaceAll(both, a.URL, nowhere))
	right.record(user(1), 5)
	right.settle()
	right.record(user(2), 4)
	right.settle()
	left, _ = watched(t, left, strings.ReplaceAll(both, b.URL, nowhere))
	left.record(user(3), 2)
	left.settle()
	left.witnessed("the first, shown to one", func(s tlog.Witnessing) bool { return s.Each[0].Size == 8 })
	right.witnessed("the second, shown to the other", func(s tlog.Witnessing) bool { return s.Each[1].Size == 10 })
	left, _ = watched(t, left, both)
	right, _ = watched(t, right, both)
	for i, w := range []*world{left, right} { // each is then ahead of what the other showed
		name, other := []string{"left", "right"}[i], 1-i
		w.record(user(9), 3)
		w.settle()
		w.witnessed(name, func(s tlog.Witnessing) bool {
			var refused *tlog.RefusedError
			return errors.As(s.Each[other].Trouble, &refused) && refused.Contradicts()
		})
		c := w.checkpoint()
		if s := w.Status().Witnessing; s.Size > 6 || s.Waiting.IsZero() {
			t.Errorf("%s has a quorum: %+v", name, s)
		}
		if _, err := auditor(t, quorum(2, a, b)).Full(c.Full()); err == nil {
			t.Errorf("an auditor takes %s", name)
		}
	}
}

// A witness that lost its state and begins under its key again is asked from nothing; one that is far ahead of this log is a sign that the log was put back.
func TestWitnessBehindAndAhead(t *testing.T) {
	a := newWatcher(t, "a.test/w")
	w, _ := watched(t, nil, quorum(1, a))
	w.record(user(1), 5)
	w.settle()
	w.witnessed("a quorum", func(s tlog.Witnessing) bool { return s.Size == 6 })
	b := newWatcher(t, "a.test/w")
	forgot, _ := watched(t, w, fmt.Sprintf("witness w %s %s\nquorum w\n", b.VerifierKey(), b.URL))
	forgot.record(user(1), 2)
	forgot.settle()
	forgot.witnessed("one that knows nothing", func(s tlog.Witnessing) bool { return s.Size == 8 })
	back, _ := watched(t, nil, quorum(1, b))
	back.record(user(1), 5)
	back.settle()
	back.witnessed("one that has seen more", func(s tlog.Witnessing) bool {
		var refused *tlog.RefusedError
		return errors.As(s.Each[0].Trouble, &refused) && refused.Ahead && !refused.Contradicts() && refused.Size == 8
	})
	if got := back.published(); len(got.Cosigned) != 0 {
		t.Errorf("published with %s", got.Cosigned)
	}
}

// What is not a witness's answer is trouble, and nothing of it is kept.
func TestAnswersThatAreNone(t *testing.T) {
	a, stranger := newWatcher(t, "a.test/w"), newWatcher(t, "stranger.test/w")
	w, _ := watched(t, nil, quorum(1, a))
	w.record(user(1), 5)
	w.settle()
	size := func(text string) func(http.ResponseWriter, *http.Request) {
		return func(out http.ResponseWriter, _ *http.Request) {
			out.Header().Set("Content-Type", "text/x.tlog.size")
			out.WriteHeader(http.StatusConflict)
			_, _ = out.Write([]byte(text))
		}
	}
	slow := make(chan struct{})
	for what, answer := range map[string]struct {
		handle func(http.ResponseWriter, *http.Request)
		want   string
	}{
		"another's cosignature": {stranger.ServeHTTP, "no signature of the witness"},
		"nothing":               {func(http.ResponseWriter, *http.Request) {}, "no signature of the witness"},
		"the log's own words": {func(out http.ResponseWriter, _ *http.Request) {
			_, _ = out.Write(w.checkpoint().Note)
		}, "no signature of the witness"},
		"very much": {func(out http.ResponseWriter, _ *http.Request) {
			_, _ = out.Write(bytes.Repeat([]byte("x"), 1<<20))
		}, "no signature of the witness"},
		"a redirection": {func(out http.ResponseWriter, r *http.Request) {
			http.Redirect(out, r, a.URL+"/add-checkpoint", http.StatusTemporaryRedirect)
		}, "it answers 307"},
		"409 without a size":      {size("x\n"), "without the size"},
		"409 with a size below 0": {size("-1\n"), "without the size"},
		"409 of another type": {func(out http.ResponseWriter, _ *http.Request) {
			http.Error(out, "3", http.StatusConflict)
		}, "without the size"},
		"409 for ever": {func() func(http.ResponseWriter, *http.Request) {
			n := 0
			return func(out http.ResponseWriter, r *http.Request) {
				n++
				size(fmt.Sprintln(1+n%4))(out, r)
			}
		}(), "again and again"},
		"409 with a size that is not there yet": {size("99\n"), "it has cosigned 99 leaves"},
		"no key":                                {func(out http.ResponseWriter, _ *http.Request) { out.WriteHeader(403) }, "does not know the key"},
		"no log":                                {func(out http.ResponseWriter, _ *http.Request) { out.WriteHeader(404) }, "does not know the log"},
		"a fault":                               {func(out http.ResponseWriter, _ *http.Request) { out.WriteHeader(500) }, "it answers 500"},
		"too slow":                              {func(http.ResponseWriter, *http.Request) { <-slow }, "it cannot be reached"},
	} {
		t.Run(what, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(answer.handle))
			defer s.Close()
			if what == "too slow" {
				defer close(slow)
			}
			o, asked := watched(t, w, fmt.Sprintf("witness w %s %s\nquorum w\n", a.VerifierKey(), s.URL))
			asked.Timeout = 30 * time.Second
			if what == "too slow" {
				asked.Timeout = 50 * time.Millisecond
			}
			o.witnessed(what, func(s tlog.Witnessing) bool { return s.Each[0].Trouble != nil })
			if err := o.Status().Witnessing.Each[0].Trouble; !strings.Contains(err.Error(), answer.want) || strings.Contains(err.Error(), "127.0.0.1") && what != "too slow" {
				t.Errorf("it says %v, want %q", err, answer.want)
			}
			if got := o.published(); len(got.Cosigned) != 0 {
				t.Errorf("published with %s", got.Cosigned)
			}
		})
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	o, _ := watched(t, w, fmt.Sprintf("witness w %s %s\nquorum w\n", a.VerifierKey(), gone.URL))
	o.witnessed("nobody there", func(s tlog.Witnessing) bool { return s.Each[0].Trouble != nil })
}

func TestWhoIsAsked(t *testing.T) {
	a, b := newWatcher(t, "a.test/w"), newWatcher(t, "b.test/w")
	at := func(url string) string {
		return fmt.Sprintf("witness w %s %s\nquorum w\n", a.VerifierKey(), url)
	}
	other, err := tlog.ParseKeys(fixedKeys("other.test/ledger", 9), "other.test/ledger")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		quorum(1, a, b):                                     "",
		logLine() + quorum(2, a, b):                         "",
		at("https://witness.test/prefix/"):                  "",
		at("http://localhost:8090"):                         "",
		at("http://[::1]:8090"):                             "",
		at(""):                                              "no URL",
		at("http://witness.test"):                           "is to begin with https",
		at("ftp://localhost"):                               "is to begin with https",
		at("https://user:secret@witness.test"):              "no URL without user",
		at("https://witness.test?x"):                        "no URL without user",
		"quorum none\n":                                     "its quorum is none",
		"witness w x\nquorum w\n":                           "malformed",
		"log " + other.VerifierKeys()[0] + "\n" + at(a.URL): "none of them is " + origin,
	} {
		_, err := tlog.NewWitnesses([]byte(text), testKeys)
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%s%v, want %q", text, err, want)
		}
	}
	// What the keys are need not be said; both of them are meant.
	if w, err := tlog.NewWitnesses([]byte(quorum(2, a, b)), testKeys); err != nil || w == nil {
		t.Error(err)
	}
}

// A journal whose cosigned checkpoint is of another history, or of more than it holds, is not whole for one who asks for witnesses.
func TestCosignedIsHeldAgainstTheJournal(t *testing.T) {
	a := newWatcher(t, "a.test/w")
	policy := auditor(t, quorum(1, a))
	w, _ := watched(t, nil, quorum(1, a))
	w.record(user(1), 5)
	w.settle()
	w.witnessed("a quorum", func(s tlog.Witnessing) bool { return s.Size == 6 })
	source := tlog.NewSource(w.journal, w.store)
	cosigned, err := source.Witnessed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		events int
		code   string
	}{"another history": {5, verify.RootDiffers}, "fewer events": {3, verify.Behind}} {
		other := newWorld(t, nil, nil)
		other.record(user(2), c.events)
		other.settle()
		src := borrowed{tlog.NewSource(other.journal, other.store), cosigned}
		_, err := verify.Dir(t.Context(), src, verify.Options{Policy: policy})
		var fault *verify.Fault
		if !errors.As(err, &fault) || fault.Code != c.code {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := verify.Dir(t.Context(), src, verify.Options{}); err != nil {
			t.Errorf("%s, asked without witnesses: %v", what, err)
		}
	}
	if !slices.Equal(cosigned, w.published().Full()) {
		t.Error("the cosigned checkpoint is not the published one")
	}
}

type borrowed struct {
	verify.Source
	cosigned []byte
}

func (b borrowed) Witnessed(context.Context) ([]byte, error) { return b.cosigned, nil }
