package user

import (
	"reflect"
	"slices"
	"strings"
	"time"

	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/calendar"
	"kelisim/domain/consent"
	"kelisim/domain/obligation"
	"kelisim/domain/site"
	"kelisim/domain/subscription"
)

// Decide answers a wish about a user with the events that follow from it, or with a refusal. events are the recorded ones
// of the user's stream, for the rules that name an entry; state is their fold.
func Decide(state State, events []Recorded, s site.State, c Command, in domain.Context) ([]any, error) {
	if in.Parameters.TermsVersion == "" {
		return nil, domain.Refuse(domain.Conflict, "terms-not-in-force", "no terms were in force at that moment").At("/occurred_at").By("T-2.3")
	}
	if r, ok := c.(Register); ok {
		return register(state, s, r, in)
	}
	if !state.Account.Exists {
		return nil, account.NotFound()
	}
	if in.OccurredAt.Before(state.Account.Registered.At) {
		return nil, domain.Malformed("/occurred_at", "that is before the user registered")
	}
	switch c := c.(type) {
	case Consent:
		return give(state, s, c, in)
	case Purchase:
		return purchase(state, s, c, in)
	case RecordPayment:
		return pay(state, c, in)
	case ChargeBack:
		return chargeBack(state, c, in)
	case ReturnChargeBack:
		return returnChargeBack(state, c, in)
	case Unblock:
		return unblock(state, c, in)
	case consent.Withdraw:
		return withdraw(state, s, c, in)
	case consent.AcceptWithdrawal:
		if n, ok := state.Consent.Notice(c.NoticeID); ok {
			c.Owed = owed(state, n.ReceivedOn.End())
		}
		return decideConsent(state, c, in)
	case obligation.DemandFine:
		return fine(state, s, c, in)
	case account.Depersonalise:
		c.Held = held(state, in)
		return decideAccount(state, c, in)
	case account.RequestDestruction:
		c.Held = held(state, in)
		return decideAccount(state, c, in)
	case account.ApproveDestruction:
		c.Held = held(state, in)
		return decideAccount(state, c, in)
	case account.RequestFieldDisclosure:
		c.Sealed = sealedIn(events, c.Fields)
		return decideAccount(state, c, in)
	case account.VoidEntry:
		for _, e := range events {
			if e.ID.String() == c.EventID {
				c.Target = e.Type
			}
		}
		return decideAccount(state, c, in)
	case account.Register, account.Unblock, consent.Give, subscription.StartTrial, subscription.PlaceOrder, subscription.RecordPayment,
		subscription.RecordChargeBack, subscription.RecordChargeBackReturn:
		// These are half a decision: the commands of this package make them.
	case account.Command:
		return decideAccount(state, c, in)
	case consent.Command:
		return decideConsent(state, c, in)
	case subscription.Command:
		return decideSubscription(state, c, in)
	case obligation.Command:
		return decideObligation(state, c, in)
	}
	panic("unhandled user command")
}

// sealedIn tells of each field whether it is a personal value of one of the events.
func sealedIn(events []Recorded, fields []account.Field) []bool {
	out := make([]bool, len(fields))
	for _, e := range events {
		for i, f := range fields {
			if f.EventID != e.ID.String() {
				continue
			}
			given := reflect.New(reflect.TypeOf(e.Data))
			given.Elem().Set(reflect.ValueOf(e.Data))
			_ = domain.EachPersonal(given.Interface(), func(path string, _ domain.Class, _ *domain.Personal) error {
				out[i] = out[i] || path == f.Path
				return nil
			})
		}
	}
	return out
}

func decideAccount(s State, c account.Command, in domain.Context) ([]any, error) {
	return anys(account.Decider.Decide(s.Account, c, in))
}

func decideConsent(s State, c consent.Command, in domain.Context) ([]any, error) {
	return anys(consent.Decider.Decide(s.Consent, c, in))
}

func decideSubscription(s State, c subscription.Command, in domain.Context) ([]any, error) {
	return anys(subscription.Decider.Decide(s.Subscription, c, in))
}

func decideObligation(s State, c obligation.Command, in domain.Context) ([]any, error) {
	return anys(obligation.Decider.Decide(s.Obligations, c, in))
}

func anys[E any](events []E, err error) ([]any, error) {
	if err != nil {
		return nil, err
	}
	out := make([]any, len(events))
	for i, e := range events {
		out[i] = e
	}
	return out, nil
}

func register(state State, s site.State, c Register, in domain.Context) ([]any, error) {
	opened, err := decideAccount(state, c.Register, in)
	if err != nil {
		return nil, err
	}
	data, err := checkAcceptance(c.Acceptance, buttonRegister, []string{TermsDocument, DataDocument}, s, in.OccurredAt)
	if err != nil {
		return nil, err
	}
	given, err := decideConsent(state, consent.Give{ConsentID: c.ConsentID, Acceptance: c.Acceptance, Purposes: data.Purposes}, in)
	if err != nil {
		return nil, err
	}
	trial, err := decideSubscription(state, subscription.StartTrial{}, in)
	if err != nil {
		return nil, err
	}
	return slices.Concat(opened, given, trial), nil
}

// present refuses a press from when the person's data are gone: nobody is left whom it could be about.
func present(state State, in domain.Context) error {
	gone := func(f account.Fact) bool { return f.Event != "" && !in.OccurredAt.Before(f.At) }
	switch {
	case gone(state.Account.DestroyedAt):
		return domain.Refuse(domain.Conflict, "destroyed", "the person's data were destroyed; register anew").By("P-2.5")
	case gone(state.Account.DepersonalisedAt):
		return domain.Refuse(domain.Conflict, "depersonalised", "the person's data were depersonalised; register anew").By("P-2.5")
	}
	return nil
}

func give(state State, s site.State, c Consent, in domain.Context) ([]any, error) {
	if err := present(state, in); err != nil {
		return nil, err
	}
	data, err := checkAcceptance(c.Acceptance, buttonBuy, []string{DataDocument}, s, in.OccurredAt)
	if err != nil {
		return nil, err
	}
	return decideConsent(state, consent.Give{
		ConsentID: c.ConsentID, Acceptance: c.Acceptance, AcknowledgePendingWithdrawal: c.AcknowledgePendingWithdrawal, Purposes: data.Purposes,
	}, in)
}

func purchase(state State, s site.State, c Purchase, in domain.Context) ([]any, error) {
	if err := present(state, in); err != nil {
		return nil, err
	}
	if _, blocked := state.Account.BlockedAt(in.OccurredAt); blocked {
		return nil, domain.Refuse(domain.Conflict, "blocked", "the cabinet is blocked; nothing can be bought until it is unblocked").By("T-3.8")
	}
	data, err := checkAcceptance(c.Acceptance, buttonBuy, []string{DataDocument}, s, in.OccurredAt)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(in.Parameters.Periods, c.Months) {
		return nil, domain.Refuse(domain.Invalid, "period-not-offered", "the terms offer the periods %v months", in.Parameters.Periods).At("/months").By("T-2.1")
	}
	price, ok := s.PriceAt(c.Months, in.OccurredAt)
	if !ok {
		return nil, domain.Refuse(domain.Conflict, "price-missing", "no price is in force for this period").At("/months").By("T-2.1")
	}
	given, err := decideConsent(state, consent.Give{
		ConsentID: c.ConsentID, Acceptance: c.Acceptance, AcknowledgePendingWithdrawal: c.AcknowledgePendingWithdrawal, Purposes: data.Purposes,
	}, in)
	if err != nil {
		return nil, err
	}
	orderID, err := in.NewID(c.OrderID, "order")
	if err != nil {
		return nil, err
	}
	order := subscription.PlaceOrder{
		OrderID: orderID, Months: c.Months, ShownPrice: c.Price,
		Price: price, ConsentID: given[0].(consent.Given).ConsentID, AccountID: in.Subject, TermsVersion: in.Parameters.TermsVersion,
		InvoiceID: InvoiceID(domain.UserID(in.Subject), orderID),
	}
	if o, taken := state.Subscription.OrderByInvoice(order.InvoiceID); taken && o.OrderID != orderID {
		return nil, domain.Refuse(domain.Conflict, "order-exists", "an order of nearly this id was placed already; leave the id out to have one made").At("/order_id")
	}
	if offer, ok := s.InForce(OfferDocument, c.Acceptance.Language, in.OccurredAt); ok {
		order.Offer = &account.DocumentRef{ID: offer.ID, Version: offer.Version, SHA256: offer.SHA256}
	}
	placed, err := decideSubscription(state, order, in)
	if err != nil {
		return nil, err
	}
	return append(given, placed...), nil
}

// InvoiceID names an order, a UUID, towards the processor: the user's id and the last part of the order's, so that a notification
// finds its user by itself (see TestInvoice).
func InvoiceID(user domain.UserID, order string) string {
	return string(user) + "." + order[strings.LastIndexByte(order, '-')+1:]
}

// InvoiceUser is the user whom an invoice names, whether or not there is one.
func InvoiceUser(invoice string) (domain.UserID, error) {
	id, _, _ := strings.Cut(invoice, ".")
	return domain.ParseUserID(id)
}

func pay(state State, c RecordPayment, in domain.Context) ([]any, error) {
	// What the processor itself says is taken as it says it, also where its clock is ahead: its money is never turned away.
	if c.PaidAt.After(in.Now.Add(5*time.Minute)) && in.Actor.Kind != "provider" {
		return nil, domain.Malformed("/paid_at", "the payment lies in the future")
	}
	_, blocked := state.Account.BlockedAt(c.PaidAt)
	return decideSubscription(state, subscription.RecordPayment{
		OrderID: c.OrderID, Provider: c.Provider, TransactionID: c.TransactionID, PaidAt: c.PaidAt.UTC(), Amount: c.Amount,
		BlockedAtPaid: blocked, TestMode: c.TestMode, OtherAccount: c.OtherAccount,
	}, in)
}

// chargeBack is an obligation beside what it takes from the subscription: it stands against a withdrawal (P-2.6).
func chargeBack(state State, c ChargeBack, in domain.Context) ([]any, error) {
	events, err := decideSubscription(state, c.RecordChargeBack, in)
	if err != nil || len(events) == 0 {
		return events, err
	}
	id, err := in.NewID(c.ObligationID, "obligation")
	if err != nil {
		return nil, err
	}
	if _, known := state.Obligations.Obligation(id); known {
		return nil, domain.Refuse(domain.Conflict, "obligation-exists", "an obligation of this id stands already").At("/obligation_id")
	}
	taken := events[0].(subscription.ChargedBack)
	return append(events, obligation.ChargeBackOwed{ObligationID: id, Provider: taken.Provider, TransactionID: taken.TransactionID, Amount: taken.Amount}), nil
}

// returnChargeBack discharges the charge-back's obligation beside what the bank returned. What the user has paid of it stays paid: it is the
// officer's to give back.
func returnChargeBack(state State, c ReturnChargeBack, in domain.Context) ([]any, error) {
	events, err := decideSubscription(state, c.RecordChargeBackReturn, in)
	if err != nil || len(events) == 0 {
		return events, err
	}
	came := events[0].(subscription.ChargeBackReturned)
	for _, o := range state.Obligations.All() {
		if o.Kind == obligation.ChargeBack && o.Provider == came.Provider && o.TransactionID == came.TransactionID && o.Amount == came.Amount && o.DischargedAt.IsZero() {
			discharged, err := decideObligation(state, obligation.Discharge{ObligationID: o.ID, How: obligation.Cancelled, Reference: c.Reference}, in)
			return append(events, discharged...), err
		}
	}
	return events, nil
}

func unblock(state State, c Unblock, in domain.Context) ([]any, error) {
	events, err := decideAccount(state, c.Unblock, in)
	if err != nil || c.CompensateDays == 0 {
		return events, err
	}
	granted, err := decideSubscription(state, subscription.GrantDays{Days: c.CompensateDays}, in)
	if err != nil {
		return nil, err
	}
	return append(events, granted...), nil
}

// withdraw holds a notice against what is owed at the end of the day of its receipt, and counts by the parameters that were
// in force then, however late it is entered.
func withdraw(state State, s site.State, c consent.Withdraw, in domain.Context) ([]any, error) {
	end := c.ReceivedOn.End()
	if p := s.ParametersAt(end.Add(-1)); p.TermsVersion != "" {
		in.Parameters = p
	}
	c.Owed = owed(state, end)
	return decideConsent(state, c, in)
}

// held tells whether a legal hold stands, at the command's moment or now: keys go now, whatever day the command names.
func held(state State, in domain.Context) bool {
	return len(state.Consent.HeldAt(in.OccurredAt.Add(1))) > 0 || len(state.Consent.HeldAt(in.Now.Add(1))) > 0
}

// owed are the obligations that stand against a notice at a moment (P-2.6).
func owed(state State, at time.Time) []consent.Ground {
	var out []consent.Ground
	for _, o := range state.Obligations.StandingAt(at) {
		out = append(out, consent.Ground{Code: "unfulfilled-obligation", Clause: "P-2.6", ObligationID: o.ID})
	}
	return out
}

// fine demands the sum that the terms named which the user had accepted before the act (T-6.6), and lists the written
// permissions that were in force on its day (T-6.3, T-6.4).
func fine(state State, s site.State, c obligation.DemandFine, in domain.Context) ([]any, error) {
	version, last := termsBefore(state, c.ActOn), c.ActOn.End().Add(-1)
	p, ok := s.ParametersOf(version, last)
	if !ok {
		p = s.ParametersAt(last) // a version without numbers of its own
	}
	c.Amount, c.TermsVersion, c.RegisteredAt = p.Fine, version, state.Account.Registered.At
	c.Permissions = state.Account.PermittedDuring(c.ActOn.Start(), c.ActOn.End())
	return decideObligation(state, c, in)
}

// termsBefore is the version of the terms that the user had accepted last before a day: at registration, or at a later press under
// which they were shown again.
func termsBefore(state State, day calendar.Day) string {
	accepted, _ := state.Account.Acceptance.Document(TermsDocument)
	at := state.Account.Registered.At
	for _, k := range state.Consent.Consents {
		if d, ok := k.Acceptance.Document(TermsDocument); ok && k.At.After(at) && k.At.Before(day.Start()) {
			accepted, at = d, k.At
		}
	}
	return accepted.Version
}
