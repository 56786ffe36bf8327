package eventstoredb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"kelisim/commands/journal"
)

// errAbandoned: the caller left before anything was sent.
var errAbandoned = errors.New("the append was given up")

// Append makes tries, with the same ids on the same expectation, until one is answered or Options.Deadline passes. Until something is
// sent, the end of the context ends it (ErrNotWritten); after that its end is answered with ErrUnknown at once, and the append is carried
// through without the caller: it is tried until it is certainly written, or certainly never will be. As long as that is open nothing
// later is recorded by this instance, and nothing is called settled (TestUnknownOutcome).
//
// The server knows an id again only where its repetition would stand: an id that stands elsewhere is not noticed.
func (j *Journal) Append(ctx context.Context, stream string, expected int64, records []journal.NewRecord) (journal.Receipt, error) {
	receipt, err := j.append(ctx, stream, expected, records)
	if err != nil {
		return journal.Receipt{}, fmt.Errorf("append to %s: %w", stream, err)
	}
	return receipt, nil
}

func (j *Journal) append(ctx context.Context, stream string, expected int64, records []journal.NewRecord) (journal.Receipt, error) {
	if err := journal.Check(stream, expected, records); err != nil {
		return journal.Receipt{}, err
	}
	if strings.HasPrefix(j.opts.Prefix+stream, "$") {
		return journal.Receipt{}, fmt.Errorf("%w: streams that begin with $ are the server's own", journal.ErrInvalid)
	}
	ctx, cancel := j.within(ctx)
	defer cancel()
	if err := j.because(ctx, nil); err != nil {
		return journal.Receipt{}, fmt.Errorf("%w: %w", journal.ErrNotWritten, err)
	}
	turn, unknown, err := j.turns.take(ctx, stream)
	if err != nil {
		outcome := journal.ErrNotWritten
		if unknown { // it may be an earlier try of this very append
			outcome = journal.ErrUnknown
		}
		return journal.Receipt{}, fmt.Errorf("%w: wait for the append before to the same stream: %w", outcome, j.because(ctx, err))
	}
	w := &writing{j: j, stream: stream, expected: expected, turn: turn, done: make(chan struct{})}
	for _, r := range records {
		r.Data, r.Meta = bytes.Clone(r.Data), bytes.Clone(r.Meta)
		w.records = append(w.records, r)
	}
	if err := w.prepare(ctx); err != nil {
		defer j.turns.release(stream, turn)
		if errors.Is(err, journal.ErrBeforeLast) { // that matters only to what would be written
			var conflict *journal.ConflictError
			if receipt, other := w.compare(ctx); other == nil || errors.As(other, &conflict) {
				return receipt, other
			}
			return journal.Receipt{}, err
		}
		return journal.Receipt{}, fmt.Errorf("%w: %w", journal.ErrNotWritten, j.because(ctx, err))
	}
	if err := j.enter(w.run); err != nil {
		j.moments.leave(w.group, time.Time{})
		j.turns.release(stream, turn)
		return journal.Receipt{}, fmt.Errorf("%w: %w", journal.ErrNotWritten, err)
	}
	select {
	case <-w.done:
		return w.receipt, w.err
	case <-ctx.Done():
	}
	outcome := w.leave()
	if outcome == nil {
		<-w.done
		return w.receipt, w.err
	}
	return journal.Receipt{}, fmt.Errorf("%w: %w", outcome, j.because(ctx, nil))
}

// writing is an append under way.
type writing struct {
	j        *Journal
	stream   string
	expected int64
	records  []journal.NewRecord
	turn     *turn
	group    *group
	stamps   []time.Time   // of the records, in this try
	fresh    bool          // they were not sent yet
	tried    []time.Time   // the last record's moment in each try
	knew     int64         // the head that was known before
	done     chan struct{} // closed when receipt and err are there
	receipt  journal.Receipt
	err      error

	mu       sync.Mutex
	sent     bool // something was, and is not known to be refused
	left     bool // the caller left before that
	answered bool // done is closed, or about to be
}

// prepare takes the moments. Where one is asked for, the last event of all instances is looked up first.
func (w *writing) prepare(ctx context.Context) error {
	if slices.ContainsFunc(w.records, asks) {
		if _, _, err := w.j.Head(ctx); err != nil {
			return err
		}
	}
	w.knew, _ = w.j.known()
	return w.join(ctx)
}

func asks(r journal.NewRecord) bool { return !r.RecordedAt.IsZero() }

func (w *writing) join(ctx context.Context) error {
	group, stamps, err := w.j.moments.join(ctx, w.records)
	if err != nil {
		return err
	}
	w.group, w.stamps, w.fresh = group, stamps, true
	w.tried = append(w.tried, w.last())
	return nil
}

func (w *writing) last() time.Time { return w.stamps[len(w.stamps)-1] }

// leave is the caller's going before the answer is there. It is nil where the answer is.
func (w *writing) leave() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.answered:
		return nil
	case w.sent:
		w.j.turns.doubt(w.turn)
		return journal.ErrUnknown
	}
	w.left = true
	return journal.ErrNotWritten
}

// begin is asked when the next step is to send. A try that was given up by then sends nothing.
func (w *writing) begin(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.left || ctx.Err() != nil {
		return errAbandoned
	}
	w.sent = true
	return nil
}

// gone tells that the caller was answered ErrNotWritten.
func (w *writing) gone() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.left
}

func (w *writing) maybeSent() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sent
}

// refuse notes that nothing of what was sent is written.
func (w *writing) refuse() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = false
}

func (w *writing) answer(receipt journal.Receipt, err error) {
	w.mu.Lock()
	w.receipt, w.err, w.answered = receipt, err, true
	w.mu.Unlock()
	close(w.done)
}

// run makes the tries, and gives the turn back when the outcome is certain.
func (w *writing) run() {
	ctx, cancel := context.WithTimeout(w.j.life, w.j.opts.Deadline)
	defer cancel()
	receipt, err := w.tries(ctx, false)
	told := errors.Is(err, journal.ErrUnknown)
	if told {
		w.j.turns.doubt(w.turn)
		w.answer(receipt, err)
		receipt, err = w.tries(w.j.life, true)
	}
	last := time.Time{}
	switch {
	case err == nil:
		last = receipt.RecordedAt
		w.j.saw(receipt.Position, receipt.RecordedAt)
	case errors.Is(err, journal.ErrUnknown):
		last = w.last()
	}
	if w.group != nil {
		w.j.moments.leave(w.group, last)
	}
	w.j.turns.release(w.stream, w.turn)
	if !told {
		w.answer(receipt, err)
	}
}

// tries repeats the append until one is answered, or the context ends. Where an earlier one may be written, only a success or a conflict
// is certain.
func (w *writing) tries(ctx context.Context, doubtful bool) (journal.Receipt, error) {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		receipt, err := journal.Receipt{}, w.again(ctx)
		if err == nil {
			receipt, err = w.try(ctx)
		}
		judged := judge(err)
		if judged == elsewhere {
			var conflict *journal.ConflictError
			if receipt, err = w.compare(ctx); err == nil || errors.As(err, &conflict) {
				return receipt, err
			}
			judged = notDecided
		}
		switch judged {
		case written:
			return receipt, nil
		case notDecided:
			doubtful = true
		case notWritten, refused:
			if !doubtful {
				w.refuse()
			}
		}
		if judged != refused && !w.gone() && sleep(ctx, pause) == nil {
			continue
		}
		switch {
		case doubtful:
			return journal.Receipt{}, fmt.Errorf("%w: %w", journal.ErrUnknown, w.j.because(ctx, err))
		case tooLarge(err):
			return journal.Receipt{}, fmt.Errorf("%w for this server; start it with MaxAppendSize 4194304: %w", journal.ErrTooLarge, err)
		}
		return journal.Receipt{}, fmt.Errorf("%w: %w", journal.ErrNotWritten, w.j.because(ctx, err))
	}
}

// again takes new moments before another try, where other instances trust that an append reaches the leader soon after its moment. Moments
// that were asked for stay.
func (w *writing) again(ctx context.Context) error {
	if w.fresh || w.j.moments.bound == 0 || slices.ContainsFunc(w.records, asks) {
		return nil
	}
	if w.group != nil {
		w.j.moments.leave(w.group, w.last())
		w.group = nil
	}
	if err := w.join(ctx); err != nil {
		return fmt.Errorf("%w: %w", errNotSent, err)
	}
	return nil
}

// try sends the append once.
func (w *writing) try(ctx context.Context) (journal.Receipt, error) {
	events := make([]esdb.EventData, len(w.records))
	for i, r := range w.records {
		meta, err := journal.Stamp(r.Meta, w.stamps[i])
		if err != nil {
			return journal.Receipt{}, fmt.Errorf("%w: %w", errAbandoned, err)
		}
		events[i] = esdb.EventData{EventID: r.ID, EventType: r.Type, ContentType: esdb.ContentTypeJson, Data: r.Data, Metadata: meta}
	}
	limit := w.j.opts.Deadline / 2
	if bound := w.j.moments.bound; bound > 0 {
		limit = min(limit, max(bound/2-shareFor, bound/4))
	}
	w.fresh = false
	opts := esdb.AppendToStreamOptions{ExpectedRevision: esdb.NoStream{}, Deadline: &limit}
	if w.expected != journal.NoStream {
		opts.ExpectedRevision = esdb.Revision(uint64(w.expected))
	}
	_, err := try(ctx, limit, w.j.pool, func(ctx context.Context, c *esdb.Client) (*esdb.WriteResult, error) {
		if err := w.begin(ctx); err != nil {
			return nil, err
		}
		return c.AppendToStream(onLeader(ctx), w.j.opts.Prefix+w.stream, opts, events...)
	})
	if err != nil && !w.maybeSent() {
		return journal.Receipt{}, fmt.Errorf("%w: %w", errNotSent, err)
	}
	if err != nil {
		return journal.Receipt{}, err
	}
	return w.readBack(ctx)
}

// readBack reads the last record of the append where it stands. What the server answers does not tell whether it wrote it now or knew it
// already, and what a repetition was recorded with only the server knows.
func (w *writing) readBack(ctx context.Context) (journal.Receipt, error) {
	at := w.expected + int64(len(w.records))
	p, err := w.j.streamPage(ctx, w.stream, at, 1)
	if err != nil {
		return journal.Receipt{}, fmt.Errorf("%w: %w", errUnread, err)
	}
	receipt, err := w.receiptOf(p.events)
	if err != nil {
		return journal.Receipt{}, fmt.Errorf("%w: %w", errUnread, err)
	}
	return receipt, nil
}

// receiptOf reads a receipt off the events that stand where the append would, the last of which is its last record.
func (w *writing) receiptOf(events []*esdb.RecordedEvent) (journal.Receipt, error) {
	if len(events) == 0 {
		return journal.Receipt{}, fmt.Errorf("%w: what was appended is not there", errStale)
	}
	r, err := w.j.record(events[len(events)-1])
	if err != nil {
		return journal.Receipt{}, err
	}
	if last := w.expected + int64(len(w.records)); r.Revision != last || r.ID != w.records[len(w.records)-1].ID {
		return journal.Receipt{}, fmt.Errorf("%w: revision %d is %s", errMissing, r.Revision, r.ID)
	}
	mine := slices.ContainsFunc(w.tried, r.RecordedAt.Equal) && r.Position > w.knew
	return journal.Receipt{Revision: r.Revision, Position: r.Position, RecordedAt: r.RecordedAt, Repeated: !mine}, nil
}

// compare decides a conflict: where the append's own ids stand in its place it is written, else the stream is another's.
func (w *writing) compare(ctx context.Context) (journal.Receipt, error) {
	events, next := []*esdb.RecordedEvent(nil), w.expected+1
	for len(events) < len(w.records) {
		p, err := w.j.streamPage(ctx, w.stream, next, uint64(min(pageEvents, len(w.records)-len(events))))
		if err != nil {
			return journal.Receipt{}, err
		}
		if len(p.events) == 0 {
			break
		}
		events, next = append(events, p.events...), next+int64(len(p.events))
	}
	same := len(events) == len(w.records)
	for i := 0; same && i < len(events); i++ {
		same = events[i].EventID == w.records[i].ID && int64(events[i].EventNumber) == w.expected+1+int64(i)
	}
	if same {
		return w.receiptOf(events)
	}
	actual, err := w.j.lastOf(ctx, w.stream)
	if err != nil {
		return journal.Receipt{}, err
	}
	if actual == w.expected {
		return journal.Receipt{}, fmt.Errorf("%w: it has the stream at the expected revision, which the leader refused", errStale)
	}
	return journal.Receipt{}, &journal.ConflictError{Stream: w.stream, Expected: w.expected, Actual: actual}
}
