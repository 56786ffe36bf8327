package domain

// Parameters are the numbers of the published terms. They are data with a date and a terms version, set by
// site.parameters_set, so that an old decision is always explained by the numbers that held then.
type Parameters struct {
	TermsVersion string `json:"terms_version"` // the version of the terms that they belong to
	// TrialMonths: use is free for so many calendar months from registration (T-2.1).
	TrialMonths int `json:"trial_months"`
	// Periods that can be bought, in months (T-2.1).
	Periods []int `json:"periods"`
	// WithdrawalDays after the day of receipt a withdrawal takes effect (P-2.2).
	WithdrawalDays int `json:"withdrawal_days"`
	// WithdrawalEdge is "start-of-day" (effect from 00:00 of the last day) or "end-of-day" (from 00:00 of the day after).
	WithdrawalEdge string `json:"withdrawal_edge"`
	// Fine that may be demanded for one act of unauthorised use (T-6.6).
	Fine Money `json:"fine"`
	// OrderHours an order can be paid for, by the processor's time.
	OrderHours int `json:"order_hours"`
	// Support answers from SupportFrom to SupportUntil, Astana time, on working days (T-4.2); SupportHours of
	// them may pass before an answer is due.
	SupportFrom  int `json:"support_from"`
	SupportUntil int `json:"support_until"`
	SupportHours int `json:"support_hours"`
	// Holidays are working days' exceptions, YYYY-MM-DD: days on which support does not answer.
	Holidays []string `json:"holidays,omitempty"`
	// Operator is the company whose terms these are; nil where it was not named.
	Operator *Operator `json:"operator,omitempty"`
}

// Operator is the company that answers for the personal data, as its receipts name it: what a consent must say of it by law.
type Operator struct {
	Name    string `json:"name"`
	BIN     string `json:"bin"`     // its business identification number, twelve digits
	Address string `json:"address"` // to which a notice of withdrawal is posted (P-2.2)
	Contact string `json:"contact"` // an e-mail address
}

// The two edges of a withdrawal.
const (
	StartOfDay = "start-of-day"
	EndOfDay   = "end-of-day"
)
