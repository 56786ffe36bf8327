package incident

import (
	"time"

	"kelisim/domain"
)

// Command is any wish about an incident.
type Command interface{ isCommand() }

// Detect opens the incident. DetectedAt is when the command occurs, unless given.
type Detect struct {
	Kind        string          `json:"kind"`
	DetectedAt  *time.Time      `json:"detected_at,omitempty"`
	BeganAt     *time.Time      `json:"began_at,omitempty"`
	Description domain.Personal `json:"description"`
}

// Contain says that it does no further harm since ContainedAt, or since the command occurs.
type Contain struct {
	ContainedAt *time.Time      `json:"contained_at,omitempty"`
	Measures    domain.Personal `json:"measures"`
}

// Assess says what it did. It may be said again when more is known.
type Assess struct {
	Risk     string          `json:"risk"`
	Affected int             `json:"affected"`
	Users    []domain.UserID `json:"users,omitempty"`
	Fields   []string        `json:"fields,omitempty"`
	Notify   []string        `json:"notify,omitempty"`
	Findings domain.Personal `json:"findings,omitzero"`
}

// Notify records that someone was told, at NotifiedAt or when the command occurs. The ledger itself sends nothing.
type Notify struct {
	Whom       string          `json:"whom"`
	NotifiedAt *time.Time      `json:"notified_at,omitempty"`
	Users      []domain.UserID `json:"users,omitempty"`
	Reference  domain.Personal `json:"reference,omitzero"`
}

// Close ends the incident.
type Close struct {
	Conclusion domain.Personal `json:"conclusion"`
}

func (Detect) isCommand()  {}
func (Contain) isCommand() {}
func (Assess) isCommand()  {}
func (Notify) isCommand()  {}
func (Close) isCommand()   {}
