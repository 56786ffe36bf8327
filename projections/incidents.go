package projections

import (
	"context"
	"time"

	"kelisim/commands/journal"
	"kelisim/domain"
	"kelisim/domain/incident"
)

// incidents is the register of incidents (P-2.4, T-1.2.6).
var incidents = Projection{
	Name: "incidents", Version: 1, Tables: []string{"incidents"},
	Schema: `
CREATE TABLE @_incidents (
	id       TEXT    NOT NULL PRIMARY KEY,
	kind     TEXT    NOT NULL,
	status   TEXT    NOT NULL,
	risk     TEXT    NOT NULL,
	affected INTEGER NOT NULL,
	detected INTEGER NOT NULL, -- microseconds since 1970, UTC
	changed  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;`,
	Apply: func(ctx context.Context, t Tables, e journal.Event) error {
		id, at := domain.Stream(e.Stream).ID(), e.OccurredAt.UnixMicro()
		set := func(status string) error {
			return t.Exec(ctx, `UPDATE @_incidents SET status = ?, changed = ? WHERE id = ?`, status, at, id)
		}
		switch v := e.Data.(type) {
		case incident.Detected:
			return t.Exec(ctx, `INSERT INTO @_incidents (id, kind, status, risk, affected, detected, changed) VALUES (?, ?, 'detected', '', 0, ?, ?)`,
				id, v.Kind, v.DetectedAt.UnixMicro(), at)
		case incident.Contained:
			return set("contained")
		case incident.Assessed:
			if err := t.Exec(ctx, `UPDATE @_incidents SET risk = ?, affected = ? WHERE id = ?`, v.Risk, v.Affected, id); err != nil {
				return err
			}
			return set("assessed")
		case incident.Notified:
			return set("notified")
		case incident.Closed:
			return set("closed")
		}
		return nil
	},
}

// Incident is a line of the register.
type Incident struct {
	IncidentID string    `json:"incident_id"`
	Kind       string    `json:"kind"`
	Status     string    `json:"status"` // of the last step: detected, contained, assessed, notified, closed
	Risk       string    `json:"risk,omitempty"`
	Affected   int       `json:"affected"`
	DetectedAt time.Time `json:"detected_at"`
	ChangedAt  time.Time `json:"changed_at"`
}

// Incidents lists the register, the newest first.
func (r *Runner) Incidents(ctx context.Context) ([]Incident, error) {
	t, err := r.tables("incidents")
	if err != nil {
		return nil, err
	}
	out := []Incident{}
	err = t.each(ctx, func(scan func(...any) error) error {
		var i Incident
		var detected, changed int64
		if err := scan(&i.IncidentID, &i.Kind, &i.Status, &i.Risk, &i.Affected, &detected, &changed); err != nil {
			return err
		}
		i.DetectedAt, i.ChangedAt = time.UnixMicro(detected).UTC(), time.UnixMicro(changed).UTC()
		out = append(out, i)
		return nil
	}, `SELECT id, kind, status, risk, affected, detected, changed FROM @_incidents ORDER BY detected DESC, id`)
	return out, err
}
