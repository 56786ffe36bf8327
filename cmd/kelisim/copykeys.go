package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"

	"kelisim/commands/access"
	"kelisim/commands/postgres"
	"kelisim/commands/sqlite"
	"kelisim/commands/vault"
)

// copyKeys carries a file of keys, and the tokens beside it, into a database that has none, or has these.
func (p *program) copyKeys(ctx context.Context, from, to string) (err error) {
	release, err := idle(filepath.Join(filepath.Dir(from), journalFile), there(filepath.Join(filepath.Dir(from), journalFile)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	source, err := sqlite.OpenKeys(from, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	db, err := postgres.Open(ctx, to, postgres.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	old, err := vault.SumOf(source.Items(ctx))
	if err != nil {
		return err
	}
	filled := db.Keys().Fill(ctx, source.Items(ctx))
	if filled != nil && !errors.Is(filled, vault.ErrNotEmpty) {
		return filled
	}
	made, err := vault.SumOf(db.Keys().Items(ctx))
	switch {
	case err != nil:
		return err
	case made != old && filled != nil:
		return fmt.Errorf("%w: the database of --keys-to has other keys", filled)
	case made != old:
		return faultError{fmt.Errorf("the copy of the keys is not the same: %s, and here %s", sumText(old), sumText(made))}
	}
	if _, err := fmt.Fprintf(p.stdout, "keys     %s, on both sides\n", sumText(made)); err != nil {
		return err
	}
	return p.copyTokens(ctx, filepath.Join(filepath.Dir(from), accessFile), db.Access())
}

func (p *program) copyTokens(ctx context.Context, from string, to access.Store) (err error) {
	if !there(from) {
		return nil
	}
	source, err := sqlite.OpenAccess(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	n, err := access.Copy(ctx, source, to)
	if err != nil {
		return fmt.Errorf("copy the tokens: %w", err)
	}
	_, err = fmt.Fprintf(p.stdout, "tokens   %d, on both sides\n", n)
	return err
}

func sumText(s vault.Sum) string {
	return fmt.Sprintf("%d living, %d destroyed, %d logins, %d search entries, %d claims, with the sum %s",
		s.Living, s.Destroyed, s.Logins, s.Entries, s.Claims, base64.StdEncoding.EncodeToString(s.Digest[:]))
}
