package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"time"

	"kelisim/commands"
	"kelisim/commands/journal"
	"kelisim/commands/receipts"
	"kelisim/domain/catalogue"
)

// exportConsents writes the records of all consents, as of a moment and by what was known. Where neither is named they are those of the last event, so that
// the same ledger gives the same bytes.
func (p *program) exportConsents(ctx context.Context, store journal.Store, asOf, knownAt, to string) (err error) {
	known, err := commands.ParseKnown(knownAt)
	if err != nil {
		return misuse("--known-at: a moment such as 2026-01-31T10:00:00+05:00, or position:N")
	}
	head, last, err := store.Head(ctx)
	if err != nil {
		return fmt.Errorf("read the journal's head: %w", err)
	}
	if known == (commands.Known{}) {
		known.Position = head
	}
	at := last
	if asOf != "" {
		if at, err = time.Parse(time.RFC3339, asOf); err != nil {
			return misuse("--as-of: a moment such as 2026-01-31T10:00:00+05:00 is wanted")
		}
	}
	w, end, err := p.output(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	out := bufio.NewWriterSize(w, 1<<16)
	write := func(line []byte) error {
		_, err := out.Write(line)
		return err
	}
	m := p.meter("export", 0)
	defer m.end()
	return errors.Join(receipts.Population(ctx, journal.New(store, catalogue.All()), known, at, write, func() { m.add(1) }), out.Flush())
}
