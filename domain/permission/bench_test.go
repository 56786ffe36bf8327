package permission_test

import (
	"fmt"
	"testing"
	"time"

	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/consent"
	"kelisim/domain/permission"
	"kelisim/domain/site"
	"kelisim/domain/subscription"
)

// aSite has published twice in three languages and restricted five categories.
func aSite() site.State {
	facts := []fact{published}
	for i := range 5 {
		facts = append(facts, fact{"2026-01-01", site.RestrictionImposed{RestrictionID: fmt.Sprint(i), Category: site.Category{Locations: []string{fmt.Sprintf("X%d", i)}}}})
	}
	return rules(facts...)
}

// typical has registered, bought twice and stands consented.
func typical() permission.Books {
	return books(registered, trial, given, paid("2026-03-01", 1), fact{"2026-03-01", consent.Given{ConsentID: "d", Purposes: []string{research, advertising}}}, paid("2026-05-01", 3))
}

// heavy is a life of 200 events: 40 rounds of a press, a payment, a notice, a block and its end.
func heavy() permission.Books {
	facts := []fact{registered, trial}
	for i := range 40 {
		on := day("2026-02-01").AddDays(30 * i)
		at := func(days int) string { return on.AddDays(days).Start().Format(time.RFC3339) }
		facts = append(facts,
			fact{at(0), consent.Given{ConsentID: fmt.Sprint(i), Purposes: []string{research, advertising}, Day: on}},
			fact{at(0), subscription.PaymentCompleted{OrderID: fmt.Sprint(i), Provider: "p", TransactionID: fmt.Sprint(i), PaidAt: on.Start(), Amount: domain.KZT(4990), Months: 1}},
			fact{at(5), consent.WithdrawalNoticeReceived{NoticeID: fmt.Sprint(i), ReceivedOn: on.AddDays(5), PerTerms: true, EffectiveOn: on.AddDays(15), EffectiveFrom: on.AddDays(15).Start()}},
			fact{at(20), account.Blocked{Clause: "T-1.4"}}, fact{at(21), account.Unblocked{}})
	}
	return books(facts[:200]...)
}

// BenchmarkAccess and BenchmarkProcessing ask as of the middle of the life, and as of its end, where every boundary lies in the past.
func BenchmarkAccess(b *testing.B) {
	s := aSite()
	for name, who := range map[string]permission.Books{"typical": typical(), "heavy": heavy()} {
		for when, at := range map[string]time.Time{"middle": moment("2026-04-01"), "end": moment("2035-01-01")} {
			b.Run(name+"/"+when, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					permission.Access(who, s, permission.Place{}, at)
				}
			})
		}
	}
}

func BenchmarkProcessing(b *testing.B) {
	s := aSite()
	for name, who := range map[string]permission.Books{"typical": typical(), "heavy": heavy()} {
		for when, at := range map[string]time.Time{"middle": moment("2026-04-01"), "end": moment("2035-01-01")} {
			b.Run(name+"/"+when, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					permission.Processing(who, s, research, "use", at)
				}
			})
			b.Run(name+"/"+when+"/only", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					permission.ProcessingOnly(who, s, research, "use", at)
				}
			})
		}
	}
}
