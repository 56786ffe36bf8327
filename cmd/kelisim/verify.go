package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"kelisim/commands/sqlite"
	"kelisim/commands/tlog"
	"kelisim/commands/tlog/verify"
	"kelisim/domain"
)

// faultError is what a verification found: exit code 3.
type faultError struct{ error }

// verify checks a data directory or a bundle. It needs no server, no key store and no network.
func (p *program) verify() *cobra.Command {
	var pl place
	policyFile, keyFile, user := "", "", ""
	var previous []string
	c := &cobra.Command{
		Use: "verify DIR|BUNDLE|RECEIPT.json", Short: "Check a data directory, an exported bundle or a person's receipt", Args: exactly(1),
		Long: `Checks that nothing was changed, left out, reordered or taken back since it was signed: every event against its hash, every stream for gaps, every
checkpoint against the root that the events give. It needs no server, no keys to personal data and no network; it may run beside a server.

Without --policy the public keys that lie with the data are taken: that shows that nothing was damaged since it was signed, and not who signed it. An
auditor gets the keys by another way, keeps each checkpoint, and gives both.

A bundle of one user names its streams itself: with --user it must have all of that user's, what was decided, who looked and what time did, each whole before
the leaf that is told. What came after that leaf is proved to be in the log, and the newest commitment does not say yet whether it is all.

It exits with 3 and the first fault's place if something is not whole.`,
		Example: `  kelisim verify ./kelisim-data
  kelisim verify bundle.zip --policy policy.txt --previous checkpoint-2026-01
  kelisim verify one.zip --key log-keys.txt --user 5f0c1b1e-7c5b-4a3e-9a60-0d1f2a3b4c5d`,
		RunE: func(c *cobra.Command, args []string) error {
			pl.dir = args[0]
			var streams []string
			if user != "" {
				id, err := domain.ParseUserID(user)
				if err != nil {
					return misuse("--user: a user is named by the id")
				}
				streams = tlog.UserStreams(id)
			}
			return p.check(c.Context(), pl, policyFile, keyFile, previous, streams)
		},
	}
	c.Flags().StringVar(&pl.journal, "journal", "", "where the journal of a data directory is: sqlite, which is a file in it, postgres://… or esdb://…")
	c.Flags().StringVar(&policyFile, "policy", "", "a file that says whose signatures count (c2sp.org/tlog-policy)")
	c.Flags().StringVar(&keyFile, "key", "", "a file of the log's public keys, one a line, as GET /v1/log/key gives them: a policy that believes any of them")
	c.Flags().StringVar(&user, "user", "", "a user whose streams must all be shown")
	c.Flags().StringArrayVar(&previous, "previous", nil, "a checkpoint kept from earlier, which must be a beginning of this one; may be given again")
	return c
}

// policyOf reads whom an auditor believes: a policy, or keys.
func policyOf(policyFile, keyFile string) (*verify.Policy, error) {
	if policyFile != "" && keyFile != "" {
		return nil, misuse("--key is a policy of its own: give it, or --policy, not both")
	}
	name := policyFile + keyFile
	if name == "" {
		return nil, nil
	}
	text, err := os.ReadFile(name)
	if err == nil && keyFile != "" {
		text = tlog.PolicyText(strings.Fields(string(text)))
	}
	if err != nil {
		return nil, fmt.Errorf("read whose signatures count: %w", err)
	}
	policy, err := verify.ParsePolicy(text)
	if err != nil {
		return nil, fmt.Errorf("read whose signatures count, in %s: %w", name, err)
	}
	return policy, nil
}

func (p *program) check(ctx context.Context, pl place, policyFile, keyFile string, previous, streams []string) error {
	opts := verify.Options{Streams: streams}
	var err error
	if opts.Policy, err = policyOf(policyFile, keyFile); err != nil {
		return err
	}
	for _, name := range previous {
		text, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("read an earlier checkpoint: %w", err)
		}
		opts.Previous = append(opts.Previous, text)
	}
	m := p.meter("verify", 1000)
	shown := 0
	opts.Progress = func(done, total int64) {
		if total > 0 {
			now := int(done * 1000 / total)
			m.add(now - shown)
			shown = now
		}
	}
	if text, ok := receiptAt(pl.dir); ok {
		m.end()
		return p.checkReceipt(text, opts.Policy)
	}
	verdict, err := verifyPath(ctx, pl, opts)
	m.end()
	var fault *verify.Fault
	if errors.As(err, &fault) || sqlite.Damaged(err) {
		return faultError{fmt.Errorf("not whole: %w", err)}
	}
	if err != nil {
		return err
	}
	return p.tell(verdict)
}

// receiptAt reads a receipt, where the path is a file that begins as one.
func receiptAt(path string) ([]byte, bool) {
	if filepath.Ext(path) != ".json" {
		return nil, false
	}
	text, err := os.ReadFile(path)
	return text, err == nil
}

// checkReceipt checks what a person was given: it carries no keys, so that a policy is wanted.
func (p *program) checkReceipt(text []byte, policy *verify.Policy) error {
	if policy == nil {
		return misuse("a receipt carries no keys: give --key with the log's, as GET /v1/log/key shows them")
	}
	r, err := verify.Receipt(text, policy)
	var fault *verify.Fault
	if errors.As(err, &fault) {
		return faultError{fmt.Errorf("not whole: %w", err)}
	}
	if err != nil {
		return err
	}
	return p.tellReceipt(r)
}

func verifyPath(ctx context.Context, pl place, opts verify.Options) (*verify.Verdict, error) {
	shared, err := pl.shared()
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(pl.dir)
	if err != nil {
		return nil, fmt.Errorf("look for what to verify: %w", err)
	}
	file := journalFile
	if shared {
		file = logFile
	}
	if other := filepath.Join(pl.dir, logFile); info.IsDir() && !shared && !there(filepath.Join(pl.dir, file)) && there(other) {
		return nil, &verify.Fault{Code: verify.Missing, Place: verify.InFile(file), Detail: "the log is here and the journal is not"}
	}
	if !info.IsDir() || !there(filepath.Join(pl.dir, file)) {
		return verify.Bundle(ctx, pl.dir, opts)
	}
	l, err := pl.read(ctx)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	return verify.Dir(ctx, tlog.NewSource(l.Store, l.log), opts)
}

// tellReceipt says what a receipt shows.
func (p *program) tellReceipt(r *verify.Receipted) error {
	lines := []string{fmt.Sprintf("whole: receipt of a %s, %s", r.Kind, r.ID), "person  " + r.Subject, "as of   " + r.AsOf, "signed  by " + strings.Join(r.Signers, ", ")}
	for _, e := range r.Events {
		where := "no checkpoint covers it yet: ask for the receipt again"
		if e.Size >= 0 {
			where = fmt.Sprintf("leaf %d of %d", e.Index, e.Size)
		}
		lines = append(lines, fmt.Sprintf("event   %s %s, %s", e.ID, e.Type, where))
	}
	_, err := fmt.Fprintln(p.stdout, strings.Join(lines, "\n"))
	return err
}

// tell says what was found to be whole, and what that does not show.
func (p *program) tell(v *verify.Verdict) error {
	lines := []string{fmt.Sprintf("whole: %s, %d events checked", v.Kind, v.Events)}
	if v.Size > 0 {
		lines = append(lines, fmt.Sprintf("log     %s, %d leaves under the newest signed checkpoint", v.Origin, v.Size),
			"root    "+base64.StdEncoding.EncodeToString(v.Root[:]), "signed  by "+strings.Join(v.Signers, ", "))
	} else {
		lines = append(lines, "log     nothing was signed yet: what is shown is only that no stream has a gap")
	}
	if v.Witnessed > 0 {
		lines = append(lines, fmt.Sprintf("witness %d leaves under a checkpoint that the policy's quorum has cosigned", v.Witnessed))
	}
	if v.Late > 0 && v.Size > 0 {
		lines = append(lines, fmt.Sprintf("late    %d events that no signed checkpoint covers yet", v.Late))
	}
	for _, s := range v.Streams {
		lines = append(lines, fmt.Sprintf("stream  %s, %d events, none missing before leaf %d", s.Name, s.Events, v.CompleteTo))
	}
	for _, d := range v.Disclosed {
		lines = append(lines, fmt.Sprintf("shown   %s revision %d, %s: %q", d.Stream, d.Revision, d.Field, d.Text))
	}
	for _, name := range v.Unchecked {
		lines = append(lines, "unknown "+name+": nothing vouches for this file")
	}
	if v.Size > 0 && !v.Trusted {
		lines = append(lines, "note    the keys came with the data; give --key or --policy to check who signed")
	}
	_, err := fmt.Fprintln(p.stdout, strings.Join(lines, "\n"))
	return err
}
