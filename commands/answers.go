package commands

import (
	"time"

	"kelisim/domain/account"
	"kelisim/domain/consent"
	"kelisim/domain/obligation"
	"kelisim/domain/payment"
	"kelisim/domain/site"
	"kelisim/domain/subscription"
	"kelisim/domain/user"
)

// answer is what an answer is made of: the events of one command and nothing else, so that a repeated command gets the
// same answer for ever (see TestIdempotencyAnswersTheSame).
type answer struct {
	subject string
	events  []user.Recorded
}

// first is the first event of a type among the command's.
func first[E any](a answer) (E, bool) {
	for _, e := range a.events {
		if v, ok := e.Data.(E); ok {
			return v, true
		}
	}
	var none E
	return none, false
}

// answered builds what the caller is told.
func answered(spec Spec, subject string, events []user.Recorded, after *stream, repeated bool) Done {
	d := Done{Subject: subject, Events: []string{}, Revision: after.revision, Position: after.position, Repeated: repeated}
	for _, e := range events {
		d.Events = append(d.Events, e.ID.String())
		d.Revision, d.Position = e.Revision, e.Position
	}
	if spec.Answer != nil {
		d.Answer = spec.Answer(answer{subject, events})
	}
	return d
}

type span struct {
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
}

func registered(a answer) map[string]any {
	given, _ := first[consent.Given](a)
	trial, _ := first[subscription.TrialStarted](a)
	return map[string]any{"user_id": a.subject, "consent_id": given.ConsentID, "trial": span{trial.From.UTC(), trial.Until.UTC()}}
}

func consented(a answer) map[string]any {
	given, _ := first[consent.Given](a)
	return map[string]any{"consent_id": given.ConsentID}
}

func ordered(a answer) map[string]any {
	given, _ := first[consent.Given](a)
	o, _ := first[subscription.OrderPlaced](a)
	return map[string]any{"order_id": o.OrderID, "consent_id": given.ConsentID, "price": o.Price,
		"invoice_id": o.InvoiceID, "account_id": o.AccountID, "expires_at": o.ExpiresAt.UTC()}
}

func paid(a answer) map[string]any {
	out := map[string]any{"status": "held", "coverage": nil}
	if g, ok := first[subscription.PeriodGranted](a); ok {
		out["status"], out["coverage"] = "applied", span{g.From.UTC(), g.CoveredUntil.UTC()}
	} else if h, ok := first[subscription.PaymentHeld](a); ok {
		out["reason"] = h.Reason
	}
	return out
}

func covered(a answer) map[string]any {
	g, _ := first[subscription.DaysGranted](a)
	return map[string]any{"days": g.Days}
}

func noticed(a answer) map[string]any {
	out := map[string]any{}
	if n, ok := first[consent.WithdrawalNoticeReceived](a); ok {
		out["notice_id"], out["effective_from"], out["status"] = n.NoticeID, n.EffectiveFrom.UTC(), consent.StatusPending
		if !n.PerTerms {
			out["status"], out["effective_from"] = consent.StatusNotPerTerms, nil // its clock does not run
		}
	}
	if k, ok := first[consent.WithdrawalAccepted](a); ok {
		out["notice_id"], out["status"] = k.NoticeID, consent.StatusPending
	}
	if k, ok := first[consent.WithdrawalRescinded](a); ok {
		out["notice_id"], out["status"] = k.NoticeID, consent.StatusRescinded
	}
	if r, ok := first[consent.WithdrawalRefused](a); ok {
		out["notice_id"], out["status"], out["grounds"], out["effective_from"] = r.NoticeID, consent.StatusRefused, r.Grounds, nil
	}
	if out["grounds"] == nil {
		out["grounds"] = []consent.Ground{}
	}
	return out
}

func permitted(a answer) map[string]any {
	p, _ := first[account.ContentUsePermitted](a)
	return map[string]any{"permission_id": p.PermissionID}
}

func reported(a answer) map[string]any {
	r, _ := first[account.UnauthorisedAccessReported](a)
	return map[string]any{"report_id": r.ReportID}
}

func fined(a answer) map[string]any {
	f, _ := first[obligation.FineDemanded](a)
	permissions := f.Permissions
	if permissions == nil {
		permissions = []string{}
	}
	return map[string]any{"obligation_id": f.ObligationID, "amount": f.Amount, "permissions": permissions}
}

func held(a answer) map[string]any {
	h, _ := first[consent.LegalHoldSet](a)
	return map[string]any{"hold_id": h.HoldID}
}

func disclosed(a answer) map[string]any {
	d, _ := first[consent.DisclosureMade](a)
	return map[string]any{"disclosure_id": d.DisclosureID, "allowed": d.Allowed, "code": d.Code}
}

func messaged(a answer) map[string]any {
	m, _ := first[account.MessageReceived](a)
	return map[string]any{"message_id": m.MessageID, "due_at": m.DueAt.UTC()}
}

func restricted(a answer) map[string]any {
	r, _ := first[site.RestrictionImposed](a)
	return map[string]any{"restriction_id": r.RestrictionID}
}

func published(a answer) map[string]any {
	d, _ := first[site.DocumentPublished](a)
	return map[string]any{"id": d.ID, "version": d.Version, "language": d.Language, "sha256": d.SHA256}
}

func lettered(a answer) map[string]any { return map[string]any{"letter_id": a.subject} }

func detected(a answer) map[string]any { return map[string]any{"incident_id": a.subject} }

func refunding(a answer) map[string]any {
	out := map[string]any{}
	if r, ok := first[subscription.RefundRequested](a); ok {
		out["refund_id"], out["status"] = r.RefundID, "requested"
	}
	if r, ok := first[subscription.RefundCompleted](a); ok {
		out["refund_id"], out["status"] = r.RefundID, "completed"
	}
	m, _ := first[subscription.MonthsRevoked](a)
	out["months_revoked"] = m.Months
	return out
}

func refundingHeld(a answer) map[string]any {
	r, _ := first[payment.RefundRequested](a)
	return map[string]any{"refund_id": r.RefundID, "status": "requested"}
}

func chargedBack(a answer) map[string]any {
	o, _ := first[obligation.ChargeBackOwed](a)
	m, _ := first[subscription.MonthsRevoked](a)
	return map[string]any{"obligation_id": o.ObligationID, "months_revoked": m.Months}
}

func chargeBackReturned(a answer) map[string]any {
	r, _ := first[subscription.ChargeBackReturned](a)
	out := map[string]any{"days_granted": r.Days}
	if d, ok := first[obligation.Discharged](a); ok {
		out["obligation_id"] = d.ObligationID
	}
	return out
}

func applied(a answer) map[string]any {
	g, _ := first[subscription.PeriodGranted](a)
	return map[string]any{"status": "applied", "coverage": span{g.From.UTC(), g.CoveredUntil.UTC()}}
}

// transaction finds the events of the command that recorded a transaction before.
func transaction(s *stream, command any) []user.Recorded {
	c := command.(*user.RecordPayment)
	same := func(provider, id string) bool { return provider == c.Provider && id == c.TransactionID }
	for _, e := range s.events {
		switch v := e.Data.(type) {
		case subscription.PaymentCompleted:
			if same(v.Provider, v.TransactionID) {
				return s.of(e.CommandID)
			}
		case subscription.PaymentHeld:
			if same(v.Provider, v.TransactionID) {
				return s.of(e.CommandID)
			}
		}
	}
	return nil
}

func fieldsDisclosed(a answer) map[string]any {
	d, _ := first[account.FieldDisclosureRequested](a)
	return map[string]any{"disclosure_id": d.DisclosureID, "until": d.Until.UTC()}
}
