package consent_test

import (
	"testing"
	"time"

	"kelisim/domain"
	"kelisim/domain/consent"
)

var (
	debt   = consent.Ground{Code: "unfulfilled-obligation", Clause: "P-2.6", ObligationID: id(50)}
	byHold = consent.Ground{Code: "legal-hold", Clause: "P-2.6", HoldID: id(60)}
	hold   = consent.LegalHoldSet{HoldID: id(60), Basis: "Tax Code, art. 190", Acts: []string{"store"}}
	lifted = consent.LegalHoldLifted{HoldID: id(60)}
)

// P-2.6, decision 4: a notice is refused while an obligation stands, with each ground listed; the consent goes on.
func TestRefusedForObligations(t *testing.T) {
	other := consent.Ground{Code: "unfulfilled-obligation", Clause: "P-2.6", ObligationID: id(51)}
	w := posted(2, "2024-05-01")
	w.Owed = []consent.Ground{debt, other}
	s := book(t).At(moment("2024-03-01")).Given(hold).
		When(on("2024-05-01"), w).
		Then(notice(w, "2024-05-11"), consent.WithdrawalRefused{NoticeID: id(2), Grounds: []consent.Ground{debt, other, byHold}}).
		State()
	wantStatuses(t, s, research, "2024-05-01 given", "2024-05-11 given")
	n, _ := s.Notice(id(2))
	for _, at := range []string{"2024-05-01", "2024-05-11"} {
		if got := n.StatusAt(moment(at)); got != consent.StatusRefused {
			t.Errorf("at %s the notice is %s", at, got)
		}
	}
	if len(n.Grounds) != 3 || n.RefusedByOfficer {
		t.Errorf("the refusal keeps its grounds: %+v", n.Grounds)
	}
}

// P-2.6, decision 4: what counts is what stands at the end of the day of receipt. A hold that ends with that day stood;
// one that begins with the next did not.
func TestHoldAtTheEndOfTheDay(t *testing.T) {
	end := moment("2024-05-02") // of 1 May
	for name, c := range map[string]struct {
		set, lifted time.Time
		refused     bool
	}{
		"long before":                    {moment("2024-02-01"), time.Time{}, true},
		"in the last moment of the day":  {end.Add(-1), time.Time{}, true},
		"with the next day":              {end, time.Time{}, false},
		"lifted on the day":              {moment("2024-02-01"), end.Add(-1), false},
		"lifted when the day was over":   {moment("2024-02-01"), end, true},
		"lifted on the next day":         {moment("2024-02-01"), end.Add(1), true},
		"set and lifted on the same day": {moment("2024-05-01T08:00:00+05:00"), moment("2024-05-01T20:00:00+05:00"), false},
	} {
		t.Run(name, func(t *testing.T) {
			s := book(t).At(c.set).Given(hold)
			if !c.lifted.IsZero() {
				s.At(c.lifted).Given(lifted)
			}
			w := posted(2, "2024-05-01")
			made := s.When(on("2024-05-05"), w)
			if c.refused {
				made.Then(notice(w, "2024-05-11"), consent.WithdrawalRefused{NoticeID: id(2), Grounds: []consent.Ground{byHold}})
			} else {
				made.Then(notice(w, "2024-05-11"))
			}
		})
	}
}

// Decision 4: a refused notice does not revive; a new one names it, also where it is the same letter.
func TestRetry(t *testing.T) {
	w := posted(2, "2024-05-01")
	refused := consent.WithdrawalRefused{NoticeID: id(2), Grounds: []consent.Ground{debt}}
	given := func() *story { return book(t).At(moment("2024-05-01")).Given(notice(w, "2024-05-11"), refused) }
	for _, c := range []consent.Command{consent.RescindWithdrawal{NoticeID: id(2)}, consent.AcceptWithdrawal{NoticeID: id(2)},
		consent.RefuseWithdrawal{NoticeID: id(2), Ground: text("x")}} {
		given().When(on("2024-05-02"), c).Refused("notice-refused", "P-2.6")
	}
	retry := posted(3, "2024-06-01")
	retry.RetryOf = id(2)
	s := given().When(on("2024-06-01"), retry).Then(notice(retry, "2024-06-11")).State()
	wantStatuses(t, s, research, "2024-05-20 given", "2024-06-01 withdrawal-pending", "2024-06-11 withdrawn")

	same := w
	same.NoticeID, same.RetryOf = id(3), id(2)
	given().When(on("2024-06-01"), same).Then(notice(same, "2024-05-11"))
}

// Decision 8: a notice by another channel is recorded; its clock starts only when an officer accepts it, and then counts from its receipt.
func TestAnotherChannel(t *testing.T) {
	mail := consent.Withdraw{NoticeID: id(2), ReceivedOn: day("2024-05-01"), Channel: "e-mail", Owed: []consent.Ground{debt}}
	accepted := consent.WithdrawalAccepted{NoticeID: id(2), Ground: text("signed by key")}
	waits := book(t).At(moment("2024-02-01")).Given(hold).When(on("2024-05-01"), mail).Then(notice(mail, "2024-05-11"))
	if n, _ := waits.State().Notice(id(2)); n.StatusAt(moment("2024-06-01")) != consent.StatusNotPerTerms {
		t.Errorf("nobody accepted it, and it is %s", n.StatusAt(moment("2024-06-01")))
	}
	wantStatuses(t, waits.State(), research, "2024-05-02 given", "2024-06-01 given")
	// What stood at the end of the day of its receipt is asked when it is accepted.
	waits.When(on("2024-05-20"), consent.AcceptWithdrawal{NoticeID: id(2), Owed: []consent.Ground{debt}}).
		Then(consent.WithdrawalRefused{NoticeID: id(2), Grounds: []consent.Ground{debt, byHold}})

	fresh := func() *story { return book(t).At(moment("2024-05-01")).Given(notice(mail, "2024-05-11")) }
	s := fresh().When(on("2024-05-20"), consent.AcceptWithdrawal{NoticeID: id(2), Ground: text("signed by key")}).Then(accepted).
		When(on("2024-05-21"), consent.AcceptWithdrawal{NoticeID: id(2)}).Refused("withdrawal-effective", "P-2.2").State()
	wantStatuses(t, s, research, "2024-04-30 given", "2024-05-01 withdrawal-pending", "2024-05-11 withdrawn")
	s = fresh().When(on("2024-05-05"), consent.AcceptWithdrawal{NoticeID: id(2), Ground: text("signed by key")}).Then(accepted).
		When(on("2024-05-06"), consent.AcceptWithdrawal{NoticeID: id(2)}).Refused("notice-accepted", "P-2.2").State()
	wantStatuses(t, s, research, "2024-05-10 withdrawal-pending", "2024-05-11 withdrawn")

	// It can be turned down at any time: its clock does not run.
	late := consent.WithdrawalRefused{NoticeID: id(2), Grounds: []consent.Ground{{Code: "officer", Clause: "P-2.6"}}, ByOfficer: true, Ground: text("not from the person")}
	fresh().When(on("2024-07-01"), consent.RefuseWithdrawal{NoticeID: id(2), Ground: text("not from the person")}).Then(late)

	w := posted(3, "2024-05-01")
	book(t).At(moment("2024-05-01")).Given(notice(w, "2024-05-11")).When(on("2024-05-02"), consent.AcceptWithdrawal{NoticeID: id(3)}).
		Refused("notice-accepted", "P-2.2")
}

// Decisions 4 and 6: a notice is rescinded, or refused by an officer, before its effect and never after.
func TestBeforeTheEffect(t *testing.T) {
	w := posted(2, "2024-05-01")
	running := func() *story { return book(t).At(moment("2024-05-02")).Given(notice(w, "2024-05-11")) }
	rescind, refuse := consent.RescindWithdrawal{NoticeID: id(2), Ground: text("changed mind")}, consent.RefuseWithdrawal{NoticeID: id(2), Ground: text("forged")}
	rescinded := consent.WithdrawalRescinded(rescind)
	refused := consent.WithdrawalRefused{NoticeID: id(2), Grounds: []consent.Ground{{Code: "officer", Clause: "P-2.6"}}, ByOfficer: true, Ground: text("forged")}
	last := domain.Context{OccurredAt: moment("2024-05-11").Add(-1), Actor: officer}

	for name, c := range map[string]struct {
		command consent.Command
		event   consent.Event
		code    []string
		status  string
	}{
		"rescinded": {rescind, rescinded, []string{"notice-rescinded", "P-2.2"}, consent.StatusRescinded},
		"refused":   {refuse, refused, []string{"notice-refused", "P-2.6"}, consent.StatusRefused},
	} {
		t.Run(name, func(t *testing.T) {
			running().When(on("2024-05-11"), c.command).Refused("withdrawal-effective", "P-2.2")
			running().When(on("2024-06-11"), c.command).Refused("withdrawal-effective", "P-2.2")
			running().When(last, c.command).Then(c.event)
			running().When(domain.Context{OccurredAt: moment("2024-05-01").Add(-1), Actor: officer}, c.command).Refused("invalid-request")
			running().When(on("2024-05-01"), c.command).Then(c.event)
			s := running().When(on("2024-05-06"), c.command).Then(c.event).
				When(on("2024-05-07"), c.command).Refused(c.code[0], c.code[1]).
				When(on("2024-05-05"), c.command).Refused("notice-decided", "P-2.2").
				State()
			wantStatuses(t, s, research, "2024-04-30 given", "2024-05-01 withdrawal-pending", "2024-05-06 given", "2024-05-11 given")
			n, _ := s.Notice(id(2))
			for at, want := range map[string]string{"2024-05-05": consent.StatusPending, "2024-05-06": c.status, "2024-05-11": c.status} {
				if got := n.StatusAt(moment(at)); got != want {
					t.Errorf("at %s the notice is %s, want %s", at, got, want)
				}
			}
		})
	}
	running().When(on("2024-05-06"), consent.RescindWithdrawal{NoticeID: id(3)}).Refused("notice-not-found")
	two := running().Given(notice(posted(3, "2024-05-02"), "2024-05-12")).When(on("2024-05-06"), rescind).Then(rescinded).State()
	wantStatuses(t, two, research, "2024-05-11 withdrawal-pending", "2024-05-12 withdrawn")
	running().When(on("2024-05-06"), consent.RefuseWithdrawal{NoticeID: id(2)}).Refused("invalid-request", "P-2.6")
}

// Decision 4: a refusal is the Company's own act: none is entered once the withdrawal has taken effect, whatever day it names. What
// the person wrote in time may become known later.
func TestEnteredAfterTheEffect(t *testing.T) {
	w := posted(2, "2024-05-01")
	running := func() *story { return book(t).At(moment("2024-05-02")).Given(notice(w, "2024-05-11")) }
	late := domain.Context{OccurredAt: moment("2024-05-06"), Now: moment("2024-05-11"), Actor: officer}
	running().When(late, consent.RefuseWithdrawal{NoticeID: id(2), Ground: text("x")}).Refused("withdrawal-effective", "P-2.2")
	s := running().When(late, consent.RescindWithdrawal{NoticeID: id(2)}).Then(consent.WithdrawalRescinded{NoticeID: id(2)}).State()
	wantStatuses(t, s, research, "2024-05-05 withdrawal-pending", "2024-05-06 given", "2024-05-12 given")
	late.Now = moment("2024-05-11").Add(-1)
	running().When(late, consent.RefuseWithdrawal{NoticeID: id(2), Ground: text("x")}).
		Then(consent.WithdrawalRefused{NoticeID: id(2), Grounds: []consent.Ground{{Code: "officer", Clause: "P-2.6"}}, ByOfficer: true, Ground: text("x")})
}
