package projections

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/consent"
	"kelisim/domain/permission"
	"kelisim/domain/user"
)

// UserStanding is what a list tells of one user as of a moment, beside who it is. It holds codes, ids, days and moments, and nothing personal. The
// restrictions of the site (T-1.3) are not in it: they are nobody's own.
type UserStanding struct {
	// Status is destroyed, depersonalised, blocked or active: the first that holds (P-2.5, T-3.8).
	Status string `json:"status"`
	// Blocked tells of the cabinet (T-3.8), DataBlocked of the data (P-1.5); either may stand beside a depersonalisation.
	Blocked     bool             `json:"blocked"`
	DataBlocked bool             `json:"data_blocked"`
	Coverage    UserCoverage     `json:"coverage"`
	Plan        int              `json:"plan"` // months of the period that was paid for last; 0: none was
	Consents    []UserConsent    `json:"consents"`
	Obligations []UserObligation `json:"obligations"` // that stand
	LegalHolds  int              `json:"legal_holds"` // that stand
	Documents   []UserDocument   `json:"documents"`   // of each, the version accepted last
	Location    string           `json:"location,omitempty"`
	Language    string           `json:"language,omitempty"`
}

// UserCoverage is how use stands (T-2.1): trial, paid, granted, lapsed or not-started, and when it ends or ended.
type UserCoverage struct {
	Status string     `json:"status"`
	Until  *time.Time `json:"until"`
}

// UserConsent is how consent stands for one purpose that the user ever consented to: the status that the question about processing answers (P-2.2).
type UserConsent struct {
	Purpose string `json:"purpose"`
	Status  string `json:"status"`
	// EffectiveFrom is when a pending withdrawal takes effect.
	EffectiveFrom *time.Time `json:"effective_from,omitempty"`
}

// UserObligation counts what is owed of one kind (T-6.6).
type UserObligation struct {
	Kind  string `json:"kind"`
	Count int    `json:"count"`
}

// UserDocument is a version that the user accepted.
type UserDocument struct {
	ID      string `json:"id"`
	Version string `json:"version"`
}

// phasesOf cuts what stands about a user, from the last entry on, at each moment at which some of it changes.
func phasesOf(id domain.UserID, f folded) []phase {
	s := f.state
	if !s.Account.Exists {
		return nil
	}
	var out []phase
	at, since := f.recorded, int64(0)
	for _, next := range append(changesAfter(s, f.recorded), time.Time{}) {
		p := phaseAt(s, at)
		p.registered, p.n, p.user, p.since, p.until = s.Account.Registered.At.UnixMicro(), f.first, string(id), since, forever
		if !next.IsZero() {
			p.until = next.UnixMicro()
		}
		if last := len(out) - 1; last >= 0 && out[last].standing == p.standing {
			out[last].until = p.until
		} else {
			out = append(out, p)
		}
		at, since = next, p.until
	}
	return out
}

// changesAfter are the moments after one at which what stands may change, in order, each rounded up to the microsecond: asked in whole microseconds,
// nothing is seen to change between.
func changesAfter(s user.State, after time.Time) []time.Time {
	all := slices.Concat(s.Subscription.Boundaries(), s.Consent.Boundaries())
	for _, k := range s.Account.Blocks {
		all = append(all, k.Since, k.Until)
	}
	for _, k := range s.Account.DataBlocks {
		all = append(all, k.Since, k.Until)
	}
	for _, p := range s.Account.Places() {
		all = append(all, p.Since)
	}
	for _, o := range s.Obligations.All() {
		all = append(all, o.DemandedAt, o.DischargedAt)
	}
	all = append(all, s.Account.Registered.At, s.Account.DepersonalisedAt.At, s.Account.DestroyedAt.At)
	var out []time.Time
	for _, t := range all {
		if up := t.Truncate(time.Microsecond); up.Before(t) {
			t = up.Add(time.Microsecond)
		}
		if t.After(after) {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, time.Time.Compare)
	return slices.CompactFunc(out, time.Time.Equal)
}

// phaseAt is what stands at a moment.
func phaseAt(s user.State, t time.Time) phase {
	place := s.Account.PlaceAt(t)
	v := UserStanding{Status: "active", Obligations: owed(s, t), LegalHolds: len(s.Consent.HeldAt(t.Add(1))), Documents: heldAt(s, t), Location: place.Location, Language: place.Language}
	_, v.Blocked = s.Account.BlockedAt(t)
	_, v.DataBlocked = s.Account.DataBlockedAt(t)
	data := "clear" // what stands before all consents
	if v.Blocked {
		v.Status = "blocked"
	}
	if v.DataBlocked {
		data = permission.DataBlocked
	}
	if come(s.Account.DepersonalisedAt, t) {
		v.Status, data = permission.Depersonalised, permission.Depersonalised
	}
	if come(s.Account.DestroyedAt, t) {
		v.Status, data = permission.Destroyed, permission.Destroyed
	}
	marks := []string{"status=" + v.Status, "data=" + data}
	v.Consents = consentsAt(s, t, data)
	for _, k := range v.Consents {
		if k.Status != consent.NeverGiven {
			marks = append(marks, "consent="+k.Status, "consent:"+k.Purpose+"="+k.Status)
		}
	}
	status, until := s.Subscription.StandingAt(t)
	v.Coverage.Status = status
	p := phase{}
	if !until.IsZero() {
		until = until.UTC()
		v.Coverage.Until, p.ends = &until, until.UnixMicro()
	}
	var paid time.Time
	for _, k := range s.Subscription.Payments() {
		if k.Event != "" && !k.PaidAt.After(t) && !k.PaidAt.Before(paid) {
			paid, v.Plan = k.PaidAt, k.Months
		}
	}
	marks = append(marks, "coverage="+status)
	marks = append(marks, either(v.Plan > 0, "plan="+strconv.Itoa(v.Plan))...)
	marks = append(marks, either(v.Plan == 0, "plan=none")...)
	marks = append(marks, either(v.Blocked, "block=account")...)
	marks = append(marks, either(v.DataBlocked, "block=data")...)
	marks = append(marks, either(!v.Blocked && !v.DataBlocked, "block=none")...)
	for _, o := range v.Obligations {
		marks = append(marks, "obligation="+o.Kind)
	}
	marks = append(marks, either(len(v.Obligations) > 0, "obligation=any")...)
	marks = append(marks, either(len(v.Obligations) == 0, "obligation=none")...)
	marks = append(marks, either(v.LegalHolds > 0, "hold=any")...)
	marks = append(marks, either(v.LegalHolds == 0, "hold=none")...)
	for _, d := range v.Documents {
		marks = append(marks, "document:"+d.ID+"="+d.Version, "document="+d.ID)
	}
	marks = append(marks, wider("location", v.Location)...)
	marks = append(marks, wider("language", v.Language)...)
	slices.Sort(marks)
	p.marks = " " + strings.Join(slices.Compact(marks), " ") + " "
	p.standing = v.text()
	return p
}

// text writes what stands as it is kept.
func (s UserStanding) text() string {
	out, err := json.Marshal(s)
	if err != nil { // it holds texts, numbers and moments alone
		panic("what stands about a user cannot be written: " + err.Error())
	}
	return string(out)
}

func either(holds bool, mark string) []string {
	if holds {
		return []string{mark}
	}
	return nil
}

// wider are the marks of a code and of each wider one: who is in KZ-71 is in KZ (T-1.3). Capitals do not matter.
func wider(name, code string) []string {
	var out []string
	code = strings.ToLower(code)
	for i := range len(code) + 1 {
		if i > 0 && (i == len(code) || code[i] == '-') {
			out = append(out, name+"="+code[:i])
		}
	}
	return out
}

func come(f account.Fact, t time.Time) bool { return f.Event != "" && !f.At.After(t) }

// consentsAt lists the purposes that were ever consented to, with how each stands.
func consentsAt(s user.State, t time.Time, data string) []UserConsent {
	out := []UserConsent{}
	for _, c := range s.Consent.Consents {
		for _, purpose := range c.Purposes {
			if slices.ContainsFunc(out, func(k UserConsent) bool { return k.Purpose == purpose }) {
				continue
			}
			standing := s.Consent.StandingAt(purpose, t)
			k := UserConsent{Purpose: purpose, Status: standing.Status}
			switch {
			case data != "clear":
				k.Status = data
			case standing.Status == "":
				k.Status = consent.NeverGiven
			case standing.Status == consent.WithdrawalPending:
				at := standing.Until.UTC()
				k.EffectiveFrom = &at
			}
			out = append(out, k)
		}
	}
	slices.SortFunc(out, func(a, b UserConsent) int { return strings.Compare(a.Purpose, b.Purpose) })
	return out
}

func owed(s user.State, t time.Time) []UserObligation {
	out := []UserObligation{}
	for _, o := range s.Obligations.StandingAt(t.Add(1)) {
		i := slices.IndexFunc(out, func(k UserObligation) bool { return k.Kind == o.Kind })
		if i < 0 {
			i, out = len(out), append(out, UserObligation{Kind: o.Kind})
		}
		out[i].Count++
	}
	slices.SortFunc(out, func(a, b UserObligation) int { return strings.Compare(a.Kind, b.Kind) })
	return out
}

// heldAt are the versions that the user accepted last.
func heldAt(s user.State, t time.Time) []UserDocument {
	type held struct {
		UserDocument
		at time.Time
	}
	var all []held
	take := func(a account.Acceptance, at time.Time) {
		for _, d := range a.Documents {
			i := slices.IndexFunc(all, func(h held) bool { return h.ID == d.ID })
			switch {
			case at.After(t):
			case i < 0:
				all = append(all, held{UserDocument{d.ID, d.Version}, at})
			case !at.Before(all[i].at):
				all[i] = held{UserDocument{d.ID, d.Version}, at}
			}
		}
	}
	take(s.Account.Acceptance, s.Account.Registered.At)
	for _, c := range s.Consent.Consents {
		take(c.Acceptance, c.At)
	}
	out := []UserDocument{}
	for _, h := range all {
		out = append(out, h.UserDocument)
	}
	slices.SortFunc(out, func(a, b UserDocument) int { return strings.Compare(a.ID, b.ID) })
	return out
}
