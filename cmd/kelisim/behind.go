package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"kelisim/commands/journal"
	"kelisim/commands/sqlite"
	"kelisim/commands/vault"
)

// behind is a journal for a single writer who answers to nobody until the end, such as an import: it acknowledges an append at once and
// writes many in one transaction, in their order. What is lost when the process dies is lost from the end, never from the middle, so a story
// that is told again goes on where the journal ends (TestImportKilled).
//
// It knows where each append will land, because nobody else appends: its receipts are those that the store gives later. Whoever reads what is
// not written yet makes it be written first. It is not for more than one goroutine.
type behind struct {
	*sqlite.Journal
	keys *keysBehind
	now  func() time.Time

	waiting []sqlite.Entry
	streams map[string]bool // that something waiting belongs to
	bytes   int
	head    int64
	at      time.Time
	failed  error // nothing is taken after what was acknowledged could not be written
}

// newBehind takes a key store that was opened in bulk.
func newBehind(ctx context.Context, j *sqlite.Journal, keys *sqlite.Keys, now func() time.Time) (*behind, error) {
	b := &behind{Journal: j, now: now, streams: map[string]bool{}}
	b.keys = &keysBehind{Keys: keys, journal: b}
	var err error
	b.head, b.at, err = j.Head(ctx)
	return b, err
}

// Append acknowledges what is sure to be taken, and hands all else to the store.
func (b *behind) Append(ctx context.Context, stream string, expected int64, records []journal.NewRecord) (journal.Receipt, error) {
	entry := sqlite.Entry{Stream: stream, Expected: expected, Records: make([]journal.NewRecord, len(records))}
	at, size, err := b.at, 0, journal.Check(stream, expected, records)
	for i, r := range records {
		if err == nil {
			at, err = journal.NextRecordedAt(r.RecordedAt, b.now(), at)
		}
		r.RecordedAt = at
		entry.Records[i] = r
		size += len(r.Data) + len(r.Meta)
	}
	if err != nil || expected == journal.NoStream && b.stands(ctx, stream) {
		return b.through(ctx, stream, expected, records)
	}
	if len(b.waiting) == sqlite.MaxEntries || b.bytes+size > sqlite.MaxEntriesBytes {
		if err := b.Flush(); err != nil {
			return journal.Receipt{}, err
		}
	}
	if b.failed != nil {
		return journal.Receipt{}, b.failed
	}
	b.waiting, b.streams[stream], b.bytes = append(b.waiting, entry), true, b.bytes+size
	b.head, b.at = b.head+int64(len(records)), at
	return journal.Receipt{Revision: expected + int64(len(records)), Position: b.head, RecordedAt: at}, nil
}

// through appends at once, after all that waits.
func (b *behind) through(ctx context.Context, stream string, expected int64, records []journal.NewRecord) (journal.Receipt, error) {
	if err := b.Flush(); err != nil {
		return journal.Receipt{}, err
	}
	receipt, err := b.Journal.Append(ctx, stream, expected, records)
	if err == nil && !receipt.Repeated {
		b.head, b.at = receipt.Position, receipt.RecordedAt
	}
	return receipt, err
}

// stands tells whether a stream has an event, written or waiting.
func (b *behind) stands(ctx context.Context, stream string) bool {
	if b.streams[stream] {
		return true
	}
	for range b.Journal.ReadStream(ctx, stream, 0) {
		return true // also when it cannot be read: the store will say so
	}
	return false
}

// Flush writes what waits: the keys first, since nothing may stand in the journal whose key could be lost. Its error says that what
// was acknowledged since the last one is not written, or may not be.
func (b *behind) Flush() error {
	if b.failed == nil {
		b.failed = b.keys.Keys.Flush()
	}
	if b.failed != nil || len(b.waiting) == 0 {
		return b.failed
	}
	receipts, errs := b.Journal.AppendAll(b.waiting)
	for _, err := range errs {
		if err != nil {
			b.failed = fmt.Errorf("write what the last %d commands recorded: %w", len(b.waiting), err)
			return b.failed
		}
	}
	if last := receipts[len(receipts)-1]; last.Position != b.head || !last.RecordedAt.Equal(b.at) {
		b.failed = fmt.Errorf("the journal is at position %d where it must be at %d: somebody else writes to it", last.Position, b.head)
	}
	b.waiting, b.bytes = b.waiting[:0], 0
	clear(b.streams)
	if b.failed == nil {
		b.failed = b.keys.confirm()
	}
	return b.failed
}

func (b *behind) ReadStream(ctx context.Context, stream string, from int64) iter.Seq2[journal.Record, error] {
	if b.streams[stream] {
		if err := b.Flush(); err != nil {
			return unread(err)
		}
	}
	return b.Journal.ReadStream(ctx, stream, from)
}

func (b *behind) ReadAll(ctx context.Context, after int64) iter.Seq2[journal.Record, error] {
	if err := b.Flush(); err != nil {
		return unread(err)
	}
	return b.Journal.ReadAll(ctx, after)
}

func unread(err error) iter.Seq2[journal.Record, error] {
	return func(yield func(journal.Record, error) bool) { yield(journal.Record{}, err) }
}

func (b *behind) Head(ctx context.Context) (int64, time.Time, error) {
	if err := b.Flush(); err != nil {
		return 0, time.Time{}, err
	}
	return b.Journal.Head(ctx)
}

func (b *behind) Settled(ctx context.Context) (time.Time, error) {
	if err := b.Flush(); err != nil {
		return time.Time{}, err
	}
	return b.Journal.Settled(ctx)
}

func (b *behind) Wait(ctx context.Context, after int64) error {
	if err := b.Flush(); err != nil {
		return err
	}
	return b.Journal.Wait(ctx, after)
}

// keysBehind is the key store beside such a journal. It is told that something is recorded only once it is written: a confirmed login is
// nobody else's for ever, a released one anybody's, and a destroyed key does not come back. Then it is destroyed at once.
type keysBehind struct {
	*sqlite.Keys
	journal *behind
	held    []vault.Holding // to be confirmed when the journal is written
}

func (k *keysBehind) Apply(ctx context.Context, c vault.Change) ([]vault.Key, error) {
	if len(c.Release)+len(c.Drop) > 0 {
		if err := k.journal.Flush(); err != nil {
			return nil, err
		}
	}
	if len(k.journal.waiting) > 0 {
		k.held, c.Confirm = append(k.held, c.Confirm...), nil
	}
	return k.Keys.Apply(ctx, c)
}

func (k *keysBehind) confirm() error {
	if len(k.held) == 0 {
		return nil
	}
	_, err := k.Keys.Apply(context.Background(), vault.Change{Confirm: k.held})
	k.held = nil
	return err
}

func (k *keysBehind) Destroy(ctx context.Context, d vault.Destruction) ([]string, error) {
	if err := k.journal.Flush(); err != nil {
		return nil, err
	}
	ids, err := k.Keys.Destroy(ctx, d)
	return ids, errors.Join(err, k.Keys.Flush())
}
