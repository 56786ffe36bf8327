package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"kelisim/commands"
	"kelisim/commands/access"
	"kelisim/commands/bus"
	"kelisim/commands/lease"
	"kelisim/commands/tlog"
	"kelisim/domain"
	kelisimhttp "kelisim/http"
)

// serving is how a ledger is served.
type serving struct {
	listen, admin string
	format        *choice
	drain         time.Duration
	reportsKept   int
	greet         func(url, admin string) // is told where, once it listens; nil: nobody
	processing    processing
	relay         *bus.Relay // nil: events are sent nowhere
}

func (s *serving) flags(c *cobra.Command) {
	s.format = either("text", "json")
	c.Flags().StringVar(&s.listen, "listen", "127.0.0.1:8080", "the address to listen on; port 0 takes a free one")
	c.Flags().StringVar(&s.admin, "admin-listen", "", "a loopback address for /metrics and /debug/pprof/; none unless given")
	c.Flags().IntVar(&s.reportsKept, "reports-kept", 20_000, "keep what reports have read for the next one, in memory, of a ledger of at most so many users; 0 keeps nothing")
	c.Flags().DurationVar(&s.drain, "drain-delay", 0, "how long /readyz says no before the server stops, so that a balancer can look away")
	c.Flags().Var(s.format, "log-format", "the form of the log's lines")
}

// serve answers over HTTP until it is told to stop.
func (p *program) serve() *cobra.Command {
	var s serving
	var pl place
	termsFile, witnesses, outletsFile := "", "", ""
	retention, leaseTTL := lifetime(defaultRetention), lease.DefaultTTL
	c := &cobra.Command{
		Use: "serve", Short: "Serve the ledger in a data directory over HTTP", Args: exactly(0),
		Long: `Serves the ledger in a data directory until it is interrupted; then it answers what has begun and stops. Where there is no
ledger yet it makes one, with the built-in terms or those of --terms. One process at a time writes to a directory; token, verify, export, report,
scrub, backup and import --dry-run work beside it.

It speaks plain HTTP: put a proxy that speaks TLS before it where others than this machine may reach it. Callers find every route at /docs.

With --witnesses the log's checkpoints are submitted to others who cosign them (kelisim witness is one). What is published is then the newest that enough of
them have cosigned; where they do not answer for a minute it is published without them. The file may say whose log it is, and is meant for this one if not.

With --outlets events are sent on, as stored and with personal data sealed, to NATS JetStream, Kafka topics and signed web hooks. How far each has come is in
bus.db of the data directory, or in the keys' database where that is PostgreSQL; where it is lost each begins where its "after" says, at the beginning if it says nothing.

Several instances serve one ledger with --journal (PostgreSQL or EventStoreDB) and --keys (PostgreSQL): each in a data directory of its own, with the same master.key and
log.key, and any of them answers any request. One of them at a time says what the log signs, marks what time brings and sends events on; when it dies another
goes on within --lease-ttl and a fifteenth of it. kelisim copy moves a ledger from one directory to there. One machine is enough for most: see the README.

The card processor's notifications are taken at /webhooks/cloudpayments/ where the environment has ` + secretSetting + `
(two with a comma between them while one replaces the other), and refunds are sent to it where it has ` + publicIDSetting + ` too.
` + testSetting + `=1 takes a test terminal's money for real.`,
		Example: `  kelisim serve
  kelisim serve --data /var/lib/kelisim --listen 127.0.0.1:8080 --admin-listen 127.0.0.1:8081 --log-format json`,
		RunE: func(c *cobra.Command, _ []string) error {
			log, err := p.logger(s)
			if err != nil {
				return err
			}
			if s.processing, err = p.processing(); err != nil {
				return err
			}
			outlets, err := p.readOutlets(outletsFile)
			if err != nil {
				return err
			}
			if leaseTTL < shortestLease || leaseTTL > longestLease {
				return misuse("--lease-ttl: a time from %v to %v is wanted", shortestLease, longestLease)
			}
			l, err := openLedger(c.Context(), opening{place: pl, terms: termsFile, leaseTTL: leaseTTL, now: time.Now, log: log})
			if err != nil {
				return err
			}
			l.catchingUp = p.catchingUp
			if err := errors.Join(l.project(c.Context(), pl.dir, log), l.evidence(c.Context(), pl.dir, tlog.DefaultOrigin, witnesses, log)); err != nil {
				return errors.Join(err, l.Close())
			}
			tokens, closeTokens, err := l.tokens(pl.dir)
			if err != nil {
				return errors.Join(err, l.Close())
			}
			s.greet = func(url, admin string) { p.greet(c.Context(), url, admin, pl.dir, tokens) }
			relay, stopRelay, err := l.relay(c.Context(), pl.dir, outlets, log)
			if err != nil {
				return errors.Join(err, closeTokens(), l.Close())
			}
			s.relay = relay
			stopPolicies := s.processing.policies(c.Context(), l, log)
			stopErasing := l.erasing(c.Context(), time.Duration(retention), log)
			err = p.listenAndServe(c.Context(), l, tokens, s, log)
			stopErasing()
			stopPolicies()
			return errors.Join(err, stopRelay(), closeTokens(), l.Close())
		},
	}
	pl.flags(c.Flags(), "the data directory; made if it is not there")
	c.Flags().StringVar(&termsFile, "terms", "", termsUsage)
	c.Flags().StringVar(&outletsFile, "outlets", "", "a YAML file of NATS streams, Kafka topics and web hooks that events are sent on to; none unless given")
	c.Flags().StringVar(&witnesses, "witnesses", "", "a file that names who cosigns the log's checkpoints, each with a URL (c2sp.org/tlog-policy); nobody unless given")
	c.Flags().Var(&retention, "key-retention", "how long copies of the key store are kept: so long after kelisim keys rotate the older master key is dropped, and what was destroyed before is final")
	c.Flags().DurationVar(&leaseTTL, "lease-ttl", leaseTTL, "how long others wait before they take over what one instance alone does, after it was last heard of")
	s.flags(c)
	return c
}

// The lease is renewed three times in its time, and looked at fifteen times: shorter ones wear the journal out and fall to a slow disk.
const (
	shortestLease = time.Second
	longestLease  = 10 * time.Minute
)

// logger is the log of a server, after a look at what would keep it from starting.
func (p *program) logger(s serving) (*slog.Logger, error) {
	if s.admin != "" {
		host, _, err := net.SplitHostPort(s.admin)
		if ip := net.ParseIP(host); err != nil || host != "localhost" && !ip.IsLoopback() {
			return nil, misuse("--admin-listen: metrics and profiles ask for no token, so they are served on a loopback address alone, such as 127.0.0.1:8081")
		}
	}
	if s.format.word == "json" {
		return slog.New(slog.NewJSONHandler(p.stderr, nil)), nil
	}
	return slog.New(slog.NewTextHandler(p.stderr, nil)), nil
}

// greet says what is served, and what to do first.
func (p *program) greet(ctx context.Context, url, admin, dir string, tokens *access.Tokens) {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	fmt.Fprintf(p.stderr, "  data     %s\n  docs     %s/docs\n", dir, url)
	if admin != "" {
		fmt.Fprintf(p.stderr, "  metrics  %s/metrics\n", admin)
	}
	if all, err := tokens.List(ctx); err == nil && len(all) == 0 {
		fmt.Fprintf(p.stderr, "  tokens   none yet: kelisim token create --data %s --role service --name site\n", dir)
	}
}

// newServer makes the server over an open ledger.
func newServer(l *ledger, tokens *access.Tokens, s serving, log *slog.Logger) (*kelisimhttp.Server, error) {
	return kelisimhttp.New(kelisimhttp.Options{
		Tokens: tokens, Service: l.Service, Views: l.Views, Evidence: l.Evidence, Log: log, Version: release, DrainDelay: s.drain, ReportsKept: s.reportsKept,
		CloudPayments: s.processing.notifications(l.Service, log), Outlets: s.relay,
		Checks: l.checks(),
		KnowsUser: func(ctx context.Context, id domain.UserID) (bool, error) {
			_, err := l.Service.Snapshot(ctx, id, commands.Known{})
			if domain.Code(err) == "user-not-found" {
				return false, nil
			}
			return err == nil, err
		},
	})
}

// checks are what must hold before requests are taken.
func (l *ledger) checks() []kelisimhttp.Check {
	all := []kelisimhttp.Check{{Name: "journal", Run: func(ctx context.Context) error {
		_, _, err := l.Journal.Head(ctx)
		return err
	}}}
	if l.shared != nil { // it may be away while the journal is there, and with it who may ask (TestKeyStoreAway)
		all = append(all, kelisimhttp.Check{Name: "key store", Run: func(ctx context.Context) error {
			_, err := l.Keys.Live(ctx, "", 1)
			return err
		}})
	}
	return all
}

// listen opens the address of a flag.
func listen(flag, address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is in use; name another address with --%s, or port 0 for a free one", address, flag)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	return l, nil
}

func (p *program) listenAndServe(ctx context.Context, l *ledger, tokens *access.Tokens, s serving, log *slog.Logger) error {
	server, err := newServer(l, tokens, s, log)
	if err == nil {
		err = errors.Join(l.observeLeases(server.Metrics()), l.observeErasures(server.Metrics()))
	}
	if err != nil {
		return err
	}
	listener, err := listen("listen", s.listen)
	if err != nil {
		return err
	}
	adminURL, stopAdmin := "", func() error { return nil }
	if s.admin != "" {
		admin, err := listen("admin-listen", s.admin)
		if err != nil {
			return errors.Join(err, listener.Close())
		}
		handler := &http.Server{Handler: server.AdminHandler(), ReadHeaderTimeout: 5 * time.Second}
		go func() { _ = handler.Serve(admin) }() // ends with Close
		adminURL, stopAdmin = "http://"+admin.Addr().String(), handler.Close
	}
	url := "http://" + listener.Addr().String()
	fmt.Fprintf(p.stderr, "kelisim is listening on %s\n", url)
	if s.greet != nil {
		s.greet(url, adminURL)
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	for _, stopped := range l.stopped {
		go func() {
			select {
			case err := <-stopped:
				stop(err)
			case <-ctx.Done():
			}
		}()
	}
	err = errors.Join(server.Serve(ctx, listener), stopAdmin())
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return errors.Join(cause, err)
	}
	return err
}
