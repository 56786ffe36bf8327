package tlog

import (
	"bytes"
	"cmp"
	"context"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/google/uuid"

	"kelisim/commands/tlog/tree"
)

// Memory is the reference Store. The zero value is empty.
type Memory struct {
	// Fail, if there is one, is asked before each Commit; its error is the Commit's.
	Fail func(Batch) error

	mu          sync.Mutex
	state       *State
	tiles       map[[2]int64][]byte
	leaves      []Leaf
	ids         map[uuid.UUID]int64
	heads       map[tree.Key]Head
	checkpoints []Checkpoint
	cosigned    []Cosigned
	headsTiles  map[int64]map[[2]int64][]byte
	keys        []string
}

var _ Store = (*Memory)(nil)

func (m *Memory) current() State {
	if m.state == nil {
		return State{Bodies: -1, Heads: Commitment{Index: -1}}
	}
	return *m.state
}

func (m *Memory) State(context.Context) (State, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.current(), nil
}

func (m *Memory) Commit(_ context.Context, b Batch) error {
	if m.Fail != nil {
		if err := m.Fail(b); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.current()
	if now.Size != b.From {
		return ErrStale
	}
	if m.tiles == nil {
		m.tiles, m.ids, m.heads = map[[2]int64][]byte{}, map[uuid.UUID]int64{}, map[tree.Key]Head{}
	}
	for _, t := range b.Tiles {
		m.tiles[[2]int64{int64(t.Level), t.N}] = bytes.Clone(t.Data)
	}
	for _, l := range b.Leaves {
		m.leaves = append(m.leaves, l)
		m.ids[l.ID] = l.Index
	}
	for _, h := range b.Heads {
		m.heads[h.Key] = h
	}
	next := b.State
	if next.Signed.Size > now.Signed.Size {
		kept := next.Signed
		if !kept.Audit {
			kept.Lasting = nil
		}
		m.checkpoints = append(m.checkpoints, kept)
	} else {
		next.Signed = now.Signed
	}
	m.state = &next
	return nil
}

func (m *Memory) Tile(_ context.Context, level int, n int64) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.tiles[[2]int64{int64(level), n}]
	if !ok {
		return nil, ErrNotFound
	}
	return bytes.Clone(data), nil
}

func (m *Memory) Leaf(_ context.Context, index int64) (Leaf, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if index < 0 || index >= int64(len(m.leaves)) {
		return Leaf{}, ErrNotFound
	}
	return m.leaves[index], nil
}

func (m *Memory) Find(_ context.Context, id uuid.UUID) (Leaf, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	index, ok := m.ids[id]
	if !ok {
		return Leaf{}, ErrNotFound
	}
	return m.leaves[index], nil
}

func (m *Memory) Leaves(_ context.Context, from int64) iter.Seq2[Leaf, error] {
	m.mu.Lock()
	defer m.mu.Unlock()
	return all(m.leaves[min(max(from, 0), int64(len(m.leaves))):])
}

func (m *Memory) Head(_ context.Context, key tree.Key) (Head, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	h, ok := m.heads[key]
	if !ok {
		return Head{}, ErrNotFound
	}
	return h, nil
}

func (m *Memory) Heads(_ context.Context, first, last int) iter.Seq2[Head, error] {
	m.mu.Lock()
	defer m.mu.Unlock()
	some := slices.DeleteFunc(slices.Collect(maps.Values(m.heads)), func(h Head) bool {
		return h.Key.Bucket() < first || h.Key.Bucket() > last
	})
	slices.SortFunc(some, func(a, b Head) int { return bytes.Compare(a.Key[:], b.Key[:]) })
	return all(some)
}

func (m *Memory) Checkpoints(_ context.Context, after int64) iter.Seq2[Checkpoint, error] {
	m.mu.Lock()
	defer m.mu.Unlock()
	i, _ := slices.BinarySearchFunc(m.checkpoints, after+1, func(c Checkpoint, size int64) int { return cmp.Compare(c.Size, size) })
	return all(m.checkpoints[i:])
}

func all[T any](items []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, item := range items {
			if !yield(item, nil) {
				return
			}
		}
	}
}

func (m *Memory) SaveCosigned(_ context.Context, c Cosigned) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	last := int64(0)
	for _, old := range m.cosigned {
		if old.Quorum {
			last = old.Size
		}
	}
	m.cosigned = slices.DeleteFunc(slices.Clone(m.cosigned), func(old Cosigned) bool {
		return old.Size == c.Size || old.Size < c.Size && (c.Quorum || c.Open && old.Size != last)
	})
	m.cosigned = append(m.cosigned, c)
	slices.SortFunc(m.cosigned, func(a, b Cosigned) int { return cmp.Compare(a.Size, b.Size) })
	return nil
}

func (m *Memory) Cosigned(context.Context) ([]Cosigned, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.cosigned), nil
}

func (m *Memory) SaveHeads(_ context.Context, upTo int64, tiles []Tile) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	kept := map[[2]int64][]byte{}
	for _, t := range tiles {
		kept[[2]int64{int64(t.Level), t.N}] = bytes.Clone(t.Data)
	}
	if m.headsTiles == nil {
		m.headsTiles = map[int64]map[[2]int64][]byte{}
	}
	m.headsTiles[upTo] = kept
	if there := slices.Sorted(maps.Keys(m.headsTiles)); len(there) > 2 {
		delete(m.headsTiles, there[0])
	}
	return nil
}

func (m *Memory) HeadsTile(_ context.Context, upTo int64, level int, n int64) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.headsTiles[upTo][[2]int64{int64(level), n}]
	if !ok {
		return nil, ErrNotFound
	}
	return bytes.Clone(data), nil
}

func (m *Memory) AddKeys(_ context.Context, vkeys []string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range vkeys {
		if !slices.Contains(m.keys, k) {
			m.keys = append(m.keys, k)
		}
	}
	return nil
}

func (m *Memory) Keys(context.Context) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.keys), nil
}

func (m *Memory) Reset(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.state == nil {
		return nil
	}
	m.state = &State{Bodies: -1, Heads: Commitment{Index: -1}, Signed: m.state.Signed}
	m.tiles, m.leaves, m.ids, m.heads, m.headsTiles = map[[2]int64][]byte{}, nil, map[uuid.UUID]int64{}, map[tree.Key]Head{}, nil
	return nil
}

func (m *Memory) Close() error { return nil }
