package tlog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// WitnessStatus is how it stands with one witness.
type WitnessStatus struct {
	Name    string
	Size    int64     // leaves under the newest checkpoint that it cosigned, as far as is kept
	At      time.Time // when that was; zero for not since the program began
	Trouble error     // why it did not cosign when it was last asked, or nil
}

// Witnessing is how it stands with the witnesses of a log.
type Witnessing struct {
	Size    int64     // leaves under the newest checkpoint that the quorum has cosigned
	Waiting time.Time // since when there is a signed checkpoint that no quorum has cosigned; zero where there is none
	Open    bool      // what is signed is published without them, until they answer
	Trouble error     // why what they said could not be kept, or nil
	Each    []WitnessStatus
}

// witnessing has checkpoints cosigned, one after another, until the context ends. Nothing waits for it but what is published.
func (f *Follower) witnessing(ctx context.Context) {
	for {
		size, settled, err := f.witness(ctx)
		f.statusMu.Lock()
		f.status.Witnessing.Trouble = err
		f.statusMu.Unlock()
		wait := time.After(f.Witnesses.Every)
		for settled && ctx.Err() == nil {
			f.statusMu.Lock()
			changed, signed := f.changed, f.status.Signed
			f.statusMu.Unlock()
			if signed > size {
				break
			}
			select {
			case <-changed:
			case <-ctx.Done():
			}
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return
		}
	}
}

// witness has the newest checkpoint cosigned by all who did not yet, and keeps what each says as soon as it does. Settled: all of them have.
func (f *Follower) witness(ctx context.Context) (size int64, settled bool, err error) {
	w := f.Witnesses
	c, err := f.reader.Checkpoint(ctx)
	if errors.Is(err, ErrNotFound) {
		return 0, true, nil
	}
	if err != nil {
		return 0, false, err
	}
	f.waiting(c.Size)
	var mu sync.Mutex
	var asking sync.WaitGroup
	settled = true
	for i, a := range w.asked {
		if a.at == c.Size {
			continue
		}
		asking.Go(func() {
			line, trouble := w.ask(ctx, a, f.reader, c)
			mu.Lock()
			defer mu.Unlock()
			if trouble != nil {
				settled = false
			}
			if trouble != nil && ctx.Err() != nil {
				return // it was not heard out
			}
			if f.told(i, c.Size, trouble); trouble != nil {
				return
			}
			a.at, a.line = c.Size, line
			err = errors.Join(err, f.keepCosigned(ctx, c))
		})
	}
	asking.Wait()
	if err != nil {
		return c.Size, false, err
	}
	return c.Size, settled, f.lose(ctx, c)
}

// waiting notes since when there is a checkpoint without a quorum.
func (f *Follower) waiting(size int64) {
	f.statusMu.Lock()
	defer f.statusMu.Unlock()
	if s := &f.status.Witnessing; size > s.Size && s.Waiting.IsZero() {
		s.Waiting = f.Now()
	}
}

// told notes what came of asking a witness.
func (f *Follower) told(i int, size int64, trouble error) {
	f.statusMu.Lock()
	defer f.statusMu.Unlock()
	// What was given out as a Status stays as it was.
	each := append([]WitnessStatus(nil), f.status.Witnessing.Each...)
	if each[i].Trouble = trouble; trouble == nil {
		each[i].Size, each[i].At = size, f.Now()
	}
	f.status.Witnessing.Each = each
}

// keepCosigned stores the lines that there are for a checkpoint. With a quorum it is the one that is published.
func (f *Follower) keepCosigned(ctx context.Context, c Checkpoint) error {
	f.statusMu.Lock()
	open := f.status.Witnessing.Open
	f.statusMu.Unlock()
	said := Cosigned{Size: c.Size, Lines: f.Witnesses.lines(c.Size), Lasting: c.Lasting, Open: open}
	c.Cosigned = said.Lines
	if _, err := f.Witnesses.policy.Full(c.Full()); err == nil {
		said.Quorum, said.Open = true, false
	}
	if err := f.Store.SaveCosigned(context.WithoutCancel(ctx), said); err != nil {
		return err
	}
	if said.Quorum {
		f.statusMu.Lock()
		defer f.statusMu.Unlock()
		s := &f.status.Witnessing
		s.Size, s.Open, s.Waiting = c.Size, false, time.Time{}
		if f.status.Signed > c.Size {
			s.Waiting = f.Now()
		}
	}
	return nil
}

// lines are the cosignatures on the checkpoint of a size.
func (w *Witnesses) lines(size int64) (all []byte) {
	for _, a := range w.asked {
		if a.at == size {
			all = append(all, a.line...)
		}
	}
	return all
}

// lose loses patience: after a while without a quorum what is signed is published as it is.
func (f *Follower) lose(ctx context.Context, c Checkpoint) error {
	f.statusMu.Lock()
	s := f.status.Witnessing
	f.statusMu.Unlock()
	if s.Open || s.Waiting.IsZero() || f.Now().Sub(s.Waiting) < f.Witnesses.Patience {
		return nil
	}
	said := Cosigned{Size: c.Size, Lines: f.Witnesses.lines(c.Size), Lasting: c.Lasting, Open: true}
	if err := f.Store.SaveCosigned(context.WithoutCancel(ctx), said); err != nil {
		return err
	}
	f.statusMu.Lock()
	defer f.statusMu.Unlock()
	f.status.Witnessing.Open = true
	return nil
}

// loadWitnessing takes up from the store how far the quorum came, and what each witness said: a program that starts must not put less in the place of what
// was gathered before (TestRestartKeepsTheQuorum).
func (f *Follower) loadWitnessing(ctx context.Context) error {
	all, err := f.Store.Cosigned(ctx)
	if err != nil {
		return err
	}
	var s Witnessing
	for _, said := range all {
		if said.Quorum {
			s.Size, s.Open = said.Size, false
		}
		s.Open = s.Open || said.Open
		if err := f.takeUp(ctx, said); err != nil {
			return err
		}
	}
	if f.Witnesses != nil {
		for _, a := range f.Witnesses.asked {
			s.Each = append(s.Each, WitnessStatus{Name: a.Name, Size: a.at})
		}
	}
	f.statusMu.Lock()
	defer f.statusMu.Unlock()
	f.status.Witnessing = s
	return nil
}

// takeUp gives each witness what it said of a checkpoint.
func (f *Follower) takeUp(ctx context.Context, said Cosigned) error {
	if f.Witnesses == nil || len(said.Lines) == 0 {
		return nil
	}
	c, err := f.reader.cosigned(ctx, Checkpoint{}, said)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, a := range f.Witnesses.asked {
		if line, err := a.Cosignature(c.Note, said.Lines); err == nil {
			a.size, a.at, a.line = said.Size, said.Size, line
		}
	}
	return nil
}

// askNobody: where witnesses were asked before and none is any more, none is waited for.
func (f *Follower) askNobody(ctx context.Context) error {
	s := f.Status().Witnessing
	if f.Witnesses != nil || s.Size == 0 || s.Open {
		return nil
	}
	c, err := f.reader.Checkpoint(ctx)
	if err == nil {
		err = f.Store.SaveCosigned(context.WithoutCancel(ctx), Cosigned{Size: c.Size, Lasting: c.Lasting, Open: true})
	}
	if err != nil {
		return fmt.Errorf("publish without witnesses: %w", err)
	}
	f.statusMu.Lock()
	defer f.statusMu.Unlock()
	f.status.Witnessing.Open = true
	return nil
}
