package user_test

import (
	"testing"

	"kelisim/domain"
	"kelisim/domain/consent"
	"kelisim/domain/obligation"
)

func posted(on string) consent.Withdraw {
	return consent.Withdraw{NoticeID: id(20), ReceivedOn: day(on), Channel: consent.RegisteredPost, TrackingNumber: "RR000000020KZ"}
}

func received(c consent.Withdraw, effective string) consent.WithdrawalNoticeReceived {
	return consent.WithdrawalNoticeReceived{NoticeID: c.NoticeID, ReceivedOn: c.ReceivedOn, Channel: c.Channel, TrackingNumber: c.TrackingNumber,
		PerTerms: c.Channel == consent.RegisteredPost, EffectiveOn: day(effective), EffectiveFrom: day(effective).Start()}
}

// P-2.6, decision 4: a notice is refused for what is owed at the end of the day of its receipt: an obligation that was discharged on that day
// does not count, one that is discharged with the end of it does.
func TestWithdrawWhileOwing(t *testing.T) {
	rules := published()
	fine := obligation.FineDemanded{ObligationID: id(30), Clause: "T-6.1", ActOn: day("2026-01-20"), Amount: domain.KZT(50_000), TermsVersion: "1"}
	debt := obligation.ChargeBackOwed{ObligationID: id(31), Provider: "cloudpayments", TransactionID: "1", Amount: domain.KZT(4_990)}
	ground := func(n int) consent.Ground {
		return consent.Ground{Code: "unfulfilled-obligation", Clause: "P-2.6", ObligationID: id(n)}
	}
	refused := func(g ...consent.Ground) consent.WithdrawalRefused {
		return consent.WithdrawalRefused{NoticeID: id(20), Grounds: g}
	}
	paid := obligation.Discharged{ObligationID: id(30), How: obligation.Paid, Reference: text("order 17")}
	w := posted("2026-03-01")
	notice, in := received(w, "2026-03-11"), on("2026-03-05", rules)

	registered(t, rules).At(moment("2026-02-01")).Given(fine, debt).When(in, w).Then(notice, refused(ground(30), ground(31)))
	registered(t, rules).At(moment("2026-03-01T23:59:59+05:00")).Given(fine).When(in, w).Then(notice, refused(ground(30)))
	registered(t, rules).At(moment("2026-03-02")).Given(fine).When(in, w).Then(notice)
	registered(t, rules).At(moment("2026-02-01")).Given(fine).At(moment("2026-03-01T23:59:59+05:00")).Given(paid).When(in, w).Then(notice)
	registered(t, rules).At(moment("2026-02-01")).Given(fine).At(moment("2026-03-02")).Given(paid).When(in, w).Then(notice, refused(ground(30)))

	// Decision 5: what was bought and is still running is no debt of the user.
	registered(t, rules).At(moment("2026-02-01")).Given(ordered(buy(1), 4_990, "2026-02-01")).When(in, w).Then(notice)

	// Decision 8: by another channel the same is asked at the acceptance, about the same day.
	mail := consent.Withdraw{NoticeID: id(20), ReceivedOn: day("2026-03-01"), Channel: "e-mail"}
	accept := consent.AcceptWithdrawal{NoticeID: id(20)}
	s := func() *story {
		return registered(t, rules).At(moment("2026-02-01")).Given(fine).When(in, mail).Then(received(mail, "2026-03-11"))
	}
	s().When(on("2026-03-06", rules), accept).Then(refused(ground(30)))
	registered(t, rules).At(moment("2026-03-01T12:00:00+05:00")).Given(fine).When(in, mail).Then(received(mail, "2026-03-11")).
		When(on("2026-03-06", rules), accept).Then(refused(ground(30)))
	registered(t, rules).At(moment("2026-03-02")).Given(fine).When(in, mail).Then(received(mail, "2026-03-11")).
		When(on("2026-03-06", rules), accept).Then(consent.WithdrawalAccepted{NoticeID: id(20)})
	registered(t, rules).When(on("2026-03-06", rules), accept).Refused("notice-not-found")
}

// P-2.2: the days are those of the terms in force on the day of receipt, however late the notice is entered.
func TestWithdrawalByTheTermsOfItsDay(t *testing.T) {
	rules := published() // from 1 June a withdrawal takes five days
	for _, c := range []struct{ receivedOn, entered, effective string }{
		{"2026-05-31", "2026-05-31", "2026-06-10"}, {"2026-05-31", "2026-07-15", "2026-06-10"}, {"2026-06-01", "2026-06-01", "2026-06-06"},
	} {
		w := posted(c.receivedOn)
		registered(t, rules).When(on(c.entered, rules), w).Then(received(w, c.effective))
	}
	registered(t, rules).When(on("2026-05-31", rules), consent.Withdraw{Channel: "e-mail"}).Refused("invalid-request", "P-2.2")
	registered(t, rules).When(on("2026-05-31", rules), posted("2019-01-01")).Refused("never-consented", "P-2.2")
}
