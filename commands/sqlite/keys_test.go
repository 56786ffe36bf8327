package sqlite

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	sqlite3 "github.com/mattn/go-sqlite3"

	"kelisim/commands/vault"
	"kelisim/commands/vault/vaulttest"
	"kelisim/domain"
)

func openKeys(t testing.TB, path string) *Keys {
	t.Helper()
	k, err := OpenKeys(path, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.Close() })
	return k
}

func keysFile(t testing.TB) string { return filepath.Join(t.TempDir(), "keys.db") }

func TestKeys(t *testing.T) {
	vaulttest.Test(t, func(t *testing.T) vault.Keys { return openKeys(t, keysFile(t)) })
}

// letter is an event with a value of each class.
type letter struct {
	Name   domain.Personal `json:"name,omitzero" personal:"identity"`
	Region domain.Personal `json:"region,omitzero" personal:"attributes"`
	Note   domain.Personal `json:"note,omitzero" personal:"freeform"`
}

var (
	place   = vault.Place{Stream: "user-a", EventID: uuid.MustParse("018f0000-0000-7000-8000-000000000001"), Type: "letter.written", Version: 1}
	classes = []domain.Class{domain.Identity, domain.Attributes, domain.Freeform}
)

func newVault(t testing.TB, k vault.Keys, kek vault.KEK) *vault.Vault {
	t.Helper()
	v, err := vault.New(t.Context(), k, kek)
	must(t, err)
	return v
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// spy sees the keys in clear as they are wrapped.
type spy struct {
	vault.KEK
	mu   sync.Mutex
	seen [][]byte
}

func (s *spy) Wrap(ctx context.Context, key, bound []byte) ([]byte, int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, bytes.Clone(key))
	return s.KEK.Wrap(ctx, key, bound)
}

// files reads all that lies beside a key store.
func files(t testing.TB, path string) (all []byte, names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	must(t, err)
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(filepath.Dir(path), e.Name()))
		must(t, err)
		all, names = append(all, b...), append(names, e.Name())
	}
	return all, names
}

// E1: neither keys nor what a person is found by stand in the files, also not in the rollback journal of an open transaction.
func TestKeysFileShowsNothing(t *testing.T) {
	path := keysFile(t)
	k := openKeys(t, path)
	kek := &spy{KEK: vault.NewMemoryKEK()}
	v := newVault(t, k, kek)
	planted := []string{"planted-login", "planted@example.kz", "+77015550123", "7015550123", "791028302728", "planted-transaction"}
	for i := range 20 {
		subject := uuid.NewString()
		must(t, v.Register(t.Context(), subject, fmt.Sprint(planted[0], i), []vault.Indexed{{Field: vault.Email, Value: planted[1]},
			{Field: vault.Mobile, Value: planted[2]}, {Field: vault.IIN, Value: planted[4]}}))
		must(t, v.Confirm(t.Context(), subject, fmt.Sprint(planted[0], i)))
		if _, err := v.Claim(t.Context(), "planted-kind-is-clear", fmt.Sprint(planted[5], i), subject); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			if _, err := v.Destroy(t.Context(), subject, domain.Destroyed, classes...); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := v.RotateTo(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	shows := func(what string, all []byte) {
		t.Helper()
		if !bytes.Contains(all, []byte("planted-kind-is-clear")) {
			t.Fatalf("%s: this looks at the wrong bytes", what)
		}
		for _, text := range planted {
			if bytes.Contains(bytes.ToLower(all), []byte(text)) {
				t.Errorf("%s shows %s", what, text)
			}
		}
		for i, key := range kek.seen {
			if bytes.Contains(all, key) {
				t.Fatalf("%s shows key %d", what, i)
			}
		}
	}
	all, _ := files(t, path)
	shows("the file", all)

	// A transaction that is larger than the memory given to it writes the rollback journal and the file before it ends.
	many := vault.Change{}
	for i := range 40_000 {
		var m vault.MAC
		copy(m[:], fmt.Sprintf("%016d", i))
		many.Index = append(many.Index, vault.Entry{Field: vault.Email, Value: m, Subject: "a"})
	}
	undo := errors.New("undo it")
	err := k.write(t.Context(), func(w *keyWriter) error {
		if _, err := w.apply(many); err != nil {
			return err
		}
		b, err := os.ReadFile(path + "-journal")
		if err != nil || len(b) < 4096 {
			t.Errorf("there is no rollback journal to look at: %d bytes, %v", len(b), err)
		}
		all, _ := files(t, path)
		shows("an open transaction", all)
		return undo
	})
	if !errors.Is(err, undo) {
		t.Error(err)
	}
	must(t, k.Close())
	all, names := files(t, path)
	shows("the closed store", all)
	if len(names) != 1 {
		t.Errorf("files are left: %v", names)
	}
}

// P-1.5: a destroyed key, and the index entries that go with it, are in no byte of the files any more; nor is what a key was wrapped as before.
func TestDestroyedKeyLeavesTheFile(t *testing.T) {
	path := keysFile(t)
	k := openKeys(t, path)
	v := newVault(t, k, vault.NewMemoryKEK())
	for i := range 50 {
		must(t, v.Register(t.Context(), fmt.Sprint("subject", i), fmt.Sprint("login", i), []vault.Indexed{{Field: vault.Email, Value: fmt.Sprintf("a%d@b.kz", i)}}))
	}
	holds := func(b []byte) bool {
		all, _ := files(t, path)
		return bytes.Contains(all, b)
	}
	secrets := map[string][][]byte{}
	var stays [][]byte
	for _, subject := range []string{"subject7", "subject30", "subject31"} {
		keys, err := k.KeysOf(t.Context(), subject)
		must(t, err)
		for _, key := range keys {
			secrets[subject] = append(secrets[subject], key.Wrapped)
		}
		stays = append(stays, secrets[subject][0])
	}
	// The hashes under which they were found, as they stand in the file.
	var login, email []byte
	row := k.readers.QueryRow("SELECT login.mac, search.mac FROM subject JOIN login ON login.subject = id JOIN search ON search.subject = id WHERE name = 'subject30'")
	must(t, row.Scan(&login, &email))
	secrets["subject30"] = append(secrets["subject30"], login, email)
	for _, s := range append(secrets["subject30"], stays...) {
		if !holds(s) {
			t.Fatal("this looks at the wrong bytes")
		}
	}
	if _, err := v.Destroy(t.Context(), "subject30", domain.Destroyed, classes...); err != nil {
		t.Fatal(err)
	}
	for i, s := range secrets["subject30"] {
		if holds(s) {
			t.Errorf("secret %d of a destroyed subject is in the file", i)
		}
	}
	if !holds(stays[0]) || !holds(stays[2]) {
		t.Error("other subjects' keys are gone")
	}
	if _, err := v.RotateTo(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	for _, subject := range []string{"subject7", "subject31"} {
		for i, s := range secrets[subject] {
			if holds(s) {
				t.Errorf("key %d of %s is in the file as it was wrapped before", i, subject)
			}
		}
	}
}

// Everything lasts from one process to the next.
func TestKeysLast(t *testing.T) {
	path, kek := keysFile(t), vault.NewMemoryKEK()
	k := openKeys(t, path)
	v := newVault(t, k, kek)
	must(t, v.Register(t.Context(), "a", "Aliya", []vault.Indexed{{Field: vault.Email, Value: "a@b.kz"}}))
	must(t, v.Register(t.Context(), "b", "Berik", nil))
	l := letter{domain.NewPersonal("name"), domain.NewPersonal("region"), domain.NewPersonal("note")}
	must(t, v.Seal(t.Context(), "a", place, &l))
	text, err := json.Marshal(l)
	must(t, err)
	must(t, v.Confirm(t.Context(), "a", "Aliya"))
	must(t, v.Flush(t.Context()))
	if _, err := v.Claim(t.Context(), "k", "t", "a"); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Destroy(t.Context(), "a", domain.Destroyed, domain.Freeform); err != nil {
		t.Fatal(err)
	}
	must(t, k.Close())
	must(t, k.Close())

	for _, readOnly := range []bool{false, true} {
		k, err := OpenKeys(path, readOnly)
		must(t, err)
		v = newVault(t, k, kek)
		var back letter
		must(t, json.Unmarshal(text, &back))
		must(t, v.Open(t.Context(), "a", place, &back))
		if name, _ := back.Name.Plain(); name != "name" || back.Note.State() != domain.Destroyed || back.Region.State() != domain.Available {
			t.Errorf("reads as %s, %s, %s", back.Name.State(), back.Note.State(), back.Region.State())
		}
		found, err := v.Find(t.Context(), vault.Login, "ALIYA")
		if err != nil || fmt.Sprint(found) != "[a]" {
			t.Errorf("found %v (%v)", found, err)
		}
		if holder, err := v.Claim(t.Context(), "k", "t", "b"); holder != "a" || err != nil {
			t.Errorf("claimed by %s (%v)", holder, err)
		}
		if r, ok, err := k.Holder(t.Context(), reservationOf(t, k, "a").Login); !ok || !r.Confirmed || err != nil {
			t.Errorf("held: %+v (%v)", r, err)
		}
		left, err := k.Unconfirmed(t.Context(), time.Now().Add(time.Hour), 10)
		if err != nil || len(left) != 1 || left[0].Subject != "b" {
			t.Errorf("unconfirmed: %+v (%v)", left, err)
		}
		if _, err := vault.New(t.Context(), k, vault.NewMemoryKEK()); !errors.Is(err, vault.ErrKeyUnavailable) {
			t.Errorf("another master key: %v", err)
		}
		must(t, k.Close())
	}
}

func reservationOf(t *testing.T, k *Keys, subject string) vault.Reservation {
	t.Helper()
	var out []vault.Reservation
	rows, err := k.readers.Query(reservations+"WHERE name = ?", subject)
	must(t, err)
	defer rows.Close()
	for rows.Next() {
		must(t, scanReservations(&out)(rows))
	}
	return out[0]
}

func TestKeysReadOnly(t *testing.T) {
	path := keysFile(t)
	if _, err := OpenKeys(path, true); err == nil {
		t.Fatal("a file that is not there was opened for reading")
	}
	k := openKeys(t, path)
	kek := vault.NewMemoryKEK()
	v := newVault(t, k, kek)
	must(t, v.Register(t.Context(), "a", "Aliya", nil))
	reader, err := OpenKeys(path, true)
	must(t, err)
	defer reader.Close()
	must(t, v.Register(t.Context(), "b", "Berik", nil)) // beside the reader
	beside := newVault(t, reader, kek)
	for _, subject := range []string{"a", "b"} {
		if ids, err := beside.KeyIDs(t.Context(), subject, classes...); len(ids) != 3 || err != nil {
			t.Errorf("%s: %v, %v", subject, ids, err)
		}
	}
	if err := beside.Register(t.Context(), "c", "third", nil); !errors.Is(err, errKeysOnlyRead) || !errors.Is(err, vault.ErrKeyUnavailable) {
		t.Errorf("registered by a reader: %v", err)
	}
	if _, err := beside.Destroy(t.Context(), "a", domain.Destroyed, classes...); !errors.Is(err, errKeysOnlyRead) {
		t.Errorf("destroyed by a reader: %v", err)
	}
	if reader.Failed() != nil {
		t.Error("a reader can fail")
	}
}

// The list of the destroyed only grows, whoever writes to the file.
func TestDestroyedStayListed(t *testing.T) {
	k := openKeys(t, keysFile(t))
	v := newVault(t, k, vault.NewMemoryKEK())
	must(t, v.Register(t.Context(), "a", "", nil))
	if _, err := v.Destroy(t.Context(), "a", domain.Depersonalised, classes...); err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{"DELETE FROM destroyed", "UPDATE destroyed SET reads = 'destroyed', kid = 'x' || kid",
		"UPDATE destroyed SET reads = 'destroyed', subject = subject + 1", "UPDATE destroyed SET reads = 'destroyed', at = 0",
		"UPDATE destroyed SET reads = 'destroyed', class = ''", "UPDATE destroyed SET reads = 'depersonalised'",
		"INSERT OR REPLACE INTO destroyed SELECT kid, subject + 1, class, reads, at FROM destroyed"} {
		err := k.write(t.Context(), func(w *keyWriter) error {
			_, err := w.conn.ExecContext(context.Background(), query)
			return err
		})
		if err == nil || !strings.Contains(err.Error(), "only grows") {
			t.Errorf("%s: %v", query, err)
		}
	}
	keys, err := k.KeysOf(t.Context(), "a")
	if err != nil || len(keys) != 3 || keys[0].State != domain.Depersonalised {
		t.Errorf("%+v, %v", keys, err)
	}
}

// Changes that wait share one commit, and one that is refused is undone alone.
func TestChangesShareACommit(t *testing.T) {
	db, readers, err := openDB(keysFile(t), deleteMode, false)
	must(t, err)
	defer readers.Close()
	must(t, migrate(db, "keys"))
	w, err := newKeyWriter(db)
	must(t, err)
	commits := 0
	must(t, w.conn.Raw(func(c any) error {
		c.(*sqlite3.SQLiteConn).RegisterCommitHook(func() int { commits++; return 0 })
		return nil
	}))
	for i := range 40 {
		subject, login := fmt.Sprint("s", i), vault.MAC{byte(i)}
		if i%4 == 3 {
			login = vault.MAC{byte(i - 1)} // its neighbour's
		}
		go func() {
			w.requests <- &keyRequest{done: make(chan struct{}), do: func(w *keyWriter) error {
				_, err := w.apply(vault.Change{Reserve: []vault.Reservation{{Login: login, Subject: subject, ReservedAt: time.Now()}},
					Index: []vault.Entry{{Field: vault.Email, Subject: subject}}})
				return err
			}}
		}()
	}
	var batch []*keyRequest
	for len(batch) < 40 {
		batch = append(batch, w.gather(<-w.requests)...)
	}
	must(t, w.write(batch))
	refused := 0
	for _, r := range batch {
		<-r.done
		var taken *vault.TakenError
		if errors.As(r.err, &taken) {
			refused++
		} else if r.err != nil {
			t.Error(r.err)
		}
	}
	if commits != 1 || refused != 10 {
		t.Errorf("%d commits, %d of 40 refused; want 1 and 10", commits, refused)
	}
	var logins, entries int
	must(t, readers.QueryRow("SELECT (SELECT count(*) FROM login), (SELECT count(*) FROM search)").Scan(&logins, &entries))
	if logins != 30 || entries != 30 {
		t.Errorf("%d logins and %d entries stand, want 30", logins, entries)
	}
	go w.run()
	must(t, w.close())
}

// A commit that fails stops the writing for good: nobody is told that a key lasts that a power cut may take. Reading goes on.
func TestFailedCommitStopsTheKeys(t *testing.T) {
	path := keysFile(t)
	k := openKeys(t, path)
	v := newVault(t, k, vault.NewMemoryKEK())
	must(t, v.Register(t.Context(), "a", "Aliya", nil))
	must(t, k.writer.conn.Raw(func(c any) error {
		c.(*sqlite3.SQLiteConn).RegisterCommitHook(func() int { return 1 })
		return nil
	}))
	if err := v.Register(t.Context(), "b", "Berik", nil); !errors.Is(err, vault.ErrKeyUnavailable) {
		t.Errorf("not written, and %v", err)
	}
	if err := <-k.Failed(); err == nil {
		t.Error("the process was not told why")
	}
	if err := v.Register(t.Context(), "c", "third", nil); !errors.Is(err, vault.ErrKeyUnavailable) || !strings.Contains(err.Error(), "stopped") {
		t.Errorf("written after the failure: %v", err)
	}
	if found, err := v.Find(t.Context(), vault.Login, "aliya"); len(found) != 1 || err != nil {
		t.Errorf("found %v (%v)", found, err)
	}
	must(t, k.Close())
	k = openKeys(t, path)
	if keys, err := k.KeysOf(t.Context(), "b"); len(keys) != 0 || err != nil {
		t.Errorf("half a registration stands: %v (%v)", keys, err)
	}
}

// A full disk refuses and harms nothing; when there is room again registrations go on.
func TestKeysOnAFullDisk(t *testing.T) {
	k := openKeys(t, keysFile(t))
	v := newVault(t, k, vault.NewMemoryKEK())
	limit := func(pages int) {
		must(t, k.writer.conn.Raw(func(c any) error {
			_, err := c.(*sqlite3.SQLiteConn).Exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages), nil)
			return err
		}))
	}
	limit(40)
	registered, full := 0, 0
	for i := range 500 {
		if full == 3 {
			limit(10_000)
		}
		if err := v.Register(t.Context(), fmt.Sprint("s", i), fmt.Sprint("login", i), nil); err == nil {
			registered++
			continue
		} else if !errors.Is(err, vault.ErrKeyUnavailable) {
			t.Fatal(err)
		}
		full++
		if keys, _ := k.KeysOf(t.Context(), fmt.Sprint("s", i)); len(keys) != 0 {
			t.Fatal("half a registration stands")
		}
	}
	if full != 3 || registered != 497 {
		t.Errorf("%d registered, %d refused", registered, full)
	}
}

func TestClosedKeys(t *testing.T) {
	k := openKeys(t, keysFile(t))
	v := newVault(t, k, vault.NewMemoryKEK())
	must(t, k.Close())
	if err := v.Register(t.Context(), "a", "Aliya", nil); !errors.Is(err, vault.ErrKeyUnavailable) || !errors.Is(err, errKeysClosed) {
		t.Errorf("registered: %v", err)
	}
	if _, err := v.Find(t.Context(), vault.Login, "aliya"); !errors.Is(err, vault.ErrKeyUnavailable) {
		t.Errorf("found: %v", err)
	}
}
