package postgres

import (
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"kelisim/commands/journal"
)

// transaction is what was read under the lock, and what has been decided on it. Nobody else can change it until it ends.
type transaction struct {
	seen       int64 // the highest position that was seen before
	position   int64 // the last event's, those decided included
	recordedAt time.Time
	epoch      string    // names the server's present life
	moment     time.Time // at which its events are recorded, unless the last event's is later

	ends     map[string]int64 // the last revisions of the streams
	standing map[uuid.UUID]place
	repeats  bool // an append was answered from what stands
	rows     rows
}

// place is where an event stands.
type place struct {
	stream             string
	revision, position int64
	recordedAt         time.Time
}

// rows are the new events, column by column.
type rows struct {
	positions, revisions []int64
	streams, types       []string
	ids                  [][16]byte
	data, metas          [][]byte
}

// read takes in the answers of the first round trip.
func (t *transaction) read(results pgx.BatchResults) error {
	if _, err := results.Exec(); err != nil {
		return err
	}
	var at int64
	var commit, fsync string
	var standbys bool
	if err := results.QueryRow().Scan(&t.position, &at, &t.epoch, &commit, &fsync, &standbys); err != nil {
		return err
	}
	t.recordedAt = moment(at)
	if err := weakness(commit, fsync, standbys); err != nil {
		return err
	}
	answer, err := results.Query()
	if err != nil {
		return err
	}
	for answer.Next() {
		var stream string
		var end *int64
		if err := answer.Scan(&stream, &end); err != nil {
			return err
		}
		if t.ends[stream] = journal.NoStream; end != nil {
			t.ends[stream] = *end
		}
	}
	if err := answer.Err(); err != nil {
		return err
	}
	if answer, err = results.Query(); err != nil {
		return err
	}
	for answer.Next() {
		var id [16]byte
		var p place
		var meta []byte
		if err := answer.Scan(&id, &p.stream, &p.revision, &p.position, &meta); err != nil {
			return err
		}
		if p.recordedAt, err = journal.Stamped(meta); err != nil {
			return fmt.Errorf("position %d: %w", p.position, err)
		}
		t.standing[id] = p
	}
	return answer.Err()
}

// decide places an append after all before it, or says why it may not be, and then leaves no trace of it.
func (t *transaction) decide(r *request) {
	actual := t.ends[r.stream]
	conflict := &journal.ConflictError{Stream: r.stream, Expected: r.expected, Actual: actual}
	if actual != r.expected {
		receipt, repeated := t.repeated(r)
		if r.receipt = receipt; repeated {
			t.repeats = true
		} else {
			r.refuse(conflict)
		}
		return
	}
	at := t.recordedAt
	stamped, moments := make([][]byte, len(r.records)), make([]time.Time, len(r.records))
	for i, record := range r.records {
		if p, stands := t.standing[record.ID]; stands {
			if r.refuse(journal.ErrDuplicateID); p.stream == r.stream {
				r.refuse(fmt.Errorf("%w: %w", journal.ErrDuplicateID, conflict))
			}
			return
		}
		var err error
		if at, err = journal.NextRecordedAt(record.RecordedAt, t.moment, at); err == nil {
			stamped[i], err = journal.Stamp(record.Meta, at)
		}
		if err != nil {
			r.refuse(err)
			return
		}
		moments[i] = at
	}
	for i, record := range r.records {
		t.position++
		t.ends[r.stream]++
		t.rows.add(t.position, r.stream, t.ends[r.stream], record, stamped[i])
		t.standing[record.ID] = place{r.stream, t.ends[r.stream], t.position, moments[i]}
	}
	t.recordedAt = at
	r.receipt = journal.Receipt{Revision: t.ends[r.stream], Position: t.position, RecordedAt: at}
}

func (rs *rows) add(position int64, stream string, revision int64, r journal.NewRecord, meta []byte) {
	rs.positions = append(rs.positions, position)
	rs.streams = append(rs.streams, stream)
	rs.revisions = append(rs.revisions, revision)
	rs.ids = append(rs.ids, r.ID)
	rs.types = append(rs.types, r.Type)
	rs.data = append(rs.data, r.Data)
	rs.metas = append(rs.metas, meta)
}

// repeated tells whether the very same ids stand right after the expected revision, and where.
func (t *transaction) repeated(r *request) (journal.Receipt, bool) {
	var last place
	for i, record := range r.records {
		p, stands := t.standing[record.ID]
		if !stands || p.stream != r.stream || p.revision != r.expected+1+int64(i) {
			return journal.Receipt{}, false
		}
		last = p
	}
	return journal.Receipt{Revision: last.revision, Position: last.position, RecordedAt: last.recordedAt, Repeated: true}, true
}
