package verify

import (
	"archive/zip"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"kelisim/commands/tlog/tree"
)

// The files of a bundle. A full bundle is a directory of c2sp.org/tlog-tiles with more beside it; a bundle of streams has proofs instead of tiles.
const (
	FileReadme      = "README.txt"
	FilePolicy      = "policy.txt"       // the log's Ed25519 key
	FilePolicyMLDSA = "policy-mldsa.txt" // the log's ML-DSA-44 key
	FileCheckpoint  = "checkpoint"
	FileEvents      = "events.ndjson"
	FileHeads       = "heads.ndjson"     // commitments of heads: all of them, or the one that the bundle of streams stands on
	FileHeadsProof  = "heads.tlog-proof" // of that one
	FileStreams     = "streams.txt"      // the streams that a bundle shows whole
	DirCheckpoints  = "checkpoints/"     // earlier checkpoints, by size
	DirConsistency  = "consistency/"     // OLD-NEW: hashes
	DirTiles        = "tile/"
	DirProofs       = "proofs/"     // INDEX.tlog-proof
	DirHeads        = "heads/"      // BUCKET.bin, BUCKET.proof
	DirTimestamps   = "timestamps/" // of third parties; not checked here
)

// Limits of what is read into memory.
const (
	maxSmall   = 1 << 20
	maxLine    = 8 << 20
	maxEntries = tree.TileWidth * (2 + 1<<16)
)

// Bundle checks an exported bundle, a zip file or a directory. A full bundle shows what Dir shows, but for the journal's own positions. A bundle of
// streams shows that its events are in the log, and that none of its streams lacks one among the leaves before Verdict.CompleteTo.
//
// What it cannot show: that the log has no other face (only witnesses, and checkpoints that are kept and compared, do that); and a commitment of
// heads is believed as far as somebody checks a full bundle or the journal, where a false one is a fault.
func Bundle(ctx context.Context, path string, opts Options) (*Verdict, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("open the bundle: %w", err)
	}
	if info.IsDir() {
		return BundleFS(ctx, os.DirFS(path), opts)
	}
	z, err := zip.OpenReader(path)
	if errors.Is(err, zip.ErrFormat) {
		return nil, fault(Malformed, InFile(path), "it is no zip file")
	}
	if err != nil {
		return nil, fmt.Errorf("open the bundle: %w", err)
	}
	defer z.Close()
	return zipped(ctx, &z.Reader, opts)
}

// zipped refuses an archive that another program could read as something else.
func zipped(ctx context.Context, z *zip.Reader, opts Options) (*Verdict, error) {
	seen := map[string]bool{}
	for _, f := range z.File {
		if seen[f.Name] || !fs.ValidPath(f.Name) {
			return nil, fault(Unexpected, InFile(f.Name), "the archive has this name twice, or it is no name of a file")
		}
		seen[f.Name] = true
	}
	return BundleFS(ctx, z, opts)
}

// BundleFS is Bundle for files wherever they lie.
func BundleFS(ctx context.Context, files fs.FS, opts Options) (*Verdict, error) {
	b := &bundle{ctx: ctx, files: files, opts: opts, verdict: &Verdict{}}
	return b.verdict, b.run()
}

type bundle struct {
	ctx      context.Context
	files    fs.FS
	opts     Options
	verdict  *Verdict
	names    []string
	policy   *Policy
	newest   Checkpoint
	earlier  map[int64]string // size → file, of the bundle's earlier checkpoints
	previous []Checkpoint     // the auditor's own, and the bundle's earlier ones
}

func (b *bundle) run() error {
	if err := b.list(); err != nil {
		return err
	}
	if err := b.checkpoints(); err != nil {
		return err
	}
	if _, ok := slices.BinarySearch(b.names, FileStreams); ok {
		b.verdict.Kind = "bundle of streams"
		return b.streams()
	}
	b.verdict.Kind = "full bundle"
	return b.full()
}

// list finds what there is.
func (b *bundle) list() error {
	err := fs.WalkDir(b.files, ".", func(name string, f fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case f.IsDir():
			return b.ctx.Err()
		}
		b.names = append(b.names, name)
		if name == FileReadme || name == FilePolicy || name == FilePolicyMLDSA || strings.HasPrefix(name, DirTimestamps) {
			b.verdict.Unchecked = append(b.verdict.Unchecked, name)
		}
		return nil
	})
	slices.Sort(b.names)
	if err != nil {
		return fmt.Errorf("list the bundle: %w", err)
	}
	return nil
}

// expect refuses the first file that neither is always allowed nor has a place by what may says.
func (b *bundle) expect(may func(name string) bool) error {
	for _, name := range b.names {
		if _, free := slices.BinarySearch(b.verdict.Unchecked, name); !free && name != FileCheckpoint && name != FileEvents && name != FileHeads && !may(name) {
			return fault(Unexpected, InFile(name), "a %s has no such file", b.verdict.Kind)
		}
	}
	return nil
}

// read reads a file that must be there and be no larger than max.
func (b *bundle) read(name string, max int64) ([]byte, error) {
	f, err := b.files.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault(Missing, InFile(name), "the file is not there")
	}
	if err != nil {
		return nil, fmt.Errorf("read the bundle: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, max+1))
	if err != nil {
		return nil, unreadable(name, err)
	}
	if int64(len(data)) > max {
		return nil, fault(Malformed, InFile(name), "the file is longer than it can be")
	}
	return data, nil
}

// unreadable tells damage of the archive from trouble with the disk.
func unreadable(name string, err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return fmt.Errorf("read the bundle: %w", err)
	}
	return fault(Malformed, InFile(name), "the archive is damaged here: %v", err)
}

// checkpoints opens the newest one, and those before it.
func (b *bundle) checkpoints() error {
	b.policy, b.verdict.Trusted = b.opts.Policy, b.opts.Policy != nil
	if b.policy == nil {
		text, err := b.read(FilePolicy, maxSmall)
		if err != nil {
			return err
		}
		if b.policy, err = ParsePolicy(text); err != nil {
			return fault(Malformed, InFile(FilePolicy), "%v", err)
		}
	}
	signed, err := b.read(FileCheckpoint, maxSmall)
	if err != nil {
		return err
	}
	var f *Fault
	if b.newest, f = b.policy.open(InFile(FileCheckpoint), signed, true); f != nil {
		return f
	}
	b.verdict.Origin, b.verdict.Size, b.verdict.Root, b.verdict.Signers = b.newest.Origin, b.newest.N, b.newest.Hash, b.newest.Signers
	if b.policy.quorum {
		b.verdict.Witnessed = b.newest.N
	}
	opts := b.opts
	opts.Previous = slices.Clone(opts.Previous)
	b.earlier = map[int64]string{}
	for _, name := range b.names {
		text, ok := strings.CutPrefix(name, DirCheckpoints)
		if !ok {
			continue
		}
		signed, err := b.read(name, maxSmall)
		if err != nil {
			return err
		}
		c, f := b.policy.open(InFile(name), signed, false)
		if f != nil {
			return f
		}
		if strconv.FormatInt(c.N, 10) != text {
			return fault(Malformed, InFile(name), "the checkpoint is of %d leaves", c.N)
		}
		b.earlier[c.N] = name
		opts.Previous = append(opts.Previous, signed)
	}
	if b.previous, f = opts.previous(b.policy); f != nil {
		return f
	}
	if n := len(b.previous); n > 0 && b.previous[n-1].N > b.newest.N {
		return fault(Behind, InFile(FileCheckpoint), "an earlier checkpoint covers %d leaves, this one %d", b.previous[n-1].N, b.newest.N)
	}
	return nil
}

// lines yields the events of a file, in the order of their indexes, each read in full. The event is good until the next.
func (b *bundle) lines(name string) func(yield func(tree.Line, error) bool) {
	return func(yield func(tree.Line, error) bool) {
		f, err := b.files.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			yield(tree.Line{}, fault(Missing, InFile(name), "the file is not there"))
			return
		}
		if err != nil {
			yield(tree.Line{}, fmt.Errorf("read the bundle: %w", err))
			return
		}
		defer f.Close()
		last := int64(-1)
		in := bufio.NewReaderSize(f, 64<<10)
		for n := 1; ; n++ {
			line, err := readLine(in)
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(tree.Line{}, unreadable(name, err))
				return
			}
			l, err := tree.ParseLine(line)
			if err == nil && l.Index <= last {
				err = errors.New("the events are not in the order of their indexes")
			}
			if err != nil {
				at := InFile(fmt.Sprintf("%s line %d", name, n))
				yield(tree.Line{}, fault(Malformed, at, "%v", err))
				return
			}
			last = l.Index
			if !yield(l, nil) {
				return
			}
		}
	}
}

var (
	errLongLine = errors.New("a line is longer than it can be")
	errNoEnd    = errors.New("the last line has no end")
)

func readLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		if line == nil && err == nil {
			return part[:len(part)-1], nil
		}
		line = append(line, part...)
		switch {
		case len(line) > maxLine:
			return nil, errLongLine
		case err == nil:
			return line[:len(line)-1], nil
		case err == io.EOF && len(line) > 0:
			return nil, errNoEnd
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}
