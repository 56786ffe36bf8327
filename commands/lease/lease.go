// Package lease lets one of many instances do what must be done by one alone: run the policies, commit to checkpoints, carry events out.
//
// A lease is a stream, and to hold it is to have its last word. Who takes, renews or releases it appends with the revision that it has seen, so
// that of two takers one wins. The epoch grows with each holder: whoever is written to outside of the journal refuses an older one, and in
// the journal the expected revision of every append is the fence.
//
// Clocks of two machines are never compared. A holder counts its time from before the append that renewed the lease, and a taker waits the full
// time from after it first saw that append; both by a clock that no setting of the time moves. So the holder has stopped before a taker begins, as long
// as neither clock runs a tenth faster than the other and the holder is not frozen as a whole: one that is (a machine put to sleep) finds out when
// it wakes, and what it wrote meanwhile meets the fence (TestNeverTwoHolders).
//
// A renewal is an append of about 250 bytes: at the default of one each ten seconds 8,640 a day for each lease, about 2 MB. It is no leaf of the
// Merkle log, and in no feed, read model or export (domain.Stream.Counted). Where one process alone may write to the journal nothing is appended at all.
package lease

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"kelisim/commands/journal"
)

// DefaultTTL is how long a lease is held after its last renewal. A holder that dies is followed after it and a fifteenth of it.
const DefaultTTL = 30 * time.Second

// Lease is one process's part in a lease. Its fields are set once, before Run; a process has one value for each name.
type Lease struct {
	Journal *journal.Journal
	Name    string           // of the work: small letters, digits and hyphens
	Holder  string           // names this process, for people who look; nothing depends on it
	TTL     time.Duration    // of this process's own renewals; 0 is DefaultTTL
	Log     *slog.Logger     // is told of changes; nil: nobody
	Now     func() time.Time // dates the events, and nothing else; nil is time.Now

	mu   sync.Mutex
	term *term // that is held, or was last
}

// term is the time for which a lease is held.
type term struct {
	epoch   int64
	working context.Context // ends with it
	until   time.Time       // by when it ends unless it is renewed; zero: nobody can take it
}

// errLost ends a term that was not renewed in time, or that another has taken.
var errLost = errors.New("the lease is lost")

// Run takes part in the lease until the context ends: whenever it is held, work is called. Its context ends when the lease is lost or cannot be
// renewed in time, and then it must return soon: it is called again when the lease is held again, under a greater epoch. Run answers nil when the
// context has ended, what work answers where it returns of itself, and an error where the journal is closed. The lease is given up before Run returns, so
// that the next holder need not wait.
//
// Where the journal is Exclusive the lease is held without an append, under the epoch of the last holder that the stream knows (0 for none).
func (l *Lease) Run(ctx context.Context, work func(ctx context.Context, epoch int64) error) error {
	last := standing{revision: journal.NoStream}
	for {
		var err error
		last, err = l.look(ctx, last)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, journal.ErrClosed):
			return err
		case err != nil:
			l.warn("a lease cannot be looked at", err)
		case l.Journal.Exclusive():
			return l.alone(ctx, last.epoch, work)
		case last.free():
			began := time.Now()
			last, err = l.take(ctx, last, began)
			var conflict *journal.ConflictError
			switch {
			case err == nil:
				lost, err := l.hold(ctx, &last, began, work)
				if !lost {
					return err
				}
				continue
			case errors.Is(err, journal.ErrClosed):
				return err
			case errors.As(err, &conflict):
			default:
				l.warn("a lease cannot be taken", err)
			}
		}
		if !pause(ctx, l.ttl()/15) {
			return nil
		}
	}
}

// Held tells whether the lease is held at this moment.
func (l *Lease) Held() bool {
	_, held := l.Epoch()
	return held
}

// Epoch is the epoch under which the lease is held at this moment, and whether it is.
func (l *Lease) Epoch() (int64, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.term
	if t == nil || t.working.Err() != nil || !t.until.IsZero() && !time.Now().Before(t.until) {
		return 0, false
	}
	return t.epoch, true
}

func (l *Lease) ttl() time.Duration {
	if l.TTL > 0 {
		return l.TTL
	}
	return DefaultTTL
}

// safely is how long after a renewal a holder counts on it: the last tenth is for clocks that do not run alike.
func (l *Lease) safely() time.Duration { return l.ttl() - l.ttl()/10 }

// alone does the work where nobody else can.
func (l *Lease) alone(ctx context.Context, epoch int64, work func(context.Context, int64) error) error {
	working, stop := context.WithCancel(ctx)
	defer stop()
	l.begin(&term{epoch: epoch, working: working})
	if err := work(working, epoch); ctx.Err() == nil {
		return err
	}
	return nil
}

// hold does the work for as long as the lease is renewed. It answers whether the lease was lost; if not, why it ended.
func (l *Lease) hold(ctx context.Context, last *standing, began time.Time, work func(context.Context, int64) error) (lost bool, err error) {
	if time.Since(began) >= l.safely() { // the append that took it was that slow
		last.ttl = 0
		return true, nil
	}
	working, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	l.begin(&term{epoch: last.epoch, working: working, until: began.Add(l.safely())})
	l.tell("a lease is held", last.epoch)
	expiry := time.AfterFunc(time.Until(began.Add(l.safely())), func() { stop(errLost) })
	defer expiry.Stop()
	ended := make(chan error, 1)
	go func() { ended <- work(working, last.epoch) }()
	next := began.Add(l.ttl() / 3)
	for {
		select {
		case err = <-ended:
		case <-working.Done():
			err = <-ended
		case <-time.After(time.Until(next)):
			at, err := l.renew(working, last)
			switch {
			case err == nil && expiry.Stop():
				expiry.Reset(time.Until(at.Add(l.safely())))
				l.prolong(at.Add(l.safely()))
				next = at.Add(l.ttl() / 3)
			case taken(err) || err == nil: // renewed too late is lost too: work was told to stop
				stop(errLost)
			default:
				next = time.Now().Add(l.ttl() / 30)
			}
			continue
		}
		if errors.Is(context.Cause(working), errLost) {
			// Nobody does the work any more, so this last word of ours keeps nobody from taking the lease, us neither.
			last.ttl = 0
			l.tell("a lease was lost", last.epoch)
			return true, nil
		}
		stop(nil)
		l.release(ctx, last)
		l.tell("a lease was given up", last.epoch)
		if ctx.Err() != nil {
			return false, nil
		}
		return false, err
	}
}

func (l *Lease) begin(t *term) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.term = t
}

func (l *Lease) prolong(until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.term.until = until
}

// taken: another has the last word.
func taken(err error) bool {
	var conflict *journal.ConflictError
	return errors.As(err, &conflict)
}

// pause waits, and tells whether the context goes on.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

func (l *Lease) tell(what string, epoch int64) {
	if l.Log != nil {
		l.Log.Info(what, "lease", l.Name, "epoch", epoch)
	}
}

func (l *Lease) warn(what string, err error) {
	if l.Log != nil {
		l.Log.Warn(what, "lease", l.Name, "error", err)
	}
}

func (l *Lease) failed(what string, err error) error {
	return fmt.Errorf("%s the lease %s: %w", what, l.Name, err)
}
