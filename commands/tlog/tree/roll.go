package tree

// Roll is the tree of a journal that is read from its beginning, when nothing of it is kept but the root. The zero value is ready.
type Roll struct {
	hasher Hasher
	last   map[string]Hash
	edge   Edge
}

// Add takes the next event of the journal. One of a stream that is not Counted changes nothing.
func (r *Roll) Add(e Event) {
	if !Counted(e.Stream) {
		return
	}
	if r.last == nil {
		r.last = map[string]Hash{}
	}
	h := r.hasher.Record(LeafOf(e, r.last[e.Stream]))
	r.last[e.Stream] = h
	r.edge.Append(h, func(int, Hash) {})
}

// Size is the number of leaves.
func (r *Roll) Size() int64 { return r.edge.Size() }

// Root is the root of the tree at that size.
func (r *Roll) Root() Hash { return r.edge.Root() }
