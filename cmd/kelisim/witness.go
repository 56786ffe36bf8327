package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"kelisim/commands/tlog/witness"
)

// witness serves one who watches logs and cosigns their checkpoints.
func (p *program) witness() *cobra.Command {
	o := witness.Options{}
	var logs []string
	address := ""
	c := &cobra.Command{
		Use: "witness", Short: "Cosign the checkpoints of other people's ledgers", Args: exactly(0),
		Long: `Answers at ADDRESS/add-checkpoint by the protocol c2sp.org/tlog-witness: it looks whether each checkpoint that a log submits continues the one before, and
cosigns it if so. Who would show two histories to two people must show both to the witness, and the second is refused. It keeps the size and the root of
each log, and learns nothing of events or people. It is for somebody who is not the operator of the log: an auditor, another company.

Where there is neither key nor state it makes both, and prints the public key, which goes into the policies of those who verify. A key whose state was lost is
never used again: begin anew with another, and tell those who trust it. Do not put an earlier state back.

It speaks plain HTTP: put a proxy that speaks TLS before it where others than this machine may reach it.`,
		Example: `  curl -s https://ledger.example.kz/v1/log/key > log-keys.txt
  kelisim witness --name witness.example.kz --log-key log-keys.txt`,
		RunE: func(c *cobra.Command, _ []string) error {
			var err error
			if o.Logs, err = logKeys(logs); err != nil {
				return err
			}
			o.Log = slog.New(slog.NewTextHandler(p.stderr, nil))
			w, err := witness.Open(o)
			if err != nil {
				return err
			}
			fmt.Fprintln(p.stdout, w.VerifierKey())
			return errors.Join(p.serveWitness(c.Context(), w, address), w.Close())
		},
	}
	c.Flags().StringVar(&address, "listen", "127.0.0.1:8090", "the address to listen on; port 0 takes a free one")
	c.Flags().StringVar(&o.KeyFile, "key", "./witness.key", "the file of the witness's key")
	c.Flags().StringVar(&o.StateFile, "state", "./witness.state", "the file of what was cosigned last")
	c.Flags().StringVar(&o.Name, "name", "", "the witness's name where a key is made, a URL without its scheme; one made of the key unless given")
	c.Flags().StringArrayVar(&logs, "log-key", nil, "a public key of a log that is witnessed, or a file of such keys, one a line; may be given again")
	return c
}

// logKeys takes keys as they are, and reads files of them.
func logKeys(given []string) ([]string, error) {
	var all []string
	for _, g := range given {
		if strings.Count(g, "+") >= 2 && !there(g) {
			all = append(all, g)
			continue
		}
		text, err := os.ReadFile(g)
		if err != nil {
			return nil, fmt.Errorf("read the key of a log: %w", err)
		}
		all = append(all, strings.Fields(string(text))...)
	}
	if len(all) == 0 {
		return nil, misuse("--log-key: the logs that are to be witnessed are wanted, each by its public key, as GET /v1/log/key shows it")
	}
	return all, nil
}

func (p *program) serveWitness(ctx context.Context, w http.Handler, address string) error {
	l, err := listen("listen", address)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler: w, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 20 * time.Second, WriteTimeout: 20 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
	}
	fmt.Fprintf(p.stderr, "kelisim is listening on http://%s\n", l.Addr())
	stopped := make(chan error, 1)
	defer context.AfterFunc(ctx, func() {
		stopping, done := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
		defer done()
		stopped <- server.Shutdown(stopping)
	})()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return <-stopped
}
