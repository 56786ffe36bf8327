package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kelisim/commands"
	"kelisim/commands/access"
	"kelisim/commands/postgres/postgrestest"
	"kelisim/domain"
	"kelisim/domain/event"
	kelisimhttp "kelisim/http"
)

// BenchmarkHTTP measures, over loopback on a real data directory with 64 callers, what the outside can ask for in a second: an answer that
// does nothing, an access answer, and a durable command. The figures to look at are the ratios to the first, taken in the same run: the
// design asks for three quarters and for a half. On PostgreSQL it is one instance of what may be several, with the server on the same machine.
func BenchmarkHTTP(b *testing.B) {
	b.Run("directory", func(b *testing.B) { benchmarkHTTP(b, place{}) })
	b.Run("postgres", func(b *testing.B) { benchmarkHTTP(b, place{journal: postgrestest.URL(b)}) })
}

func benchmarkHTTP(b *testing.B, pl place) {
	l, url, ask := served(b, pl)
	nothing := func(int) (*http.Request, error) { return http.NewRequest("GET", url+"/v1/whoami", nil) }
	rate := func(request func(int) (*http.Request, error), want int) float64 {
		const callers, total = 64, 12_000
		var next atomic.Int64
		var wg sync.WaitGroup
		began := time.Now()
		for range callers {
			wg.Go(func() {
				for {
					i := int(next.Add(1))
					if i > total {
						return
					}
					r, err := request(i)
					if err == nil {
						err = ask(r, want)
					}
					if err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		return total / time.Since(began).Seconds()
	}
	users := make([]string, 200)
	for i := range users {
		users[i] = fmt.Sprintf("00000000-0000-4000-8000-%012d", i+1)
	}
	if err := registerFor(b.Context(), l, users); err != nil {
		b.Fatal(err)
	}
	var run atomic.Int64
	for b.Loop() {
		n := run.Add(1)
		idle := rate(nothing, 200)
		access := rate(func(i int) (*http.Request, error) {
			return http.NewRequest("GET", url+"/v1/users/"+users[i%len(users)]+"/access", nil)
		}, 200)
		command := rate(func(i int) (*http.Request, error) {
			r, err := http.NewRequest("PUT", url+"/v1/users/"+users[i%len(users)]+"/location", bytes.NewReader(fmt.Appendf(nil, `{"location":"KZ-%d"}`, i%80)))
			if err == nil {
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set("Idempotency-Key", fmt.Sprintf("bench-%d-%d", n, i))
			}
			return r, err
		}, 201)
		b.ReportMetric(idle, "nothing/s")
		b.ReportMetric(access, "access/s")
		b.ReportMetric(command, "commands/s")
		b.ReportMetric(access/idle, "access/nothing")
		b.ReportMetric(command/idle, "command/nothing")
	}
}

// served serves a fresh ledger, and answers its address and how to ask it as the site's backend.
func served(b *testing.B, pl place) (l *ledger, url string, ask func(*http.Request, int) error) {
	b.Helper()
	log := slog.New(slog.DiscardHandler)
	dir := b.TempDir()
	pl.dir = dir
	var err error
	l, err = openLedger(b.Context(), opening{place: pl, now: time.Now, log: log})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	if err := l.project(b.Context(), dir, log); err != nil {
		b.Fatal(err)
	}
	tokens, done, err := l.tokens(dir)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = done() })
	secret, _, err := tokens.Create(b.Context(), access.Wish{Name: "bench", Role: access.Service})
	if err != nil {
		b.Fatal(err)
	}
	server, err := kelisimhttp.New(kelisimhttp.Options{
		Tokens: tokens, Service: l.Service, Views: l.Views, Log: log,
		KnowsUser: func(context.Context, domain.UserID) (bool, error) { return true, nil },
		Limits:    map[access.Role]kelisimhttp.Limit{access.Service: {Rate: 1e9, Burst: 1 << 30}},
	})
	if err != nil {
		b.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, listener) }()
	b.Cleanup(func() { stop(); <-ended })
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 128}}
	return l, "http://" + listener.Addr().String(), func(r *http.Request, want int) error {
		r.Header.Set("Authorization", "Bearer "+secret)
		answer, err := client.Do(r)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err == nil && answer.StatusCode != want {
			err = fmt.Errorf("status %d: %s", answer.StatusCode, body)
		}
		return err
	}
}

// registerFor opens cabinets for ids.
func registerFor(ctx context.Context, l *ledger, users []string) error {
	for i, id := range users {
		body, err := commands.Decode("register", fmt.Appendf(nil,
			`{"login":"bench-%d","contacts":{"email":"bench-%d@example.kz"},"acceptance":{"button":"register","page":"subscription","language":"kk"}}`, i, i), nil)
		if err != nil {
			return err
		}
		_, err = l.Service.Do(ctx, commands.Wish{Command: "register", Subject: id, Body: body.Command, Actor: event.Actor{Kind: "import", ID: "bench"}, Imported: true})
		if err != nil {
			return err
		}
	}
	return nil
}
