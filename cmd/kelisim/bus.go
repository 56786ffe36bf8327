package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"time"

	"kelisim/commands/bus"
	"kelisim/commands/bus/jetstream"
	"kelisim/commands/bus/kafka"
	"kelisim/commands/sqlite"
)

const (
	// busFile keeps how far each outlet has come, and what became of web hooks, where no database does. It can be thrown away: then each outlet begins where its settings
	// say.
	busFile    = "bus.db"
	relayLease = "relay"
	// defaultTopic is where the subjects of NATS begin.
	defaultTopic = "kelisim"
)

// relay begins to send events on, until stop is called. Of many instances one does it, under a lease. Where there are no outlets there is no relay.
func (l *ledger) relay(ctx context.Context, dir string, settings []*outletSetting, log *slog.Logger) (r *bus.Relay, stop func() error, err error) {
	if len(settings) == 0 {
		return nil, func() error { return nil }, nil
	}
	kept, closeKept, err := l.relayed(dir)
	if err != nil {
		return nil, nil, err
	}
	r = &bus.Relay{Store: l.Journal.Store, Cursors: kept, Deliveries: kept, Now: time.Now, Log: log}
	for _, s := range settings {
		o, err := s.outlet(r)
		if err != nil {
			return nil, nil, errors.Join(misuse("--outlets: outlet %s: %w", s.Name, err), closeKept())
		}
		r.Outlets = append(r.Outlets, o)
	}
	held := l.lease(relayLease, log)
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err := held.Run(ctx, func(ctx context.Context, _ int64) error {
			r.Run(ctx)
			return nil
		})
		if err != nil {
			log.Error("events are no longer sent on", "error", err)
		}
	}()
	return r, func() error {
		cancel()
		<-ended
		return closeKept()
	}, nil
}

// relayed opens the cursors and deliveries: where instances share a database they are in it, so that who takes the relay over goes on where the other stopped.
func (l *ledger) relayed(dir string) (relayed, func() error, error) {
	if l.shared != nil && l.shared.relayed != nil {
		return l.shared.relayed, func() error { return nil }, nil // it is closed with the other stores
	}
	kept, err := sqlite.OpenBus(filepath.Join(dir, busFile))
	if err != nil {
		return nil, nil, err
	}
	return kept, kept.Close, nil
}

// outlet makes an outlet of its settings. Nothing is connected yet.
func (s *outletSetting) outlet(r *bus.Relay) (*bus.Outlet, error) {
	o := &bus.Outlet{Name: s.Name, Kind: s.Kind, Types: s.Types, Start: s.start, Topic: cmp.Or(s.Topic, defaultTopic)}
	switch s.Kind {
	case bus.NATS:
		options := jetstream.Options{URL: s.URL, Username: s.Username, Password: s.password, Token: s.token, CredentialsFile: s.CredentialsFile, Roots: s.roots, Stands: r.Stands}
		o.Open = func(context.Context) (bus.Publisher, error) { return jetstream.Open(options) }
	case bus.Kafka:
		options := kafka.Options{Brokers: s.Brokers, TLS: s.TLS, Roots: s.roots, Username: s.Username, Password: s.password}
		o.Open = func(context.Context) (bus.Publisher, error) { return kafka.Open(options) }
	case bus.Hook:
		hook, err := bus.NewWebhook(bus.HookOptions{Outlet: s.Name, URL: s.URL, Secrets: s.secrets, AllowPrivate: s.AllowPrivate, Roots: s.roots, Deliveries: r.Deliveries, Now: r.Now, Log: r.Log})
		if err != nil {
			return nil, err
		}
		o.Hook, o.Retry = hook, bus.RetryHook
		o.Open = func(context.Context) (bus.Publisher, error) { return hook, nil }
	}
	return o, nil
}
