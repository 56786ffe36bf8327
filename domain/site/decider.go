package site

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"kelisim/domain"
	"kelisim/domain/calendar"
)

// Decider is the book's rules.
var Decider = domain.Decider[Command, State, Event]{Decide: decide, Evolve: evolve}

var (
	slug    = regexp.MustCompile(`^[a-z][a-z0-9-]{0,63}$`)
	version = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	hexHash = regexp.MustCompile(`^[0-9a-f]{64}$`)
	bin     = regexp.MustCompile(`^[0-9]{12}$`)
)

// ValidPurpose tells whether a purpose is well formed; whether it is covered is another question.
func ValidPurpose(s string) bool { return slug.MatchString(s) }

// ValidDocument tells whether a reference to a document's version is well formed.
func ValidDocument(id, v, sha string) bool {
	return slug.MatchString(id) && version.MatchString(v) && hexHash.MatchString(sha)
}

func decide(s State, c Command, in domain.Context) ([]Event, error) {
	switch c := c.(type) {
	case PublishDocument:
		return publish(s, c)
	case SetTariff:
		return setTariff(s, c, in)
	case SetParameters:
		return setParameters(c)
	case ImposeRestriction:
		return impose(s, c, in)
	case LiftRestriction:
		return lift(s, c, in)
	}
	panic("unhandled site command")
}

func publish(s State, c PublishDocument) ([]Event, error) {
	switch {
	case !slug.MatchString(c.ID):
		return nil, domain.Malformed("/id", "a document id is a word of small letters, digits and hyphens")
	case !version.MatchString(c.Version):
		return nil, domain.Malformed("/version", "a version is a word of letters, digits, dots and hyphens")
	case !domain.ValidLanguage(c.Language):
		return nil, domain.Malformed("/language", "a language is a tag such as kk, ru or en")
	case c.Content == "" || len(c.Content) > 512<<10:
		return nil, domain.Malformed("/content", "the text has 1 to 524288 bytes")
	case c.InForceFrom.IsZero():
		return nil, domain.Malformed("/in_force_from", "say from when it is in force")
	case c.FullSHA256 != "" && !hexHash.MatchString(c.FullSHA256):
		return nil, domain.Malformed("/full_sha256", "a SHA-256 is 64 small hexadecimal digits")
	}
	for _, p := range c.Purposes {
		if !slug.MatchString(p) {
			return nil, domain.Malformed("/purposes", "a purpose is a word of small letters, digits and hyphens").By("P-2.3")
		}
	}
	purposes := c.Purposes
	switch {
	case c.ID != dataDocument && len(purposes) > 0:
		return nil, domain.Malformed("/purposes", "only the agreement on personal data, %s, has purposes", dataDocument).By("P-2.3")
	case c.ID == dataDocument && len(purposes) == 0:
		purposes = slices.Clone(DefaultPurposes)
	}
	sum := sha256.Sum256([]byte(c.Content))
	hash := hex.EncodeToString(sum[:])
	if old, ok := s.Document(c.ID, c.Version, c.Language); ok {
		if old.SHA256 == hash && old.InForceFrom.Equal(c.InForceFrom.Time) && slices.Equal(old.Purposes, purposes) && old.FullSHA256 == c.FullSHA256 {
			return nil, nil
		}
		return nil, domain.Refuse(domain.Conflict, "document-published", "this version stands already in this language; publish the change under a new version")
	}
	return []Event{DocumentPublished{c.ID, c.Version, c.Language, hash, []byte(c.Content), c.InForceFrom.UTC(), purposes, c.FullSHA256}}, nil
}

// setTariff holds the period against the terms that will be in force with the price: new terms are set before
// their prices.
func setTariff(s State, c SetTariff, in domain.Context) ([]Event, error) {
	if c.InForceFrom.IsZero() {
		return nil, domain.Malformed("/in_force_from", "say from when it is in force")
	}
	p := s.ParametersAt(c.InForceFrom.Time)
	if p.TermsVersion == "" {
		p = in.Parameters
	}
	switch {
	case !slices.Contains(p.Periods, c.Months):
		return nil, domain.Refuse(domain.Invalid, "period-not-offered",
			"the terms in force then offer the periods %v months; set their parameters before a price", p.Periods).At("/months").By("T-2.1")
	case c.Price.Minor <= 0:
		return nil, domain.Malformed("/price", "a price is more than nothing")
	}
	return []Event{TariffSet{c.Months, c.Price, c.InForceFrom.UTC()}}, nil
}

func setParameters(c SetParameters) ([]Event, error) {
	p := c.Parameters
	switch {
	case c.InForceFrom.IsZero():
		return nil, domain.Malformed("/in_force_from", "say from when they are in force")
	case !version.MatchString(p.TermsVersion):
		return nil, domain.Malformed("/terms_version", "name the version of the terms that they belong to")
	case p.TrialMonths < 0 || p.TrialMonths > 120:
		return nil, domain.Malformed("/trial_months", "from 0 to 120 months")
	case len(p.Periods) == 0 || slices.Min(p.Periods) < 1 || slices.Max(p.Periods) > 120:
		return nil, domain.Malformed("/periods", "periods of 1 to 120 months")
	case p.WithdrawalDays < 0 || p.WithdrawalDays > 366:
		return nil, domain.Malformed("/withdrawal_days", "from 0 to 366 days")
	case p.WithdrawalEdge != domain.StartOfDay && p.WithdrawalEdge != domain.EndOfDay:
		return nil, domain.Malformed("/withdrawal_edge", "start-of-day or end-of-day")
	case p.Fine.Minor < 0 || p.Fine.Currency == "":
		return nil, domain.Malformed("/fine", "a sum of money")
	case p.OrderHours < 1 || p.OrderHours > 24*366:
		return nil, domain.Malformed("/order_hours", "from 1 to 8784 hours")
	case p.SupportFrom < 0 || p.SupportUntil > 24 || p.SupportFrom >= p.SupportUntil:
		return nil, domain.Malformed("/support_from", "support answers from one hour of the day to a later one")
	case p.SupportHours < 1 || p.SupportHours > 10_000:
		return nil, domain.Malformed("/support_hours", "from 1 to 10000 working hours")
	}
	for _, h := range p.Holidays {
		if _, err := calendar.ParseDay(h); err != nil {
			return nil, domain.Malformed("/holidays", "a holiday is a day, YYYY-MM-DD").By("T-4.2")
		}
	}
	if p.Operator != nil {
		if err := checkOperator(*p.Operator); err != nil {
			return nil, err
		}
	}
	return []Event{ParametersSet{c.InForceFrom.UTC(), p}}, nil
}

// checkOperator wants all that a receipt must say of the company.
func checkOperator(o domain.Operator) error {
	line := func(s string) bool {
		return s != "" && len(s) <= 500 && strings.TrimSpace(s) == s && !strings.ContainsFunc(s, unicode.IsControl)
	}
	switch {
	case !line(o.Name):
		return domain.Malformed("/operator/name", "the company's name, one line")
	case !bin.MatchString(o.BIN):
		return domain.Malformed("/operator/bin", "a BIN is twelve digits")
	case !line(o.Address):
		return domain.Malformed("/operator/address", "the address to which notices are posted, one line").By("P-2.2")
	case !line(o.Contact) || !strings.Contains(o.Contact, "@"):
		return domain.Malformed("/operator/contact", "an e-mail address")
	}
	return nil
}

func impose(s State, c ImposeRestriction, in domain.Context) ([]Event, error) {
	k := c.Category
	if !k.All && len(k.Locations) == 0 && len(k.Languages) == 0 {
		return nil, domain.Malformed("/category", "name locations, languages, or all")
	}
	if k.All && (len(k.Locations) > 0 || len(k.Languages) > 0) {
		return nil, domain.Malformed("/category", "all stands alone")
	}
	for _, l := range k.Locations {
		if !domain.ValidLocation(l) {
			return nil, domain.Malformed("/category/locations", "a location is a code such as KZ or KZ-71")
		}
	}
	for _, l := range k.Languages {
		if !domain.ValidLanguage(l) {
			return nil, domain.Malformed("/category/languages", "a language is a tag such as kk, ru or en")
		}
	}
	id, err := in.NewID(c.RestrictionID, "restriction")
	if err != nil {
		return nil, err
	}
	for _, r := range s.restrictions {
		if r.ID == id {
			return nil, domain.Refuse(domain.Conflict, "restriction-exists", "a restriction of this id stands already")
		}
	}
	return []Event{RestrictionImposed{id, k, c.Reason}}, nil
}

func lift(s State, c LiftRestriction, in domain.Context) ([]Event, error) {
	for _, r := range s.restrictions {
		if r.ID != c.RestrictionID {
			continue
		}
		if !r.Until.IsZero() {
			return nil, domain.Refuse(domain.Conflict, "restriction-lifted", "the restriction was lifted already").By("T-1.3")
		}
		if in.OccurredAt.Before(r.Since) {
			return nil, domain.Malformed("/occurred_at", "a restriction is not lifted before it is imposed")
		}
		return []Event{RestrictionLifted(c)}, nil
	}
	return nil, domain.Refuse(domain.NotFound, "restriction-not-found", "there is no such restriction")
}
