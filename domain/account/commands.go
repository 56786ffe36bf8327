package account

import (
	"time"

	"kelisim/domain"
)

// Command is any wish about a cabinet.
type Command interface{ isCommand() }

// Register opens a cabinet. The consent and the trial that come with it are added by the user's book.
type Register struct {
	Login      domain.Personal `json:"login"`
	Acceptance *Acceptance     `json:"acceptance"`
	Contacts   Contacts        `json:"contacts"`
	Personal   PersonalData    `json:"personal_data,omitzero"`
	Location   string          `json:"location,omitempty"`
}

type RecordPersonalData struct {
	Personal PersonalData `json:"personal_data"`
}

type ChangeLogin struct {
	Login domain.Personal `json:"login"`
}

type ChangeContacts struct {
	Contacts
}

type SetLocation struct {
	Location string `json:"location,omitempty"`
	Language string `json:"language,omitempty"`
}

type Block struct {
	Clause string          `json:"clause"`
	Note   domain.Personal `json:"note,omitzero"`
	Until  *time.Time      `json:"until,omitempty"`
}

type Unblock struct {
	CompensateDays int             `json:"compensate_days,omitempty"`
	Note           domain.Personal `json:"note,omitzero"`
}

type RemoveContent struct {
	Content string          `json:"content"`
	Clause  string          `json:"clause"`
	Note    domain.Personal `json:"note,omitzero"`
}

type PermitContentUse struct {
	PermissionID string          `json:"permission_id,omitempty"`
	Content      string          `json:"content"`
	By           domain.Personal `json:"by"`
	Reference    domain.Personal `json:"reference,omitzero"`
	Until        *time.Time      `json:"until,omitempty"`
}

type ReportUnauthorisedAccess struct {
	ReportID       string    `json:"report_id,omitempty"`
	SuspectedSince time.Time `json:"suspected_since"`
	Channel        string    `json:"channel,omitempty"`
}

type RestoreAccess struct {
	Channel string          `json:"channel,omitempty"`
	Note    domain.Personal `json:"note,omitzero"`
}

type Message struct {
	MessageID string          `json:"message_id,omitempty"`
	Text      domain.Personal `json:"text"`
}

type AnswerMessage struct {
	MessageID string          `json:"message_id"`
	Text      domain.Personal `json:"text,omitzero"`
}

type BlockData struct {
	Basis string          `json:"basis"`
	Note  domain.Personal `json:"note,omitzero"`
}

type UnblockData struct {
	Basis string          `json:"basis"`
	Note  domain.Personal `json:"note,omitzero"`
}

// VoidEntry asks for an entry to be left out as mistaken.
type VoidEntry struct {
	EventID string          `json:"event_id"`
	Reason  domain.Personal `json:"reason"`

	// Target is the entry's stored type, "" where this user's stream has none such; the user's book fills it in.
	Target string `json:"-"`
}

// ApproveVoid is the second person's word.
type ApproveVoid struct {
	EventID string `json:"event_id"`
}

func (Register) isCommand()                 {}
func (RecordPersonalData) isCommand()       {}
func (ChangeLogin) isCommand()              {}
func (ChangeContacts) isCommand()           {}
func (SetLocation) isCommand()              {}
func (Block) isCommand()                    {}
func (Unblock) isCommand()                  {}
func (RemoveContent) isCommand()            {}
func (PermitContentUse) isCommand()         {}
func (ReportUnauthorisedAccess) isCommand() {}
func (RestoreAccess) isCommand()            {}
func (Message) isCommand()                  {}
func (AnswerMessage) isCommand()            {}
func (BlockData) isCommand()                {}
func (UnblockData) isCommand()              {}
func (VoidEntry) isCommand()                {}
func (ApproveVoid) isCommand()              {}
