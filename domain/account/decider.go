package account

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"kelisim/domain"
	"kelisim/domain/calendar"
)

// Decider is the book's rules.
var Decider = domain.Decider[Command, State, Event]{Decide: decide, Evolve: evolve}

var (
	clauseForm  = regexp.MustCompile(`^[TPC]-[0-9]{1,2}(\.[0-9]{1,2}){0,2}$`)
	codeForm    = regexp.MustCompile(`^[a-z][a-z0-9-]{0,63}$`)
	contentForm = regexp.MustCompile(`^[\pL\pN][\pL\pN/_.:#-]{0,199}$`)
)

// ValidClause tells whether a clause id is well formed: T-3.8, P-2.2, T-1.2.6, C-1.
func ValidClause(s string) bool { return clauseForm.MatchString(s) }

func decide(s State, c Command, in domain.Context) ([]Event, error) {
	if r, ok := c.(Register); ok {
		return register(s, r)
	}
	if !s.Exists {
		return nil, NotFound()
	}
	if err := s.open(c, in); err != nil {
		return nil, err
	}
	switch c := c.(type) {
	case RecordPersonalData:
		if err := c.Personal.check(); err != nil {
			return nil, err
		}
		return []Event{PersonalDataRecorded(c)}, nil
	case ChangeLogin:
		if !c.Login.Given() {
			return nil, domain.Malformed("/login", "a login is wanted")
		}
		return []Event{LoginChanged(c)}, nil
	case ChangeContacts:
		if len(c.Kinds()) == 0 {
			return nil, domain.Malformed("", "an e-mail address or a mobile number is wanted").By("T-2.6")
		}
		return []Event{ContactsChanged{c.Contacts}, ContactConfirmed{c.Kinds()}}, nil
	case SetLocation:
		return setLocation(c)
	case Block:
		return block(s, c, in)
	case Unblock:
		return unblock(s, c, in)
	case RemoveContent:
		if !contentForm.MatchString(c.Content) || domain.HoldsIIN(c.Content) {
			return nil, domain.Malformed("/content", "name the content by its id")
		}
		if !ValidClause(c.Clause) {
			return nil, badClause
		}
		return []Event{ContentRemoved(c)}, nil
	case PermitContentUse:
		return permit(s, c, in)
	case ReportUnauthorisedAccess:
		return report(s, c, in)
	case RestoreAccess:
		if _, disputed := s.DisputedAt(in.OccurredAt); !disputed {
			return nil, domain.Refuse(domain.Conflict, "access-not-disputed", "no report of unauthorised access stands at that moment").By("T-3.6")
		}
		return []Event{AccessRestored{c.Note}}, nil
	case Message:
		return message(s, c, in)
	case AnswerMessage:
		return answer(s, c, in)
	case BlockData, UnblockData:
		return dataBlock(s, c, in)
	case RequestFieldDisclosure, GrantFieldDisclosure:
		return disclose(s, c, in)
	case VoidEntry, ApproveVoid:
		return void(s, c, in)
	case Depersonalise, RequestDestruction, ApproveDestruction:
		return erase(s, c, in)
	}
	panic("unhandled account command")
}

// NotFound is the answer about a user who is not there, and about one whom the asker may not know of.
func NotFound() error {
	return domain.Refuse(domain.NotFound, "user-not-found", "there is no such user")
}

var badClause = domain.Malformed("/clause", "name the clause that was broken, such as T-6.1")

func optional(form *regexp.Regexp, s string) bool { return s == "" || form.MatchString(s) }

// open refuses what would bring new data on the person to one whose data were depersonalised or destroyed, whenever
// it happened, and anything that happened before the registration.
func (s State) open(c Command, in domain.Context) error {
	if in.OccurredAt.Before(s.Registered.At) {
		return domain.Malformed("/occurred_at", "that is before the user registered")
	}
	switch c.(type) {
	case RecordPersonalData, ChangeLogin, ChangeContacts, SetLocation, Message:
		if s.DestroyedAt.Event != "" {
			return domain.Refuse(domain.Conflict, "destroyed", "the person's data were destroyed; register anew").By("P-2.5")
		}
		if s.DepersonalisedAt.Event != "" {
			return domain.Refuse(domain.Conflict, "depersonalised", "the person's data were depersonalised; register anew").By("P-2.5")
		}
	}
	return nil
}

func register(s State, c Register) ([]Event, error) {
	switch {
	case s.Exists:
		return nil, domain.Refuse(domain.Conflict, "user-exists", "a user of this id is registered already")
	case s.Abandoned:
		return nil, domain.Refuse(domain.Conflict, "registration-abandoned", "this registration was given up; begin a new one")
	case c.Acceptance == nil:
		return nil, domain.Refuse(domain.Invalid, "acceptance-missing", "the terms must be accepted to register").At("/acceptance").By("T-2.3")
	case c.Acceptance.Button != "register":
		return nil, domain.Malformed("/acceptance/button", "registering is pressing \"register\"").By("T-2.3")
	case !c.Login.Given():
		return nil, domain.Malformed("/login", "a login is wanted").By("T-3.1")
	case len(c.Contacts.Kinds()) == 0:
		return nil, domain.Malformed("/contacts", "an e-mail address or a mobile number is wanted").By("T-2.6")
	case c.Location != "" && !domain.ValidLocation(c.Location):
		return nil, domain.Malformed("/location", "a location is a code such as KZ or KZ-71")
	}
	if !c.Personal.IsZero() {
		if err := c.Personal.check(); err != nil {
			return nil, err
		}
	}
	return []Event{
		Registered{c.Login, *c.Acceptance, c.Contacts, c.Personal, c.Location},
		ContactConfirmed{c.Contacts.Kinds()},
	}, nil
}

func (p PersonalData) check() error {
	if p.IsZero() {
		return domain.Malformed("/personal_data", "at least one field is wanted")
	}
	for i, a := range p.Addresses {
		if !slices.Contains([]string{"residence", "registration", "post"}, a.Kind) {
			return domain.Malformed(fmt.Sprintf("/personal_data/addresses/%d/kind", i), "an address is of kind residence, registration or post")
		}
		if !a.Text.Given() {
			return domain.Malformed(fmt.Sprintf("/personal_data/addresses/%d/text", i), "an address has a text")
		}
	}
	for i, e := range p.Emails {
		if !e.Given() {
			return domain.Malformed(fmt.Sprintf("/personal_data/emails/%d", i), "an e-mail address is wanted")
		}
	}
	return nil
}

func setLocation(c SetLocation) ([]Event, error) {
	switch {
	case c.Location == "" && c.Language == "":
		return nil, domain.Malformed("", "a location or a language is wanted")
	case c.Location != "" && !domain.ValidLocation(c.Location):
		return nil, domain.Malformed("/location", "a location is a code such as KZ or KZ-71")
	case c.Language != "" && !domain.ValidLanguage(c.Language):
		return nil, domain.Malformed("/language", "a language is a tag such as kk, ru or en")
	}
	return []Event{LocationSet(c)}, nil
}

func block(s State, c Block, in domain.Context) ([]Event, error) {
	if !ValidClause(c.Clause) {
		return nil, badClause
	}
	if c.Until != nil && !c.Until.After(in.OccurredAt) {
		return nil, domain.Malformed("/until", "a block ends after it begins")
	}
	if _, blocked := s.BlockedAt(in.OccurredAt); blocked {
		return nil, domain.Refuse(domain.Conflict, "already-blocked", "the cabinet is blocked already; unblock it first to block it otherwise").By("T-3.8")
	}
	return []Event{Blocked(c)}, nil
}

func unblock(s State, c Unblock, in domain.Context) ([]Event, error) {
	if c.CompensateDays < 0 || c.CompensateDays > 366 {
		return nil, domain.Malformed("/compensate_days", "from 0 to 366 days")
	}
	if _, blocked := s.BlockedAt(in.OccurredAt); !blocked {
		return nil, domain.Refuse(domain.Conflict, "not-blocked", "the cabinet is not blocked").By("T-3.8")
	}
	return []Event{Unblocked(c)}, nil
}

func permit(s State, c PermitContentUse, in domain.Context) ([]Event, error) {
	switch {
	case !contentForm.MatchString(c.Content) || domain.HoldsIIN(c.Content):
		return nil, domain.Malformed("/content", "name the content by its id")
	case !c.By.Given():
		return nil, domain.Malformed("/by", "say who permitted it").By("T-6.3")
	case c.Until != nil && !c.Until.After(in.OccurredAt):
		return nil, domain.Malformed("/until", "a permission ends after it begins")
	}
	id, err := in.NewID(c.PermissionID, "permission")
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(s.Permissions, func(p Permission) bool { return p.ID == id }) {
		return nil, domain.Refuse(domain.Conflict, "permission-exists", "a permission of this id stands already")
	}
	return []Event{ContentUsePermitted{id, c.Content, c.By, c.Reference, c.Until}}, nil
}

func report(s State, c ReportUnauthorisedAccess, in domain.Context) ([]Event, error) {
	switch {
	case c.SuspectedSince.IsZero() || c.SuspectedSince.After(in.OccurredAt):
		return nil, domain.Malformed("/suspected_since", "say since when it is suspected, not after the report").By("T-3.7")
	case !optional(codeForm, c.Channel):
		return nil, domain.Malformed("/channel", "a channel is a word such as phone or e-mail")
	}
	id, err := in.NewID(c.ReportID, "report")
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(s.Reports, func(r Report) bool { return r.ID == id }) {
		return nil, domain.Refuse(domain.Conflict, "report-exists", "a report of this id stands already")
	}
	return []Event{UnauthorisedAccessReported{id, c.SuspectedSince.UTC(), c.Channel}}, nil
}

func message(s State, c Message, in domain.Context) ([]Event, error) {
	if !c.Text.Given() {
		return nil, domain.Malformed("/text", "a text is wanted")
	}
	id, err := in.NewID(c.MessageID, "message")
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(s.Messages, func(m MessageState) bool { return m.ID == id }) {
		return nil, domain.Refuse(domain.Conflict, "message-exists", "a message of this id stands already")
	}
	p := in.Parameters
	due := calendar.AnswerDue(in.OccurredAt, p.SupportHours, p.SupportFrom, p.SupportUntil, calendar.Holidays(p.Holidays))
	return []Event{MessageReceived{id, c.Text, due.UTC()}}, nil
}

func answer(s State, c AnswerMessage, in domain.Context) ([]Event, error) {
	for _, m := range s.Messages {
		if m.ID != c.MessageID {
			continue
		}
		if !m.AnsweredAt.IsZero() {
			return nil, domain.Refuse(domain.Conflict, "message-answered", "the message was answered already").By("T-4.1")
		}
		if in.OccurredAt.Before(m.At) {
			return nil, domain.Malformed("/occurred_at", "that is before the message came").By("T-4.1")
		}
		return []Event{MessageAnswered(c)}, nil
	}
	return nil, domain.Refuse(domain.NotFound, "message-not-found", "this user has no such message")
}

func dataBlock(s State, c Command, in domain.Context) ([]Event, error) {
	_, blocked := s.DataBlockedAt(in.OccurredAt)
	switch c := c.(type) {
	case BlockData:
		if !codeForm.MatchString(c.Basis) {
			return nil, domain.Malformed("/basis", "a basis is a word such as complaint or court-order")
		}
		if s.DestroyedAt.Event != "" {
			return nil, domain.Refuse(domain.Conflict, "destroyed", "the person's data were destroyed").By("P-2.5")
		}
		if blocked {
			return nil, domain.Refuse(domain.Conflict, "data-blocked", "the data are blocked already").By("P-1.5")
		}
		return []Event{DataBlocked(c)}, nil
	case UnblockData:
		if !codeForm.MatchString(c.Basis) {
			return nil, domain.Malformed("/basis", "a basis is a word such as complaint-settled")
		}
		if !blocked {
			return nil, domain.Refuse(domain.Conflict, "data-not-blocked", "the data are not blocked").By("P-1.5")
		}
		return []Event{DataUnblocked(c)}, nil
	}
	panic("unhandled account command")
}

// unvoidable are the entries that cannot be taken back by an entry: the registration, the voiding itself, what has been done to keys, and that the
// processor was asked for a refund.
var unvoidable = []string{"account.registered", "account.registration_abandoned", "account.entry_", "account.depersonalised", "account.destroyed", "subscription.refund_sent"}

func void(s State, c Command, in domain.Context) ([]Event, error) {
	find := func(id string) (Void, bool) {
		for _, v := range s.Voids {
			if v.EventID == id {
				return v, true
			}
		}
		return Void{}, false
	}
	switch c := c.(type) {
	case VoidEntry:
		if c.Target == "" {
			return nil, domain.Refuse(domain.NotFound, "event-not-found", "this user has no such entry")
		}
		if !c.Reason.Given() {
			return nil, domain.Malformed("/reason", "say why the entry is mistaken")
		}
		if slices.ContainsFunc(unvoidable, func(p string) bool { return strings.HasPrefix(c.Target, p) }) {
			return nil, domain.Refuse(domain.Conflict, "entry-not-voidable", "an entry of this kind cannot be voided")
		}
		if v, ok := find(c.EventID); ok {
			if v.Approved {
				return nil, domain.Refuse(domain.Conflict, "entry-voided", "the entry was voided already")
			}
			return nil, domain.Refuse(domain.Conflict, "void-requested", "voiding was asked for already; a second person must approve it")
		}
		return []Event{EntryVoidRequested{c.EventID, c.Reason, in.Actor.Who()}}, nil
	case ApproveVoid:
		v, ok := find(c.EventID)
		switch {
		case !ok:
			return nil, domain.Refuse(domain.NotFound, "void-not-found", "nobody asked for this entry to be voided")
		case v.Approved:
			return nil, domain.Refuse(domain.Conflict, "entry-voided", "the entry was voided already")
		case in.Actor.Is(v.RequestedBy):
			return nil, domain.Refuse(domain.Forbidden, "second-person-needed", "who asked for it cannot approve it")
		case in.OccurredAt.Before(v.RequestedAt):
			return nil, domain.Malformed("/occurred_at", "that is before it was asked for")
		}
		return []Event{EntryVoided{c.EventID, v.RequestedBy, in.Actor.Who()}}, nil
	}
	panic("unhandled account command")
}
