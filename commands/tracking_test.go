package commands_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"kelisim/domain"
)

// notice enters a posted notice, and answers its event.
func (b *bench) notice(id domain.UserID, number, more string) (string, error) {
	b.t.Helper()
	done, err := b.by(asks, "withdraw", id, fmt.Sprintf(`{"received_on":"2026-01-31","channel":"registered-post","tracking_number":%q%s}`, number, more))
	b.move(time.Second)
	if err != nil {
		return "", err
	}
	return done.Events[0], nil
}

func (b *bench) letter(number, more string) (string, error) {
	b.t.Helper()
	done, err := b.by(asks, "receive-letter", "", fmt.Sprintf(`{"received_on":"2026-01-31","tracking_number":%q%s}`, number, more))
	b.move(time.Second)
	if err != nil {
		return "", err
	}
	return done.Answer["letter_id"].(string), nil
}

// void takes an entry back by two people.
func (b *bench) void(id domain.UserID, event string) {
	b.t.Helper()
	if _, err := b.by(asks, "void-entry", id, fmt.Sprintf(`{"event_id":%q,"reason":"another person's"}`, event)); err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.by(grants, "approve-void", id, fmt.Sprintf(`{"event_id":%q}`, event)); err != nil {
		b.t.Fatal(err)
	}
	b.move(time.Second)
}

// P-2.2: one posted letter is not entered for two people unnoticed; whoever has looked goes on, and an entry that was taken back holds nothing.
func TestOneLetterOfTwoUsers(t *testing.T) {
	const number, used = "RR123456785KZ", `,"acknowledge_tracking_number":true`
	b := newBench(t)
	one, two, three := b.register("aigerim"), b.register("berik"), b.register("dana")
	refused := func(err error) {
		t.Helper()
		if domain.Code(err) != "tracking-number-used" {
			t.Errorf("got %v", err)
		}
	}
	entered := func(id string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	first := entered(b.notice(one, number, ""))
	_, err := b.notice(two, number, "")
	refused(err)
	_, err = b.letter(number, "")
	refused(err)
	entered(b.notice(two, "RR123456785KY", "")) // another letter
	refused(second(b.notice(three, "RR123456785KY", "")))

	// Entered for the wrong person: taken back, it can be entered for the right one, and not for a third.
	b.void(one, first)
	right := entered(b.notice(two, number, ""))
	_, err = b.notice(one, number, "")
	refused(err)
	_, err = b.notice(three, number, "")
	refused(err)
	b.void(two, right)
	entered(b.notice(one, number, ""))
	_, err = b.notice(two, number, "")
	refused(err)

	// One envelope for both: who has looked says so, and the next is asked again.
	entered(b.notice(two, number, used))
	_, err = b.notice(three, number, "")
	refused(err)
	b.open() // a restart
	_, err = b.notice(three, number, "")
	refused(err)
}

func second[T any](_ T, err error) error { return err }

// The same person's letter is tried again as before: refused and named in retry_of, by the same key, or on another day.
func TestOwnLetterAgain(t *testing.T) {
	b := newBench(t)
	id := b.register("aigerim")
	w := b.wish("withdraw", string(id), "k-1", `{"received_on":"2026-01-31","channel":"registered-post","tracking_number":"RR123456785KZ"}`)
	done, err := b.Do(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := b.Do(t.Context(), w); err != nil || !again.Repeated {
		t.Errorf("the same wish again: %+v (%v)", again, err)
	}
	b.move(time.Second)
	b.do("refuse-withdrawal", string(id), fmt.Sprintf(`{"notice_id":%q,"ground":"unsigned"}`, done.Answer["notice_id"]))
	b.move(time.Second)
	if _, err := b.notice(id, "RR123456785KZ", fmt.Sprintf(`,"retry_of":%q`, done.Answer["notice_id"])); err != nil {
		t.Errorf("tried again: %v", err)
	}
}

// A letter waits unmatched under its number, and is matched to whom it is from.
func TestLetterHoldsItsNumber(t *testing.T) {
	const number = "RR123456785KZ"
	b := newBench(t)
	one, two := b.register("aigerim"), b.register("berik")
	id, err := b.letter(number, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.notice(one, number, ""); domain.Code(err) != "tracking-number-used" {
		t.Errorf("entered beside the letter: %v", err)
	}
	if _, err := b.letter(number, ""); domain.Code(err) != "tracking-number-used" {
		t.Errorf("the letter is entered twice: %v", err)
	}
	w := b.wish("match-letter", id, "", fmt.Sprintf(`{"user_id":%q}`, one))
	matched, err := b.Do(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	b.move(time.Second)
	if _, err := b.notice(two, number, ""); domain.Code(err) != "tracking-number-used" {
		t.Errorf("entered for another: %v", err)
	}
	b.void(one, matched.Events[0])
	if _, err := b.notice(two, number, ""); err != nil {
		t.Errorf("after it was taken back: %v", err)
	}
	if _, err := b.letter(number, `,"acknowledge_tracking_number":true`); err != nil {
		t.Errorf("another letter: %v", err)
	}
}

// Of many who enter one letter at once, at most one does; an entry that never came to be does not hold the number for ever.
func TestOneLetterUnderRaces(t *testing.T) {
	b := newBench(t)
	var users []domain.UserID
	for i := range 8 {
		users = append(users, b.register(fmt.Sprintf("user-%d", i)))
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for _, id := range users {
		w := b.wish("withdraw", string(id), "", `{"received_on":"2026-01-31","channel":"registered-post","tracking_number":"RR123456785KZ"}`)
		all.Go(func() {
			_, err := b.Do(t.Context(), w)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			} else if domain.Code(err) != "tracking-number-used" {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won != 1 {
		t.Errorf("%d entered the letter", won)
	}

	// A wish that claimed and then met a broken journal.
	w := b.wish("withdraw", string(users[0]), "", `{"received_on":"2026-01-31","channel":"registered-post","tracking_number":"RR000000005KZ"}`)
	w.Rehearsed = true // it reserves, and appends nothing
	if _, err := b.Do(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	if _, err := b.notice(users[1], "RR000000005KZ", ""); domain.Code(err) != "tracking-number-used" {
		t.Errorf("while it may still come: %v", err)
	}
	b.move(11 * time.Second)
	if _, err := b.notice(users[1], "RR000000005KZ", ""); err != nil {
		t.Errorf("when it can no longer come: %v", err)
	}
}
