package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"kelisim/commands/access"
	"kelisim/domain"
)

// token makes, lists and revokes the tokens that callers show. It works beside a running server, and counts there at once.
func (p *program) token() *cobra.Command {
	dir := ""
	c := &cobra.Command{Use: "token", Short: "Make, list and revoke callers' tokens"}
	c.PersistentFlags().StringVar(&dir, "data", "./kelisim-data", "the data directory")
	role, name, user := "", "", ""
	ttl := 90 * 24 * time.Hour
	create := &cobra.Command{Use: "create", Short: "Make a token and print it, once", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
		r, err := access.ParseRole(role)
		if err != nil {
			return usageError{err}
		}
		tokens, done, err := openTokens(dir, time.Now)
		if err != nil {
			return err
		}
		defer done()
		secret, _, err := tokens.Create(c.Context(), access.Wish{Name: name, Role: r, Subject: domain.UserID(user), TTL: ttl})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(p.stdout, secret)
		return err
	}}
	create.Flags().StringVar(&role, "role", "", "service, officer, approver, auditor, operator or subject")
	create.Flags().StringVar(&name, "name", "", "the name under which it is listed and revoked")
	create.Flags().StringVar(&user, "user", "", "the user whom a subject's token is bound to")
	create.Flags().DurationVar(&ttl, "ttl", ttl, "how long it is valid")
	c.AddCommand(create)
	return c
}
