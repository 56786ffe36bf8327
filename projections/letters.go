package projections

import (
	"context"
	"time"

	"kelisim/commands/journal"
	"kelisim/domain"
	"kelisim/domain/calendar"
	"kelisim/domain/letter"
)

// letters are the postal notices that came, matched or not (P-2.2).
var letters = Projection{
	Name: "letters", Version: 1, Tables: []string{"letters"},
	Schema: `
CREATE TABLE @_letters (
	id       TEXT    NOT NULL PRIMARY KEY,
	received TEXT    NOT NULL, -- day
	tracking TEXT    NOT NULL,
	sent     TEXT    NOT NULL, -- day, or empty
	entered  INTEGER NOT NULL, -- microseconds since 1970, UTC
	user     TEXT    NOT NULL, -- empty while it is not matched
	notice   TEXT    NOT NULL,
	matched  INTEGER NOT NULL  -- microseconds; 0 while it is not matched
) STRICT, WITHOUT ROWID;
CREATE INDEX @_by_day ON @_letters (received, id);`,
	Apply: func(ctx context.Context, t Tables, e journal.Event) error {
		id := domain.Stream(e.Stream).ID()
		switch v := e.Data.(type) {
		case letter.Received:
			return t.Exec(ctx, `INSERT INTO @_letters (id, received, tracking, sent, entered, user, notice, matched) VALUES (?, ?, ?, ?, ?, '', '', 0)`,
				id, v.ReceivedOn.String(), v.TrackingNumber, v.SentOn.String(), e.OccurredAt.UnixMicro())
		case letter.Matched:
			return t.Exec(ctx, `UPDATE @_letters SET user = ?, notice = ?, matched = ? WHERE id = ?`, string(v.UserID), v.NoticeID, e.OccurredAt.UnixMicro(), id)
		}
		return nil
	},
}

// Letter is a postal notice.
type Letter struct {
	LetterID       string     `json:"letter_id"`
	ReceivedOn     string     `json:"received_on"`
	TrackingNumber string     `json:"tracking_number"`
	SentOn         string     `json:"sent_on,omitempty"`
	EnteredAt      time.Time  `json:"entered_at"`
	Status         string     `json:"status"` // unmatched, matched
	UserID         string     `json:"user_id,omitempty"`
	NoticeID       string     `json:"notice_id,omitempty"`
	MatchedAt      *time.Time `json:"matched_at"`
}

// Letters lists letters by the day of their receipt. only is unmatched, matched, or "" for all.
func (r *Runner) Letters(ctx context.Context, only string) ([]Letter, error) {
	t, err := r.tables("letters")
	if err != nil {
		return nil, err
	}
	out := []Letter{}
	err = t.each(ctx, func(scan func(...any) error) error {
		var l Letter
		var entered, matched int64
		if err := scan(&l.LetterID, &l.ReceivedOn, &l.TrackingNumber, &l.SentOn, &entered, &l.UserID, &l.NoticeID, &matched); err != nil {
			return err
		}
		l.EnteredAt, l.MatchedAt, l.Status = time.UnixMicro(entered).UTC(), micros(matched), "unmatched"
		if l.UserID != "" {
			l.Status = "matched"
		}
		if only == "" || only == l.Status {
			out = append(out, l)
		}
		return nil
	}, `SELECT id, received, tracking, sent, entered, user, notice, matched FROM @_letters ORDER BY received, id`)
	return out, err
}

// micros is a moment as it is kept; 0 is none.
func micros(n int64) *time.Time {
	if n == 0 {
		return nil
	}
	t := time.UnixMicro(n).UTC()
	return &t
}

func dayOf(t time.Time) string { return calendar.DayOf(t).String() }
