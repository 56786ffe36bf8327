package journal

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Memory is the reference Store: the contract in its shortest form, and the stand-in for a real store in
// tests, since it fails when asked to. The zero value is an empty journal.
type Memory struct {
	Now    func() time.Time            // the clock; nil is time.Now
	Fail   func(stream string) Failure // asked once for each append that would be written; nil never fails
	Step   int64                       // positions grow by this much, so that nobody relies on dense ones; zero is 1
	Shared bool                        // Exclusive answers false, as a cluster's store does

	mu      sync.Mutex
	all     []Record
	streams map[string][]int // places in all
	ids     map[uuid.UUID]int
	grown   chan struct{} // closed when something was appended
	settled time.Time     // the last moment that Settled answered
	closed  bool
}

// Failure is how an append of a Memory fails.
type Failure int

const (
	Works         Failure = iota
	Refused               // not written, and known to be: ErrNotWritten
	LostOnTheWay          // not written, and not known: ErrUnknown
	LostItsAnswer         // written, and not known: ErrUnknown
)

var _ Store = (*Memory)(nil)

func (m *Memory) Append(ctx context.Context, stream string, expected int64, records []NewRecord) (Receipt, error) {
	if err := Check(stream, expected, records); err != nil {
		return Receipt{}, fmt.Errorf("append to %s: %w", stream, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return Receipt{}, fmt.Errorf("append to %s: %w: %w", stream, ErrNotWritten, ErrClosed)
	}
	if err := ctx.Err(); err != nil {
		return Receipt{}, fmt.Errorf("append to %s: %w: %w", stream, ErrNotWritten, err)
	}
	added, receipt, err := m.place(stream, expected, records)
	if err != nil {
		return Receipt{}, fmt.Errorf("append to %s: %w", stream, err)
	}
	if receipt.Repeated {
		return receipt, nil
	}
	failure := Works
	if m.Fail != nil {
		failure = m.Fail(stream)
	}
	if failure == Works || failure == LostItsAnswer {
		m.keep(added)
	}
	switch failure {
	case Refused:
		return Receipt{}, fmt.Errorf("append to %s: %w", stream, ErrNotWritten)
	case LostOnTheWay, LostItsAnswer:
		return Receipt{}, fmt.Errorf("append to %s: %w", stream, ErrUnknown)
	}
	return receipt, nil
}

// place says what an append would add, or that it stands already, or why it may not be.
func (m *Memory) place(stream string, expected int64, records []NewRecord) ([]Record, Receipt, error) {
	places := m.streams[stream]
	if actual := int64(len(places)) - 1; actual != expected {
		if last, ok := m.standing(places, expected, records); ok {
			return nil, Receipt{Revision: last.Revision, Position: last.Position, RecordedAt: last.RecordedAt, Repeated: true}, nil
		}
		return nil, Receipt{}, &ConflictError{Stream: stream, Expected: expected, Actual: actual}
	}
	now := time.Now
	if m.Now != nil {
		now = m.Now
	}
	var last Record
	if len(m.all) > 0 {
		last = m.all[len(m.all)-1]
	}
	moment := now()
	if !moment.After(m.settled) {
		moment = m.settled.Add(time.Microsecond)
	}
	added := make([]Record, len(records))
	for i, r := range records {
		if at, ok := m.ids[r.ID]; ok {
			if m.all[at].Stream == stream {
				return nil, Receipt{}, fmt.Errorf("%w: %w", ErrDuplicateID, &ConflictError{Stream: stream, Expected: expected, Actual: expected})
			}
			return nil, Receipt{}, ErrDuplicateID
		}
		recordedAt, err := NextRecordedAt(r.RecordedAt, moment, last.RecordedAt)
		if err != nil {
			return nil, Receipt{}, err
		}
		meta, err := Stamp(r.Meta, recordedAt)
		if err != nil {
			return nil, Receipt{}, err
		}
		last = Record{
			ID: r.ID, Stream: stream, Revision: expected + 1 + int64(i), Position: last.Position + max(1, m.Step),
			Type: r.Type, Data: bytes.Clone(r.Data), Meta: meta, RecordedAt: recordedAt,
		}
		added[i] = last
	}
	return added, Receipt{Revision: last.Revision, Position: last.Position, RecordedAt: last.RecordedAt}, nil
}

// standing finds the last of the records if they all stand right after expected.
func (m *Memory) standing(places []int, expected int64, records []NewRecord) (Record, bool) {
	if expected+int64(len(records)) >= int64(len(places)) {
		return Record{}, false
	}
	var last Record
	for i, r := range records {
		if last = m.all[places[expected+1+int64(i)]]; last.ID != r.ID {
			return Record{}, false
		}
	}
	return last, true
}

// Settled answers under the same lock that an append holds, and every later append is recorded after it.
func (m *Memory) Settled(ctx context.Context) (time.Time, error) {
	if _, err := m.snapshot(ctx); err != nil {
		return time.Time{}, fmt.Errorf("read the settled moment: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now
	if m.Now != nil {
		now = m.Now
	}
	at := now().UTC().Truncate(time.Microsecond)
	if len(m.all) > 0 && at.Before(m.all[len(m.all)-1].RecordedAt) {
		at = m.all[len(m.all)-1].RecordedAt
	}
	if at.After(m.settled) {
		m.settled = at
	}
	return m.settled, nil
}

func (m *Memory) keep(added []Record) {
	if m.streams == nil {
		m.streams, m.ids = map[string][]int{}, map[uuid.UUID]int{}
	}
	for _, r := range added {
		m.streams[r.Stream] = append(m.streams[r.Stream], len(m.all))
		m.ids[r.ID] = len(m.all)
		m.all = append(m.all, r)
	}
	if m.grown != nil {
		close(m.grown)
		m.grown = nil
	}
}

func (m *Memory) ReadStream(ctx context.Context, stream string, from int64) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		all, err := m.snapshot(ctx)
		if err != nil {
			yield(Record{}, fmt.Errorf("read %s: %w", stream, err))
			return
		}
		m.mu.Lock()
		places := m.streams[stream]
		m.mu.Unlock()
		for _, at := range places[min(max(from, 0), int64(len(places))):] {
			if at >= len(all) {
				return
			}
			if !give(ctx, all[at], yield) {
				return
			}
		}
	}
}

func (m *Memory) ReadAll(ctx context.Context, after int64) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		all, err := m.snapshot(ctx)
		if err != nil {
			yield(Record{}, fmt.Errorf("read all: %w", err))
			return
		}
		from, _ := slices.BinarySearchFunc(all, after, func(r Record, after int64) int {
			if r.Position > after {
				return 1
			}
			return -1
		})
		for _, r := range all[from:] {
			if !give(ctx, r, yield) {
				return
			}
		}
	}
}

// snapshot is what is there now; it is only ever added to, so it may be read without the lock.
func (m *Memory) snapshot(ctx context.Context) ([]Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, ErrClosed
	}
	return m.all, ctx.Err()
}

// give yields a copy, so that a reader cannot change what is kept.
func give(ctx context.Context, r Record, yield func(Record, error) bool) bool {
	if err := ctx.Err(); err != nil {
		yield(Record{}, err)
		return false
	}
	r.Data, r.Meta = bytes.Clone(r.Data), bytes.Clone(r.Meta)
	return yield(r, nil)
}

func (m *Memory) Head(ctx context.Context) (int64, time.Time, error) {
	all, err := m.snapshot(ctx)
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("read the head: %w", err)
	}
	if len(all) == 0 {
		return 0, time.Time{}, nil
	}
	last := all[len(all)-1]
	return last.Position, last.RecordedAt, nil
}

func (m *Memory) Wait(ctx context.Context, after int64) error {
	for {
		m.mu.Lock()
		if m.closed {
			m.mu.Unlock()
			return ErrClosed
		}
		if n := len(m.all); n > 0 && m.all[n-1].Position > after {
			m.mu.Unlock()
			return nil
		}
		if m.grown == nil {
			m.grown = make(chan struct{})
		}
		grown := m.grown
		m.mu.Unlock()
		select {
		case <-grown:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (m *Memory) Exclusive() bool { return !m.Shared && m.Step <= 1 }

// Close ends every Wait; what was kept is gone with the value.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	if m.grown != nil {
		close(m.grown)
		m.grown = nil
	}
	return nil
}
