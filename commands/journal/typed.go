package journal

import (
	"context"
	"fmt"
	"iter"

	"kelisim/domain/event"
)

// Journal is the typed view over a Store. It knows the catalogue and nothing of keys: personal values are sealed by the
// caller before Encode and opened after Decode.
type Journal struct {
	Store
	events *event.Catalogue
}

// New makes the typed view.
func New(store Store, events *event.Catalogue) *Journal {
	return &Journal{Store: store, events: events}
}

// Event is a decoded record.
type Event struct {
	event.Meta
	Data    any    // the event's value in its newest shape
	RawData []byte // as stored
	RawMeta []byte // as stored
}

// Encode writes an event and its envelope for storage. Of the envelope it takes the id and what a caller decides; the event's
// name and version are the catalogue's, its place is the store's, and RecordedAt, where not zero, is asked of the store (import).
func (j *Journal) Encode(e any, m event.Meta) (NewRecord, error) {
	name, version, data, err := j.events.Encode(e)
	if err != nil {
		return NewRecord{}, err
	}
	m.Version = version
	meta, err := encodeMeta(m)
	if err != nil {
		return NewRecord{}, fmt.Errorf("encode %s: %w", name, err)
	}
	return NewRecord{ID: m.ID, Type: name, Data: data, Meta: meta, RecordedAt: m.RecordedAt}, nil
}

// Decode reads a stored event of any version.
func (j *Journal) Decode(r Record) (Event, error) {
	m, err := decodeMeta(r.Meta)
	if err != nil {
		return Event{}, fmt.Errorf("event %s, %s revision %d: %w", r.ID, r.Stream, r.Revision, err)
	}
	m.ID, m.Stream, m.Revision, m.Position, m.Type, m.RecordedAt = r.ID, r.Stream, r.Revision, r.Position, r.Type, r.RecordedAt
	data, err := j.events.Decode(r.Type, m.Version, r.Data)
	if err != nil {
		return Event{}, fmt.Errorf("event %s, %s revision %d: %w", r.ID, r.Stream, r.Revision, err)
	}
	return Event{Meta: m, Data: data, RawData: r.Data, RawMeta: r.Meta}, nil
}

// ReadStream is Store.ReadStream, decoded. It ends at the first error.
func (j *Journal) ReadStream(ctx context.Context, stream string, from int64) iter.Seq2[Event, error] {
	return j.decoded(j.Store.ReadStream(ctx, stream, from))
}

// ReadAll is Store.ReadAll, decoded. It ends at the first error.
func (j *Journal) ReadAll(ctx context.Context, after int64) iter.Seq2[Event, error] {
	return j.decoded(j.Store.ReadAll(ctx, after))
}

func (j *Journal) decoded(records iter.Seq2[Record, error]) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for r, err := range records {
			var e Event
			if err == nil {
				e, err = j.Decode(r)
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// TypeOf is the declaration of an event's value.
func (j *Journal) TypeOf(e any) (event.Type, error) { return j.events.TypeOf(e) }
