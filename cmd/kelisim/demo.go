package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"kelisim/cmd/kelisim/demo"
	"kelisim/cmd/kelisim/story"
	"kelisim/commands"
	"kelisim/commands/access"
	"kelisim/commands/tlog"
	"kelisim/domain"
	"kelisim/domain/consent"
	"kelisim/domain/event"
	"kelisim/domain/permission"
)

// demo serves a ledger of fictional users.
func (p *program) demo() *cobra.Command {
	o := demo.Options{Users: 200, Months: 18, Seed: 1}
	var s serving
	dir, show := "", false
	c := &cobra.Command{
		Use: "demo", Short: "Serve a ledger of fictional users to look around in", Args: exactly(0),
		Long: `Writes the story of a site that there never was, users, payments, withdrawals, fines, letters and mistakes over some months up to
today, brings it into an empty data directory, and serves that. It prints a token for each role and calls to try.

The directory is a temporary one, which goes when the demo ends, unless --data names one to keep.`,
		Example: `  kelisim demo
  kelisim demo --users 2000 --months 36 --data ./kelisim-demo`,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if err := o.Check(); err != nil {
				return usageError{err}
			}
			o.Until = time.Now()
			if show {
				return p.printDemo(o)
			}
			log, err := p.logger(s)
			if err != nil {
				return err
			}
			if dir == "" {
				if dir, err = os.MkdirTemp("", "kelisim-demo-*"); err != nil {
					return fmt.Errorf("make a directory for the demo: %w", err)
				}
				defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
			} else if there(filepath.Join(dir, journalFile)) {
				return fmt.Errorf("there is a ledger in %s already; the demo wants a directory of its own, and this one can be served: kelisim serve --data %s", dir, dir)
			}
			user, err := p.seed(c.Context(), o, dir, log)
			if err != nil {
				return err
			}
			return p.serveDemo(c.Context(), s, dir, user, log)
		},
	}
	c.Flags().IntVar(&o.Users, "users", o.Users, "how many users")
	c.Flags().IntVar(&o.Months, "months", o.Months, "over how many months, up to now")
	c.Flags().Uint64Var(&o.Seed, "seed", o.Seed, "the same seed makes the same lives")
	c.Flags().StringVar(&dir, "data", "", "an empty directory to make the ledger in, and to keep")
	c.Flags().BoolVar(&show, "print", false, "print the story as import reads it, for a file named "+demo.Name+", and serve nothing")
	s.flags(c)
	return c
}

func (p *program) printDemo(o demo.Options) error {
	lines, err := demo.Story(o)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "%s\n", bytes.Join(lines, []byte("\n")))
	return err
}

// seed tells the story to a new ledger, and answers one of its users.
func (p *program) seed(ctx context.Context, o demo.Options, dir string, log *slog.Logger) (domain.UserID, error) {
	began := time.Now()
	lines, err := demo.Story(o)
	if err != nil {
		return "", err
	}
	l, err := openLedger(ctx, opening{place: place{dir: dir}, now: time.Now, log: log, importing: true})
	if err != nil {
		return "", err
	}
	m := p.meter("a demo of "+fmt.Sprint(o.Users)+" users", int64(len(lines)))
	var users []domain.UserID
	count, err := tell(ctx, &story.Teller{Service: l.Service, Name: demo.Name}, bytes.NewReader(bytes.Join(lines, []byte("\n"))),
		func(o story.Outcome, _ int) error {
			m.add(1)
			if o.Command == "register" {
				users = append(users, domain.UserID(o.Done.Subject))
			}
			return nil
		})
	m.end()
	// Who looked at personal data is recorded by the look itself, so no story can tell of it.
	for i := 0; i < 3 && i < len(users) && err == nil; i++ {
		_, err = l.Service.PersonalData(ctx, users[i], commands.Reader{
			Actor: event.Actor{Kind: string(access.Officer), ID: "aigul"}, Why: "Сертификатқа аты-жөнін тексеру", Route: "/v1/users/{user}/personal-data"})
	}
	var user domain.UserID
	if err == nil {
		user, err = showcase(ctx, l.Service, users)
	}
	if err = errors.Join(err, l.Close()); err != nil {
		return "", fmt.Errorf("make the demo: %w", err)
	}
	fmt.Fprintf(p.stderr, "a demo of %d users over %d months: %d commands, %d events, in %v\n", o.Users, o.Months, count.lines, count.events, time.Since(began).Round(time.Millisecond))
	return user, nil
}

// showcase is the first user who may use the site now and whose data may be used, so that there is something to take away; else the first.
func showcase(ctx context.Context, s *commands.Service, users []domain.UserID) (domain.UserID, error) {
	now := time.Now()
	for _, id := range users {
		snap, err := s.Snapshot(ctx, id, commands.Known{})
		if err != nil {
			return "", err
		}
		if permission.Access(snap.State.Books, snap.Site, permission.Place{}, now).Allowed &&
			permission.ProcessingOnly(snap.State.Books, snap.Site, "advertising", "use", now).Status == consent.IsGiven {
			return id, nil
		}
	}
	return users[0], nil
}

// serveDemo serves what seed has made, as serve does.
func (p *program) serveDemo(ctx context.Context, s serving, dir string, user domain.UserID, log *slog.Logger) error {
	l, err := openLedger(ctx, opening{place: place{dir: dir}, now: time.Now, log: log})
	if err != nil {
		return err
	}
	l.catchingUp = p.catchingUp
	if err := errors.Join(l.project(ctx, dir, log), l.evidence(ctx, dir, tlog.DefaultOrigin, "", log)); err != nil {
		return errors.Join(err, l.Close())
	}
	if err := l.Evidence.CommitHeads(ctx); err != nil { // so that the first bundle shows a whole history
		return errors.Join(err, l.Close())
	}
	tokens, closeTokens, err := openTokens(dir, time.Now)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	secrets := map[access.Role]string{}
	for _, role := range access.Roles() {
		w := access.Wish{Name: "demo-" + string(role), Role: role, TTL: 24 * time.Hour}
		if role == access.Subject {
			w.Subject = user
		}
		if secrets[role], _, err = tokens.Create(ctx, w); err != nil {
			return errors.Join(err, closeTokens(), l.Close())
		}
	}
	s.greet = func(url, admin string) {
		p.greet(ctx, url, admin, dir, tokens)
		p.showDemo(url, user, secrets)
	}
	return errors.Join(p.listenAndServe(ctx, l, tokens, s, log), closeTokens(), l.Close())
}

// showDemo prints tokens and calls that can be pasted into a shell. They are data: standard output has nothing else.
func (p *program) showDemo(url string, user domain.UserID, secrets map[access.Role]string) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# tokens, for a day\nURL=%s\nUSER_ID=%s\n", url, user)
	for _, role := range access.Roles() {
		fmt.Fprintf(&b, "%s=%s\n", shellName(role), secrets[role])
	}
	get := func(role access.Role, what, path string) {
		fmt.Fprintf(&b, "\n# %s\ncurl -s -H \"Authorization: Bearer $%s\" \"$URL%s\"\n", what, shellName(role), path)
	}
	b.WriteString("\n# Paste the lines above into a shell, then any of these.\n")
	get(access.Service, "may this user use the paid content now?", "/v1/users/$USER_ID/access")
	get(access.Service, "may their data be used for advertising now?", "/v1/users/$USER_ID/processing?purpose=advertising")
	get(access.Officer, "all that is recorded of them", "/v1/users/$USER_ID/events")
	get(access.Officer, "their consents and notices of withdrawal", "/v1/users/$USER_ID/consents")
	get(access.Auditor, "the journal, from the beginning", "/v1/events?limit=5")
	get(access.Subject, "their own view", "/v1/users/$USER_ID")
	fmt.Fprintf(&b, "\n# take their consent back: received today, in effect in ten days\ncurl -s -X POST -H \"Authorization: Bearer $OFFICER\" -H 'Content-Type: application/json' \\\n"+
		"  -d \"{\\\"received_on\\\":\\\"$(TZ=Asia/Almaty date +%%F)\\\",\\\"channel\\\":\\\"registered-post\\\",\\\"tracking_number\\\":\\\"RR123456789KZ\\\"}\" \\\n"+
		"  \"$URL/v1/users/$USER_ID/withdrawal-notices\"\n")
	_, _ = p.stdout.Write(b.Bytes())
}

func shellName(role access.Role) string { return string(bytes.ToUpper([]byte(role))) }
