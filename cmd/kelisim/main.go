// Command kelisim is the whole of Kelisim in one binary: the server, the demo, and the tools of operators and auditors.
//
// main reads what was asked, opens what it needs in ledger.go, and runs one command; each command has a file of its own. Data go to
// standard output, everything else to standard error. Exit codes: 0 done, 1 error, 2 usage, 3 verification failed, 4 conflict.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"kelisim/commands/access"
	"kelisim/commands/journal"
	"kelisim/commands/vault"
	"kelisim/domain"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv)
	stop()
	os.Exit(code)
}

// The exit codes.
const (
	exitError    = 1
	exitUsage    = 2
	exitFault    = 3
	exitConflict = 4
)

// program is what every command is given of the world.
type program struct {
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	getenv func(string) string
}

// usageError is a wrong call: exit code 2.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func misuse(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// run carries out one command line and answers its exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, getenv func(string) string) int {
	p := &program{stdin, stdout, stderr, getenv}
	root := p.root()
	root.SetArgs(args)
	command, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, "kelisim:", err)
	code := exitCode(err)
	if code == exitUsage {
		fmt.Fprintf(stderr, "See %s --help.\n", command.CommandPath())
	}
	return code
}

func (p *program) root() *cobra.Command {
	root := group("kelisim", "The ledger of what learners agreed to, paid for and may use", `Kelisim keeps, as events that are never changed, what each user of the site agreed to, paid for and may use, and answers from
them. A data directory is the whole of a ledger; serve makes one where there is none.

Settings come from flags, else from the environment (--admin-listen is KELISIM_ADMIN_LISTEN), else from the YAML file that
--config or KELISIM_CONFIG names (admin_listen: 127.0.0.1:8081), else they are what --help shows.

Data go to standard output, everything else to standard error.
Exit codes: 0 done, 1 error, 2 usage, 3 verification failed, 4 conflict with a rule or with what is recorded.`,
		p.serve(), p.demo(), p.importStory(), p.token(),
		p.verify(), p.witness(), p.export(), p.report(), p.scrub(), p.simulate(), p.replay(), p.copyJournal(), p.reconcile(),
		p.backup(), p.restore(), p.keys(), p.version())
	root.Example = `  kelisim demo                                        a ledger of fictional users to look around in
  kelisim serve --data ./kelisim-data                 a ledger of your own
  kelisim token create --role service --name site     a token for the site's backend`
	root.SilenceUsage, root.SilenceErrors = true, true
	root.SetIn(p.stdin)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.CompletionOptions.HiddenDefaultCmd = true
	root.PersistentFlags().String("config", "", "a YAML file of settings")
	root.PersistentPreRunE = func(c *cobra.Command, _ []string) error { return p.configure(c) }
	return root
}

// group is a command that only holds others.
func group(use, short, long string, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Long: long, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.Args = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		c.SuggestionsMinimumDistance = 2
		said := fmt.Sprintf("there is no command %q", args[0])
		if close := c.SuggestionsFor(args[0]); len(close) > 0 {
			said += "; did you mean " + strings.Join(close, " or ") + "?"
		}
		return misuse("%s", said)
	}
	c.AddCommand(commands...)
	return c
}

// exactly wants so many arguments.
func exactly(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != n {
			return misuse("%s: %d wanted beside the flags, %d given", c.UseLine(), n, len(args))
		}
		return nil
	}
}

func exitCode(err error) int {
	var usage usageError
	var fault faultError
	var refusal *domain.Error
	switch {
	case errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &fault):
		return exitFault
	case errors.As(err, &refusal) && refusal.Kind == domain.Conflict, errors.Is(err, journal.ErrOther), errors.Is(err, vault.ErrNotEmpty), errors.Is(err, access.ErrOther):
		return exitConflict
	}
	return exitError
}
