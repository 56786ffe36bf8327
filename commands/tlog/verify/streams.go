package verify

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"kelisim/commands/tlog/tree"
)

// streams checks a bundle of streams: each event is in the log, each stream is one chain from its first revision, and the tree of heads, whose root is
// itself an event in the log, says where each stream ended.
func (b *bundle) streams() error {
	s := &shown{b: b, ends: map[string]*end{}, files: map[string]bool{}}
	for _, old := range b.previous {
		if err := s.consistent(old); err != nil {
			return err
		}
	}
	names, err := b.streamNames()
	if err != nil {
		return err
	}
	for _, name := range names {
		s.ends[name] = &end{}
	}
	if err := s.events(); err != nil {
		return err
	}
	upTo, root, err := s.commitment()
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := s.complete(name, upTo, root); err != nil {
			return err
		}
		b.verdict.Streams = append(b.verdict.Streams, Stream{name, int64(len(s.ends[name].leaves))})
	}
	for _, name := range b.opts.Streams {
		if s.ends[name] == nil {
			return fault(Incomplete, InStream(name, -1), "the bundle does not speak of this stream")
		}
	}
	b.verdict.CompleteTo = upTo
	for _, name := range b.names { // for receivers who keep that earlier checkpoint
		if !s.files[name] && strings.HasPrefix(name, DirConsistency) && strings.HasSuffix(name, fmt.Sprintf("-%d", b.newest.N)) {
			b.verdict.Unchecked = append(b.verdict.Unchecked, name)
		}
	}
	slices.Sort(b.verdict.Unchecked)
	return b.expect(func(name string) bool {
		return s.files[name] || name == FileStreams || name == FileDisclosures || strings.HasPrefix(name, DirCheckpoints)
	})
}

func (b *bundle) streamNames() ([]string, error) {
	text, err := b.read(FileStreams, maxSmall)
	if err != nil {
		return nil, err
	}
	names := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if !bytes.HasSuffix(text, []byte("\n")) || !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) || names[0] == "" {
		return nil, fault(Malformed, InFile(FileStreams), "it is not a list of different names in order")
	}
	return names, nil
}

// shown is what a bundle of streams shows.
type shown struct {
	b     *bundle
	ends  map[string]*end
	files map[string]bool // that were looked at
}

func (s *shown) read(name string, max int64) ([]byte, error) {
	s.files[name] = true
	return s.b.read(name, max)
}

// end is a stream so far: its leaves' record hashes and indexes.
type end struct {
	leaves  []tree.Hash
	indexes []int64
}

func (s *shown) events() error {
	waiting, err := s.b.disclosures()
	if err != nil {
		return err
	}
	for l, err := range s.b.lines(FileEvents) {
		if err != nil {
			return err
		}
		at := Place{File: FileEvents, Index: l.Index, Position: -1, Stream: l.Stream, Revision: l.Revision}
		e := s.ends[l.Stream]
		if e == nil {
			return fault(Unexpected, at, "%s does not name this stream", FileStreams)
		}
		var prev tree.Hash
		if n := len(e.leaves); l.Revision != int64(n) {
			return fault(Gap, at, "revision %d should come here", n)
		} else if n > 0 {
			prev = e.leaves[n-1]
		}
		if !bytes.Equal(tree.LeafOf(l.Event, prev).Append(nil), l.Leaf) {
			return fault(EventChanged, at, "the leaf beside it is not the event's")
		}
		name := fmt.Sprintf("%s%d.tlog-proof", DirProofs, l.Index)
		if err := s.included(name, l); err != nil {
			return err
		}
		if waiting, err = s.b.disclosed(l, waiting); err != nil {
			return err
		}
		e.leaves, e.indexes = append(e.leaves, tlog.RecordHash(l.Leaf)), append(e.indexes, l.Index)
		s.b.verdict.Events++
		if s.b.opts.Progress != nil {
			s.b.opts.Progress(s.b.verdict.Events, 0)
		}
	}
	if len(waiting) > 0 {
		return fault(Unexpected, InFile(FileDisclosures), "leaf %d is not among the events of the bundle", waiting[0].Index)
	}
	return nil
}

// included checks an event's proof: to this leaf, at this index, under this bundle's checkpoint.
func (s *shown) included(name string, l tree.Line) error {
	text, err := s.read(name, maxSmall)
	if err != nil {
		return err
	}
	at := Place{File: name, Index: l.Index, Position: -1, Stream: l.Stream, Revision: l.Revision}
	newest := s.b.newest
	p, err := ParseProof(text)
	switch {
	case err != nil:
		return fault(Malformed, at, "%v", err)
	case p.Index != l.Index || !bytes.Equal(p.Leaf, l.Leaf):
		return fault(ProofFails, at, "the proof is another event's")
	case !s.b.ours(p.Checkpoint):
		return fault(ProofFails, at, "the proof stands on another checkpoint than the bundle")
	case tlog.CheckRecord(p.Path, newest.N, newest.Hash, p.Index, tlog.RecordHash(p.Leaf)) != nil:
		return fault(ProofFails, at, "the proof does not lead from the leaf to the root")
	}
	return nil
}

// ours tells whether a note is the bundle's checkpoint, perhaps with fewer of its signatures, the last ones being left out.
func (b *bundle) ours(signed []byte) bool {
	head := len(noteText(b.newest.Note)) + len("\n")
	return len(signed) > head && signed[len(signed)-1] == '\n' && bytes.HasPrefix(b.newest.Note, signed)
}

// commitment reads the commitment of heads that the bundle stands on, and checks that it is in the log.
func (s *shown) commitment() (upTo int64, root tree.Hash, err error) {
	var line *tree.Line
	for l, err := range s.b.lines(FileHeads) {
		if err != nil {
			return 0, root, err
		}
		if line != nil {
			return 0, root, fault(Unexpected, InFile(FileHeads), "a bundle of streams stands on one commitment")
		}
		line = &l
	}
	at := InFile(FileHeads)
	if line == nil {
		return 0, root, fault(Incomplete, at, "without a commitment of heads nothing shows that the streams are whole")
	}
	leaf, err := tree.ParseLeaf(line.Leaf)
	if err != nil {
		return 0, root, fault(Malformed, at, "%v", err)
	}
	if line.Stream != tree.HeadsStream || !bytes.Equal(tree.LeafOf(line.Event, leaf.Prev).Append(nil), line.Leaf) {
		return 0, root, fault(EventChanged, at, "the leaf beside the commitment is not the commitment's")
	}
	upTo, root, f := parseHeads(at, line.Event)
	if f != nil {
		return 0, root, f
	}
	if upTo > line.Index {
		return 0, root, fault(Malformed, at, "it speaks of %d leaves, and %d stand before it", upTo, line.Index)
	}
	return upTo, root, s.included(FileHeadsProof, *line)
}

// complete checks that a stream ends where its head says, as far as the commitment reaches; a stream without a head had no event then.
func (s *shown) complete(name string, upTo int64, root tree.Hash) error {
	key := tree.KeyOf(name)
	n := key.Bucket()
	file := fmt.Sprintf("%s%04x", DirHeads, n)
	content, err := s.read(file+".bin", maxEntries)
	if err != nil {
		return err
	}
	text, err := s.read(file+".proof", maxSmall)
	if err != nil {
		return err
	}
	path, err := ParseHashes(text)
	if err != nil {
		return fault(Malformed, InFile(file+".proof"), "%v", err)
	}
	if err := tlog.CheckRecord(path, tree.Buckets, root, int64(n), tlog.RecordHash(content)); err != nil {
		return fault(ProofFails, InFile(file+".proof"), "the bucket is not in the tree of heads that was committed")
	}
	heads, err := tree.ParseBucket(n, content)
	if err != nil {
		return fault(Malformed, InFile(file+".bin"), "%v", err)
	}
	return s.ends[name].reaches(name, heads, upTo)
}

func (e *end) reaches(name string, bucket []tree.Head, upTo int64) error {
	covered, _ := slices.BinarySearch(e.indexes, upTo)
	head, ok := tree.FindHead(bucket, tree.KeyOf(name))
	switch {
	case !ok && covered > 0:
		return fault(HeadsDiffer, InStream(name, 0), "the tree of heads has no such stream, and the bundle has events of it")
	case !ok:
		return nil
	case int64(covered) <= head.Revision:
		return fault(Incomplete, InStream(name, int64(covered)), "the stream goes on to revision %d before leaf %d", head.Revision, upTo)
	case int64(covered) > head.Revision+1 || e.leaves[head.Revision] != head.Leaf:
		return fault(HeadsDiffer, InStream(name, head.Revision), "the stream does not end with the leaf that the tree of heads names")
	}
	return nil
}

// consistent checks the proof that an earlier checkpoint is a beginning of the newest.
func (s *shown) consistent(old Checkpoint) error {
	if old.N == 0 || old.Tree == s.b.newest.Tree {
		return nil
	}
	name := fmt.Sprintf("%s%d-%d", DirConsistency, old.N, s.b.newest.N)
	text, err := s.read(name, maxSmall)
	if err != nil {
		return err
	}
	proof, err := ParseHashes(text)
	if err != nil {
		return fault(Malformed, InFile(name), "%v", err)
	}
	if err := tlog.CheckTree(tlog.TreeProof(proof), s.b.newest.N, s.b.newest.Hash, old.N, old.Hash); err != nil {
		return fault(Inconsistent, InFile(name), notABeginning, old.N)
	}
	return nil
}
