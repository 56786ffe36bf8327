package sqlite_test

import (
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"kelisim/commands/journal"
	"kelisim/commands/sqlite"
	"kelisim/commands/tlog"
	"kelisim/commands/tlog/verify"
)

var logEvents = flag.Int("log-events", 100_000, "how many events the journal of the log's benchmarks has")

// longJournal has events of the usual size, 20 of each stream, in the order in which people come.
func longJournal(b *testing.B) *sqlite.Journal {
	b.Helper()
	j, err := sqlite.OpenJournal(filepath.Join(b.TempDir(), "journal.db"), sqlite.Options{Now: standing})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = j.Close() })
	var entries []sqlite.Entry
	write := func() {
		_, errs := j.AppendAll(entries)
		if err := errors.Join(errs...); err != nil {
			b.Fatal(err)
		}
		entries = entries[:0]
	}
	for from := range 4 {
		for s := range *logEvents / 20 {
			stream := fmt.Sprintf("user-00000000-0000-4000-8000-%012d", s)
			records := wishes(stream, 5*from, 5)
			for i := range records {
				records[i].Data = fmt.Appendf(nil, `{"n":%d,"sealed":"%0300d"}`, i, i)
			}
			if entries = append(entries, sqlite.Entry{Stream: stream, Expected: int64(5*from) - 1, Records: records}); len(entries) == sqlite.MaxEntries {
				write()
			}
		}
	}
	write()
	return j
}

// readAndHash is the least that anybody does who looks at the journal's bytes.
func readAndHash(b *testing.B, j journal.Store) (n int64, took time.Duration) {
	b.Helper()
	from := time.Now()
	for r, err := range j.ReadAll(b.Context(), 0) {
		if err != nil {
			b.Fatal(err)
		}
		_, _ = sha256.Sum256(r.Data), sha256.Sum256(r.Meta)
		n++
	}
	return n, time.Since(from)
}

// BenchmarkFollow builds the log of a journal from nothing, and compares with reading and hashing the journal.
func BenchmarkFollow(b *testing.B) {
	j := longJournal(b)
	keys := logKeys(b)
	var least, follow time.Duration
	var n int64
	for b.Loop() {
		events, took := readAndHash(b, j)
		least, n = least+took, n+events
		l := openLog(b, filepath.Join(b.TempDir(), "tlog.db"), false)
		from := time.Now()
		f := follower(b, j, l, keys)
		if err := f.Settle(b.Context()); err != nil {
			b.Fatal(err)
		}
		follow += time.Since(from)
		if err := l.Close(); err != nil {
			b.Fatal(err)
		}
	}
	report(b, "follow", least, follow, n)
}

// BenchmarkVerifyDir checks a data directory, and compares with reading and hashing its journal: 0.6 of that is the goal, with a million events
// (-log-events 1000000 -benchtime 1x) as with fewer, and memory that grows with the streams alone.
func BenchmarkVerifyDir(b *testing.B) {
	j := longJournal(b)
	l := openLog(b, filepath.Join(b.TempDir(), "tlog.db"), false)
	defer l.Close()
	f := follower(b, j, l, logKeys(b))
	if err := f.CommitHeads(b.Context()); err != nil {
		b.Fatal(err)
	}
	src := tlog.NewSource(j, l)
	var heap uint64
	var least, check time.Duration
	var n int64
	for b.Loop() {
		events, took := readAndHash(b, j)
		least, n = least+took, n+events
		from := time.Now()
		if _, err := verify.Dir(b.Context(), src, verify.Options{Progress: func(done, total int64) {
			if done%65_536 < 1024 || done == total {
				heap = max(heap, heapNow())
			}
		}}); err != nil {
			b.Fatal(err)
		}
		check += time.Since(from)
	}
	report(b, "verify", least, check, n)
	b.ReportMetric(float64(heap)/(1<<20), "heap-MB")
}

func heapNow() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

func report(b *testing.B, what string, least, took time.Duration, n int64) {
	b.Helper()
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(least.Nanoseconds())/float64(n), "read+hash-ns/event")
	b.ReportMetric(float64(took.Nanoseconds())/float64(n), what+"-ns/event")
	b.ReportMetric(float64(least)/float64(took), "speed-to-read+hash")
}
