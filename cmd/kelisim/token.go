package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"kelisim/commands/access"
	"kelisim/domain"
)

// token makes, lists and revokes the tokens that callers show.
func (p *program) token() *cobra.Command {
	c := group("token", "Make, list and revoke callers' tokens", `A caller shows a token with every request: Authorization: Bearer TOKEN. What is kept of it is a hash. These commands work beside
a running server, and what they do counts there at once.`, p.createToken(), p.listTokens(), p.revokeToken())
	new(place).flags(c.PersistentFlags(), "the data directory")
	return c
}

// tokens opens the tokens of the place that the flags name; with made it may be a new one.
func (p *program) tokens(c *cobra.Command, made bool, use func(*access.Tokens) error) error {
	pl := place{c.Flag("data").Value.String(), c.Flag("journal").Value.String(), c.Flag("keys").Value.String()}
	file, err := pl.tokenFile()
	if err != nil {
		return err
	}
	if _, err := os.Stat(file); file != "" && !made && err != nil {
		return fmt.Errorf("there are no tokens in %s: %w", pl.dir, err)
	}
	tokens, done, err := pl.openTokens(c.Context(), time.Now)
	if err != nil {
		return err
	}
	return errors.Join(use(tokens), done())
}

func (p *program) createToken() *cobra.Command {
	role, name, person, user := "", "", "", ""
	ttl := lifetime(access.DefaultTTL)
	c := &cobra.Command{
		Use: "create --role ROLE --name NAME", Short: "Make a token and print it, once", Args: exactly(0),
		Long: `It prints the token alone, this once: nobody can show it again. A token that is lost is revoked and made anew under the same name.

  service   the site's backend: registers, orders, records payments, asks about one user
  officer   compliance: all that concerns a person
  approver  an officer's reading, and the second signature
  auditor   every event and proof, personal fields masked; writes nothing
  operator  documents, prices, parameters, tokens; no personal data
  subject   one user's own view, with --user

What two people decide, two persons decide: who holds more than one token is named with --person at each, and is one.`,
		Example: `  kelisim token create --role service --name site
  kelisim token create --role approver --name aigul-approves --person aigul
  TOKEN=$(kelisim token create --role officer --name aigul --ttl 30d)`,
		RunE: func(c *cobra.Command, _ []string) error {
			if role == "" {
				return misuse("say with --role what the token may do")
			}
			return p.tokens(c, true, func(t *access.Tokens) error {
				secret, _, err := t.Create(c.Context(), access.Wish{Name: name, Role: access.Role(role), Person: person, Subject: domain.UserID(user), TTL: time.Duration(ttl)})
				var refusal *domain.Error
				if errors.As(err, &refusal) && refusal.Kind == domain.Invalid {
					return usageError{err}
				}
				if err != nil {
					return err
				}
				_, err = fmt.Fprintln(p.stdout, secret)
				return err
			})
		},
	}
	c.Flags().StringVar(&role, "role", "", "what it may do: service, officer, approver, auditor, operator or subject")
	c.Flags().StringVar(&name, "name", "", "under which it is listed and revoked, and which its events name")
	c.Flags().StringVar(&person, "person", "", "whose it is, by a pseudonym or an id; the name, if left out")
	c.Flags().StringVar(&user, "user", "", "the id of the user whose own view a subject's token shows")
	c.Flags().Var(&ttl, "ttl", "how long it is valid: 90d, 12h, 30m")
	return c
}

// tokenRow is a token as listed.
type tokenRow struct {
	Name       string     `json:"name"`
	Role       string     `json:"role"`
	Person     string     `json:"person"`
	UserID     string     `json:"user_id,omitempty"`
	State      string     `json:"state"` // live, expired, revoked
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  time.Time  `json:"expires_at"`
	RevokedAt  *time.Time `json:"revoked_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
	TokenID    string     `json:"token_id"`
}

func rowOf(t access.Token, now time.Time) tokenRow {
	r := tokenRow{Name: t.Name, Role: string(t.Role), Person: t.Owner(), UserID: string(t.Subject), State: "live", CreatedAt: t.CreatedAt, ExpiresAt: t.ExpiresAt, TokenID: t.ID}
	if !t.Live(now) {
		r.State = "expired"
	}
	if !t.RevokedAt.IsZero() {
		r.State, r.RevokedAt = "revoked", &t.RevokedAt
	}
	if !t.LastUsedAt.IsZero() {
		r.LastUsedAt = &t.LastUsedAt
	}
	return r
}

func (p *program) listTokens() *cobra.Command {
	output, subjects := either("table", "json", "jsonl"), false
	c := &cobra.Command{Use: "list", Short: "List tokens, without their secrets", Args: exactly(0), RunE: func(c *cobra.Command, _ []string) error {
		return p.tokens(c, false, func(t *access.Tokens) error {
			all, err := t.List(c.Context())
			if err != nil {
				return err
			}
			rows := []tokenRow{}
			for _, token := range all {
				if subjects || token.Role != access.Subject {
					rows = append(rows, rowOf(token, time.Now()))
				}
			}
			return writeRows(p.stdout, output.word, rows, "NAME\tROLE\tPERSON\tSTATE\tCREATED\tEXPIRES\tLAST USED", func(r tokenRow) string {
				used := "never"
				if r.LastUsedAt != nil {
					used = minute(*r.LastUsedAt)
				}
				return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s\t%s", r.Name, r.Role, r.Person, r.State, minute(r.CreatedAt), minute(r.ExpiresAt), used)
			})
		})
	}}
	c.Flags().Var(output, "output", "the form of the list")
	c.Flags().BoolVar(&subjects, "subjects", false, "list users' own tokens too")
	return c
}

func (p *program) revokeToken() *cobra.Command {
	return &cobra.Command{Use: "revoke NAME", Short: "End a token; it counts at once", Args: exactly(1), RunE: func(c *cobra.Command, args []string) error {
		return p.tokens(c, false, func(t *access.Tokens) error {
			if err := t.Revoke(c.Context(), args[0]); err != nil {
				return err
			}
			_, err := fmt.Fprintf(p.stderr, "%s is revoked\n", args[0])
			return err
		})
	}}
}

func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04Z") }
