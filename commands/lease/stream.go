package lease

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"kelisim/commands/journal"
	"kelisim/domain"
	"kelisim/domain/event"
	"kelisim/domain/ledger"
)

// standing is the last word of a lease's stream, as one process knows it.
type standing struct {
	revision int64
	epoch    int64
	ttl      time.Duration // how long it keeps others away; 0: not at all
	seen     time.Time     // when this process had first read it
}

// free: no holder can count on the last word any more.
func (s standing) free() bool { return s.ttl == 0 || time.Since(s.seen) >= s.ttl }

var actor = event.Actor{Kind: "system", ID: "lease"}

func (l *Lease) stream() string { return string(domain.LeaseStream(l.Name)) }

// look reads what came after the last word that is known.
func (l *Lease) look(ctx context.Context, last standing) (standing, error) {
	from := last.revision + 1
	if last.revision == journal.NoStream {
		var err error
		if from, err = l.end(ctx); err != nil {
			return last, l.failed("find", err)
		}
	}
	fresh := last
	for e, err := range l.Journal.ReadStream(ctx, l.stream(), from) {
		if err != nil {
			return last, l.failed("read", err)
		}
		fresh.revision = e.Revision
		switch v := e.Data.(type) {
		case ledger.LeaseTaken:
			fresh.epoch, fresh.ttl = v.Epoch, time.Duration(v.TTL)*time.Millisecond
		case ledger.LeaseRenewed:
			fresh.epoch, fresh.ttl = v.Epoch, time.Duration(v.TTL)*time.Millisecond
		case ledger.LeaseReleased:
			fresh.epoch, fresh.ttl = v.Epoch, 0
		}
	}
	if fresh.revision != last.revision {
		fresh.seen = time.Now()
	}
	return fresh, nil
}

// end is the revision of the stream's last event, or 0. A stream holds every renewal there ever was, so its end is found by halving
// (TestOldLeaseIsFoundQuickly).
func (l *Lease) end(ctx context.Context) (int64, error) {
	there := func(revision int64) (bool, error) {
		for _, err := range l.Journal.Store.ReadStream(ctx, l.stream(), revision) {
			return err == nil, err
		}
		return false, nil
	}
	low, high := int64(0), int64(1) // low is there, or nothing is; high is not
	for {
		if ok, err := there(high); err != nil {
			return 0, err
		} else if !ok {
			break
		}
		low, high = high, 2*high
	}
	for high-low > 1 {
		middle := low + (high-low)/2
		ok, err := there(middle)
		switch {
		case err != nil:
			return 0, err
		case ok:
			low = middle
		default:
			high = middle
		}
	}
	return low, nil
}

// take has the last word, or answers why not. Its time counts from began.
func (l *Lease) take(ctx context.Context, last standing, began time.Time) (standing, error) {
	epoch := last.epoch + 1
	revision, err := l.append(ctx, began.Add(l.safely()), last.revision, ledger.LeaseTaken{Epoch: epoch, Holder: l.Holder, TTL: l.ttl().Milliseconds()})
	if err != nil {
		return last, l.failed("take", err)
	}
	return standing{revision: revision, epoch: epoch, ttl: l.ttl(), seen: began}, nil
}

// renew answers from when on the renewal counts.
func (l *Lease) renew(ctx context.Context, last *standing) (time.Time, error) {
	began := time.Now()
	revision, err := l.append(ctx, began.Add(l.safely()), last.revision, ledger.LeaseRenewed{Epoch: last.epoch, TTL: l.ttl().Milliseconds()})
	if err != nil {
		return began, l.failed("renew", err)
	}
	last.revision = revision
	return began, nil
}

// release gives the lease up, if it can be done soon: nobody depends on it.
func (l *Lease) release(ctx context.Context, last *standing) {
	_, err := l.append(context.WithoutCancel(ctx), time.Now().Add(l.ttl()/10), last.revision, ledger.LeaseReleased{Epoch: last.epoch})
	if err != nil && !taken(err) {
		l.warn("a lease was not given up: the next holder waits", err)
	}
}

// append writes one event after the last word. While the outcome is unknown it is asked again with the same id, until it would be too late; and
// once more then, so that who stops knows what the last word is.
func (l *Lease) append(ctx context.Context, until time.Time, last int64, e any) (int64, error) {
	now := time.Now
	if l.Now != nil {
		now = l.Now
	}
	record, err := l.Journal.Encode(e, event.Meta{ID: uuid.New(), OccurredAt: now(), Actor: actor})
	if err != nil {
		return 0, err
	}
	ctx, done := context.WithDeadline(ctx, until)
	defer done()
	for {
		receipt, err := l.Journal.Append(ctx, l.stream(), last, []journal.NewRecord{record})
		if !errors.Is(err, journal.ErrUnknown) {
			return receipt.Revision, err
		}
		if !pause(ctx, l.ttl()/30) {
			break
		}
	}
	ctx, done = context.WithTimeout(context.WithoutCancel(ctx), l.ttl()/10)
	defer done()
	receipt, err := l.Journal.Append(ctx, l.stream(), last, []journal.NewRecord{record})
	return receipt.Revision, err
}
