package letter

import (
	"regexp"

	"kelisim/domain"
	"kelisim/domain/calendar"
)

// Decider is the book's rules.
var Decider = domain.Decider[Command, State, Event]{Decide: decide, Evolve: evolve}

var (
	trackingForm = regexp.MustCompile(`^[A-Z0-9][A-Z0-9-]{3,39}$`)
	hashForm     = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

func decide(s State, c Command, in domain.Context) ([]Event, error) {
	switch c := c.(type) {
	case Receive:
		return receive(s, c, in)
	case Match:
		return match(s, c)
	}
	panic("unhandled letter command")
}

func receive(s State, c Receive, in domain.Context) ([]Event, error) {
	switch {
	case s.Event != "":
		return nil, domain.Refuse(domain.Conflict, "letter-exists", "a letter of this id stands already")
	case c.ReceivedOn.IsZero():
		return nil, domain.Malformed("/received_on", "name the day on which the letter was received").By("P-2.2")
	case c.ReceivedOn.After(calendar.DayOf(in.OccurredAt)):
		return nil, domain.Malformed("/received_on", "the day of receipt has not come yet").By("P-2.2")
	case !trackingForm.MatchString(c.TrackingNumber):
		return nil, domain.Malformed("/tracking_number", "registered post has a tracking number: 4 to 40 capital letters, digits and hyphens").By("P-2.2")
	case domain.HoldsIIN(c.TrackingNumber):
		return nil, domain.Malformed("/tracking_number", "that is an IIN; a tracking number stands in clear")
	case c.SentOn.After(c.ReceivedOn):
		return nil, domain.Malformed("/sent_on", "a letter is sent before it is received").By("P-2.6")
	case c.LetterSHA256 != "" && !hashForm.MatchString(c.LetterSHA256):
		return nil, domain.Malformed("/letter_sha256", "a SHA-256 is 64 small hexadecimal digits")
	}
	return []Event{Received{c.ReceivedOn, c.TrackingNumber, c.SentOn, c.LetterSHA256, c.Note}}, nil
}

// match needs nothing when the letter is matched to the same notice already: whoever completes it after the
// user's stream was written may come twice.
func match(s State, c Match) ([]Event, error) {
	if s.Event == "" {
		return nil, domain.Refuse(domain.NotFound, "letter-not-found", "there is no such letter")
	}
	if _, err := domain.ParseUserID(string(c.UserID)); err != nil {
		return nil, domain.Malformed("/user_id", "name the user whose letter it is")
	}
	if _, err := domain.ParseID(c.NoticeID); err != nil {
		return nil, domain.Malformed("/notice_id", "name the notice that was made of the letter")
	}
	if m := s.Sender; m.Event != "" {
		if m.UserID == c.UserID && m.NoticeID == c.NoticeID {
			return nil, nil
		}
		return nil, domain.Refuse(domain.Conflict, "letter-already-matched", "the letter was matched to a notice already").By("P-2.2")
	}
	return []Event{Matched(c)}, nil
}
