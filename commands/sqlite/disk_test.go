//go:build linux

package sqlite

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"flag"
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

	"github.com/google/uuid"

	"kelisim/commands/journal"
)

var (
	everyFault = flag.Bool("every-fault", false, "crash after each request to the disk and fail each, instead of a sample")
	diskSeed   = flag.Uint64("disk-seed", 1, "which sample, and what is torn")
)

// noted is one request to the disk, or an acknowledgement to a caller (op A, its position in offset), or a fault (op F).
type noted struct {
	op     byte
	path   string
	offset int64
	data   []byte
}

func appendNote(b []byte, n noted) []byte {
	b = append(b, n.op)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(n.path)))
	b = append(b, n.path...)
	b = binary.LittleEndian.AppendUint64(b, uint64(n.offset))
	b = binary.LittleEndian.AppendUint64(b, uint64(len(n.data)))
	return append(b, n.data...)
}

func readNotes(t *testing.T, name string) (all []noted) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	// The last note may be cut off: the process ended while it asked.
	for len(b) >= 3 {
		path := int(binary.LittleEndian.Uint16(b[1:]))
		if len(b) < 3+path+16 {
			break
		}
		n := noted{op: b[0], path: string(b[3 : 3+path]), offset: int64(binary.LittleEndian.Uint64(b[3+path:]))}
		data := int(binary.LittleEndian.Uint64(b[3+path+8:]))
		if b = b[3+path+16:]; len(b) < data {
			break
		}
		n.data, b = b[:data], b[data:]
		all = append(all, n)
	}
	return all
}

// underWatch runs a test of this binary as a process of its own whose requests to the disk are noted, with at most one made to fail.
func underWatch(t *testing.T, test, dir, fault string) []noted {
	t.Helper()
	layer := filepath.Join(t.TempDir(), "disk.so")
	if out, err := exec.Command("cc", "-shared", "-fPIC", "-O1", "-o", layer, "testdata/disk.c").CombinedOutput(); err != nil {
		t.Skipf("the layer was not built: %v %s", err, out)
	}
	name := filepath.Join(t.TempDir(), "notes")
	cmd := exec.Command(os.Args[0], "-test.run=^"+test+"$")
	cmd.Env = append(os.Environ(), "LD_PRELOAD="+layer, "KELISIM_DISK_DIR="+dir, "KELISIM_DISK_NOTES="+name, "KELISIM_DISK_FAULT="+fault)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("fault %q: %v\n%s", fault, err, out)
	}
	return readNotes(t, name)
}

// TestDiskChild is the process under watch: it appends from several goroutines, with checkpoints in between, closes, opens and appends again. Each
// acknowledgement is noted among the requests. At a failure it checks what callers were told and ends.
func TestDiskChild(t *testing.T) {
	dir, name := os.Getenv("KELISIM_DISK_DIR"), os.Getenv("KELISIM_DISK_NOTES")
	if dir == "" {
		t.Skip("this is the process that others watch")
	}
	notes, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	full := strings.HasSuffix(os.Getenv("KELISIM_DISK_FAULT"), fmt.Sprintf(":%d", syscall.ENOSPC))
	for session := range 2 {
		j, err := OpenJournal(filepath.Join(dir, "journal.db"), Options{})
		if err != nil {
			return // refused to start, and acknowledged nothing
		}
		j.writer.checkpointAt, j.writer.checkpointEvery = 30, 30
		var wg sync.WaitGroup
		for w := range 3 {
			wg.Go(func() {
				for i := range 12 {
					records := wish(1 + i%3)
					records[0].Data = fmt.Appendf(nil, `{"text":"%0*d"}`, 100*i, i)
					receipt, err := j.Append(context.Background(), fmt.Sprintf("user-%d-%d-%d", session, w, i), journal.NoStream, records)
					switch {
					case err == nil:
						if _, err := notes.Write(appendNote(nil, noted{op: 'A', offset: receipt.Position})); err != nil {
							t.Error(err)
						}
					case errors.Is(err, journal.ErrUnknown) || errors.Is(err, journal.ErrClosed):
						if full {
							t.Errorf("a full disk stopped the journal: %v", err)
						}
						return
					case !errors.Is(err, journal.ErrNotWritten) || !full:
						t.Errorf("append: %v", err)
					}
				}
			})
		}
		wg.Wait()
		select {
		case err := <-j.Failed():
			if !errors.Is(err, journal.ErrClosed) || full {
				t.Errorf("failed: %v", err)
			}
			return
		default:
		}
		if session == 0 {
			if err := j.Close(); err != nil {
				return // folding the log failed; all that was acknowledged is in it
			}
		}
	}
}

// sector is what a disk writes whole.
const sector = 512

// disk is what a folder holds in memory and what surely lies on the disk.
type disk struct {
	dir   string
	files map[string]*file
	rand  *rand.Rand
}

type file struct {
	now, safe         []byte
	pending           []noted // writes and truncations since the last sync
	named, safelyThus bool    // has its name now; on the disk
}

func (d *disk) do(n noted) {
	if n.op == 'A' || n.op == 'F' {
		return
	}
	if n.op == 'S' && n.path == d.dir {
		for _, f := range d.files {
			f.safelyThus = f.named
		}
		return
	}
	f := d.files[n.path]
	if f == nil || n.op == 'C' && !f.named {
		// A file that nobody was seen to make was made and its name synced by create.
		old := f != nil && f.safelyThus
		f = &file{named: true, safelyThus: n.op != 'C' || old}
		d.files[n.path] = f
	}
	switch n.op {
	case 'W', 'T':
		f.now = change(f.now, n, nil)
		f.pending = append(f.pending, n)
	case 'S':
		f.safe, f.pending = bytes.Clone(f.now), nil
	case 'U':
		f.named = false
	}
}

// change applies a request; torn, where given, says for each sector whether it reached the disk.
func change(b []byte, n noted, torn *rand.Rand) []byte {
	if n.op == 'T' {
		if torn != nil && torn.IntN(2) == 0 {
			return b
		}
		if int(n.offset) <= len(b) {
			return b[:n.offset:n.offset]
		}
		return append(b, make([]byte, int(n.offset)-len(b))...)
	}
	if end := int(n.offset) + len(n.data); end > len(b) {
		b = append(b, make([]byte, end-len(b))...)
	}
	for at := 0; at < len(n.data); {
		size := min(sector-(int(n.offset)+at)%sector, len(n.data)-at)
		place := b[int(n.offset)+at:][:size]
		switch {
		case torn == nil || torn.IntN(2) == 0:
			copy(place, n.data[at:])
		case torn.IntN(4) == 0:
			for i := range place {
				place[i] = byte(torn.Uint32()) // cut off in the midst
			}
		}
		at += size
	}
	return b
}

const (
	allLost = iota
	allKept
	torn
	losses
)

// image writes what a power cut now could leave into a folder.
func (d *disk) image(t *testing.T, loss int, to string) {
	t.Helper()
	for path, f := range d.files {
		content, named := bytes.Clone(f.safe), f.safelyThus
		switch loss {
		case allKept:
			content, named = f.now, f.named
		case torn:
			for _, n := range f.pending {
				content = change(content, n, d.rand)
			}
			if f.named != f.safelyThus {
				named = d.rand.IntN(2) == 0
			}
		}
		if !named {
			continue
		}
		if err := os.WriteFile(filepath.Join(to, filepath.Base(path)), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// standing reads the ids of a journal after a crash, and fails if the file or the order is not whole.
func standing(t *testing.T, dir string) (ids []uuid.UUID) {
	t.Helper()
	path := filepath.Join(dir, "journal.db")
	j, err := OpenJournal(path, Options{})
	if err != nil {
		t.Fatalf("open after the crash: %v", err)
	}
	next := map[string]int64{}
	for r, err := range j.ReadAll(t.Context(), 0) {
		if err != nil {
			t.Fatalf("read after the crash: %v", err)
		}
		if r.Position != int64(len(ids)+1) || r.Revision != next[r.Stream] {
			t.Fatalf("after the crash %s revision %d stands at %d as event %d", r.Stream, r.Revision, r.Position, len(ids)+1)
		}
		next[r.Stream]++
		ids = append(ids, r.ID)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if out := integrity(t, path); out != "ok" {
		t.Fatalf("after the crash: %s", out)
	}
	return ids
}

// Whenever the power is cut, and whatever of the unsynced is lost, torn or kept: the file is whole, no acknowledged event is
// missing, and what stands is a beginning of the one history.
func TestPowerCutKeepsWhatWasAcknowledged(t *testing.T) {
	dir := t.TempDir()
	notes := underWatch(t, "TestDiskChild", dir, "")
	history := standing(t, dir)
	if len(history) != 2*3*24 {
		t.Fatalf("the history has %d events", len(history))
	}
	random := rand.New(rand.NewPCG(*diskSeed, 0))
	points := random.Perm(len(notes))
	if !*everyFault {
		points = points[:min(25, len(points))]
	}
	slices.Sort(points)
	d := &disk{dir: dir, files: map[string]*file{}, rand: random}
	done, acknowledged := 0, 0
	for _, point := range points {
		for ; done <= point; done++ {
			d.do(notes[done])
			if notes[done].op == 'A' {
				acknowledged = max(acknowledged, int(notes[done].offset))
			}
		}
		for loss := range losses {
			to := t.TempDir()
			d.image(t, loss, to)
			got := standing(t, to)
			if len(got) < acknowledged || !slices.Equal(got, history[:min(len(got), len(history))]) {
				t.Errorf("cut after request %d, loss %d: %d events stand, %d were acknowledged", point, loss, len(got), acknowledged)
			}
			if err := os.RemoveAll(to); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A request to the disk that fails stops the journal before it acknowledges what may not last; a full disk only refuses.
func TestDiskErrorLosesNothing(t *testing.T) {
	clean := underWatch(t, "TestDiskChild", t.TempDir(), "")
	type trial struct {
		op    byte
		n     int
		errno syscall.Errno
	}
	var trials []trial
	for _, op := range []byte("WST") {
		n := 0
		for _, note := range clean {
			if note.op == op {
				n++
				trials = append(trials, trial{op, n, syscall.EIO})
				if op == 'W' {
					trials = append(trials, trial{op, n, syscall.ENOSPC})
				}
			}
		}
	}
	if !*everyFault {
		rand.New(rand.NewPCG(*diskSeed, 0)).Shuffle(len(trials), func(i, k int) { trials[i], trials[k] = trials[k], trials[i] })
		trials = trials[:min(8, len(trials))]
	}
	for _, f := range trials {
		fault := fmt.Sprintf("%c:%d:%d", f.op, f.n, f.errno)
		dir := t.TempDir()
		notes := underWatch(t, "TestDiskChild", dir, fault)
		if !slices.ContainsFunc(notes, func(n noted) bool { return n.op == 'F' }) {
			continue // this run had fewer requests
		}
		acknowledged := 0
		d := &disk{dir: dir, files: map[string]*file{}}
		for _, n := range notes {
			d.do(n)
			if n.op == 'A' {
				acknowledged = max(acknowledged, int(n.offset))
			}
		}
		cut := t.TempDir()
		d.image(t, allLost, cut)
		for what, dir := range map[string]string{"the process ended": dir, "the power was cut": cut} {
			if n := len(standing(t, dir)); n < acknowledged {
				t.Errorf("fault %s, then %s: %d events stand, %d were acknowledged", fault, what, n, acknowledged)
			}
		}
	}
}
