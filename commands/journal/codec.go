package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"kelisim/domain/event"
)

// storedMeta is the envelope as it stands in metadata, before the store adds recorded_at. Moments are in TimeForm. A field that
// is not known here was written by a newer program; it is left alone.
type storedMeta struct {
	Version      int         `json:"version"`
	OccurredAt   string      `json:"occurred_at"`
	Late         bool        `json:"late,omitempty"`
	Actor        event.Actor `json:"actor"`
	Command      string      `json:"command,omitempty"`
	CommandID    uuid.UUID   `json:"command_id,omitzero"`
	Fingerprint  string      `json:"fingerprint,omitempty"`
	Correlation  string      `json:"correlation_id,omitempty"`
	Causation    uuid.UUID   `json:"causation_id,omitzero"`
	TermsVersion string      `json:"terms_version,omitempty"`
	ImportedAt   string      `json:"imported_at,omitempty"`
}

var errNoTime = errors.New("occurred_at is missing or not in the years 1 to 9999")

func encodeMeta(m event.Meta) ([]byte, error) {
	if m.OccurredAt.IsZero() || !writable(m.OccurredAt) {
		return nil, errNoTime
	}
	if m.Actor.Kind == "" {
		return nil, errors.New("nobody is named as the actor")
	}
	s := storedMeta{
		Version: m.Version, OccurredAt: m.OccurredAt.UTC().Format(TimeForm), Late: m.Late, Actor: m.Actor,
		Command: m.Command, CommandID: m.CommandID, Fingerprint: m.Fingerprint,
		Correlation: m.Correlation, Causation: m.Causation, TermsVersion: m.TermsVersion,
	}
	if !m.ImportedAt.IsZero() {
		if !writable(m.ImportedAt) {
			return nil, errors.New("imported_at is not in the years 1 to 9999")
		}
		s.ImportedAt = m.ImportedAt.UTC().Format(TimeForm)
	}
	return json.Marshal(s)
}

func decodeMeta(meta []byte) (event.Meta, error) {
	var s storedMeta
	if err := json.Unmarshal(meta, &s); err != nil {
		return event.Meta{}, fmt.Errorf("read metadata: %w", err)
	}
	m := event.Meta{
		Version: s.Version, Late: s.Late, Actor: s.Actor,
		Command: s.Command, CommandID: s.CommandID, Fingerprint: s.Fingerprint,
		Correlation: s.Correlation, Causation: s.Causation, TermsVersion: s.TermsVersion,
	}
	var err error
	if m.OccurredAt, err = time.Parse(TimeForm, s.OccurredAt); err != nil {
		return event.Meta{}, fmt.Errorf("read occurred_at: %w", err)
	}
	if s.ImportedAt != "" {
		if m.ImportedAt, err = time.Parse(TimeForm, s.ImportedAt); err != nil {
			return event.Meta{}, fmt.Errorf("read imported_at: %w", err)
		}
	}
	return m, nil
}
