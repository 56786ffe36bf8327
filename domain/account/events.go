// Package account is the book of the user's cabinet: registration, contacts, personal data, blocks, disputed actions,
// content permissions, messages, the standing of the personal data, and mistaken entries.
//
// A cabinet is never deleted (T-3.9). A block is a layer of its own: it touches neither consents nor
// paid coverage.
package account

import (
	"time"

	"kelisim/domain"
	"kelisim/domain/event"
)

// Event is any fact of this book in a user's stream.
type Event interface{ isAccount() }

// Events is the catalogue of this book.
var Events = []event.Type{
	event.Of[Registered]("account.registered"),
	event.Of[RegistrationAbandoned]("account.registration_abandoned"),
	event.Of[ContactConfirmed]("account.contact_confirmed"),
	event.Of[PersonalDataRecorded]("account.personal_data_recorded"),
	event.Of[LoginChanged]("account.login_changed"),
	event.Of[ContactsChanged]("account.contacts_changed"),
	event.Of[LocationSet]("account.location_set"),
	event.Of[Blocked]("account.blocked"),
	event.Of[Unblocked]("account.unblocked"),
	event.Of[ContentRemoved]("account.content_removed"),
	event.Of[ContentUsePermitted]("account.content_use_permitted"),
	event.Of[UnauthorisedAccessReported]("account.unauthorised_access_reported"),
	event.Of[AccessRestored]("account.access_restored"),
	event.Of[MessageReceived]("account.message_received"),
	event.Of[MessageAnswered]("account.message_answered"),
	event.Of[DataBlocked]("account.data_blocked"),
	event.Of[DataUnblocked]("account.data_unblocked"),
	event.Of[FieldDisclosureRequested]("account.field_disclosure_requested"),
	event.Of[FieldDisclosureGranted]("account.field_disclosure_granted"),
	event.Of[EntryVoidRequested]("account.entry_void_requested"),
	event.Of[EntryVoided]("account.entry_voided"),
	event.Of[Depersonalised]("account.depersonalised"),
	event.Of[DestructionRequested]("account.destruction_requested"),
	event.Of[Destroyed]("account.destroyed"),
}

// Registered: the user read and accepted the terms while registering (T-2.3).
type Registered struct {
	Login      domain.Personal `json:"login" personal:"identity"`
	Acceptance Acceptance      `json:"acceptance"`
	Contacts   Contacts        `json:"contacts"`
	Personal   PersonalData    `json:"personal_data,omitzero"`
	Location   string          `json:"location,omitempty"`
}

// RegistrationAbandoned takes the place of a registration whose login was reserved and never used, so that
// a slow writer of that stream loses cleanly (T-3.1).
type RegistrationAbandoned struct{}

// ContactConfirmed: by naming the contacts the user confirmed access to them and authority over them (T-2.6, T-4.3).
type ContactConfirmed struct {
	Kinds []string `json:"kinds"` // email, mobile
}

// PersonalDataRecorded: the user's data as they are from now on (P-1.4); a correction is a new one (T-2.4).
type PersonalDataRecorded struct {
	Personal PersonalData `json:"personal_data"`
}

type LoginChanged struct {
	Login domain.Personal `json:"login" personal:"identity"`
}

type ContactsChanged struct {
	Contacts Contacts `json:"contacts"`
}

type LocationSet struct {
	Location string `json:"location,omitempty"`
	Language string `json:"language,omitempty"`
}

// Blocked: the Company blocked the cabinet (T-3.8). Clause and note are internal: the user's own view shows neither.
type Blocked struct {
	Clause string          `json:"clause"`
	Note   domain.Personal `json:"note,omitzero" personal:"freeform"`
	Until  *time.Time      `json:"until,omitempty"`
}

type Unblocked struct {
	CompensateDays int             `json:"compensate_days,omitempty"`
	Note           domain.Personal `json:"note,omitzero" personal:"freeform"`
}

// ContentRemoved: content was deleted without explaining the reasons to the user (T-3.8).
type ContentRemoved struct {
	Content string          `json:"content"`
	Clause  string          `json:"clause"`
	Note    domain.Personal `json:"note,omitzero" personal:"freeform"`
}

// ContentUsePermitted: a written permission to use content beyond the licence (T-6.3, T-6.4).
type ContentUsePermitted struct {
	PermissionID string          `json:"permission_id"`
	Content      string          `json:"content"`
	By           domain.Personal `json:"by" personal:"freeform"`
	Reference    domain.Personal `json:"reference,omitzero" personal:"freeform"`
	Until        *time.Time      `json:"until,omitempty"`
}

// UnauthorisedAccessReported: from the suspected moment on the account's actions are disputed (T-2.5, T-3.6, T-3.7).
type UnauthorisedAccessReported struct {
	ReportID       string    `json:"report_id"`
	SuspectedSince time.Time `json:"suspected_since"`
	Channel        string    `json:"channel"`
}

// AccessRestored: the account is the user's own again; later actions are deemed the user's (T-3.6).
type AccessRestored struct {
	Note domain.Personal `json:"note,omitzero" personal:"freeform"`
}

// MessageReceived: a suggestion or question to support (T-4.1), to be answered by DueAt (T-4.2).
type MessageReceived struct {
	MessageID string          `json:"message_id"`
	Text      domain.Personal `json:"text" personal:"freeform"`
	DueAt     time.Time       `json:"due_at"`
}

type MessageAnswered struct {
	MessageID string          `json:"message_id"`
	Text      domain.Personal `json:"text,omitzero" personal:"freeform"`
}

// DataBlocked suspends processing of the data, destruction included (P-1.5); it is not a block of the cabinet.
type DataBlocked struct {
	Basis string          `json:"basis"`
	Note  domain.Personal `json:"note,omitzero" personal:"freeform"`
}

type DataUnblocked struct {
	Basis string          `json:"basis"`
	Note  domain.Personal `json:"note,omitzero" personal:"freeform"`
}

// EntryVoidRequested: one officer holds an entry to be mistaken; it stands until another approves.
type EntryVoidRequested struct {
	EventID string          `json:"event_id"`
	Reason  domain.Personal `json:"reason" personal:"freeform"`
	By      string          `json:"by"`
}

// EntryVoided: two people hold the entry to be mistaken. It stays in the journal; folds of what was
// recorded from here on leave it out.
type EntryVoided struct {
	EventID     string `json:"event_id"`
	RequestedBy string `json:"requested_by"`
	ApprovedBy  string `json:"approved_by"`
}

// Depersonalised: the keys of these classes are destroyed; who the person is can no longer be told (P-1.5, P-2.5).
type Depersonalised struct {
	Basis   string         `json:"basis"`
	Classes []domain.Class `json:"classes"`
	Keys    []string       `json:"keys"`
}

type DestructionRequested struct {
	Basis string `json:"basis"`
	By    string `json:"by"`
}

// Destroyed: every key of the person is destroyed; two people decided it (P-1.5, P-2.5).
type Destroyed struct {
	Basis       string   `json:"basis"`
	RequestedBy string   `json:"requested_by"`
	ApprovedBy  string   `json:"approved_by"`
	Keys        []string `json:"keys"`
}

func (Registered) isAccount()                 {}
func (RegistrationAbandoned) isAccount()      {}
func (ContactConfirmed) isAccount()           {}
func (PersonalDataRecorded) isAccount()       {}
func (LoginChanged) isAccount()               {}
func (ContactsChanged) isAccount()            {}
func (LocationSet) isAccount()                {}
func (Blocked) isAccount()                    {}
func (Unblocked) isAccount()                  {}
func (ContentRemoved) isAccount()             {}
func (ContentUsePermitted) isAccount()        {}
func (UnauthorisedAccessReported) isAccount() {}
func (AccessRestored) isAccount()             {}
func (MessageReceived) isAccount()            {}
func (MessageAnswered) isAccount()            {}
func (DataBlocked) isAccount()                {}
func (DataUnblocked) isAccount()              {}
func (EntryVoidRequested) isAccount()         {}
func (EntryVoided) isAccount()                {}
func (Depersonalised) isAccount()             {}
func (DestructionRequested) isAccount()       {}
func (Destroyed) isAccount()                  {}
