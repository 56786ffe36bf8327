package projections

import (
	"context"
	"encoding/json"
	"fmt"

	"kelisim/commands/journal"
	"kelisim/domain"
	"kelisim/domain/account"
)

// erasures are the keys that the journal says are destroyed: what a key store is held against before it is used (P-1.5).
var erasures = Projection{
	Name: "erasures", Version: 1, Tables: []string{"keys"},
	Schema: `
CREATE TABLE @_keys (
	user  TEXT NOT NULL,
	event TEXT NOT NULL,
	state TEXT NOT NULL, -- as which the values read from then on
	ids   TEXT NOT NULL, -- of the keys, JSON
	PRIMARY KEY (user, event)
) STRICT, WITHOUT ROWID;`,
	Apply: func(ctx context.Context, t Tables, e journal.Event) error {
		id, _ := domain.Stream(e.Stream).User()
		add := func(state domain.PersonalState, keys []string) error {
			ids, err := json.Marshal(keys)
			if err != nil {
				return fmt.Errorf("write key ids: %w", err)
			}
			return t.Exec(ctx, `INSERT INTO @_keys (user, event, state, ids) VALUES (?, ?, ?, ?)`, string(id), e.ID.String(), string(state), string(ids))
		}
		switch v := e.Data.(type) {
		case account.Depersonalised:
			return add(domain.Depersonalised, v.Keys)
		case account.Destroyed:
			return add(domain.Destroyed, v.Keys)
		}
		return nil
	},
}

// Erasure is one destruction of keys.
type Erasure struct {
	User  domain.UserID
	State domain.PersonalState
	Keys  []string
}

// Erasures lists every destruction of keys that the journal tells.
func (r *Runner) Erasures(ctx context.Context) ([]Erasure, error) {
	t, err := r.tables("erasures")
	if err != nil {
		return nil, err
	}
	var out []Erasure
	err = t.each(ctx, func(scan func(...any) error) error {
		var e Erasure
		var ids string
		if err := scan(&e.User, &e.State, &ids); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(ids), &e.Keys); err != nil {
			return fmt.Errorf("read key ids: %w", err)
		}
		out = append(out, e)
		return nil
	}, `SELECT user, state, ids FROM @_keys ORDER BY user, event`)
	return out, err
}
