package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"kelisim/commands"
	"kelisim/commands/journal"
	"kelisim/domain"
	"kelisim/domain/catalogue"
	"kelisim/domain/consent"
	"kelisim/domain/permission"
	"kelisim/domain/site"
)

// scrubbing is the question that scrub asks about each person of a list.
type scrubbing struct {
	place
	purpose, act, asOf string
}

// scrub leaves of a list of people those whose data may be processed.
func (p *program) scrub() *cobra.Command {
	var o scrubbing
	c := &cobra.Command{
		Use: "scrub", Short: "Leave of a list of people those whose data may be processed", Args: exactly(0),
		Long: `Reads CSV from standard input and writes the lines of those about whom the answer is yes: the very answer of
GET /v1/users/{id}/processing, all from one position of the journal. With a header that has user_id, that column names the person and the header is
kept; without one, the first column does. Whoever the ledger does not know is left out. How many were left out, and why, is told on standard error.
It may run beside a server.`,
		Example: `  kelisim scrub --purpose advertising < audience.csv > allowed.csv
  kelisim scrub --purpose marketing-statistics --as-of 2026-04-01T00:00:00+05:00 < ids.txt`,
		RunE: func(c *cobra.Command, _ []string) error { return p.doScrub(c.Context(), o) },
	}
	o.flags(c.Flags(), "the data directory")
	c.Flags().StringVar(&o.purpose, "purpose", "", "what the data are to be processed for, such as advertising")
	c.Flags().StringVar(&o.act, "act", "use", "how they are to be processed")
	c.Flags().StringVar(&o.asOf, "as-of", "", "the moment that is asked about; now if left out")
	return c
}

func (p *program) doScrub(ctx context.Context, o scrubbing) (err error) {
	if !site.ValidPurpose(o.purpose) {
		return misuse("--purpose: a purpose is wanted, such as advertising")
	}
	if !slices.Contains(consent.Acts, o.act) {
		return misuse("--act: one of %s is wanted", strings.Join(consent.Acts, ", "))
	}
	at := time.Now().UTC()
	if o.asOf != "" {
		if at, err = time.Parse(time.RFC3339, o.asOf); err != nil {
			return misuse("--as-of: a moment such as 2026-01-31T10:00:00+05:00 is wanted")
		}
	}
	l, err := o.read(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	service := &commands.Service{Journal: journal.New(l.Store, catalogue.All()), Now: time.Now}
	head, _, err := l.Store.Head(ctx)
	if err != nil {
		return fmt.Errorf("read the journal's head: %w", err)
	}
	known := commands.Known{Position: max(head, 1)}
	m := p.meter("scrub", 0)
	asked, left := 0, map[string]int{}
	err = scrubLines(p.stdin, p.stdout, func(id domain.UserID) (bool, error) {
		if asked++; asked%1000 == 0 {
			m.add(1000)
		}
		snap, err := service.Snapshot(ctx, id, known)
		if domain.Code(err) == "user-not-found" {
			left["user-not-found"]++
			return false, nil
		}
		if err != nil {
			return false, err
		}
		answer := permission.ProcessingOnly(snap.State.Books, snap.Site, o.purpose, o.act, at)
		if !answer.Allowed {
			left[answer.Reasons[0].Code]++
		}
		return answer.Allowed, nil
	})
	m.end()
	if err != nil {
		return err
	}
	said := fmt.Sprintf("%d asked about, %d allowed", asked, asked-sum(left))
	for _, code := range slices.Sorted(maps.Keys(left)) {
		said += fmt.Sprintf(", %d %s", left[code], code)
	}
	fmt.Fprintf(p.stderr, "%s; as of %s, at position %d\n", said, at.Format(time.RFC3339), head)
	return nil
}

func sum(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// scrubLines copies the lines of those who are allowed. A line that names nobody in a form of ours ends it: half a list that looks whole would
// be worse.
func scrubLines(from io.Reader, to io.Writer, allowed func(domain.UserID) (bool, error)) error {
	in, out := csv.NewReader(from), csv.NewWriter(to)
	in.ReuseRecord = true
	column := 0
	for first := true; ; first = false {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			out.Flush()
			return out.Error()
		}
		if err != nil {
			return fmt.Errorf("read the list: %w", err)
		}
		if first {
			record[0] = strings.TrimPrefix(record[0], "\ufeff")
			if i := slices.IndexFunc(record, func(s string) bool { return strings.TrimSpace(s) == "user_id" }); i >= 0 {
				column = i
				if err := out.Write(record); err != nil {
					return err
				}
				continue
			}
		}
		line, _ := in.FieldPos(column)
		id, err := domain.ParseUserID(strings.TrimSpace(record[column]))
		if err != nil {
			return fmt.Errorf("read the list: line %d has no user's id in column %d: a UUID in lower case with hyphens is wanted, or a header with user_id", line, column+1)
		}
		yes, err := allowed(id)
		if err != nil {
			return fmt.Errorf("ask about line %d: %w", line, err)
		}
		if yes {
			if err := out.Write(record); err != nil {
				return err
			}
		}
	}
}
