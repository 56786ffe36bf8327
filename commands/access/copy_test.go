package access_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"kelisim/commands/access"
)

// failing is a store whose writes fail after so many.
type failing struct {
	*access.Memory
	left int
}

var errCut = errors.New("cut short")

func (f *failing) may() error {
	if f.left--; f.left < 0 {
		return errCut
	}
	return nil
}

func (f *failing) Insert(ctx context.Context, r access.Record) error {
	return errors.Join(f.may(), f.unless(func() error { return f.Memory.Insert(ctx, r) }))
}

func (f *failing) Revoke(ctx context.Context, name string, at time.Time) (found bool, err error) {
	err = errors.Join(f.may(), f.unless(func() error { found, err = f.Memory.Revoke(ctx, name, at); return err }))
	return found, err
}

func (f *failing) Touch(ctx context.Context, id string, at time.Time) error {
	return errors.Join(f.may(), f.unless(func() error { return f.Memory.Touch(ctx, id, at) }))
}

func (f *failing) unless(do func() error) error {
	if f.left < 0 {
		return nil
	}
	return do()
}

// Tokens are carried with their revocations, wherever the copy is cut and gone on with; a name that was used twice keeps its living token.
func TestTokensAreCarried(t *testing.T) {
	from := &access.Memory{}
	now := time.Date(2026, 1, 31, 7, 0, 0, 0, time.UTC)
	tokens := access.NewTokens(from, func() time.Time { now = now.Add(time.Minute); return now })
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	secrets := map[string]string{}
	for _, step := range []string{"site", "officer", "-site", "site", "auditor", "-auditor"} {
		if step[0] == '-' {
			must(tokens.Revoke(t.Context(), step[1:]))
			continue
		}
		secret, _, err := tokens.Create(t.Context(), access.Wish{Name: step, Role: map[string]access.Role{"site": access.Service, "officer": access.Officer, "auditor": access.Auditor}[step]})
		must(err)
		secrets[step] = secret
	}
	now = now.Add(2 * time.Hour)
	for _, secret := range secrets {
		_, _ = tokens.Check(t.Context(), secret) // notes a use
	}
	want, err := from.List(t.Context())
	must(err)
	for cut := range 12 {
		to := &failing{&access.Memory{}, cut}
		if _, err := access.Copy(t.Context(), from, to); err != nil && !errors.Is(err, errCut) {
			t.Fatalf("cut after %d: %v", cut, err)
		}
		to.left = 100
		for range 2 {
			if n, err := access.Copy(t.Context(), from, to); n != 4 || err != nil {
				t.Errorf("cut after %d: %d tokens, %v", cut, n, err)
			}
		}
		if got, _ := to.List(t.Context()); !slices.Equal(got, want) {
			t.Errorf("cut after %d, there are\n%v\nwant\n%v", cut, fmt.Sprint(got), fmt.Sprint(want))
		}
	}
	other := &access.Memory{}
	_, _, err = access.NewTokens(other, time.Now).Create(t.Context(), access.Wish{Name: "another", Role: access.Service})
	must(err)
	if _, err := access.Copy(t.Context(), from, other); !errors.Is(err, access.ErrOther) {
		t.Errorf("into other tokens: %v", err)
	}
}
