package projections

import (
	"context"

	"kelisim/domain"
)

// grownTable lists the users whose streams grew since their rows were made: a model whose rows follow from a whole stream notes them as events come, and
// settles each once for all that came.
const grownTable = `
CREATE TABLE @_grown (
	user TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;`

// grew notes a user.
func (t Tables) grew(ctx context.Context, id domain.UserID) error {
	return t.Exec(ctx, `INSERT INTO @_grown (user) VALUES (?) ON CONFLICT DO NOTHING`, string(id))
}

// settleGrown makes the rows of some of those who are noted, most at the most, and answers of how many. What one's stream folds to is given; known is false
// where that is nobody.
func (t Tables) settleGrown(ctx context.Context, past Past, most int, settle func(id domain.UserID, f folded, known bool) error) (int, error) {
	var grown []domain.UserID
	err := t.each(ctx, func(scan func(...any) error) error {
		var id domain.UserID
		err := scan(&id)
		grown = append(grown, id)
		return err
	}, `SELECT user FROM @_grown LIMIT ?`, most)
	if err != nil {
		return 0, err
	}
	for _, id := range grown {
		f, known, err := past.User(ctx, id)
		if err == nil {
			err = settle(id, f, known)
		}
		if err == nil {
			err = t.Exec(ctx, `DELETE FROM @_grown WHERE user = ?`, string(id))
		}
		if err != nil {
			return 0, err
		}
	}
	return len(grown), nil
}
