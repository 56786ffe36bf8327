package sqlite

import (
	"fmt"

	"kelisim/commands/journal"
)

// Entry is one append among several.
type Entry struct {
	Stream   string
	Expected int64
	Records  []journal.NewRecord
}

// MaxEntries is how many appends AppendAll takes at once; together they have MaxEntriesBytes at most. So much fits into one transaction.
const (
	MaxEntries      = batchAppends
	MaxEntriesBytes = batchBytes
)

// AppendAll carries out several appends in their order, in one transaction where nobody else appends meanwhile. Each is decided by
// itself, as if it came alone after those before it; its receipt or its error stands at its place. It is for a writer of very many events,
// such as an import, that need not know of each at once that it lasts.
func (j *Journal) AppendAll(entries []Entry) ([]journal.Receipt, []error) {
	receipts, errs := make([]journal.Receipt, len(entries)), make([]error, len(entries))
	var requests []*request
	for i, e := range entries {
		if errs[i] = journal.Check(e.Stream, e.Expected, e.Records); errs[i] == nil {
			requests = append(requests, &request{stream: e.Stream, expected: e.Expected, records: e.Records, done: make(chan struct{})})
		}
	}
	refused := j.enqueue(requests...)
	for i, e := range entries {
		if errs[i] == nil {
			r := requests[0]
			requests = requests[1:]
			if errs[i] = refused; refused == nil {
				<-r.done
				receipts[i], errs[i] = r.receipt, r.err
			}
		}
		if errs[i] != nil {
			errs[i] = fmt.Errorf("append to %s: %w", e.Stream, errs[i])
		}
	}
	return receipts, errs
}
