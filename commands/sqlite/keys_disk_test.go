//go:build linux

package sqlite

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"kelisim/commands/vault"
	"kelisim/domain"
)

// What a caller was told, as the offset of a note: subject n was made, or its identity key destroyed.
const gone = 1000

func keysOfSubject(n int) (string, []vault.Key) {
	subject := fmt.Sprint("subject", n)
	var keys []vault.Key
	for _, class := range classes {
		keys = append(keys, vault.Key{ID: fmt.Sprint(n, ".", class[:1]), Subject: subject, Class: class, Generation: 1, Wrapped: fmt.Appendf(nil, "wrapped %060d", n)})
	}
	return subject, keys
}

// TestKeysDiskChild is the process under watch: it makes subjects from several goroutines and destroys every other identity key.
func TestKeysDiskChild(t *testing.T) {
	dir, name := os.Getenv("KELISIM_DISK_DIR"), os.Getenv("KELISIM_DISK_NOTES")
	if dir == "" {
		t.Skip("this is the process that others watch")
	}
	notes, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	full := strings.HasSuffix(os.Getenv("KELISIM_DISK_FAULT"), fmt.Sprintf(":%d", syscall.ENOSPC))
	k, err := OpenKeys(filepath.Join(dir, "keys.db"), false)
	if err != nil {
		return // refused to start, and acknowledged nothing
	}
	ack := func(n int) {
		if _, err := notes.Write(appendNote(nil, noted{op: 'A', offset: int64(n)})); err != nil {
			t.Error(err)
		}
	}
	var wg sync.WaitGroup
	for w := range 3 {
		wg.Go(func() {
			for i := range 10 {
				n := w*100 + i
				subject, keys := keysOfSubject(n)
				if _, err := k.Apply(context.Background(), vault.Change{Keys: keys, Reserve: []vault.Reservation{{Login: vault.MAC{byte(w), byte(i)}, Subject: subject}}}); err != nil {
					continue
				}
				ack(n)
				if i%2 == 1 {
					continue
				}
				d := vault.Destruction{Subject: subject, Classes: classes[:1], As: domain.Destroyed, At: time.Unix(0, 0), Forget: true}
				if _, err := k.Destroy(context.Background(), d); err == nil {
					ack(gone + n)
				}
			}
		})
	}
	wg.Wait()
	select {
	case err := <-k.Failed():
		if full {
			t.Errorf("a full disk stopped the key store: %v", err)
		}
	default:
	}
}

// told reads what the callers were told up to a note.
func told(notes []noted) (out []int) {
	for _, n := range notes {
		if n.op == 'A' {
			out = append(out, int(n.offset))
		}
	}
	return out
}

// check reads a key store after a crash: it is whole, no subject stands by half, and what was told stands.
func checkKeys(t *testing.T, dir, when string, told []int) {
	t.Helper()
	k, err := OpenKeys(filepath.Join(dir, "keys.db"), false)
	if err != nil {
		t.Fatalf("%s: open after the crash: %v", when, err)
	}
	defer k.Close()
	var whole string
	if err := k.readers.QueryRow("PRAGMA integrity_check").Scan(&whole); err != nil || whole != "ok" {
		t.Fatalf("%s: %s (%v)", when, whole, err)
	}
	for w := range 3 {
		for i := range 10 {
			n := w*100 + i
			subject, want := keysOfSubject(n)
			keys, err := k.KeysOf(t.Context(), subject)
			if err != nil || len(keys) != 0 && len(keys) != len(want) {
				t.Fatalf("%s: %s has %d keys (%v)", when, subject, len(keys), err)
			}
			made, destroyed := len(keys) > 0, false
			for _, key := range keys {
				if key.State == domain.Destroyed {
					destroyed = true
				} else if !bytes.Equal(key.Wrapped, want[0].Wrapped) {
					t.Fatalf("%s: a key of %s is not what was stored", when, subject)
				}
			}
			_, held, err := k.Holder(t.Context(), vault.MAC{byte(w), byte(i)})
			if err != nil || held != (made && !destroyed) {
				t.Fatalf("%s: %s made %v, destroyed %v, its login held %v (%v)", when, subject, made, destroyed, held, err)
			}
			if slices.Contains(told, n) && !made || slices.Contains(told, gone+n) && !destroyed {
				t.Errorf("%s: %s made %v, destroyed %v; more was acknowledged", when, subject, made, destroyed)
			}
		}
	}
}

// R2: whenever the power is cut, and whatever of the unsynced is lost, torn or kept: the file is whole, no acknowledged key is lost, and
// no destroyed one comes back.
func TestPowerCutKeepsKeys(t *testing.T) {
	dir := t.TempDir()
	notes := underWatch(t, "TestKeysDiskChild", dir, "")
	all := told(notes)
	if len(all) != 45 {
		t.Fatalf("%d acknowledgements", len(all))
	}
	checkKeys(t, dir, "uncut", all)
	seed := rand.Uint64()
	t.Logf("%d requests and acknowledgements, seed %d", len(notes), seed)
	random := rand.New(rand.NewPCG(seed, 0))
	points := random.Perm(len(notes))
	if !*everyFault {
		points = points[:min(40, len(points))]
	}
	slices.Sort(points)
	d := &disk{dir: dir, files: map[string]*file{}, rand: random}
	done := 0
	for _, point := range points {
		for ; done <= point; done++ {
			d.do(notes[done])
		}
		for loss := range losses {
			to := t.TempDir()
			d.image(t, loss, to)
			checkKeys(t, to, fmt.Sprintf("cut after request %d, loss %d", point, loss), told(notes[:done]))
			if err := os.RemoveAll(to); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A request to the disk that fails stops the key store before it acknowledges what may not last; a full disk only refuses.
func TestDiskErrorLosesNoKey(t *testing.T) {
	clean := underWatch(t, "TestKeysDiskChild", t.TempDir(), "")
	type trial struct {
		op    byte
		n     int
		errno syscall.Errno
	}
	var trials []trial
	count := map[byte]int{}
	for _, note := range clean {
		if count[note.op]++; strings.IndexByte("WST", note.op) >= 0 {
			trials = append(trials, trial{note.op, count[note.op], syscall.EIO})
			if note.op == 'W' {
				trials = append(trials, trial{note.op, count[note.op], syscall.ENOSPC})
			}
		}
	}
	if !*everyFault {
		rand.Shuffle(len(trials), func(i, k int) { trials[i], trials[k] = trials[k], trials[i] })
		trials = trials[:min(12, len(trials))]
	}
	for _, f := range trials {
		fault := fmt.Sprintf("%c:%d:%d", f.op, f.n, f.errno)
		dir := t.TempDir()
		notes := underWatch(t, "TestKeysDiskChild", dir, fault)
		d := &disk{dir: dir, files: map[string]*file{}}
		for _, n := range notes {
			d.do(n)
		}
		cut := t.TempDir()
		d.image(t, allLost, cut)
		for what, dir := range map[string]string{"the process ended": dir, "the power was cut": cut} {
			checkKeys(t, dir, "fault "+fault+", then "+what, told(notes))
		}
	}
}

// T-3.2, decision on healing: what a killed process had acknowledged stands, and what it had not confirmed is listed for the next.
func TestKilledProcessLeavesItsReservationsListed(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKeysKillChild$")
	cmd.Env = append(os.Environ(), "KELISIM_KILL_DIR="+dir)
	var out bytes.Buffer
	enough := make(chan struct{}, 1)
	cmd.Stdout = writeFunc(func(b []byte) (int, error) {
		out.Write(b)
		if bytes.Count(out.Bytes(), []byte("\n")) > 60 {
			select {
			case enough <- struct{}{}:
			default:
			}
		}
		return len(b), nil
	})
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-enough
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	lines := strings.Split(out.String(), "\n")
	k := openKeys(t, filepath.Join(dir, "keys.db"))
	kek, err := vault.OpenMasterFile(filepath.Join(dir, "master.key"))
	must(t, err)
	v := newVault(t, k, kek)
	left, err := v.Unconfirmed(t.Context(), time.Now().Add(time.Hour), 10_000)
	must(t, err)
	listed := map[string]bool{}
	for _, r := range left {
		if r.Instance == v.Instance() || r.Instance == "" {
			t.Fatalf("reserved by %q, which is not the killed process", r.Instance)
		}
		listed[r.Subject] = true
	}
	for _, subject := range lines[:len(lines)-1] {
		if strings.Contains(subject, "FAIL") {
			t.Fatal(out.String())
		}
		keys, err := k.KeysOf(t.Context(), subject)
		if err != nil || len(keys) != 3 || !listed[subject] {
			t.Errorf("%s: %d keys, listed %v (%v)", subject, len(keys), listed[subject], err)
		}
	}
}

// TestKeysKillChild registers until it is killed, and says each acknowledged subject on its standard output.
func TestKeysKillChild(t *testing.T) {
	dir := os.Getenv("KELISIM_KILL_DIR")
	if dir == "" {
		t.Skip("this is the process that others kill")
	}
	k, err := OpenKeys(filepath.Join(dir, "keys.db"), false)
	must(t, err)
	kek, err := vault.OpenMasterFile(filepath.Join(dir, "master.key"))
	must(t, err)
	v := newVault(t, k, kek)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				subject := fmt.Sprintf("s%d-%d", w, i)
				if err := v.Register(context.Background(), subject, subject, nil); err != nil {
					fmt.Println("FAIL", err)
					return
				}
				if _, err := os.Stdout.WriteString(subject + "\n"); err != nil {
					return
				}
			}
		})
	}
	wg.Wait()
}
