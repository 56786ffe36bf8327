package access

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"

	"kelisim/domain"
)

const (
	DefaultTTL = 90 * 24 * time.Hour
	MaxTTL     = 366 * 24 * time.Hour
	// useStep is how coarse "last used" is: what is written at most so often cannot be a log of a person's habits, nor cost a write a request.
	useStep = time.Hour
)

// Token is all that is known of a token but its secret. Times are UTC; a zero time is "not yet".
type Token struct {
	ID         string
	Name       string
	Role       Role
	Person     string // whose it is, by a pseudonym; empty where Name stands for the person
	Subject    domain.UserID
	CreatedAt  time.Time
	ExpiresAt  time.Time
	RevokedAt  time.Time
	LastUsedAt time.Time // within the hour
}

// Owner is the person whose token it is: one person with two tokens is still one (TestTwoTokensOfOnePerson).
func (t Token) Owner() string {
	if t.Person != "" {
		return t.Person
	}
	return t.Name
}

// Live tells whether the token opens anything at a moment.
func (t Token) Live(at time.Time) bool { return t.RevokedAt.IsZero() && at.Before(t.ExpiresAt) }

// Record is a token as kept.
type Record struct {
	Token
	Hash [sha256.Size]byte
}

// Store keeps records. Every method may be called from many goroutines, and a change made through one Store counts at once in every
// other that is open on the same data. accesstest.Store is its contract.
type Store interface {
	// Insert adds a record. It is ErrNameTaken if a token of that name is live at r.CreatedAt, or if one was ever made for
	// another role, person or user: a name in the journal must go on meaning one. Subject tokens that expired more than a day before are forgotten.
	Insert(ctx context.Context, r Record) error
	// Find is the record as it stands now.
	Find(ctx context.Context, id string) (Record, bool, error)
	// List is every record, oldest first.
	List(ctx context.Context) ([]Record, error)
	// Revoke ends the token of that name that is live at the moment; false if there is none.
	Revoke(ctx context.Context, name string, at time.Time) (bool, error)
	// Touch notes that a token was used.
	Touch(ctx context.Context, id string, at time.Time) error
}

// ErrNameTaken: see Store.Insert.
var ErrNameTaken = errors.New("the token name is taken")

// Refusals of a token. Both others are ErrToken too, and only who holds the right secret ever learns them.
var (
	ErrToken   = errors.New("the token is not valid")
	ErrExpired = fmt.Errorf("%w: it has expired", ErrToken)
	ErrRevoked = fmt.Errorf("%w: it was revoked", ErrToken)
)

// Wish is a token to be created.
type Wish struct {
	Name    string        // a to z, 0 to 9, dot and hyphen, up to 64; may be left out for a subject
	Role    Role          //
	Person  string        // whose token it is: of the form of a name, or a UUID; left out, the name stands for the person
	Subject domain.UserID // required with role subject, and only there
	TTL     time.Duration // DefaultTTL if zero, MaxTTL at most
}

// Tokens creates, lists, revokes and checks tokens over a Store.
type Tokens struct {
	store Store
	now   func() time.Time

	mu      sync.Mutex
	touched map[string]time.Time // when this process last tried to note a use
}

// NewTokens makes the rules over a store; now is the clock.
func NewTokens(store Store, now func() time.Time) *Tokens {
	return &Tokens{store: store, now: now, touched: map[string]time.Time{}}
}

// A run of ten digits in a name is somebody's telephone number, IIN or worse, and names stand in the journal in clear.
var (
	nameForm   = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?$`)
	longNumber = regexp.MustCompile(`[0-9]{10}`)
)

// Create makes a token. The secret string is returned here and never again. Refusals: invalid-request, token-name-taken.
func (t *Tokens) Create(ctx context.Context, w Wish) (secret string, made Token, err error) {
	secret, id := mint()
	if w.Role == Subject && w.Name == "" {
		w.Name = "subject-" + id
	}
	if err := w.check(); err != nil {
		return "", Token{}, err
	}
	if w.TTL == 0 {
		w.TTL = DefaultTTL
	}
	if w.Person == w.Name {
		w.Person = ""
	}
	at := t.now().UTC().Truncate(time.Millisecond)
	made = Token{ID: id, Name: w.Name, Role: w.Role, Person: w.Person, Subject: w.Subject, CreatedAt: at, ExpiresAt: at.Add(w.TTL)}
	switch err := t.store.Insert(ctx, Record{made, hash(secret)}); {
	case errors.Is(err, ErrNameTaken):
		return "", Token{}, domain.Refuse(domain.Conflict, "token-name-taken", "another token has this name").At("/name")
	case err != nil:
		return "", Token{}, fmt.Errorf("create a token: %w", err)
	}
	return secret, made, nil
}

func (w Wish) check() error {
	if _, err := parseRole(string(w.Role)); err != nil {
		return err
	}
	if !nameForm.MatchString(w.Name) {
		return domain.Malformed("/name", "a name is 1 to 64 of a to z, 0 to 9, dot and hyphen, with a letter or digit at both ends")
	}
	if w.Role != Subject && longNumber.MatchString(w.Name) {
		return domain.Malformed("/name", "a name has no ten digits in a row: it stands in every event of this caller")
	}
	if err := w.checkPerson(); err != nil {
		return err
	}
	if w.TTL < 0 || w.TTL > MaxTTL {
		return domain.Malformed("/ttl", "a token lives for 366 days at most")
	}
	if (w.Role == Subject) != (w.Subject != "") {
		return domain.Malformed("/subject", "a token of role subject, and no other, is bound to a user")
	}
	if w.Role == Subject {
		if _, err := domain.ParseUserID(string(w.Subject)); err != nil {
			return domain.Malformed("/subject", "a subject is a user's id")
		}
	}
	return nil
}

// checkPerson holds a person to the form of names: it stands in every event of the caller in clear.
func (w Wish) checkPerson() error {
	if w.Person == "" {
		return nil
	}
	if w.Role == Subject {
		return domain.Malformed("/person", "a token of role subject is its user's")
	}
	if _, err := domain.ParseID(w.Person); err != nil && (!nameForm.MatchString(w.Person) || longNumber.MatchString(w.Person)) {
		return domain.Malformed("/person", "a person is named as a token is, without ten digits in a row, or by a UUID; never by their own name")
	}
	return nil
}

// List is every token that is kept, oldest first, without secrets.
func (t *Tokens) List(ctx context.Context) ([]Token, error) {
	records, err := t.store.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	tokens := make([]Token, len(records))
	for i, r := range records {
		tokens[i] = r.Token
	}
	return tokens, nil
}

// Revoke ends the live token of that name; it counts at the next Check anywhere. Refusal: token-not-found.
func (t *Tokens) Revoke(ctx context.Context, name string) error {
	found, err := t.store.Revoke(ctx, name, t.now().UTC().Truncate(time.Millisecond))
	if err != nil {
		return fmt.Errorf("revoke a token: %w", err)
	}
	if !found {
		return domain.Refuse(domain.NotFound, "token-not-found", "no live token has this name")
	}
	return nil
}

// Check tells who holds the token: ErrToken (or ErrExpired, ErrRevoked) if it opens nothing, any other error if that could not be found out.
func (t *Tokens) Check(ctx context.Context, token string) (Actor, error) {
	id, ok := parse(token)
	if !ok {
		return Actor{}, ErrToken
	}
	r, found, err := t.store.Find(ctx, id)
	if err != nil {
		return Actor{}, fmt.Errorf("check a token: %w", err)
	}
	// An unknown id is compared too, with a hash that nothing has, so that time does not tell it from a wrong secret.
	given := hash(token)
	if subtle.ConstantTimeCompare(given[:], r.Hash[:]) != 1 || !found {
		return Actor{}, ErrToken
	}
	now := t.now()
	if !r.RevokedAt.IsZero() {
		return Actor{}, ErrRevoked
	}
	if !r.Live(now) {
		return Actor{}, ErrExpired
	}
	if t.dueToTouch(r.Token, now) {
		// The note is a courtesy to whoever looks for forgotten tokens: a caller is not turned away because it could not be written.
		_ = t.store.Touch(ctx, id, now.UTC().Truncate(time.Millisecond))
	}
	return Actor{Role: r.Role, Name: r.Name, Person: r.Person, TokenID: id, Subject: r.Subject}, nil
}

// dueToTouch: the use is worth noting, and this process has not just tried.
func (t *Tokens) dueToTouch(token Token, now time.Time) bool {
	if now.Sub(token.LastUsedAt) < useStep {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if last, ok := t.touched[token.ID]; ok && now.Sub(last) < useStep {
		return false
	}
	if len(t.touched) >= 10_000 {
		clear(t.touched)
	}
	t.touched[token.ID] = now
	return true
}
