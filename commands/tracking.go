package commands

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"kelisim/commands/journal"
	"kelisim/domain"
	"kelisim/domain/consent"
	"kelisim/domain/letter"
	"kelisim/domain/user"
)

// claimTracking notices when one posted letter is about to be entered twice: for two users, or for a user while it waits unmatched (P-2.2).
// Every entry claims a place of its own behind its tracking number, and looks at who holds the places before it: an entry that was voided holds
// nothing, nor does a letter that was matched, whose user does. Who says that it is another letter, or one envelope for two, goes on.
//
// It keeps officers from a mistake and is no lock: of two entries at once one is refused, unless one of them hangs for ten seconds.
func (s *Service) claimTracking(ctx context.Context, w Wish, wish uuid.UUID, stream string, events []any) error {
	number, letterID := "", ""
	for _, e := range events {
		switch e := e.(type) {
		case consent.WithdrawalNoticeReceived:
			number, letterID = e.TrackingNumber, e.LetterID
		case letter.Received:
			number = e.TrackingNumber
		}
	}
	if number == "" {
		return nil
	}
	acknowledged := letterID != "" // it was looked at when the letter was received
	switch body := w.Body.(type) {
	case *consent.Withdraw:
		acknowledged = acknowledged || body.AcknowledgeTrackingNumber
	case *letter.Receive:
		acknowledged = body.AcknowledgeTrackingNumber
	}
	mine := place{stream, wish.String(), s.Vault.Instance(), s.Now()}
	for i := 0; ; i++ {
		thing := number
		if i > 0 {
			thing += " " + strconv.Itoa(i)
		}
		held, err := s.Vault.Claim(ctx, "tracking", thing, mine.text())
		if err != nil {
			return err
		}
		before, err := parsePlace(held)
		if err != nil {
			return err
		}
		if before.stream == mine.stream && before.wish == mine.wish {
			return nil
		}
		if before.stream == mine.stream || acknowledged {
			continue
		}
		stands, err := s.enteredAt(ctx, before, number)
		if err != nil {
			return err
		}
		if stands {
			return domain.Refuse(domain.Conflict, "tracking-number-used", "a posted notice of this tracking number is entered already, for another user or as a letter; "+
				"send acknowledge_tracking_number if it is another letter, or one envelope for both").At("/tracking_number").By("P-2.2")
		}
	}
}

// place is who entered a tracking number: stream, wish, process and moment.
type place struct {
	stream, wish, instance string
	at                     time.Time
}

func (p place) text() string {
	return strings.Join([]string{p.stream, p.wish, p.instance, strconv.FormatInt(p.at.Unix(), 10)}, " ")
}

func parsePlace(s string) (place, error) {
	parts := strings.Split(s, " ")
	if len(parts) != 4 {
		return place{}, fmt.Errorf("who entered a tracking number cannot be read")
	}
	seconds, err := strconv.ParseInt(parts[3], 10, 64)
	if err != nil {
		return place{}, fmt.Errorf("who entered a tracking number cannot be read: %w", err)
	}
	return place{parts[0], parts[1], parts[2], time.Unix(seconds, 0)}, nil
}

// enteredAt tells whether an entry stands. One whose wish has left no event is under way, or never came to be.
func (s *Service) enteredAt(ctx context.Context, p place, number string) (bool, error) {
	target := User
	if domain.Stream(p.stream).Category() == "letter" {
		target = Letter
	}
	loaded, err := s.load(ctx, p.stream, target)
	if err != nil {
		return false, err
	}
	wish, err := uuid.Parse(p.wish)
	if err != nil {
		return false, fmt.Errorf("who entered a tracking number cannot be read: %w", err)
	}
	if loaded.revision == journal.NoStream || len(loaded.of(wish)) == 0 {
		ours := p.instance == s.Vault.Instance() || !s.Journal.Exclusive()
		return ours && s.Now().Sub(p.at) < slowest, nil
	}
	switch st := loaded.state.(type) {
	case letter.State:
		return st.Sender.Event == "", nil
	case user.State:
		for _, n := range st.Consent.Notices {
			if n.TrackingNumber == number {
				return true, nil
			}
		}
	}
	return false, nil
}
