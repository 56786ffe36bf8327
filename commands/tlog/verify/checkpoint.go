package verify

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"

	"kelisim/commands/tlog/tree"
)

// Checkpoint is a signed checkpoint that was opened under a policy.
type Checkpoint struct {
	torchwood.Checkpoint
	Note    []byte   // with its signatures
	Signers []string // whose signatures were checked
}

// open checks a checkpoint. Witnesses are asked for where the newest one is judged; earlier ones may have been signed before there were any.
func (p *Policy) open(at Place, signed []byte, witnessed bool) (Checkpoint, *Fault) {
	policy := p.log
	if witnessed {
		policy = p.full
	}
	c, n, err := torchwood.VerifyCheckpoint(signed, policy)
	if err != nil {
		return Checkpoint{}, fault(Unsigned, at, "the checkpoint is not signed as the policy demands: %v", err)
	}
	if c.Extension != "" || c.String() != n.Text {
		return Checkpoint{}, fault(Malformed, at, "the checkpoint has more than its three lines")
	}
	out := Checkpoint{Checkpoint: c, Note: signed}
	for _, s := range n.Sigs {
		out.Signers = append(out.Signers, fmt.Sprintf("%s+%08x", s.Name, s.Hash))
	}
	return out, nil
}

// ProofText is the parts of a c2sp.org/tlog-proof.
type ProofText struct {
	Index      int64
	Leaf       []byte // its extra data: the leaf itself, so that a proof says what it proves
	Path       tlog.RecordProof
	Checkpoint []byte
}

const proofHeader = "c2sp.org/tlog-proof@v1\n"

var errProof = errors.New("malformed proof")

// ParseProof reads a proof, which must have its leaf with it, and be written as FormatProof does it (FuzzProof).
func ParseProof(b []byte) (ProofText, error) {
	head, rest, ok := strings.Cut(string(b), "\n\n")
	if !ok {
		return ProofText{}, errProof
	}
	p := ProofText{Checkpoint: []byte(rest)}
	for i, line := range strings.Split(head, "\n") {
		var err error
		switch i {
		case 0:
			if line+"\n" != proofHeader {
				return ProofText{}, errProof
			}
		case 1:
			text, found := strings.CutPrefix(line, "extra ")
			if p.Leaf, err = base64.StdEncoding.DecodeString(text); !found || err != nil {
				return ProofText{}, errProof
			}
		case 2:
			text, found := strings.CutPrefix(line, "index ")
			if p.Index, err = strconv.ParseInt(text, 10, 64); !found || err != nil || p.Index < 0 {
				return ProofText{}, errProof
			}
		default:
			h, err := tlog.ParseHash(line)
			if err != nil {
				return ProofText{}, errProof
			}
			p.Path = append(p.Path, h)
		}
	}
	if p.Leaf == nil || !bytes.Equal(FormatProof(p), b) {
		return ProofText{}, errProof
	}
	return p, nil
}

// FormatProof writes a proof as c2sp.org/tlog-proof asks, with the leaf as its extra data.
func FormatProof(p ProofText) []byte {
	return torchwood.FormatProofWithExtraData(p.Index, p.Leaf, p.Path, p.Checkpoint)
}

// Proven is what a proof of one event shows.
type Proven struct {
	tree.Leaf
	Index      int64
	Checkpoint Checkpoint
}

// Proof checks a .tlog-proof by itself: that a leaf stands at its index under a checkpoint that is signed as the policy demands. To show that an event
// is the leaf's, compare the SHA-256 of its data and metadata, as stored, with those in the leaf.
func Proof(text []byte, policy *Policy) (Proven, error) {
	p, err := ParseProof(text)
	if err != nil {
		return Proven{}, fault(Malformed, Nowhere, "%v", err)
	}
	leaf, err := tree.ParseLeaf(p.Leaf)
	if err != nil {
		return Proven{}, fault(Malformed, Nowhere, "%v", err)
	}
	at := Place{Index: p.Index, Position: -1, Stream: leaf.Stream, Revision: leaf.Revision}
	c, f := policy.open(at, p.Checkpoint, true)
	if f != nil {
		return Proven{}, f
	}
	if err := tlog.CheckRecord(p.Path, c.N, c.Hash, p.Index, tlog.RecordHash(p.Leaf)); err != nil {
		return Proven{}, fault(ProofFails, at, "the proof does not lead from the leaf to the root")
	}
	return Proven{leaf, p.Index, c}, nil
}

const maxHashes = 64 // of a proof in a tree of 2^63 leaves

var errHashes = errors.New("malformed list of hashes")

// ParseHashes reads hashes in base64, one a line (FuzzParseHashes).
func ParseHashes(b []byte) ([]tree.Hash, error) {
	hashes := []tree.Hash{}
	for len(b) > 0 {
		line, rest, ok := bytes.Cut(b, []byte("\n"))
		h, err := tlog.ParseHash(string(line))
		if !ok || err != nil || h.String() != string(line) || len(hashes) == maxHashes {
			return nil, errHashes
		}
		hashes, b = append(hashes, h), rest
	}
	return hashes, nil
}

// FormatHashes writes hashes as ParseHashes reads them.
func FormatHashes(hashes []tree.Hash) []byte {
	var b []byte
	for _, h := range hashes {
		b = append(append(b, h.String()...), '\n')
	}
	return b
}

// noteText is the text of a signed note, without its signatures.
func noteText(signed []byte) string {
	text, _, _ := bytes.Cut(signed, []byte("\n\n"))
	return string(text) + "\n"
}
