package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"kelisim/commands/journal"
	"kelisim/domain/event"
)

// sized makes an event of an ordinary size.
func sized() journal.NewRecord {
	return journal.NewRecord{
		ID: uuid.New(), Type: "benchmark.happened",
		Data: fmt.Appendf(nil, `{"order":"%s","months":3,"text":"%s"}`, uuid.New(), strings.Repeat("x", 200)),
		Meta: fmt.Appendf(nil, `{"version":1,"occurred_at":"2026-01-31T10:00:00.123456Z","actor":{"kind":"service","id":"site"},"command":"purchase",`+
			`"command_id":"%s","fingerprint":"0011223344556677","terms_version":"2020-10-27"}`, uuid.New()),
	}
}

// BenchmarkAppend compares appends through the journal with prepared inserts into the same kind of file, turn by turn in one run, each caller
// waiting for its own commit. The ratio is the journal's rate over the inserts'.
func BenchmarkAppend(b *testing.B) {
	for _, c := range []struct{ callers, events int }{{1, 1}, {16, 1}, {64, 1}, {256, 1}, {64, 3}} {
		b.Run(fmt.Sprintf("callers=%d/events=%d", c.callers, c.events), func(b *testing.B) {
			j, _ := opened(b)
			raw := rawFile(b)
			var journalTime, rawTime time.Duration
			turns, n := 0, 0
			for b.Loop() {
				appends := make([][]journal.NewRecord, c.callers*max(1, 512/c.callers))
				for i := range appends {
					for range c.events {
						appends[i] = append(appends[i], sized())
					}
				}
				start := time.Now()
				var wg sync.WaitGroup
				for caller := range c.callers {
					wg.Go(func() {
						for i := caller; i < len(appends); i += c.callers {
							if _, err := j.Append(context.Background(), "user-"+appends[i][0].ID.String(), journal.NoStream, appends[i]); err != nil {
								b.Error(err)
							}
						}
					})
				}
				wg.Wait()
				journalTime += time.Since(start)
				start = time.Now()
				for i := 0; i < len(appends); i += c.callers {
					raw(b, appends[i:i+c.callers])
				}
				rawTime += time.Since(start)
				turns++
				n += len(appends)
			}
			b.ReportMetric(float64(n)/journalTime.Seconds(), "appends/s")
			b.ReportMetric(float64(n)/rawTime.Seconds(), "inserts/s")
			b.ReportMetric(float64(rawTime)/float64(journalTime), "ratio")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// rawFile makes a file of the journal's kind and answers what inserts one transaction into it.
func rawFile(b *testing.B) func(*testing.B, [][]journal.NewRecord) {
	w, r, err := openDB(filepath.Join(b.TempDir(), "raw.db"), walMode, false)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { r.Close(); w.Close() })
	if err := migrate(w, "journal"); err != nil {
		b.Fatal(err)
	}
	insert, err := w.Prepare(insertNext)
	if err != nil {
		b.Fatal(err)
	}
	position := int64(0)
	return func(b *testing.B, appends [][]journal.NewRecord) {
		tx, err := w.Begin()
		if err != nil {
			b.Fatal(err)
		}
		in := tx.Stmt(insert)
		for _, records := range appends {
			stream := "user-" + records[0].ID.String()
			for i, r := range records {
				position++
				if _, err := in.Exec(position, stream, i, r.ID[:], r.Type, r.Data, r.Meta); err != nil {
					b.Fatal(err)
				}
			}
		}
		if err := tx.Commit(); err != nil {
			b.Fatal(err)
		}
	}
}

type happened struct {
	Order  string `json:"order"`
	Months int    `json:"months"`
	Text   string `json:"text"`
}

// BenchmarkRead compares reading through the journal with a bare query over the same rows in one run.
func BenchmarkRead(b *testing.B) {
	j, _ := opened(b)
	const streams, each = 2000, 10
	for i := range streams {
		records := make([]journal.NewRecord, each)
		for k := range records {
			records[k] = sized()
		}
		if _, err := j.Append(b.Context(), fmt.Sprintf("user-%d", i), journal.NoStream, records); err != nil {
			b.Fatal(err)
		}
	}
	events, err := event.NewCatalogue([]event.Type{event.Of[happened]("benchmark.happened")})
	if err != nil {
		b.Fatal(err)
	}
	typed := journal.New(j, events)
	var bare, read, decoded, byStream time.Duration
	turns := 0
	for b.Loop() {
		bare += timed(b, func() int { return bareQuery(b, j.readers) })
		read += timed(b, func() int { return count(b, j) })
		decoded += timed(b, func() (n int) {
			for _, err := range typed.ReadAll(b.Context(), 0) {
				if err != nil {
					b.Fatal(err)
				}
				n++
			}
			return n
		})
		byStream += timed(b, func() (n int) {
			for i := range streams {
				for _, err := range j.ReadStream(b.Context(), fmt.Sprintf("user-%d", i), 0) {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
			}
			return n
		})
		turns++
	}
	all := float64(turns * streams * each)
	b.ReportMetric(all/bare.Seconds(), "bare/s")
	b.ReportMetric(all/read.Seconds(), "read/s")
	b.ReportMetric(all/decoded.Seconds(), "decoded/s")
	b.ReportMetric(all/each/byStream.Seconds(), "streams/s")
	b.ReportMetric(float64(bare)/float64(read), "ratio")
	b.ReportMetric(0, "ns/op")
}

func timed(b *testing.B, f func() int) time.Duration {
	start := time.Now()
	if n := f(); n != 20_000 {
		b.Fatalf("%d events", n)
	}
	return time.Since(start)
}

func bareQuery(b *testing.B, db *sql.DB) (n int) {
	rows, err := db.Query(columns + "ORDER BY position")
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var position, revision int64
		var stream, kind string
		var id, data, meta []byte
		if err := rows.Scan(&position, &stream, &revision, &id, &kind, &data, &meta); err != nil {
			b.Fatal(err)
		}
		n++
	}
	return n
}
