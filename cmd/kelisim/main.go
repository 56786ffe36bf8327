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
	"syscall"

	"github.com/spf13/cobra"

	"kelisim/domain"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
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

// run carries out one command line and answers its exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, getenv func(string) string) int {
	p := &program{stdin, stdout, stderr, getenv}
	root := &cobra.Command{
		Use: "kelisim", Short: "The ledger of what learners agreed to, paid for and may use",
		SilenceUsage: true, SilenceErrors: true, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(p.serve(), p.token(), p.version())
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, "kelisim:", err)
	return exitCode(err)
}

func exitCode(err error) int {
	var usage usageError
	var refusal *domain.Error
	switch {
	case errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &refusal) && refusal.Kind == domain.Conflict:
		return exitConflict
	}
	return exitError
}
