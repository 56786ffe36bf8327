package activity

import (
	"time"

	"kelisim/domain"
)

// Command is any wish about activity.
type Command interface{ isCommand() }

// Observe is a batch of actions. Decide makes one event of each, in their order; the event of Observe[i] occurs
// at Observe[i].At. It is all or nothing: one bad item refuses the batch, by its pointer ("/3/action").
type Observe []Item

// Item is one action of one user. Without OccurredAt it occurred when the command does.
type Item struct {
	UserID     domain.UserID `json:"user_id"`
	Action     string        `json:"action"`
	Object     string        `json:"object,omitempty"`
	OccurredAt *time.Time    `json:"occurred_at,omitempty"`
	Language   string        `json:"language,omitempty"`
	Location   string        `json:"location,omitempty"`
}

func (Observe) isCommand() {}

// At is when the action occurred, in UTC.
func (i Item) At(in domain.Context) time.Time {
	if i.OccurredAt == nil {
		return in.OccurredAt.UTC()
	}
	return i.OccurredAt.UTC()
}
