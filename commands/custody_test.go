package commands_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"kelisim/commands"
	"kelisim/commands/journal"
	"kelisim/commands/vault"
	"kelisim/domain"
	"kelisim/domain/event"
)

var operator = event.Actor{Kind: "operator", ID: "erlan"}

// withMaster puts a master key of the bench's own under the service, in a file.
func (b *bench) withMaster(path string) *stubborn {
	b.t.Helper()
	kek, err := vault.OpenMasterFile(path)
	if err != nil {
		b.t.Fatal(err)
	}
	s := &stubborn{Keys: b.keys}
	v, err := vault.New(b.t.Context(), s, kek)
	if err != nil {
		b.t.Fatal(err)
	}
	v.Now = b.now
	b.Vault = v
	return s
}

// newCustody is a bench with an empty key store and a master key in a file.
func newCustody(t *testing.T) (*bench, *stubborn, string) {
	b := newBench(t)
	b.keys = &vault.Memory{}
	path := filepath.Join(t.TempDir(), "master.key")
	return b, b.withMaster(path), path
}

func (b *bench) rotate() int {
	b.t.Helper()
	n, err := b.RotateKeys(b.t.Context(), commands.Wish{Actor: operator})
	if err != nil {
		b.t.Fatal(err)
	}
	b.move(time.Second)
	return n
}

// final tells whether the last event of a user, which destroyed keys, is final.
func (b *bench) final(id domain.UserID) bool {
	b.t.Helper()
	snap, err := b.Snapshot(b.t.Context(), id, commands.Known{})
	if err != nil {
		b.t.Fatal(err)
	}
	state, err := b.Custody(b.t.Context(), commands.Known{})
	if err != nil {
		b.t.Fatal(err)
	}
	_, ok := state.Final(snap.Events[len(snap.Events)-1].Position)
	return ok
}

// readable tells as what a user's login reads.
func (b *bench) readable(id domain.UserID) any {
	b.t.Helper()
	p, err := b.PersonalData(b.t.Context(), id, commands.Reader{Actor: asks, Why: "to look", Route: "/v1/users/{user}/personal-data"})
	if err != nil {
		return domain.Code(err)
	}
	b.move(time.Second)
	return p.Login
}

// P-2.5: requested, live key gone, final: the last once every generation is dropped under which the key was ever wrapped, which waits for as long as
// copies of the key store are kept.
func TestDestructionBecomesFinal(t *testing.T) {
	b, _, path := newCustody(t)
	id, other := b.register("aigerim"), b.register("berik")
	b.erase(id)
	b.move(time.Second)
	const retention = 35 * 24 * time.Hour
	drop := func(want ...int) {
		t.Helper()
		if got, err := b.DropGenerations(t.Context(), retention, operator); err != nil || !slices.Equal(got, want) {
			t.Errorf("dropped %v, want %v (%v)", got, want, err)
		}
	}
	drop()
	if n := b.rotate(); n != 2 || b.final(id) {
		t.Errorf("generation %d, final: %v", n, b.final(id))
	}
	b.move(retention - time.Hour)
	drop()
	b.move(2 * time.Hour)
	drop(1)
	drop()
	if !b.final(id) {
		t.Error("it is not final")
	}
	late, err := b.Custody(t.Context(), commands.Known{At: noon.Add(time.Hour)})
	if err != nil || len(late.Generations()) != 2 || late.Generations()[0].Dropped.Event != "" {
		t.Errorf("known an hour after: %+v (%v)", late.Generations(), err)
	}
	if got := b.readable(other); got != "berik" {
		t.Errorf("the living read %v", got)
	}
	b.erase(other)
	b.move(time.Second)
	if b.final(other) {
		t.Error("a destruction after the rotation is final with it")
	}
	b.withMaster(path) // a restart
	if got, err := b.Vault.Generations(t.Context()); err != nil || !slices.Equal(got, []int{2}) {
		t.Errorf("the file holds generations %v (%v)", got, err)
	}
}

// A key that the store cannot let go of would live on under a new generation: there is none before it is gone.
func TestNoRotationBeforeTheKeyIsGone(t *testing.T) {
	b, store, _ := newCustody(t)
	id := b.register("aigerim")
	store.fails.Store(true)
	b.erase(id)
	if _, err := b.RotateKeys(t.Context(), commands.Wish{Actor: operator}); !errors.Is(err, vault.ErrKeyUnavailable) {
		t.Fatalf("rotated: %v", err)
	}
	if got, _ := b.Vault.Generations(t.Context()); !slices.Equal(got, []int{1}) {
		t.Errorf("there are generations %v", got)
	}
	store.fails.Store(false)
	if n := b.rotate(); n != 3 { // 2 was announced and never made
		t.Errorf("generation %d", n)
	}
	if dropped, err := b.DropGenerations(t.Context(), 0, operator); err != nil || !slices.Equal(dropped, []int{1, 2}) {
		t.Errorf("dropped %v (%v)", dropped, err)
	}
	if !b.final(id) {
		t.Error("it is not final")
	}
}

// E4 for the master key: what was dropped stays dropped when older copies are put back, and a destruction that is final stays final.
func TestOlderMasterKey(t *testing.T) {
	b, _, path := newCustody(t)
	id, gone := b.register("aigerim"), b.register("berik")
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	olderKeys := b.keys.Copy()
	b.erase(gone)
	b.move(time.Second)
	b.rotate()
	if _, err := b.DropGenerations(t.Context(), 0, operator); err != nil {
		t.Fatal(err)
	}
	newest, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	newerKeys := b.keys
	put := func(master []byte, keys *vault.Memory) {
		t.Helper()
		if err := os.WriteFile(path, master, 0o600); err != nil {
			t.Fatal(err)
		}
		b.keys = keys.Copy()
		b.withMaster(path)
	}

	// An older master key beside the key store of today reads nothing, and is refused before it wraps anything.
	put(old, newerKeys)
	if err := b.ReconcileCustody(t.Context()); domain.Code(err) != "key-unavailable" {
		t.Errorf("an older master key is taken: %v", err)
	}

	// An older key store beside the master key of today: its keys cannot be unwrapped, which is the point; that is never taken for a destruction.
	put(newest, olderKeys)
	if err := errors.Join(b.ReconcileKeys(t.Context()), b.ReconcileCustody(t.Context())); err != nil {
		t.Fatal(err)
	}
	if got := b.readable(id); got != "key-unavailable" {
		t.Errorf("a living person reads %v", got)
	}
	if got := b.readable(gone); got == "key-unavailable" || got == "berik" {
		t.Errorf("a destroyed person reads %v", got)
	}

	// Both older: the destroyed keys go again, the living are wrapped anew, and the dropped generation is dropped again, before the first answer.
	put(old, olderKeys)
	if err := errors.Join(b.ReconcileKeys(t.Context()), b.ReconcileCustody(t.Context())); err != nil {
		t.Fatal(err)
	}
	if got, err := b.Vault.Generations(t.Context()); err != nil || slices.Contains(got, 1) || slices.Max(got) != 3 {
		t.Errorf("there are generations %v (%v)", got, err)
	}
	if got := b.readable(id); got != "aigerim" {
		t.Errorf("a living person reads %v", got)
	}
	if got := b.readable(gone); got == "berik" {
		t.Errorf("a destroyed person reads %v", got)
	}
	if !b.final(gone) {
		t.Error("what was final is not")
	}
	if err := b.ReconcileCustody(t.Context()); err != nil {
		t.Errorf("once more: %v", err)
	}
	if got, _ := b.Vault.Generations(t.Context()); slices.Max(got) != 3 {
		t.Errorf("it rotates again and again: %v", got)
	}
}

// A crash between the drop and its record is mended by the next look.
func TestCrashBetweenDropAndRecord(t *testing.T) {
	b, _, path := newCustody(t)
	id := b.register("aigerim")
	b.erase(id)
	b.move(time.Second)
	b.rotate()
	if err := b.Vault.DropGeneration(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if b.final(id) {
		t.Error("final without a record")
	}
	b.withMaster(path)
	if dropped, err := b.DropGenerations(t.Context(), 0, operator); err != nil || !slices.Equal(dropped, []int{1}) || !b.final(id) {
		t.Errorf("dropped %v, final %v (%v)", dropped, b.final(id), err)
	}
}

// The same key rotates once; where the first attempt was cut short, the second one is carried through.
func TestRotationIsRepeated(t *testing.T) {
	b, store, _ := newCustody(t)
	id := b.register("aigerim")
	once := commands.Wish{Actor: operator, Key: "k-1", Scope: "erlan POST /v1/keys/rotation"}
	for range 2 {
		if n, err := b.RotateKeys(t.Context(), once); n != 2 || err != nil {
			t.Fatalf("generation %d (%v)", n, err)
		}
	}
	b.move(time.Second)
	store.fails.Store(true)
	b.erase(id)
	once.Key = "k-2"
	if _, err := b.RotateKeys(t.Context(), once); err == nil {
		t.Fatal("rotated before the key was gone")
	}
	store.fails.Store(false)
	if n, err := b.RotateKeys(t.Context(), once); n != 4 || err != nil {
		t.Fatalf("generation %d (%v)", n, err)
	}
}

// E8: wherever the process ends on the way from the wish to the final destruction, the next one brings it to its end: a key is never gone without a
// record, a record never stays without its deed, and nothing is final before it is.
func TestCrashAtEachStep(t *testing.T) {
	const approve, deed, begun, made, wrapped, dropped = "the approval", "the keys' deletion", "the rotation's announcement", "the new generation", "the wrapping", "the drop"
	for _, step := range []string{approve, deed, begun, made, wrapped, dropped} {
		t.Run("a crash at "+step, func(t *testing.T) {
			b, store, path := newCustody(t)
			id, other := b.register("aigerim"), b.register("berik")
			b.do("destroy", string(id), `{"basis":"lawful-demand"}`)
			b.move(time.Second)
			fail := func(stream string) {
				b.store.Fail = func(s string) journal.Failure {
					if s == stream {
						return journal.Refused
					}
					return journal.Works
				}
			}
			approval := func() error {
				_, err := b.by(grants, "approve-destruction", id, "{}")
				b.move(time.Second)
				return err
			}
			restart := func() {
				t.Helper()
				b.store.Fail = nil
				b.Service = &commands.Service{Journal: b.Journal, Now: b.now}
				store = b.withMaster(path)
				if err := errors.Join(b.ReconcileKeys(t.Context()), b.ReconcileCustody(t.Context())); err != nil {
					t.Fatal(err)
				}
			}
			gone := func() bool {
				keys, err := b.keys.KeysOf(t.Context(), string(id))
				if err != nil {
					t.Fatal(err)
				}
				return keys[0].Wrapped == nil
			}
			switch step {
			case approve:
				fail("user-" + string(id))
				if err := approval(); err == nil || gone() {
					t.Fatalf("approved (%v), the keys gone: %v", err, gone())
				}
				restart()
				if got := b.readable(id); got != "aigerim" {
					t.Errorf("without a record it reads %v", got)
				}
				b.store.Fail = nil
				if err := approval(); err != nil {
					t.Fatal(err)
				}
			case deed:
				store.fails.Store(true)
				if err := approval(); err != nil || gone() {
					t.Fatalf("approved (%v), the keys gone: %v", err, gone())
				}
				restart()
			default:
				if err := approval(); err != nil {
					t.Fatal(err)
				}
			}
			if !gone() {
				t.Error("the record stands, and the keys live")
			}
			switch step {
			case begun:
				fail("custody")
			case made:
				if err := os.Rename(path, path+".away"); err != nil {
					t.Fatal(err)
				}
			case wrapped:
				if _, err := b.Vault.RotateTo(t.Context(), 2); err != nil { // announced by nobody, wrapped, and then the end
					t.Fatal(err)
				}
			}
			n, err := b.RotateKeys(t.Context(), commands.Wish{Actor: operator})
			if (step == begun || step == made) == (err == nil) {
				t.Fatalf("generation %d (%v)", n, err)
			}
			if step == made {
				if err := os.Rename(path+".away", path); err != nil {
					t.Fatal(err)
				}
			}
			b.move(time.Second)
			if b.final(id) {
				t.Error("it is final before it is")
			}
			restart()
			if step == begun || step == made {
				b.rotate()
			}
			if step == dropped {
				fail("custody")
				if _, err := b.DropGenerations(t.Context(), 0, operator); err == nil {
					t.Fatal("the drop is recorded")
				}
				if b.final(id) {
					t.Error("final without a record")
				}
				restart()
			}
			b.move(time.Second)
			if _, err := b.DropGenerations(t.Context(), 0, operator); err != nil {
				t.Fatal(err)
			}
			if got, err := b.Vault.Generations(t.Context()); err != nil || len(got) != 1 || !b.final(id) {
				t.Errorf("in the end there are generations %v, and it is final: %v (%v)", got, b.final(id), err)
			}
			if got := b.readable(other); got != "berik" {
				t.Errorf("the living read %v", got)
			}
		})
	}
}

// A copy of the master key from before the drop, as another process of a shared ledger has it, loses the generation as well.
func TestDropReachesEveryCopy(t *testing.T) {
	b, _, path := newCustody(t)
	b.register("aigerim")
	b.rotate()
	copied, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := b.DropGenerations(t.Context(), 0, operator); err != nil {
			t.Fatal(err)
		}
		if got, err := b.Vault.Generations(t.Context()); err != nil || !slices.Equal(got, []int{2}) {
			t.Errorf("there are generations %v (%v)", got, err)
		}
		if err := os.WriteFile(path, copied, 0o600); err != nil {
			t.Fatal(err)
		}
		b.withMaster(path)
	}
	if events, _, err := b.Entries(t.Context(), commands.Custody, ""); err != nil || len(events) != 3 {
		t.Errorf("the drop is recorded again: %d events (%v)", len(events), err)
	}
}
