package tlog

import (
	"encoding/base64"
	"strings"

	"kelisim/commands/tlog/verify"
)

// splitKeys tells keys that every program of c2sp.org reads from the others.
func splitKeys(vkeys []string) (quick, lasting []string) {
	for _, k := range vkeys {
		fields := strings.SplitN(k, "+", 3) // name, id, key; base64 has a plus of its own
		if raw, err := base64.StdEncoding.DecodeString(fields[len(fields)-1]); err == nil && len(raw) > 0 && raw[0] == verify.AlgEd25519 {
			quick = append(quick, k)
		} else {
			lasting = append(lasting, k)
		}
	}
	return quick, lasting
}

const readmeLeaf = `
A leaf of the log, as it stands in "leaf" (base64), is these bytes after one another; numbers are big-endian:
  "kelisim-leaf/v1" and a line feed
  2 bytes length (16), the event's id
  2 bytes length, the stream's name
  8 bytes revision in the stream
  2 bytes length, the event's type
  2 bytes length (0 or 32), the record hash of the stream's leaf before
  32 bytes SHA-256 of "data", 32 bytes SHA-256 of "metadata", both exactly as they stand here
Where those two are no JSON of one line, "data_base64" or "metadata_base64" stands in their place.
The record hash is the SHA-256 of a zero byte and the leaf. The tree is that of RFC 6962.

Whose signature counts is for you to say, in a policy (c2sp.org/tlog-policy). policy.txt and policy-mldsa.txt in this bundle name the
log's keys only for convenience: take them from a source that the sender of this bundle does not write.
Personal values in the events are sealed. Where a key was destroyed they stay so, and every hash and proof here holds all the same.
`

const readmeFull = `The whole log of a Kelisim ledger, under the checkpoint in "checkpoint".

"checkpoint", "tile/" and "tile/entries/" are a log as c2sp.org/tlog-tiles has it; programs made for that read this directory as it is.
"events.ndjson" holds every event, one a line, in the log's order. "heads.ndjson" holds the events of the stream "ledger-heads" once more.
"checkpoints/" holds earlier signed checkpoints, by size.

Check it with:  kelisim verify THIS --policy YOUR-POLICY
` + readmeLeaf

const readmeStreams = `Some streams of a Kelisim ledger, whole, under the checkpoint in "checkpoint".

"streams.txt" names the streams. "events.ndjson" holds their events, one a line, in the log's order.
"proofs/INDEX.tlog-proof" proves that an event's leaf stands in the log (c2sp.org/tlog-proof; the leaf is its extra data).
"heads.ndjson" is an event of the log, proved by "heads.tlog-proof", that commits to where every stream ended at the leaf "up_to_index": the root of
a tree of RFC 6962 of 65536 leaves. A stream belongs to the leaf that the first 16 bits of the SHA-256 of its name number. The leaf is a list
of 72 bytes each, in order: SHA-256 of the name, 8 bytes last revision, 32 bytes record hash of that revision's leaf.
"heads/BUCKET.bin" is such a leaf, "heads/BUCKET.proof" the hashes that lead from it to the root. So no event before "up_to_index" can be left
out of a stream here unseen, and a stream without an event is shown to have had none.
"consistency/OLD-NEW", where there, shows that an earlier checkpoint is a beginning of this one.
"disclosures.ndjson", where there, holds keys: each opens one personal value ("field", its path in the data) of one event ("index"), and no other.

Check it with:  kelisim verify THIS --policy YOUR-POLICY
` + readmeLeaf
