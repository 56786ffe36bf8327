package commands

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"kelisim/domain"
	"kelisim/domain/consent"
	"kelisim/domain/letter"
)

// matchLetter makes a notice of a letter whose sender was found. The letter keeps its own day of receipt, so that the notice may
// take effect in the past (P-2.2). The user's stream is written first, under an id that derives from the letter: if the
// letter's own stream is not reached, matching it again completes it and makes no second notice.
func (s *Service) matchLetter(ctx context.Context, w Wish, m letter.Match) (Done, error) {
	loaded, err := s.load(ctx, Letter.stream(w.Subject), Letter)
	if err != nil {
		return Done{}, err
	}
	l := loaded.state.(letter.State)
	if l.Event == "" {
		return Done{}, Letter.notFound()
	}
	if l.Sender.Event != "" && l.Sender.UserID != m.UserID {
		return Done{}, domain.Refuse(domain.Conflict, "letter-already-matched", "the letter was matched to another user").By("P-2.2")
	}
	if _, err := domain.ParseUserID(string(m.UserID)); err != nil {
		return Done{}, domain.Malformed("/user_id", "name the user whose letter it is")
	}
	subject, err := uuid.Parse(w.Subject)
	if err != nil {
		return Done{}, Letter.notFound()
	}
	made := uuid.NewSHA1(subject, []byte("notice for "+string(m.UserID)))
	notice := consent.Withdraw{
		NoticeID: uuid.NewSHA1(made, []byte("notice")).String(), ReceivedOn: l.ReceivedOn, Channel: consent.RegisteredPost,
		TrackingNumber: l.TrackingNumber, LetterSHA256: l.LetterSHA256, LetterID: w.Subject,
	}
	if !l.SentOn.IsZero() {
		notice.SentOn = &l.SentOn
	}
	first := w
	first.Command, first.Subject, first.Body, first.ID, first.Fingerprinted = "withdraw", string(m.UserID), &notice, made, []byte(w.Subject)
	first.IfRevision = nil
	done, err := s.do(ctx, first)
	if err != nil || w.Rehearsed {
		return done, err
	}
	m.NoticeID = notice.NoticeID
	second := w
	second.Command, second.Body, second.ID, second.Fingerprinted = "complete-letter", &m, uuid.NewSHA1(made, []byte("letter")), []byte(m.UserID)
	if second.Causation, err = uuid.Parse(done.Events[0]); err != nil {
		return Done{}, errors.New("the notice made of a letter has no event")
	}
	if _, err := s.do(ctx, second); err != nil {
		return Done{}, err
	}
	done.Answer["user_id"] = string(m.UserID)
	return done, nil
}
