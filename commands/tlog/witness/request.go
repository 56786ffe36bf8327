package witness

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"kelisim/commands/tlog/tree"
	"kelisim/commands/tlog/verify"
)

// Request is what a log submits: that its tree of Old leaves, which the witness cosigned last, is a beginning of the one that a checkpoint tells of.
type Request struct {
	Old        int64 // 0 where the witness is thought to have cosigned nothing yet
	Proof      []tree.Hash
	Checkpoint []byte // a signed note
}

// MaxRequest is how long a request may be, in bytes.
const MaxRequest = 64 << 10

const maxProof = 63 // lines, by the protocol

var errRequest = errors.New("malformed request")

// Format writes a request as c2sp.org/tlog-witness asks.
func (r Request) Format() []byte {
	b := fmt.Appendf(nil, "old %d\n", r.Old)
	b = append(b, verify.FormatHashes(r.Proof)...)
	b = append(b, '\n')
	return append(b, r.Checkpoint...)
}

// ParseRequest reads what Format writes, and nothing else (FuzzParseRequest). The checkpoint is not looked at.
func ParseRequest(b []byte) (Request, error) {
	head, checkpoint, ok := bytes.Cut(b, []byte("\n\n"))
	old, proof, _ := bytes.Cut(append(head[:len(head):len(head)], '\n'), []byte("\n"))
	text, found := bytes.CutPrefix(old, []byte("old "))
	r := Request{Checkpoint: checkpoint}
	var err error
	if r.Old, err = strconv.ParseInt(string(text), 10, 64); !ok || !found || err != nil || r.Old < 0 || strconv.FormatInt(r.Old, 10) != string(text) {
		return Request{}, errRequest
	}
	if r.Proof, err = verify.ParseHashes(proof); err != nil || len(r.Proof) > maxProof {
		return Request{}, errRequest
	}
	return r, nil
}
