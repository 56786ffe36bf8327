package tlog_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"filippo.io/mldsa"
	"github.com/google/uuid"

	"kelisim/commands/journal"
	"kelisim/commands/tlog"
	"kelisim/commands/tlog/verify"
	"kelisim/domain/event"
	"kelisim/domain/ledger"
)

const origin = "kelisim.test/ledger"

// testKeys are the same in every run, so that what they sign is.
var testKeys = func() *tlog.Keys {
	keys, err := tlog.ParseKeys(fixedKeys(origin, 7), origin)
	if err != nil {
		panic(err)
	}
	return keys
}()

// fixedKeys is a key file whose keys follow from a number.
func fixedKeys(origin string, n byte) string {
	seed := bytes.Repeat([]byte{n}, 32)
	line := func(alg byte, public []byte) string {
		id := verify.KeyID(origin, append([]byte{alg}, public...))
		return fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s\n", origin, id, base64.StdEncoding.EncodeToString(append([]byte{alg}, seed...)))
	}
	ml, err := mldsa.NewPrivateKey(mldsa.MLDSA44(), seed)
	if err != nil {
		panic(err)
	}
	return line(verify.AlgEd25519, ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)) + line(verify.AlgMLDSA44, ml.PublicKey().Bytes())
}

// world is a journal, its log and a clock that stands still unless it is moved.
type world struct {
	t       testing.TB
	journal journal.Store
	store   tlog.Store
	now     time.Time
	rand    *rand.Rand
	ends    map[string]int64
	*tlog.Follower
}

func newRand() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

func (w *world) clock() time.Time { return w.now }

func catalogue(t testing.TB) *event.Catalogue {
	t.Helper()
	c, err := event.NewCatalogue(ledger.Events)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// newWorld has an empty journal. With no store given, the log is kept in memory.
func newWorld(t testing.TB, j journal.Store, s tlog.Store) *world {
	t.Helper()
	w := &world{t: t, journal: j, store: s, now: time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC), rand: newRand(), ends: map[string]int64{}}
	if j == nil {
		w.journal = &journal.Memory{Now: w.clock, Step: 3}
	}
	for r, err := range w.journal.ReadAll(context.Background(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		w.ends[r.Stream] = r.Revision
	}
	if s == nil {
		w.store = &tlog.Memory{}
	}
	w.open()
	return w
}

// open opens the log as a program does that starts.
func (w *world) open() {
	w.t.Helper()
	f, err := tlog.NewFollower(w.t.Context(), w.config())
	if err != nil {
		w.t.Fatal(err)
	}
	w.Follower = f
}

func (w *world) config() tlog.Config {
	return tlog.Config{Journal: journal.New(w.journal, catalogue(w.t)), Store: w.store, Keys: testKeys, Now: w.clock}
}

func (w *world) uuid() uuid.UUID {
	var b [16]byte
	for i := range b {
		b[i] = byte(w.rand.Uint32())
	}
	return uuid.UUID(b)
}

// record appends n events to a stream.
func (w *world) record(stream string, n int) []journal.NewRecord {
	w.t.Helper()
	last, ok := w.ends[stream]
	if !ok {
		last = journal.NoStream
	}
	records := make([]journal.NewRecord, n)
	for i := range records {
		records[i] = journal.NewRecord{
			ID: w.uuid(), Type: "test.happened",
			Data: fmt.Appendf(nil, `{"n":%d,"text":"<сәлем & қош бол>"}`, w.rand.Uint32()),
			Meta: fmt.Appendf(nil, `{"version":1,"occurred_at":"%s","actor":{"kind":"user","id":"7"}}`, w.now.Format(journal.TimeForm)),
		}
	}
	w.append(stream, last, records)
	w.ends[stream] = last + int64(n)
	return records
}

func (w *world) append(stream string, last int64, records []journal.NewRecord) {
	w.t.Helper()
	if _, err := w.journal.Append(context.Background(), stream, last, records); err != nil {
		w.t.Fatal(err)
	}
}

// some records n events over as many streams as there are users.
func (w *world) some(n, users int) {
	w.t.Helper()
	for range n {
		w.record(user(w.rand.IntN(users)), 1)
	}
}

func user(n int) string { return fmt.Sprintf("user-00000000-0000-4000-8000-%012d", n) }

func (w *world) settle() {
	w.t.Helper()
	if err := w.Settle(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) commitHeads() {
	w.t.Helper()
	if err := w.CommitHeads(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) checkpoint() tlog.Checkpoint {
	w.t.Helper()
	c, err := w.Reader().Checkpoint(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// policy believes the test's own keys.
func policy(t testing.TB) *verify.Policy {
	t.Helper()
	p, err := verify.ParsePolicy(tlog.PolicyText(testKeys.VerifierKeys()[:1]))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func wantFault(t *testing.T, err error, code string) *verify.Fault {
	t.Helper()
	var f *verify.Fault
	if !errors.As(err, &f) || f.Code != code {
		t.Fatalf("%v, want a fault %s", err, code)
	}
	return f
}

// own appends an event of the ledger's own, as another follower might.
func (w *world) own(stream, name, data string) {
	w.t.Helper()
	last := int64(-1)
	for r, err := range w.journal.ReadStream(context.Background(), stream, 0) {
		if err != nil {
			w.t.Fatal(err)
		}
		last = r.Revision
	}
	w.append(stream, last, []journal.NewRecord{{ID: w.uuid(), Type: name, Data: []byte(data),
		Meta: []byte(`{"version":1,"occurred_at":"2026-01-31T10:00:00.000000Z","actor":{"kind":"system","id":"log"}}`)}})
}
