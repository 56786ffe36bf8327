package postgres_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"kelisim/commands/journal"
	"kelisim/commands/postgres"
	"kelisim/commands/postgres/postgrestest"
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

// BenchmarkAppend compares appends through the journal with prepared inserts into the same kind of table of the same server, turn by turn in
// one run: as many callers, each on a connection of its own and each insert a transaction of its own, with positions from a sequence, which
// is what the journal may not do. The ratio is the journal's rate over the inserts'.
func BenchmarkAppend(b *testing.B) {
	for _, callers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			address := postgrestest.URL(b)
			j := open(b, address, postgres.Options{}).Journal()
			postgrestest.Exec(b, address, "CREATE TABLE raw (LIKE events INCLUDING INDEXES)", "CREATE SEQUENCE raw_position")
			conns := make([]*pgx.Conn, callers)
			for i := range conns {
				conns[i] = postgrestest.Connect(b, address)
				defer conns[i].Close(context.Background())
				if _, err := conns[i].Prepare(b.Context(), "raw", "INSERT INTO raw VALUES (nextval('raw_position'), $1, $2, $3, $4, $5, $6)"); err != nil {
					b.Fatal(err)
				}
			}
			var journalTime, rawTime time.Duration
			n := 0
			turn := func(insert func(caller int, stream string, r journal.NewRecord) error) time.Duration {
				records := make([]journal.NewRecord, callers*max(1, 256/callers))
				for i := range records {
					records[i] = sized()
				}
				n += len(records)
				began := time.Now()
				var wg sync.WaitGroup
				for caller := range callers {
					wg.Go(func() {
						for i := caller; i < len(records); i += callers {
							if err := insert(caller, "user-"+records[i].ID.String(), records[i]); err != nil {
								b.Error(err)
							}
						}
					})
				}
				wg.Wait()
				return time.Since(began)
			}
			for b.Loop() {
				journalTime += turn(func(_ int, stream string, r journal.NewRecord) error {
					_, err := j.Append(context.Background(), stream, journal.NoStream, []journal.NewRecord{r})
					return err
				})
				rawTime += turn(func(caller int, stream string, r journal.NewRecord) error {
					_, err := conns[caller].Exec(context.Background(), "raw", stream, 0, [16]byte(r.ID), r.Type, r.Data, r.Meta)
					return err
				})
			}
			b.ReportMetric(float64(n)/2/journalTime.Seconds(), "appends/s")
			b.ReportMetric(float64(n)/2/rawTime.Seconds(), "inserts/s")
			b.ReportMetric(float64(rawTime)/float64(journalTime), "ratio")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkRead compares reading through the journal with a bare query over the same rows in one run.
func BenchmarkRead(b *testing.B) {
	const streams, each = 200, 50
	address := postgrestest.URL(b)
	j := open(b, address, postgres.Options{}).Journal()
	for i := range streams {
		records := make([]journal.NewRecord, each)
		for k := range records {
			records[k] = sized()
		}
		mustAppend(b, j, fmt.Sprint("user-", i), journal.NoStream, records)
	}
	c := postgrestest.Connect(b, address)
	defer c.Close(context.Background())
	var read, bare time.Duration
	turns := 0
	for b.Loop() {
		began := time.Now()
		events := 0
		for _, err := range j.ReadAll(context.Background(), 0) {
			if err != nil {
				b.Fatal(err)
			}
			events++
		}
		if events != streams*each {
			b.Fatalf("%d events", events)
		}
		read += time.Since(began)
		began = time.Now()
		rows, err := c.Query(context.Background(), "SELECT position, stream, revision, id, type, data, meta FROM events ORDER BY position")
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for ; rows.Next(); n++ {
			var position, revision int64
			var stream, kind string
			var id [16]byte
			var data, meta []byte
			if err := rows.Scan(&position, &stream, &revision, &id, &kind, &data, &meta); err != nil {
				b.Fatal(err)
			}
		}
		if n != streams*each {
			b.Fatalf("%d rows (%v)", n, rows.Err())
		}
		bare += time.Since(began)
		turns++
	}
	b.ReportMetric(float64(turns*streams*each)/read.Seconds(), "read/s")
	b.ReportMetric(float64(turns*streams*each)/bare.Seconds(), "bare/s")
	b.ReportMetric(float64(bare)/float64(read), "ratio")
	b.ReportMetric(0, "ns/op")
}
