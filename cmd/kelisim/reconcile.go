package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"kelisim/commands"
	"kelisim/commands/cloudpayments"
	"kelisim/commands/policies"
	"kelisim/domain"
)

// comparing is how a register is held against the ledger.
type comparing struct {
	place
	from, until, zone string
	dry, enter        bool
	output            *choice
}

// reconcile holds the card processor's register against the ledger.
func (p *program) reconcile() *cobra.Command {
	var o comparing
	o.output = either("table", "json", "jsonl")
	c := &cobra.Command{
		Use: "reconcile [REGISTER.csv | REGISTER.json]", Short: "Hold the card processor's register against the ledger",
		Long: `Compares the card processor's register with what the ledger knows of its transactions, and records each difference once: money
that is missing here or there, another sum, a refund or a charge-back that the ledger does not know, a payout that does not add up. A second
run finds nothing new.

The register is a file from the processor's cabinet or API, or - for standard input; without one the API is asked, with
` + publicIDSetting + ` and ` + secretSetting + `. With --enter, what is missing here is brought in as a notification would
have been; everything else is for a person to decide. With --dry-run nothing is recorded, and it works beside a running server. A
server that knows the API compares every day by itself, and brings nothing in.

Exit code 3: there are differences that no run before had found.`,
		Example: `  kelisim reconcile --data ./kelisim-data register.csv --dry-run
  kelisim reconcile --data ./kelisim-data --from 2026-11-01 --until 2026-12-01 --enter`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return misuse("%s: it takes one register", c.UseLine())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			register := ""
			if len(args) == 1 {
				register = args[0]
			}
			return p.doReconcile(c.Context(), o, register)
		},
	}
	o.flags(c.Flags(), "the data directory")
	c.Flags().StringVar(&o.from, "from", "", "the first day, by the processor's time in UTC (of a file: of its first row; of the API: three days ago)")
	c.Flags().StringVar(&o.until, "until", "", "the day after the last (of a file: after its last row; of the API: until two hours ago)")
	c.Flags().StringVar(&o.zone, "zone", "UTC", "the zone of a file's times, in the processor's code with its offset, such as ALMT+06:00")
	c.Flags().BoolVar(&o.enter, "enter", false, "bring in what is missing here: payments, refunds, charge-backs and their returns")
	c.Flags().BoolVar(&o.dry, "dry-run", false, "compare on a copy that is thrown away")
	c.Flags().Var(o.output, "output", "the form of the list")
	return c
}

const (
	// apiDays is how far back the API is asked.
	apiDays = 3
	// fresh is how young an operation may be whose notification is still on its way.
	fresh = 2 * time.Hour
)

func (p *program) doReconcile(ctx context.Context, o comparing, file string) (err error) {
	settings, err := p.processing()
	if err != nil {
		return err
	}
	from, until, err := o.span()
	if err != nil {
		return err
	}
	var register cloudpayments.Register
	if file != "" {
		register, from, until, err = p.registerFile(file, o.zone, from, until)
	} else {
		register, from, until, err = registerOf(ctx, settings.api, from, until)
	}
	if err != nil {
		return err
	}
	if err := o.made(); err != nil {
		return err
	}
	open := opening{place: o.place, now: time.Now, log: slog.New(slog.NewTextHandler(p.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))}
	if o.dry {
		if open.dir, err = rehearsalRoom(ctx, o.place); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(open.dir)) }()
		open.master = filepath.Join(o.dir, masterFile)
	}
	l, err := openLedger(ctx, open)
	if err != nil {
		return err
	}
	money := commands.Money{Service: l.Service, Test: settings.test}
	out, err := money.Reconcile(ctx, from, until, register, o.enter)
	if err = errors.Join(err, l.Close()); err != nil {
		return err
	}
	return p.tellReconciled(o, from, until, register, out)
}

// span reads --from and --until; zero is not given.
func (o comparing) span() (from, until time.Time, err error) {
	read := func(flag, s string) time.Time {
		if s == "" || err != nil {
			return time.Time{}
		}
		t, bad := time.Parse(time.DateOnly, s)
		if bad != nil {
			if t, bad = time.Parse(time.RFC3339, s); bad != nil {
				err = misuse("--%s is a day such as 2026-11-01, or a moment", flag)
			}
		}
		return t.UTC()
	}
	from, until = read("from", o.from), read("until", o.until)
	if err == nil && !from.IsZero() && !until.IsZero() && !from.Before(until) {
		err = misuse("--from is not before --until")
	}
	return from, until, err
}

// registerFile reads a file. What it does not name of the span is taken from its rows.
func (p *program) registerFile(name, zone string, from, until time.Time) (cloudpayments.Register, time.Time, time.Time, error) {
	var none cloudpayments.Register
	z, err := cloudpayments.ParseZone(zone)
	if err != nil {
		return none, from, until, misuse("--zone: %w", err)
	}
	in := p.stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return none, from, until, err
		}
		defer f.Close()
		in = io.Reader(f)
	}
	register, err := cloudpayments.ReadRegister(in, z)
	if err != nil {
		return none, from, until, err
	}
	var first, last time.Time
	for _, r := range register.Rows {
		if first.IsZero() || r.CreatedAt.Before(first) {
			first = r.CreatedAt
		}
		if r.CreatedAt.After(last) {
			last = r.CreatedAt
		}
	}
	for _, b := range register.ChargeBacks {
		if len(register.Rows) == 0 && (first.IsZero() || b.At.Before(first)) {
			first = b.At
		}
		if len(register.Rows) == 0 && b.At.After(last) {
			last = b.At
		}
	}
	if from.IsZero() {
		from = first
	}
	if until.IsZero() {
		until = last.Add(time.Microsecond)
	}
	return register, from, until, nil
}

// registerOf asks the API.
func registerOf(ctx context.Context, api cloudpayments.Processor, from, until time.Time) (cloudpayments.Register, time.Time, time.Time, error) {
	var out cloudpayments.Register
	if api == nil {
		return out, from, until, misuse("name a register, or set %s and %s to ask the processor", publicIDSetting, secretSetting)
	}
	if until.IsZero() {
		until = time.Now().UTC().Add(-fresh).Truncate(time.Second)
	}
	if from.IsZero() {
		from = until.AddDate(0, 0, -apiDays)
	}
	out, err := policies.ReadRegister(ctx, api, from, until)
	return out, from, until, err
}

func (p *program) tellReconciled(o comparing, from, until time.Time, register cloudpayments.Register, out commands.Reconciled) error {
	if out.Found == nil {
		out.Found = []cloudpayments.Finding{}
	}
	err := writeRows(p.stdout, o.output.word, out.Found, "FINDING\tTRANSACTION\tPAYMENT\tHERE\tTHERE\tAMOUNT\tAT", func(f cloudpayments.Finding) string {
		amount := ""
		if f.Amount != (domain.Money{}) {
			amount = f.Amount.String()
		}
		return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s\t%s", f.Kind, f.TransactionID, f.PaymentID, f.Here, f.There, amount, minute(f.At))
	})
	did := "recorded"
	if o.dry {
		did = "would be recorded; nothing was"
	}
	fmt.Fprintf(p.stderr, "%s to %s: %d operations and %d charge-backs compared; %d differences, %d new, and %d payouts %s; %d brought in\n",
		minute(from), minute(until), len(register.Rows), len(register.ChargeBacks), out.Standing, len(out.Found), out.Payouts, did, out.Entered)
	if err == nil && len(out.Found) > 0 {
		return faultError{fmt.Errorf("the register and the ledger differ in %d places that no run before had found", len(out.Found))}
	}
	return err
}
