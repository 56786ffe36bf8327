// Package verify checks a ledger without trusting it: that nothing in it was changed, left out, moved or added after it was signed. It needs
// no server, no key store and no network, and imports nothing of the program that wrote what it reads (TestVerifierStandsAlone).
//
// Dir checks a whole journal, Bundle what was exported, Proof one event's proof. What each one can and cannot show stands with it. The first thing
// that is wrong ends the check with a *Fault that names its place; any other error means that nothing was found out.
package verify

import (
	"fmt"
	"strings"

	"kelisim/commands/tlog/tree"
)

// Options of a check. The zero value is for use.
type Options struct {
	// Policy tells whose signatures count. Nil takes the keys that came with the data: that shows that nothing was damaged since it was
	// signed, and nothing about who signed it.
	Policy *Policy
	// Previous are checkpoints that the auditor kept from earlier, as signed notes: each must be a beginning of what is checked now.
	Previous [][]byte
	// Streams that a bundle of streams must show whole; of a journal and of a full bundle, streams whose lengths the verdict tells.
	Streams []string
	// Progress is told how far the check is, in the unit of the source; total is 0 where it is not known.
	Progress func(done, total int64)
}

// Verdict is what was found to be whole.
type Verdict struct {
	Kind    string    // "journal", "full bundle", "bundle of streams"
	Origin  string    // the log's name
	Size    int64     // leaves under the newest signed checkpoint; 0 where there is none
	Root    tree.Hash // its root
	Trusted bool      // it is signed as the caller's own policy demands
	Signers []string  // names and key ids of those whose signatures on it were checked
	// Witnessed is how many leaves stand under a checkpoint with the quorum of witnesses that the policy asks for; 0 where it asks for none.
	Witnessed int64
	Events    int64 // leaves that were checked, all of them
	Late      int64 // of these, leaves that no signed checkpoint covers yet
	Heads     int64 // commitments of heads that were checked
	// CompleteTo: of the Streams no event is missing among the leaves before this index.
	CompleteTo int64
	Streams    []Stream    // of a bundle of streams, and those that were asked for
	Disclosed  []Disclosed // the personal values of a bundle of streams that were disclosed, in clear
	Unchecked  []string    // files that nothing vouches for
}

// Stream is one stream of a bundle of streams, shown whole.
type Stream struct {
	Name   string
	Events int64
}

// Place is where a fault was found. What is not known is empty or -1.
type Place struct {
	File     string // in a bundle
	Index    int64  // of the leaf in the log
	Position int64  // in the journal
	Stream   string
	Revision int64
}

// Nowhere is the place of which nothing is known.
var Nowhere = Place{Index: -1, Position: -1, Revision: -1}

// InFile is a place of which the file is known.
func InFile(name string) Place { return Place{File: name, Index: -1, Position: -1, Revision: -1} }

// InStream is a place of which the stream is known.
func InStream(stream string, revision int64) Place {
	return Place{Index: -1, Position: -1, Stream: stream, Revision: revision}
}

func (p Place) String() string {
	var parts []string
	if p.File != "" {
		parts = append(parts, p.File)
	}
	if p.Index >= 0 {
		parts = append(parts, fmt.Sprintf("leaf %d", p.Index))
	}
	if p.Stream != "" {
		s := p.Stream
		if p.Revision >= 0 {
			s = fmt.Sprintf("%s revision %d", s, p.Revision)
		}
		parts = append(parts, s)
	}
	if p.Position >= 0 {
		parts = append(parts, fmt.Sprintf("position %d", p.Position))
	}
	return strings.Join(parts, ", ")
}

// The codes of faults.
const (
	Missing      = "missing"       // a file, a leaf or a tile that must be there is not
	Unexpected   = "unexpected"    // a file that has no place in a bundle
	Malformed    = "malformed"     // what is there cannot be read
	Unsigned     = "unsigned"      // a checkpoint is not signed as the policy demands
	Gap          = "journal-gap"   // a stream's revision is left out, or comes twice
	EventChanged = "event-changed" // an event is not the one that was hashed
	TileDiffers  = "tile-differs"  // a stored hash is not the one that the events give
	RootDiffers  = "root-differs"  // the events do not give the root that stands in a checkpoint
	HeadsDiffer  = "heads-differ"  // the ends of the streams are not those that were committed
	Incomplete   = "incomplete"    // a stream is not shown whole
	ProofFails   = "proof-fails"   // a proof does not lead to the root
	Inconsistent = "inconsistent"  // an earlier checkpoint is no beginning of this one
	Behind       = "behind"        // there are fewer events than were signed
	// DisclosureFails: a key that was disclosed does not open the value that it is said to open.
	DisclosureFails = "disclosure-fails"
)

// Fault is the first thing that is not as it was signed, and where.
type Fault struct {
	Code string // stable
	Place
	Detail string
}

func (f *Fault) Error() string {
	if at := f.Place.String(); at != "" {
		return fmt.Sprintf("%s at %s: %s", f.Code, at, f.Detail)
	}
	return f.Code + ": " + f.Detail
}

func fault(code string, at Place, format string, args ...any) *Fault {
	return &Fault{Code: code, Place: at, Detail: fmt.Sprintf(format, args...)}
}
