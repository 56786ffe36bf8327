package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/spf13/cobra"

	"kelisim/commands"
	"kelisim/commands/access"
	"kelisim/domain"
	kelisimhttp "kelisim/http"
)

// serve answers over HTTP until it is told to stop.
func (p *program) serve() *cobra.Command {
	dir, listen, termsFile := "", "", ""
	c := &cobra.Command{Use: "serve", Short: "Serve the ledger in a data directory over HTTP", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
		log := slog.New(slog.NewTextHandler(p.stderr, nil))
		l, err := openLedger(c.Context(), dir, termsFile, time.Now, log)
		if err != nil {
			return err
		}
		tokens, closeTokens, err := openTokens(dir, time.Now)
		if err != nil {
			return errors.Join(err, l.Close())
		}
		return errors.Join(p.listenAndServe(c.Context(), l, tokens, listen, log), closeTokens(), l.Close())
	}}
	c.Flags().StringVar(&dir, "data", "./kelisim-data", "the data directory; made if it is not there")
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:8080", "the address to listen on")
	c.Flags().StringVar(&termsFile, "terms", "", "a file of terms to publish into an empty directory, in place of the built-in examples")
	return c
}

func (p *program) listenAndServe(ctx context.Context, l *ledger, tokens *access.Tokens, listen string, log *slog.Logger) error {
	server, err := kelisimhttp.New(kelisimhttp.Options{
		Tokens: tokens, Service: l.Service, Log: log, Version: release,
		Checks: []kelisimhttp.Check{{Name: "journal", Run: func(ctx context.Context) error {
			_, _, err := l.Journal.Head(ctx)
			return err
		}}},
		KnowsUser: func(ctx context.Context, id domain.UserID) (bool, error) {
			_, err := l.Service.Snapshot(ctx, id, commands.Known{})
			if domain.Code(err) == "user-not-found" {
				return false, nil
			}
			return err == nil, err
		},
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", listen, err)
	}
	fmt.Fprintf(p.stderr, "kelisim is listening on http://%s\n", listener.Addr())
	ctx, stop := context.WithCancelCause(ctx)
	go func() {
		select {
		case err := <-l.Store.Failed():
			stop(err)
		case <-ctx.Done():
		}
	}()
	err = server.Serve(ctx, listener)
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return errors.Join(fmt.Errorf("the journal stopped: %w", cause), err)
	}
	return err
}
