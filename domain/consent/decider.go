package consent

import (
	"regexp"
	"slices"

	"kelisim/domain"
	"kelisim/domain/calendar"
)

// Decider is the book's rules.
var Decider = domain.Decider[Command, State, Event]{Decide: decide, Evolve: evolve}

// RegisteredPost is the one channel that the terms name (P-2.2).
const RegisteredPost = "registered-post"

// Acts are what can be done with personal data (P-1.5).
var Acts = []string{"collect", "systematise", "accumulate", "store", "update", "use", "distribute", "transfer",
	"transfer-cross-border", "depersonalise", "block", "destroy"}

var (
	codeForm     = regexp.MustCompile(`^[a-z][a-z0-9-]{0,63}$`)
	trackingForm = regexp.MustCompile(`^[A-Z0-9][A-Z0-9-]{3,39}$`)
	hashForm     = regexp.MustCompile(`^[0-9a-f]{64}$`)
	countryForm  = regexp.MustCompile(`^[A-Z]{2}$`)
	longNumber   = regexp.MustCompile(`[0-9]{7}`) // an IIN or a telephone has no place in what stands in clear
	nameForm     = regexp.MustCompile(`^[\pL\pN][\pL\pN «»"'().,&/-]{0,199}$`)
)

func decide(s State, c Command, in domain.Context) ([]Event, error) {
	switch c := c.(type) {
	case Give:
		return give(s, c, in)
	case Withdraw:
		return withdraw(s, c, in)
	case RescindWithdrawal:
		return rescind(s, c, in)
	case RefuseWithdrawal:
		return refuse(s, c, in)
	case AcceptWithdrawal:
		return accept(s, c, in)
	case SetLegalHold:
		return setHold(s, c, in)
	case LiftLegalHold:
		return liftHold(s, c, in)
	case Disclose:
		return disclose(s, c, in)
	}
	panic("unhandled consent command")
}

func give(s State, c Give, in domain.Context) ([]Event, error) {
	if c.Acceptance == nil {
		return nil, domain.Refuse(domain.Invalid, "acceptance-missing", "consent is given by pressing a button under the displayed agreement").At("/acceptance").By("P-2.2")
	}
	doc, ok := c.Acceptance.Document("personal-data")
	if !ok {
		return nil, domain.Refuse(domain.Invalid, "acceptance-missing", "name the version of the personal-data agreement that was shown").At("/acceptance/documents").By("P-2.2")
	}
	running := len(s.PendingAt(in.OccurredAt)) > 0
	if running && !c.AcknowledgePendingWithdrawal {
		return nil, domain.Refuse(domain.Conflict, "withdrawal-pending",
			"a notice of withdrawal is running; a new consent will survive it: ask the person and send acknowledge_pending_withdrawal").By("P-2.2")
	}
	id, err := in.NewID(c.ConsentID, "consent")
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(s.Consents, func(k Consent) bool { return k.ID == id }) {
		return nil, domain.Refuse(domain.Conflict, "consent-exists", "a consent of this id stands already")
	}
	return []Event{Given{id, *c.Acceptance, doc, c.Purposes, calendar.DayOf(in.OccurredAt), running}}, nil
}

func withdraw(s State, c Withdraw, in domain.Context) ([]Event, error) {
	today := calendar.DayOf(in.OccurredAt)
	switch {
	case c.ReceivedOn.IsZero():
		return nil, domain.Malformed("/received_on", "name the day on which the notice was received").By("P-2.2")
	case c.ReceivedOn.After(today):
		return nil, domain.Malformed("/received_on", "the day of receipt has not come yet").By("P-2.2")
	case !codeForm.MatchString(c.Channel):
		return nil, domain.Malformed("/channel", "a channel is a word such as registered-post or e-mail").By("P-2.2")
	case c.Channel == RegisteredPost && c.TrackingNumber == "":
		return nil, domain.Malformed("/tracking_number", "registered post has a tracking number").By("P-2.2")
	case c.TrackingNumber != "" && !trackingForm.MatchString(c.TrackingNumber):
		return nil, domain.Malformed("/tracking_number", "a tracking number is 4 to 40 capital letters, digits and hyphens")
	case domain.HoldsIIN(c.TrackingNumber):
		return nil, domain.Malformed("/tracking_number", "that is an IIN; a tracking number stands in clear")
	case c.SentOn != nil && c.SentOn.After(c.ReceivedOn):
		return nil, domain.Malformed("/sent_on", "a notice is sent before it is received").By("P-2.6")
	case c.Purposes != nil && len(c.Purposes) == 0:
		return nil, domain.Malformed("/purposes", "name the purposes, or leave them out where the notice is about everything").By("P-2.3")
	case c.LetterSHA256 != "" && !hashForm.MatchString(c.LetterSHA256):
		return nil, domain.Malformed("/letter_sha256", "a SHA-256 is 64 small hexadecimal digits")
	}
	for _, p := range c.Purposes {
		if !codeForm.MatchString(p) {
			return nil, domain.Malformed("/purposes", "a purpose is a word of small letters, digits and hyphens").By("P-2.3")
		}
	}
	given := func(purpose string) bool {
		return slices.ContainsFunc(s.Consents, func(k Consent) bool {
			return k.At.Before(c.ReceivedOn.End()) && (purpose == "" || slices.Contains(k.Purposes, purpose))
		})
	}
	if !given("") {
		return nil, domain.Refuse(domain.Conflict, "never-consented", "no consent had been given by the day of receipt; look at the day and the user again").By("P-2.2")
	}
	c.Purposes = slices.Clone(c.Purposes)
	slices.Sort(c.Purposes)
	c.Purposes = slices.Compact(c.Purposes)
	for _, p := range c.Purposes {
		if !given(p) {
			return nil, domain.Refuse(domain.Conflict, "purpose-not-covered",
				"no consent given by the day of receipt covers %s; name purposes that were consented to, or none for everything", p).At("/purposes").By("P-2.3")
		}
	}
	id, err := in.NewID(c.NoticeID, "notice")
	if err != nil {
		return nil, err
	}
	if _, ok := s.Notice(id); ok {
		return nil, domain.Refuse(domain.Conflict, "notice-exists", "a notice of this id stands already")
	}
	if c.RetryOf != "" {
		old, ok := s.Notice(c.RetryOf)
		switch {
		case !ok:
			return nil, domain.Refuse(domain.NotFound, "notice-not-found", "retry_of names no notice of this user").At("/retry_of")
		case old.RefusedAt.IsZero():
			return nil, domain.Refuse(domain.Conflict, "notice-not-refused", "only a refused notice is tried again; leave retry_of out").At("/retry_of").By("P-2.6")
		}
	}
	for _, n := range s.Notices {
		if c.RetryOf == "" && c.TrackingNumber != "" && n.TrackingNumber == c.TrackingNumber && n.ReceivedOn == c.ReceivedOn && slices.Equal(n.Purposes, c.Purposes) {
			return nil, domain.Refuse(domain.Conflict, "notice-recorded",
				"this posted notice, received on that day, stands already; name a refused one in retry_of to try it again").By("P-2.2")
		}
	}
	requested := calendar.Day{}
	if c.RequestedOn != nil {
		requested = *c.RequestedOn
	}
	on, from, early := calendar.Withdrawal(c.ReceivedOn, requested, in.Parameters.WithdrawalDays, in.Parameters.WithdrawalEdge)
	received := WithdrawalNoticeReceived{
		NoticeID: id, ReceivedOn: c.ReceivedOn, Channel: c.Channel, TrackingNumber: c.TrackingNumber, SentOn: c.SentOn,
		RequestedOn: c.RequestedOn, RequestedOnTooEarly: early, Purposes: c.Purposes, LetterSHA256: c.LetterSHA256,
		LetterID: c.LetterID, RetryOf: c.RetryOf, PerTerms: c.Channel == RegisteredPost, EffectiveOn: on, EffectiveFrom: from,
	}
	events := []Event{received}
	if grounds := s.grounds(c.ReceivedOn, c.Owed); received.PerTerms && len(grounds) > 0 {
		events = append(events, WithdrawalRefused{NoticeID: id, Grounds: grounds})
	}
	return events, nil
}

// grounds are what stands against a notice at the end of its day of receipt (P-2.6): the other books' grounds and legal holds.
func (s State) grounds(received calendar.Day, owed []Ground) []Ground {
	grounds := slices.Clone(owed)
	for _, h := range s.HeldAt(received.End()) {
		grounds = append(grounds, Ground{Code: "legal-hold", Clause: "P-2.6", HoldID: h.ID})
	}
	return grounds
}

// pending finds a notice that can still be decided upon.
func (s State) pending(id string, in domain.Context) (Notice, error) {
	n, ok := s.Notice(id)
	if !ok {
		return n, domain.Refuse(domain.NotFound, "notice-not-found", "this user has no such notice")
	}
	if in.OccurredAt.Before(n.ReceivedOn.Start()) {
		return n, domain.Malformed("/occurred_at", "that is before the notice was received")
	}
	switch n.StatusAt(in.OccurredAt) {
	case StatusRefused:
		return n, domain.Refuse(domain.Conflict, "notice-refused", "the notice was refused already and does not revive; enter a new one that names it in retry_of").By("P-2.6")
	case StatusRescinded:
		return n, domain.Refuse(domain.Conflict, "notice-rescinded", "the notice was taken back already; a new one may be entered").By("P-2.2")
	case StatusEffective:
		return n, effective()
	}
	if !n.RefusedAt.IsZero() || !n.RescindedAt.IsZero() {
		return n, domain.Refuse(domain.Conflict, "notice-decided", "the notice was decided upon at a later moment already").By("P-2.2")
	}
	return n, nil
}

func effective() error {
	return domain.Refuse(domain.Conflict, "withdrawal-effective", "the withdrawal has taken effect; only a new consent follows it").By("P-2.2")
}

func rescind(s State, c RescindWithdrawal, in domain.Context) ([]Event, error) {
	if _, err := s.pending(c.NoticeID, in); err != nil {
		return nil, err
	}
	return []Event{WithdrawalRescinded(c)}, nil
}

// refuse is open until the effect by the ledger's own time too: once the person counts as withdrawn, no refusal of
// an earlier day may be entered.
func refuse(s State, c RefuseWithdrawal, in domain.Context) ([]Event, error) {
	n, err := s.pending(c.NoticeID, in)
	if err != nil {
		return nil, err
	}
	if n.StatusAt(in.Now) == StatusEffective {
		return nil, effective()
	}
	if !c.Ground.Given() {
		return nil, domain.Malformed("/ground", "a refusal has a ground").By("P-2.6")
	}
	return []Event{WithdrawalRefused{NoticeID: c.NoticeID, Grounds: []Ground{{Code: "officer", Clause: "P-2.6"}}, ByOfficer: true, Ground: c.Ground}}, nil
}

func accept(s State, c AcceptWithdrawal, in domain.Context) ([]Event, error) {
	n, err := s.pending(c.NoticeID, in)
	if err != nil {
		return nil, err
	}
	if n.PerTerms || !n.AcceptedAt.IsZero() {
		return nil, domain.Refuse(domain.Conflict, "notice-accepted", "the notice's clock runs already").By("P-2.2")
	}
	if grounds := s.grounds(n.ReceivedOn, c.Owed); len(grounds) > 0 {
		return []Event{WithdrawalRefused{NoticeID: n.NoticeID, Grounds: grounds}}, nil
	}
	return []Event{WithdrawalAccepted{c.NoticeID, c.Ground}}, nil
}

func setHold(s State, c SetLegalHold, in domain.Context) ([]Event, error) {
	if !nameForm.MatchString(c.Basis) || longNumber.MatchString(c.Basis) {
		return nil, domain.Malformed("/basis", "name the act that demands it, and no person: it stands in clear")
	}
	if len(c.Acts) == 0 {
		return nil, domain.Malformed("/acts", "name the acts that it covers").By("P-1.5")
	}
	for _, a := range c.Acts {
		if !slices.Contains(Acts, a) {
			return nil, domain.Malformed("/acts", "an act is one of %v", Acts).By("P-1.5")
		}
	}
	id, err := in.NewID(c.HoldID, "hold")
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(s.Holds, func(h Hold) bool { return h.ID == id }) {
		return nil, domain.Refuse(domain.Conflict, "hold-exists", "a legal hold of this id stands already")
	}
	return []Event{LegalHoldSet{id, c.Basis, c.Acts, c.Note}}, nil
}

func liftHold(s State, c LiftLegalHold, in domain.Context) ([]Event, error) {
	for _, h := range s.Holds {
		if h.ID != c.HoldID {
			continue
		}
		if !h.Until.IsZero() {
			return nil, domain.Refuse(domain.Conflict, "hold-lifted", "the legal hold was lifted already").By("P-2.6")
		}
		if in.OccurredAt.Before(h.Since) {
			return nil, domain.Malformed("/occurred_at", "a hold is not lifted before it is set")
		}
		return []Event{LegalHoldLifted(c)}, nil
	}
	return nil, domain.Refuse(domain.NotFound, "hold-not-found", "this user has no such legal hold")
}

func disclose(s State, c Disclose, in domain.Context) ([]Event, error) {
	switch {
	case !nameForm.MatchString(c.Recipient) || longNumber.MatchString(c.Recipient):
		return nil, domain.Malformed("/recipient", "name the company that received them, and no person: it stands in clear")
	case !countryForm.MatchString(c.Country):
		return nil, domain.Malformed("/country", "a country is two capital letters, such as KZ")
	case !codeForm.MatchString(c.Purpose):
		return nil, domain.Malformed("/purpose", "a purpose is a word of small letters, digits and hyphens").By("P-2.3")
	case !nameForm.MatchString(c.Basis) || longNumber.MatchString(c.Basis):
		return nil, domain.Malformed("/basis", "name the basis of the disclosure, and no person: it stands in clear")
	}
	id, err := in.NewID(c.DisclosureID, "disclosure")
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(s.Disclosures, func(d Disclosure) bool { return d.DisclosureID == id }) {
		return nil, domain.Refuse(domain.Conflict, "disclosure-exists", "a disclosure of this id stands already")
	}
	return []Event{DisclosureMade{id, c.Recipient, c.Country, c.Purpose, c.Basis, c.Allowed, c.Code}}, nil
}
