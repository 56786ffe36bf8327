package reports_test

import (
	"testing"

	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/consent"
	"kelisim/domain/event"
	"kelisim/domain/incident"
	"kelisim/domain/letter"
	"kelisim/domain/obligation"
	"kelisim/domain/payment"
	"kelisim/domain/reads"
	"kelisim/domain/reconciliation"
	"kelisim/domain/site"
	"kelisim/domain/subscription"
	"kelisim/projections/reports"
)

// everything tells of at least one fact for each report.
func everything(p *past) {
	p.registers(anna, "2026-01-10T09:00")
	p.registers(berik, "2026-01-11T09:00")
	p.tell("user-"+anna, "2026-02-01T09:00", "2026-02-01T09:00", obligation.FineDemanded{ObligationID: "f1", Clause: "T-6.3", ActOn: day("2026-01-20"), Amount: domain.KZT(50000)})
	p.tell("user-"+anna, "2026-02-03T09:00", "2026-02-03T09:00", notice("n1", "2026-02-02"), consent.WithdrawalRefused{NoticeID: "n1",
		Grounds: []consent.Ground{{Code: "unfulfilled-obligation", Clause: "P-2.6", ObligationID: "f1"}}})
	p.tell("user-"+berik, "2026-03-20T10:15", "2026-03-20T10:15", notice("n2", "2026-03-03"))
	p.tell("user-"+berik, "2026-03-05T10:00", "2026-03-21T10:00", obligation.FineDemanded{ObligationID: "f2", Clause: "T-6.3", ActOn: day("2026-03-04"), Amount: domain.KZT(50000)})
	p.tell("letter-l1", "2026-03-25T10:00", "2026-03-25T10:00", letter.Received{ReceivedOn: day("2026-03-24"), TrackingNumber: "RR2KZ"})
	p.tell("site", "2026-04-01T00:00", "2026-04-01T00:00", site.DocumentPublished{ID: "terms", Version: "2026-04-01", Language: "kk", SHA256: "beef", InForceFrom: moment("2026-04-01T00:00")})
	p.tell("user-"+anna, "2026-04-02T09:00", "2026-04-02T09:00", consent.DisclosureMade{DisclosureID: "d1", Recipient: "Post", Country: "KZ", Purpose: advertising, Basis: "contract"})
	p.tellAs(event.Actor{Kind: "officer", ID: "aigul"}, "reads-"+anna, "2026-04-03T09:00", "2026-04-03T09:00", reads.PersonalDataRead{Fields: []string{"iin"}, Route: "/v1/users/{user}/personal-data"})
	p.tell("incident-i1", "2026-04-03T12:00", "2026-04-03T12:00", incident.Detected{Kind: "loss", DetectedAt: moment("2026-04-03T11:00"), AuthorityDue: moment("2026-04-07T00:00")})
	p.tell("user-"+anna, "2026-04-04T09:00", "2026-04-04T09:00", paid("o1", "t1", "2026-04-04T09:00", 1, 4990), account.Blocked{Clause: "T-1.4"})
	p.tell("user-"+anna, "2026-04-05T09:00", "2026-04-05T09:00", held("o2", "t2", "2026-04-05T09:00", "blocked"), held("o1", "t3", "2026-04-05T09:00", "duplicate"), account.EntryVoidRequested{EventID: id(4).String(), By: "marat"})
	p.tell("reconciliation-cloudpayments-2026-04", "2026-04-06T23:00", "2026-04-06T23:00", reconciliation.Found{Provider: "cloudpayments", Finding: "missing-here|t9", Kind: "missing-here",
		TransactionID: "t9", Here: "none", There: "Completed", Amount: domain.KZT(4990), At: moment("2026-04-05T09:00")})
}

// What the register and the ledger differ in is listed with its age until it is resolved, as of the moment of which the paper speaks.
func TestOpenFindings(t *testing.T) {
	p := newPast(t)
	everything(p)
	first := id(p.told - 1).String()
	p.tell("reconciliation-cloudpayments-2026-05", "2026-05-01T09:00", "2026-05-01T09:00", reconciliation.Found{Provider: "cloudpayments", Kind: "charge-back", TransactionID: "t1", PaymentID: "t1", Reference: "c1", There: "4990.00 KZT", At: moment("2026-04-30T09:00")})
	second := id(p.told - 1).String()
	p.tell("reconciliation-cloudpayments-2026-04", "2026-05-02T09:00", "2026-05-02T09:00", reconciliation.FindingResolved{FindingID: first, How: reconciliation.Entered},
		reconciliation.Compared{Provider: "cloudpayments"})
	columns := "finding_id class transaction_id claim here there amount days_open"
	p.wants("reconciliation", until("2026-04-08"), columns, first+" | missing-here | t9 | - | none | Completed | 4990.00 KZT | 1")
	p.wants("reconciliation", until("2026-05-02"), columns, first+" | missing-here | t9 | - | none | Completed | 4990.00 KZT | 25", second+" | charge-back | t1 | c1 | - | 4990.00 KZT | - | 0")
	p.wants("reconciliation", until("2026-05-12"), columns, second+" | charge-back | t1 | c1 | - | 4990.00 KZT | - | 10")
	p.wants("reconciliation", known("2026-04-06T22:00"), columns)
}

func paid(order, transaction, at string, months int, tenge int64) subscription.PaymentCompleted {
	return subscription.PaymentCompleted{OrderID: order, Provider: "cloudpayments", TransactionID: transaction, PaidAt: moment(at), Months: months, Amount: domain.KZT(tenge)}
}

func held(order, transaction, at, reason string) subscription.PaymentHeld {
	return subscription.PaymentHeld{OrderID: order, Provider: "cloudpayments", TransactionID: transaction, PaidAt: moment(at), Amount: domain.KZT(4990), Reason: reason}
}

func until(day string) reports.Asked { return reports.Asked{To: moment(day + "T00:00")} }

// P-2.2: a consent stands until a notice's effect; as of the days between it is pending.
func TestConsentRegister(t *testing.T) {
	p := newPast(t)
	p.registers(anna, "2026-01-10T09:00")
	p.registers(berik, "2026-01-11T09:00")
	n := notice("n", "2026-03-03")
	n.Purposes = []string{advertising}
	p.tell("user-"+anna, "2026-03-03T10:00", "2026-03-03T10:00", n)
	p.tell("user-"+berik, "2026-03-20T10:00", "2026-03-20T10:00", notice("m", "2026-03-04"))
	columns := "user_id given_at status ended_purposes ended_at"
	p.wants("consent-register", until("2026-03-13"), columns,
		anna+" | 2026-01-10T09:00:00+05 | withdrawal-pending | [] | -", berik+" | 2026-01-11T09:00:00+05 | withdrawal-pending | [] | -")
	p.wants("consent-register", reports.Asked{}, columns,
		anna+" | 2026-01-10T09:00:00+05 | withdrawn-in-part | [advertising] | 2026-03-13T00:00:00+05",
		berik+" | 2026-01-11T09:00:00+05 | withdrawn | [advertising marketing-statistics quality-research] | 2026-03-14T00:00:00+05")
	// Before the late entry the register knew nothing of it, whatever moment it spoke of.
	p.wants("consent-register", known("2026-03-19T00:00"), columns,
		anna+" | 2026-01-10T09:00:00+05 | withdrawn-in-part | [advertising] | 2026-03-13T00:00:00+05", berik+" | 2026-01-11T09:00:00+05 | given | [] | -")
	p.tell("user-"+berik, "2026-04-01T10:00", "2026-04-01T10:00", account.Destroyed{Basis: "asked", RequestedBy: "marat", ApprovedBy: "aigul"})
	p.wants("consent-register", reports.Asked{From: moment("2026-01-11T00:00")}, "user_id status", berik+" | destroyed")
}

// P-2.2, P-2.6: each notice with its clock, and why those were refused that were.
func TestWithdrawalsAndRefusals(t *testing.T) {
	p := newPast(t)
	everything(p)
	columns := "user_id notice_id received_on status effective_from refused_at late entered_by"
	p.wants("withdrawals", reports.Asked{}, columns,
		anna+" | n1 | 2026-02-02 | refused | - | 2026-02-03T09:00:00+05 | false | officer/marat",
		berik+" | n2 | 2026-03-03 | effective | 2026-03-13T00:00:00+05 | - | false | officer/marat")
	p.wants("withdrawals", until("2026-03-13"), "notice_id status", "n1 | refused", "n2 | pending")
	p.wants("withdrawals", known("2026-03-19T00:00"), "notice_id", "n1")
	p.wants("refusals", reports.Asked{}, "user_id notice_id refused_at by_officer code clause obligation_id obligation_kind hold_id",
		anna+" | n1 | 2026-02-03T09:00:00+05 | false | unfulfilled-obligation | P-2.6 | f1 | fine | -")
	p.wants("deadlines", until("2026-03-01"), "kind subject due_at status", "withdrawal-answer | n1 | 2026-02-24T00:00:00+05 | met") // a refusal is an answer
	p.tell("user-"+berik, "2026-04-10T10:00", "2026-04-10T10:00", consent.WithdrawalNoticeReceived{NoticeID: "mail", ReceivedOn: day("2026-04-09"),
		Channel: "email", EffectiveOn: day("2026-04-19"), EffectiveFrom: day("2026-04-19").Start()})
	p.wants("withdrawals", reports.Asked{From: moment("2026-04-01T00:00")}, "notice_id channel status effective_from", "mail | email | not-per-terms | -")
}

// P-2.2, decision 2: what was allowed and disclosed from the effect of a notice until the ledger learnt of it. A later press ends the
// exposure of what it covers.
func TestExposure(t *testing.T) {
	p := newPast(t)
	p.registers(anna, "2026-01-10T09:00")
	disclosed := func(id, at, purpose string) {
		t.Helper()
		p.tell("user-"+anna, at, at, consent.DisclosureMade{DisclosureID: id, Recipient: "Post", Country: "KZ", Purpose: purpose, Allowed: true, Code: "consent-given"})
	}
	disclosed("before", "2026-03-12T12:00", advertising)
	disclosed("within", "2026-03-14T12:00", advertising)
	p.tell("user-"+anna, "2026-03-16T08:00", "2026-03-16T08:00", given("again", "2026-03-16T08:00", account.Acceptance{Button: "buy"}, advertising))
	disclosed("covered", "2026-03-17T12:00", advertising)
	p.tell("user-"+anna, "2026-03-18T00:00", "2026-03-18T00:00", account.DataBlocked{Basis: "asked"})
	p.tell("user-"+anna, "2026-03-19T00:00", "2026-03-19T00:00", account.DataUnblocked{Basis: "asked"})
	before, _, err := p.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p.tell("user-"+anna, "2026-03-20T10:15", "2026-03-20T10:15", notice("n", "2026-03-03"))
	disclosed("after", "2026-03-21T12:00", statistics)

	columns := "notice_id learnt_at kind purpose exposed_from exposed_until disclosure_id"
	learnt := "n | 2026-03-20T10:15:00+05 | "
	from13 := []string{
		learnt + "allowed | advertising | 2026-03-13T00:00:00+05 | 2026-03-16T08:00:00+05 | -",
		learnt + "allowed | marketing-statistics | 2026-03-13T00:00:00+05 | 2026-03-18T00:00:00+05 | -",
		learnt + "allowed | quality-research | 2026-03-13T00:00:00+05 | 2026-03-18T00:00:00+05 | -",
		learnt + "disclosed | advertising | 2026-03-14T12:00:00+05 | - | within",
		learnt + "allowed | marketing-statistics | 2026-03-19T00:00:00+05 | 2026-03-20T10:15:00+05 | -",
		learnt + "allowed | quality-research | 2026-03-19T00:00:00+05 | 2026-03-20T10:15:00+05 | -",
	}
	p.wants("exposure", reports.Asked{}, columns, from13...)
	p.wants("exposure", reports.Asked{KnownPosition: before}, columns) // nobody knew
	p.wants("exposure", reports.Asked{From: moment("2026-03-14T00:00"), To: moment("2026-03-15T00:00")}, columns, from13[3])

	// A notice entered before its effect exposes nothing.
	p.registers(berik, "2026-03-22T09:00")
	p.tell("user-"+berik, "2026-04-10T09:00", "2026-04-10T09:00", notice("m", "2026-04-01"))
	p.wants("exposure", reports.Asked{From: moment("2026-04-01T00:00")}, columns)
	// One that needed an officer's acceptance was learnt with it (decision 8), and one that was refused at its entry exposes nothing.
	const third = "00000000-0000-4000-8000-00000000000c"
	p.registers(third, "2026-04-11T09:00")
	other := notice("o", "2026-05-01")
	other.PerTerms, other.Channel, other.Purposes = false, "email", []string{research}
	p.tell("user-"+third, "2026-05-02T09:00", "2026-05-02T09:00", other)
	p.tell("user-"+third, "2026-05-20T09:00", "2026-05-20T09:00", consent.WithdrawalAccepted{NoticeID: "o"}, notice("r", "2026-05-02"),
		consent.WithdrawalRefused{NoticeID: "r", Grounds: []consent.Ground{{Code: "legal-hold", Clause: "P-2.6", HoldID: "h"}}})
	p.wants("exposure", reports.Asked{From: moment("2026-05-01T00:00")}, columns,
		"o | 2026-05-20T09:00:00+05 | allowed | quality-research | 2026-05-11T00:00:00+05 | 2026-05-20T09:00:00+05 | -")
}

// P-2.6, decision 4: an obligation that arises while a notice runs, and one that stood at the end of the day of receipt and was not known.
func TestObligationsDuringNotice(t *testing.T) {
	p := newPast(t)
	p.registers(anna, "2026-01-10T09:00")
	fine := func(id, at, recorded string) {
		t.Helper()
		p.tell("user-"+anna, at, recorded, obligation.FineDemanded{ObligationID: id, Clause: "T-6.3", ActOn: day("2026-01-20"), Amount: domain.KZT(50000)})
	}
	p.tell("user-"+anna, "2026-03-04T10:00", "2026-03-04T10:00", notice("n", "2026-03-03"))
	fine("stood", "2026-03-03T23:00", "2026-03-05T10:00")
	fine("arose", "2026-03-04T00:00", "2026-03-05T10:00")
	p.tell("user-"+anna, "2026-03-06T10:00", "2026-03-06T10:00", obligation.Discharged{ObligationID: "arose", How: obligation.Paid})
	fine("last", "2026-03-12T23:59", "2026-03-12T23:59")
	fine("after", "2026-03-13T00:00", "2026-03-13T00:00")
	p.wants("obligations-during-notice", reports.Asked{}, "notice_id obligation_id obligation_kind amount demanded_at ground how",
		"n | stood | fine | 50000.00 KZT | 2026-03-03T23:00:00+05 | learnt-after-entry | -",
		"n | arose | fine | 50000.00 KZT | 2026-03-04T00:00:00+05 | arose-during-notice | paid",
		"n | last | fine | 50000.00 KZT | 2026-03-12T23:59:00+05 | arose-during-notice | -")
	p.wants("obligations-during-notice", known("2026-03-05T09:00"), "obligation_id")

	p.registers(berik, "2026-03-14T09:00") // refused at its entry: nothing runs
	p.tell("user-"+berik, "2026-04-02T10:00", "2026-04-02T10:00", notice("m", "2026-04-01"), consent.WithdrawalRefused{NoticeID: "m",
		Grounds: []consent.Ground{{Code: "legal-hold", Clause: "P-2.6", HoldID: "h"}}})
	p.tell("user-"+berik, "2026-04-03T10:00", "2026-04-03T10:00", obligation.FineDemanded{ObligationID: "x", Clause: "T-6.3", ActOn: day("2026-04-02"), Amount: domain.KZT(50000)})
	p.wants("obligations-during-notice", reports.Asked{From: moment("2026-04-01T00:00")}, "obligation_id")
}

// P-2.2, decision 9; Law 94-V, articles 8(7) and 25(2)(8); T-4.2: what is due when, and how it stands. Days are counted from the day after
// receipt; the 15 working days pass over weekends and over two holidays in March 2026.
func TestDeadlinesAndLetters(t *testing.T) {
	p := newPast(t)
	p.registers(anna, "2026-01-10T09:00")
	p.tell("letter-l1", "2026-03-05T10:00", "2026-03-05T10:00", letter.Received{ReceivedOn: day("2026-03-04"), TrackingNumber: "RR2KZ"})
	p.tell("letter-l2", "2026-03-06T10:00", "2026-03-06T10:00", letter.Received{ReceivedOn: day("2026-03-06"), TrackingNumber: "RR3KZ"})
	p.tell("incident-i1", "2026-03-06T12:00", "2026-03-06T12:00", incident.Detected{Kind: "loss", DetectedAt: moment("2026-03-06T11:00"), AuthorityDue: moment("2026-03-10T00:00")})
	p.tell("incident-i2", "2026-03-06T13:00", "2026-03-06T13:00", incident.Detected{Kind: "system-failure", DetectedAt: moment("2026-03-06T13:00"), AuthorityDue: moment("2026-03-10T00:00")})
	p.tell("user-"+anna, "2026-03-09T10:00", "2026-03-09T10:00", account.MessageReceived{MessageID: "q", DueAt: moment("2026-03-09T18:00"), Text: domain.Personal{}})
	p.tell("user-"+anna, "2026-03-10T08:00", "2026-03-10T08:00", account.MessageAnswered{MessageID: "q"})
	p.tell("incident-i1", "2026-03-09T15:00", "2026-03-11T15:00", incident.Notified{Whom: incident.Authority, NotifiedAt: moment("2026-03-09T15:00")})
	p.tell("letter-l2", "2026-03-12T10:00", "2026-03-12T10:00", letter.Matched{UserID: anna, NoticeID: "n"})
	p.tell("user-"+anna, "2026-03-12T10:00", "2026-03-12T10:00", notice("n", "2026-03-06"))

	columns := "kind clause user_id subject began_on due_at status done_at"
	message := "message | T-4.2 | " + anna + " | q | 2026-03-09 | 2026-03-09T18:00:00+05 | late | 2026-03-10T08:00:00+05"
	breach := "breach-notice | 94-V 25(2)(8) | - | i1 | 2026-03-06 | 2026-03-10T00:00:00+05 | "
	p.wants("deadlines", known("2026-03-20T00:00"), columns,
		message,
		breach+"met | 2026-03-09T15:00:00+05",
		"withdrawal-effect | P-2.2 | - | l1 | 2026-03-04 | 2026-03-14T00:00:00+05 | overdue | -",
		"withdrawal-effect | P-2.2 | "+anna+" | n | 2026-03-06 | 2026-03-16T00:00:00+05 | met | 2026-03-12T10:00:00+05",
		// 5–6, 9–13, 16–20, 25–27 March are 15 working days after the 4th: the 23rd and the 24th are holidays.
		"withdrawal-answer | 94-V 8(7) | - | l1 | 2026-03-04 | 2026-03-28T00:00:00+05 | open | -",
		"withdrawal-answer | 94-V 8(7) | "+anna+" | n | 2026-03-06 | 2026-04-01T00:00:00+05 | met | 2026-03-12T10:00:00+05")
	p.wants("deadlines", reports.Asked{From: moment("2026-03-10T00:00"), To: moment("2026-03-14T00:00")}, "subject", "i1") // l1 is due as the range ends
	// As known before its entry, the authority had not been told in time.
	p.wants("deadlines", reports.Asked{KnownAt: moment("2026-03-10T12:00"), To: moment("2026-03-11T00:00")}, columns, message, breach+"overdue | -")
	p.wants("unmatched-letters", known("2026-03-20T00:00"), "letter_id received_on tracking_number days_waiting effective_from answer_due",
		"l1 | 2026-03-04 | RR2KZ | 16 | 2026-03-14T00:00:00+05 | 2026-03-28T00:00:00+05")
	p.wants("unmatched-letters", known("2026-03-11T00:00"), "letter_id", "l1", "l2")
}

// Decision 10: who stands with an old text alone; a press under the new one ends that.
func TestOldDocuments(t *testing.T) {
	p := newPast(t)
	p.registers(anna, "2026-01-10T09:00")
	p.registers(berik, "2026-01-11T09:00")
	p.wants("old-documents", reports.Asked{}, "user_id")
	p.tell("site", "2026-04-01T00:00", "2026-04-01T00:00", site.DocumentPublished{ID: "personal-data", Version: "2026-04-01", Language: "kk", SHA256: "beef",
		InForceFrom: moment("2026-05-01T00:00"), Purposes: all})
	p.wants("old-documents", until("2026-05-01"), "user_id")
	a := account.Acceptance{Button: "buy", Page: "subscription", Language: "kk", Documents: []account.DocumentRef{{ID: "personal-data", Version: "2026-04-01", SHA256: "beef"}}}
	p.tell("user-"+berik, "2026-05-02T09:00", "2026-05-02T09:00", given("new", "2026-05-02T09:00", a, all...))
	p.wants("old-documents", reports.Asked{}, "user_id document language document_version accepted_at version_in_force in_force_from",
		anna+" | personal-data | kk | 2020-10-27 | 2026-01-10T09:00:00+05 | 2026-04-01 | 2026-05-01T00:00:00+05")
}

// P-2.4: the registers of what was given, who looked, and what went wrong.
func TestRegisters(t *testing.T) {
	p := newPast(t)
	everything(p)
	p.wants("disclosures", reports.Asked{}, "user_id disclosure_id disclosed_at recipient country purpose basis allowed entered_by",
		anna+" | d1 | 2026-04-02T09:00:00+05 | Post | KZ | advertising | contract | false | officer/marat")
	p.wants("read-audit", reports.Asked{}, "read_at reader user_id fields route",
		"2026-04-03T09:00:00+05 | officer/aigul | "+anna+" | [iin] | /v1/users/{user}/personal-data")
	columns := "incident_id kind status authority_overdue authority_notified_at contained_at risk affected known_users notify closed_at"
	p.wants("incidents", known("2026-04-06T00:00"), columns, "i1 | loss | detected | false | - | - | - | - | - | - | -")
	p.wants("incidents", known("2026-04-07T00:00"), columns, "i1 | loss | detected | true | - | - | - | - | - | - | -")
	p.tell("incident-i1", "2026-04-08T09:00", "2026-04-08T09:00", incident.Contained{ContainedAt: moment("2026-04-07T18:00")},
		incident.Assessed{Risk: "low", Affected: 7, Users: []domain.UserID{anna}, Notify: []string{"authority"}},
		incident.Notified{Whom: "authority", NotifiedAt: moment("2026-04-08T08:00"), Late: true}, incident.Closed{})
	p.wants("incidents", reports.Asked{}, columns, "i1 | loss | closed | false | 2026-04-08T08:00:00+05 | 2026-04-07T18:00:00+05 | low | 7 | 1 | [authority] | 2026-04-08T09:00:00+05")
	p.wants("incidents", until("2026-04-08"), columns, "i1 | loss | contained | true | - | 2026-04-07T18:00:00+05 | - | - | - | - | -")
}

// Decisions 18 and 20: who asked, and who approved.
func TestSegregation(t *testing.T) {
	p := newPast(t)
	p.registers(anna, "2026-01-10T09:00") // events 3, 4 and 5: the site has three
	p.tell("user-"+anna, "2026-02-01T09:00", "2026-02-01T09:00", account.EntryVoidRequested{EventID: id(4).String(), By: "marat"})
	p.tell("user-"+anna, "2026-02-02T09:00", "2026-02-02T09:00", account.DestructionRequested{Basis: "asked", By: "marat"})
	before, _, err := p.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p.tell("user-"+anna, "2026-02-03T09:00", "2026-02-03T09:00", account.EntryVoided{EventID: id(4).String(), RequestedBy: "marat", ApprovedBy: "aigul"})
	p.tell("user-"+anna, "2026-02-04T09:00", "2026-02-04T09:00", account.Destroyed{Basis: "asked", RequestedBy: "marat", ApprovedBy: "marat"})
	columns := "kind target requested_by approved_by approved_at same_person status"
	p.wants("segregation", reports.Asked{}, columns,
		"void | "+id(4).String()+" | marat | aigul | 2026-02-03T09:00:00+05 | false | approved",
		"destruction | - | marat | marat | 2026-02-04T09:00:00+05 | true | approved") // no rule lets this happen; it would be seen
	p.wants("segregation", reports.Asked{KnownPosition: before}, columns,
		"void | "+id(4).String()+" | marat | - | - | - | waiting", "destruction | - | marat | - | - | - | waiting")
	// The voided consent is in no register that knows of its voiding.
	p.wants("consent-register", reports.Asked{}, "consent_id")
	p.wants("consent-register", reports.Asked{KnownPosition: before}, "status", "given")
}

// Decision 14: money waits until it is applied or has gone back.
func TestHeldMoney(t *testing.T) {
	p := newPast(t)
	p.registers(anna, "2026-01-10T09:00")
	user := "user-" + anna
	p.tell(user, "2026-02-01T09:00", "2026-02-01T09:00", held("o1", "t1", "2026-02-01T08:00", "duplicate"))
	p.tell(user, "2026-02-02T09:00", "2026-02-02T09:00", held("o2", "t2", "2026-02-02T08:00", "blocked"))
	p.tell("payment-cloudpayments-t3", "2026-02-03T09:00", "2026-02-03T09:00", payment.Held{Provider: "cloudpayments", TransactionID: "t3",
		PaidAt: moment("2026-02-03T08:00"), Amount: domain.KZT(100), Reason: "unknown-order"})
	p.tell(user, "2026-02-05T09:00", "2026-02-05T09:00",
		subscription.RefundRequested{RefundID: "r", Provider: "cloudpayments", TransactionID: "t1", Amount: domain.KZT(4990)},
		subscription.PaymentApplied{OrderID: "o2", Provider: "cloudpayments", TransactionID: "t2", PaidAt: moment("2026-02-02T08:00"), Amount: domain.KZT(4990), Months: 1})
	p.tell(user, "2026-02-06T09:00", "2026-02-06T09:00",
		subscription.RefundCompleted{RefundID: "r", Provider: "cloudpayments", TransactionID: "t1", Amount: domain.KZT(990), RefundedAt: moment("2026-02-06T07:00")})
	p.tell("payment-cloudpayments-t3", "2026-02-07T09:00", "2026-02-07T09:00", payment.Applied{UserID: anna, OrderID: "o3"})
	columns := "transaction_id user_id order_id amount reason held_since refund_requested"
	third := "t3 | - | - | 100.00 KZT | unknown-order | 2026-02-03T09:00:00+05 | false"
	p.wants("held-money", until("2026-02-04"), columns,
		"t1 | "+anna+" | o1 | 4990.00 KZT | duplicate | 2026-02-01T09:00:00+05 | false", "t2 | "+anna+" | o2 | 4990.00 KZT | blocked | 2026-02-02T09:00:00+05 | false", third)
	p.wants("held-money", until("2026-02-06"), columns, "t1 | "+anna+" | o1 | 4990.00 KZT | duplicate | 2026-02-01T09:00:00+05 | true", third)
	p.wants("held-money", reports.Asked{}, columns, "t1 | "+anna+" | o1 | 4000.00 KZT | duplicate | 2026-02-01T09:00:00+05 | false")
}

// T-3.8, decision 13: the free months end with 10 April; the paid one runs from the 11th through 10 May. Blocked from the 1st to the 20th
// of April, the user lost the days from the 11th through the 20th.
func TestPaidWhileBlocked(t *testing.T) {
	p := newPast(t)
	p.registers(anna, "2026-01-10T09:00")
	user := "user-" + anna
	p.tell(user, "2026-03-01T09:00", "2026-03-01T09:00", paid("o1", "t1", "2026-03-01T09:00", 1, 4990))
	p.tell(user, "2026-04-01T09:00", "2026-04-01T09:00", account.Blocked{Clause: "T-1.4"})
	p.tell(user, "2026-04-05T09:00", "2026-04-05T09:00", held("o2", "t2", "2026-04-05T08:00", "blocked"))
	p.tell(user, "2026-04-20T09:00", "2026-04-20T09:00", account.Unblocked{CompensateDays: 9})
	columns := "kind blocked_since blocked_until transaction_id paid_at status days_lost days_granted"
	p.wants("paid-while-blocked", reports.Asked{}, columns,
		"payment | 2026-04-01T09:00:00+05 | 2026-04-20T09:00:00+05 | t2 | 2026-04-05T08:00:00+05 | held | - | -",
		"days | 2026-04-01T09:00:00+05 | 2026-04-20T09:00:00+05 | - | - | - | 10 | 9")
	p.wants("paid-while-blocked", until("2026-04-13"), "kind days_lost days_granted", "payment | - | -", "days | 2 | 0")
}

// T-2.1: anna bought within the trial and let it lapse, came back, and renewed; berik's trial ended with nothing after it.
func TestSubscriptions(t *testing.T) {
	p := newPast(t)
	p.registers(anna, "2026-01-10T09:00")  // free through 10 April
	p.registers(berik, "2026-01-11T09:00") // free through 11 April
	user := "user-" + anna
	p.tell(user, "2026-03-01T09:00", "2026-03-01T09:00", paid("o1", "t1", "2026-03-01T09:00", 1, 4990))  // through 10 May
	p.tell(user, "2026-06-03T09:00", "2026-06-03T09:00", paid("o2", "t2", "2026-06-03T09:00", 3, 12990)) // through 3 September
	p.tell(user, "2026-06-30T09:00", "2026-06-30T09:00", paid("o3", "t3", "2026-06-30T09:00", 1, 4990))  // through 3 October
	whole := []string{
		"2026-01-01 | registered | - | 2 | -",
		"2026-03-01 | first-bought | 1 | 1 | 4990.00 KZT",
		"2026-04-01 | trial-ended | - | 2 | -",
		"2026-04-01 | trial-converted | - | 1 | -",
		"2026-04-01 | lapsed | - | 1 | -",
		"2026-05-01 | lapsed | - | 1 | -",
		"2026-06-01 | renewed | 1 | 1 | 4990.00 KZT",
		"2026-06-01 | returned | 3 | 1 | 12990.00 KZT",
		"2026-10-01 | lapsed | - | 1 | -",
	}
	columns := "month measure period_months count amount"
	p.wants("subscriptions", reports.Asked{}, columns, whole...)
	p.wants("subscriptions", reports.Asked{From: moment("2026-04-01T00:00"), To: moment("2026-06-01T00:00")}, columns, whole[2:6]...)
	// As of a day within coverage, nothing after it has lapsed yet.
	p.wants("subscriptions", reports.Asked{From: moment("2026-06-01T00:00"), KnownAt: moment("2026-06-15T00:00")}, columns, whole[7])
}

// Decision 14: a second payment of one order is shown with the first and with what became of it.
func TestDuplicates(t *testing.T) {
	p := newPast(t)
	p.registers(anna, "2026-01-10T09:00")
	p.tell("user-"+anna, "2026-04-04T09:00", "2026-04-04T09:00", paid("o1", "t1", "2026-04-04T09:00", 1, 4990), paid("o2", "t4", "2026-04-04T09:00", 1, 4990))
	p.tell("user-"+anna, "2026-04-05T09:00", "2026-04-05T09:00", held("o1", "t2", "2026-04-05T09:00", "duplicate"), held("o3", "t3", "2026-04-05T09:30", "blocked"))
	columns := "order_id transaction_id first_transaction_id status amount"
	p.wants("duplicates", reports.Asked{}, columns, "o1 | t2 | t1 | held | 4990.00 KZT")
	p.tell("user-"+anna, "2026-04-06T09:00", "2026-04-06T09:00",
		subscription.RefundRequested{RefundID: "r", Provider: "cloudpayments", TransactionID: "t2", Amount: domain.KZT(4990)})
	p.wants("duplicates", reports.Asked{}, columns, "o1 | t2 | t1 | refund-requested | 4990.00 KZT")
	p.tell("user-"+anna, "2026-04-07T09:00", "2026-04-07T09:00",
		subscription.RefundCompleted{RefundID: "r", Provider: "cloudpayments", TransactionID: "t2", Amount: domain.KZT(4990), RefundedAt: moment("2026-04-07T09:00"), Full: true})
	p.wants("duplicates", reports.Asked{}, columns, "o1 | t2 | t1 | refunded | 4990.00 KZT")
	p.wants("duplicates", until("2026-04-06"), columns, "o1 | t2 | t1 | held | 4990.00 KZT")
}

// T-2.1: what a month of the paid periods brings, and who stays. A period of three months brings a third of its price in each.
func TestRecurringAndCohorts(t *testing.T) {
	p := newPast(t)
	p.registers(anna, "2026-01-10T09:00")                                                                       // free through 10 April
	p.registers(berik, "2026-02-11T09:00")                                                                      // free through 11 May
	p.tell("user-"+anna, "2026-04-20T09:00", "2026-04-20T09:00", paid("o1", "t1", "2026-04-20T09:00", 3, 9000)) // through 20 July
	p.tell("user-"+berik, "2026-06-01T09:00", "2026-06-01T09:00", paid("o2", "t2", "2026-06-01T09:00", 1, 4990))
	p.tell("site", "2026-08-15T09:00", "2026-08-15T09:00", site.TariffSet{Months: 1, Price: domain.KZT(4990), InForceFrom: moment("2026-08-15T09:00")})
	p.wants("recurring-revenue", reports.Asked{}, "month period_months paying amount",
		"2026-04-01 | 3 | 1 | 3000.00 KZT", "2026-05-01 | 3 | 1 | 3000.00 KZT", "2026-06-01 | 1 | 1 | 4990.00 KZT", "2026-06-01 | 3 | 1 | 3000.00 KZT")
	p.wants("cohorts", until("2026-07-01"), "month months_after registered using paying",
		"2026-01-01 | 0 | 1 | 1 | 0", "2026-01-01 | 1 | 1 | 1 | 0", "2026-01-01 | 2 | 1 | 1 | 0", "2026-01-01 | 3 | 1 | 1 | 1", "2026-01-01 | 4 | 1 | 1 | 1", "2026-01-01 | 5 | 1 | 1 | 1",
		"2026-02-01 | 0 | 1 | 1 | 0", "2026-02-01 | 1 | 1 | 1 | 0", "2026-02-01 | 2 | 1 | 1 | 0", "2026-02-01 | 3 | 1 | 0 | 0", "2026-02-01 | 4 | 1 | 1 | 1")
	p.wants("cohorts", reports.Asked{From: moment("2026-02-01T00:00"), To: moment("2026-04-01T00:00")}, "month months_after using", "2026-02-01 | 0 | 1", "2026-02-01 | 1 | 1")
}

// What was entered after the end of the range, and speaks of it, is told with the answers of then and of now and with the events that made the
// difference (P-2.2).
func TestRetold(t *testing.T) {
	p := newPast(t)
	p.registers(anna, "2026-01-10T09:00")
	p.registers(berik, "2026-01-11T09:00")
	columns := "since until kind user_id known_then known_now events"
	p.tell("user-"+berik, "2026-04-02T09:00", "2026-04-02T09:00", notice("m", "2026-04-01")) // speaks of April alone
	event := id(p.told).String()
	p.tell("user-"+anna, "2026-04-05T10:00", "2026-04-05T10:00", notice("n", "2026-03-10"))
	march := reports.Asked{From: moment("2026-03-01T00:00"), To: moment("2026-04-01T00:00")}
	all := anna + " | consent-given"
	p.wants("retold", march, columns,
		"2026-03-10T00:00:00+05 | 2026-03-20T00:00:00+05 | processing | "+all+" | withdrawal-pending | ["+event+"]",
		"2026-03-20T00:00:00+05 | - | processing | "+all+" | withdrawn | ["+event+"]")
	march.KnownAt = moment("2026-04-04T00:00")
	p.wants("retold", march, columns)
	p.wants("retold", reports.Asked{}, columns)
}
