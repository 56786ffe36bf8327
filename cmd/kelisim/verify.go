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
)

// faultError is what a verification found: exit code 3.
type faultError struct{ error }

// verify checks a data directory or a bundle. It needs no server, no key store and no network.
func (p *program) verify() *cobra.Command {
	policyFile := ""
	var previous []string
	c := &cobra.Command{
		Use: "verify DIR|BUNDLE", Short: "Check a data directory or an exported bundle", Args: exactly(1),
		Long: `Checks that nothing was changed, left out, reordered or taken back since it was signed: every event against its hash, every stream for gaps, every
checkpoint against the root that the events give. It needs no server, no keys to personal data and no network; it may run beside a server.

Without --policy the public keys that lie with the data are taken: that shows that nothing was damaged since it was signed, and not who signed it. An
auditor gets the keys by another way, keeps each checkpoint, and gives both.

It exits with 3 and the first fault's place if something is not whole.`,
		Example: `  kelisim verify ./kelisim-data
  kelisim verify bundle.zip --policy keys.txt --previous checkpoint-2026-01`,
		RunE: func(c *cobra.Command, args []string) error {
			return p.check(c.Context(), args[0], policyFile, previous)
		},
	}
	c.Flags().StringVar(&policyFile, "policy", "", "a file that says whose signatures count")
	c.Flags().StringArrayVar(&previous, "previous", nil, "a checkpoint kept from earlier, which must be a beginning of this one; may be given again")
	return c
}

func (p *program) check(ctx context.Context, path, policyFile string, previous []string) error {
	var opts verify.Options
	if policyFile != "" {
		text, err := os.ReadFile(policyFile)
		if err == nil {
			opts.Policy, err = verify.ParsePolicy(text)
		}
		if err != nil {
			return fmt.Errorf("read the policy: %w", err)
		}
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
	verdict, err := verifyPath(ctx, path, opts)
	m.end()
	var fault *verify.Fault
	if errors.As(err, &fault) {
		return faultError{fmt.Errorf("not whole: %w", err)}
	}
	if err != nil {
		return err
	}
	return p.tell(verdict)
}

func verifyPath(ctx context.Context, path string, opts verify.Options) (*verify.Verdict, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("look for what to verify: %w", err)
	}
	if !info.IsDir() || !there(filepath.Join(path, journalFile)) {
		return verify.Bundle(ctx, path, opts)
	}
	l, err := readLedger(path)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	return verify.Dir(ctx, tlog.NewSource(l.Store, l.log), opts)
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
	if v.Late > 0 && v.Size > 0 {
		lines = append(lines, fmt.Sprintf("late    %d events that no signed checkpoint covers yet", v.Late))
	}
	for _, s := range v.Streams {
		lines = append(lines, fmt.Sprintf("stream  %s, %d events, none missing before leaf %d", s.Name, s.Events, v.CompleteTo))
	}
	for _, name := range v.Unchecked {
		lines = append(lines, "unknown "+name+": nothing vouches for this file")
	}
	if v.Size > 0 && !v.Trusted {
		lines = append(lines, "note    the keys came with the data; give --policy to check who signed")
	}
	_, err := fmt.Fprintln(p.stdout, strings.Join(lines, "\n"))
	return err
}

// reading is a data directory opened for reading, also beside a server.
type reading struct {
	Store *sqlite.Journal
	log   tlog.Store
}

func readLedger(dir string) (*reading, error) {
	store, err := sqlite.OpenJournal(filepath.Join(dir, journalFile), sqlite.Options{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	if !there(filepath.Join(dir, logFile)) {
		return &reading{store, new(tlog.Memory)}, nil
	}
	log, err := sqlite.OpenLog(filepath.Join(dir, logFile), true)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return &reading{store, log}, nil
}

func (r *reading) Close() error { return errors.Join(r.log.Close(), r.Store.Close()) }
