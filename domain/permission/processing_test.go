package permission_test

import (
	"strings"
	"testing"

	"kelisim/domain/account"
	"kelisim/domain/consent"
	"kelisim/domain/permission"
	"kelisim/domain/site"
)

// byConsent are the acts that rest on consent alone; store is between them and the duties.
var byConsent = []string{"collect", "systematise", "accumulate", "update", "use", "distribute", "transfer", "transfer-cross-border"}

var (
	given = fact{registered.at, consent.Given{ConsentID: "c", Purposes: []string{research, advertising}, Day: day("2026-01-12")}}
	hold  = fact{"2026-03-05", consent.LegalHoldSet{HoldID: "h", Acts: []string{"store"}}}
)

func notice(purposes ...string) fact {
	return fact{"2026-03-02T10:00:00+05:00", consent.WithdrawalNoticeReceived{NoticeID: "n", ReceivedOn: day("2026-03-01"), Channel: consent.RegisteredPost, PerTerms: true,
		Purposes: purposes, EffectiveOn: day("2026-03-11"), EffectiveFrom: moment("2026-03-11")}}
}

func wantProcessing(t *testing.T, b permission.Books, purpose string, acts []string, at, status, want string) {
	t.Helper()
	for _, act := range acts {
		p := permission.Processing(b, rules(published), purpose, act, moment(at))
		if got := short(said(p.Answer)); got != want {
			t.Errorf("%s for %s on %s is\n     %s\nwant %s", act, purpose, at, got, want)
		}
		if p.Status != status || p.Purpose != purpose || p.Act != act {
			t.Errorf("%s for %s on %s has status %q for %s by %s, want %s", act, purpose, at, p.Status, p.Purpose, p.Act, status)
		}
		only := permission.ProcessingOnly(b, rules(published), purpose, act, moment(at))
		if p.NextChangeAt = nil; said(only.Answer) != said(p.Answer) || only.Status != p.Status {
			t.Errorf("%s for %s on %s is answered otherwise in a list: %s", act, purpose, at, said(only.Answer))
		}
	}
}

// P-2.2, P-2.6: consent from the press on, through the ten days, and not after.
func TestProcessingByConsent(t *testing.T) {
	acts := append([]string{"store"}, byConsent...)
	b := books(registered, given, notice())
	wantProcessing(t, b, research, acts, "2026-01-01", "never-given", "false; never-consented P-2.2 – ; then 2026-01-12T11:00")
	wantProcessing(t, b, research, acts, "2026-01-12T11:00:00+05:00", "given", "true; consent-given P-2.2 2026-01-12T11:00– #1; then 2026-03-01")
	wantProcessing(t, b, research, acts, "2026-03-01", "withdrawal-pending", "true; withdrawal-pending P-2.2 2026-03-01–2026-03-11 #1,#2; then 2026-03-11")
	wantProcessing(t, b, research, acts, "2026-03-10T23:59:59+05:00", "withdrawal-pending", "true; withdrawal-pending P-2.2 2026-03-01–2026-03-11 #1,#2; then 2026-03-11")
	wantProcessing(t, b, research, acts, "2026-03-11", "withdrawn", "false; withdrawn P-2.2 2026-03-11– #1,#2; then ")

	again := books(registered, given, notice(), fact{"2026-05-01", consent.Given{ConsentID: "d", Purposes: []string{research}}})
	wantProcessing(t, again, research, acts, "2026-03-11", "withdrawn", "false; withdrawn P-2.2 2026-03-11– #1,#2; then 2026-05-01")
	wantProcessing(t, again, research, acts, "2026-05-01", "given", "true; consent-given P-2.2 2026-05-01– #3; then ")

	// Decision 8: the acceptance of a notice by another channel is among what decided.
	mail := notice().data.(consent.WithdrawalNoticeReceived)
	mail.Channel, mail.PerTerms = "e-mail", false
	waiting := books(registered, given, fact{"2026-03-01", mail})
	wantProcessing(t, waiting, research, acts, "2026-04-01", "given", "true; consent-given P-2.2 2026-01-12T11:00– #1; then ")
	accepted := books(registered, given, fact{"2026-03-01", mail}, fact{"2026-03-05", consent.WithdrawalAccepted{NoticeID: "n"}})
	wantProcessing(t, accepted, research, acts, "2026-04-01", "withdrawn", "false; withdrawn P-2.2 2026-03-11– #1,#2,#3; then ")
}

// P-2.3: consent covers the purposes of its version. A purpose that stands in no agreement is none that could ever be consented to.
func TestProcessingByPurpose(t *testing.T) {
	b := books(registered, given)
	wantProcessing(t, b, "telemarketing", byConsent, "2026-02-01", "never-given", "false; purpose-not-covered P-2.3 – ; then ")
	wantProcessing(t, b, "profiling", byConsent, "2026-02-01", "never-given", "false; purpose-not-covered P-2.3 – ; then ")
	wantProcessing(t, books(registered), "telemarketing", byConsent, "2026-02-01", "never-given", "false; never-consented P-2.2 – ; then ")
	wantProcessing(t, books(registered), "profiling", byConsent, "2026-02-01", "never-given", "false; purpose-not-covered P-2.3 – ; then ")
	if p := permission.Processing(b, site.State{}, research, "use", moment("2026-02-01")); !p.Allowed {
		t.Error("a consent stands by itself, whatever else is published")
	}

	scoped := books(registered, given, notice(advertising))
	wantProcessing(t, scoped, advertising, byConsent, "2026-03-11", "withdrawn", "false; withdrawn P-2.2 2026-03-11– #1,#2; then ")
	wantProcessing(t, scoped, research, byConsent, "2026-03-11", "given", "true; consent-given P-2.2 2026-01-12T11:00– #1; then ")
}

// P-2.5: to block, depersonalise and destroy is a duty that needs no consent, from the receipt of the data on.
func TestDuties(t *testing.T) {
	duties := []string{"block", "depersonalise", "destroy"}
	for status, b := range map[string]permission.Books{
		"never-given": books(registered), "withdrawn": books(registered, given, notice()),
	} {
		wantProcessing(t, b, research, duties, "2026-06-01", status, "true; duty P-2.5 2026-01-12T11:00– #0; then ")
		wantProcessing(t, b, research, duties, "2026-01-01", "never-given", "false; never-consented P-2.2 – ; then 2026-01-12T11:00")
	}
}

// P-2.6: after a withdrawal data are stored under a legal hold and not otherwise; a hold allows no other act.
func TestStoreUnderHold(t *testing.T) {
	b := books(registered, given, notice(), hold, fact{"2026-06-01", consent.LegalHoldLifted{HoldID: "h"}})
	store := []string{"store"}
	wantProcessing(t, b, research, store, "2026-03-06", "withdrawal-pending", "true; withdrawal-pending P-2.2 2026-03-01–2026-03-11 #1,#2; then 2026-03-11")
	wantProcessing(t, b, research, store, "2026-03-11", "withdrawn", "true; duty P-2.6 2026-03-05–2026-06-01 #3; then 2026-06-01")
	wantProcessing(t, b, research, store, "2026-06-01", "withdrawn", "false; withdrawn P-2.2 2026-03-11– #1,#2; then ")
	wantProcessing(t, b, research, byConsent, "2026-03-11", "withdrawn", "false; withdrawn P-2.2 2026-03-11– #1,#2; then ")
}

// P-1.5: a block of the data suspends every act, destruction included, but keeping them and keeping them blocked.
func TestDataBlocked(t *testing.T) {
	b := books(registered, given, fact{"2026-02-01", account.DataBlocked{Basis: "complaint"}}, fact{"2026-02-10", account.DataUnblocked{Basis: "settled"}})
	suspended := append([]string{"depersonalise", "destroy"}, byConsent...)
	wantProcessing(t, b, research, byConsent, "2026-01-31", "given", "true; consent-given P-2.2 2026-01-12T11:00– #1; then 2026-02-01")
	wantProcessing(t, b, research, suspended, "2026-02-01", "data-blocked", "false; data-blocked P-1.5 2026-02-01–2026-02-10 #2; then 2026-02-10")
	wantProcessing(t, b, research, []string{"store"}, "2026-02-01", "data-blocked", "true; consent-given P-2.2 2026-01-12T11:00– #1; then ")
	wantProcessing(t, b, research, []string{"block"}, "2026-02-01", "data-blocked", "true; duty P-2.5 2026-01-12T11:00– #0; then ")
	wantProcessing(t, b, research, byConsent, "2026-02-10", "given", "true; consent-given P-2.2 2026-01-12T11:00– #1; then ")

	withdrawn := books(registered, given, notice(), fact{"2026-04-01", account.DataBlocked{Basis: "complaint"}})
	wantProcessing(t, withdrawn, research, []string{"store"}, "2026-04-01", "data-blocked", "false; withdrawn P-2.2 2026-03-11– #1,#2; then ")
	wantProcessing(t, withdrawn, research, []string{"use"}, "2026-04-01", "data-blocked", "false; data-blocked P-1.5 2026-04-01– #3; then ")
}

// P-1.5, P-2.5: who was depersonalised is nobody to process; what is left of the data can still be destroyed, and then nothing is left.
func TestErased(t *testing.T) {
	b := books(registered, given, fact{"2026-05-01", account.Depersonalised{}}, fact{"2026-06-01", account.Destroyed{}})
	most := append([]string{"store", "block", "depersonalise"}, byConsent...)
	wantProcessing(t, b, research, byConsent, "2026-04-30", "given", "true; consent-given P-2.2 2026-01-12T11:00– #1; then 2026-05-01")
	wantProcessing(t, b, research, most, "2026-05-01", "depersonalised", "false; depersonalised P-2.5 2026-05-01– #2; then 2026-06-01")
	wantProcessing(t, b, research, []string{"destroy"}, "2026-05-01", "depersonalised", "true; duty P-2.5 2026-01-12T11:00– #0; then 2026-06-01")
	wantProcessing(t, b, research, append([]string{"destroy"}, most...), "2026-06-01", "destroyed", "false; destroyed P-2.5 2026-06-01– #3; then ")

	// A block of the data keeps what is left from being destroyed.
	b = books(registered, given, fact{"2026-05-01", account.Depersonalised{}}, fact{"2026-05-10", account.DataBlocked{}})
	wantProcessing(t, b, research, []string{"destroy"}, "2026-05-10", "depersonalised", "false; data-blocked P-1.5 2026-05-10– #3; then ")
}

// P-1.5 names the acts; each belongs to one of the classes above.
func TestActs(t *testing.T) {
	all := strings.Join(consent.Acts, " ")
	for _, act := range append([]string{"store", "block", "depersonalise", "destroy"}, byConsent...) {
		if !strings.Contains(" "+all+" ", " "+act+" ") {
			t.Errorf("%s is an act of P-1.5", act)
		}
	}
	if n := len(consent.Acts); n != len(byConsent)+4 {
		t.Errorf("there are %d acts, %d are tested", n, len(byConsent)+4)
	}
}
