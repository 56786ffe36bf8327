package commands

import (
	"reflect"

	"github.com/google/uuid"

	"kelisim/domain/account"
	"kelisim/domain/activity"
	"kelisim/domain/consent"
	"kelisim/domain/custody"
	"kelisim/domain/incident"
	"kelisim/domain/letter"
	"kelisim/domain/obligation"
	"kelisim/domain/payment"
	"kelisim/domain/reads"
	"kelisim/domain/reconciliation"
	"kelisim/domain/site"
	"kelisim/domain/subscription"
	"kelisim/domain/user"
)

// Spec is one row of the table of commands: the same for HTTP and for stories.
type Spec struct {
	Target  Target
	Creates bool       // the stream need not be there yet
	New     func() any // a pointer to an empty command, to decode the body into
	// Answer is what the caller is told beside the events; nil for nothing.
	Answer func(a answer) map[string]any
	// Before finds the events that a command stands for which changes nothing because it was carried out before, under whatever key;
	// nil where there are none to tell.
	Before func(s *stream, command any) []user.Recorded
}

func of[C any](t Target) Spec { return Spec{Target: t, New: func() any { return new(C) }} }

func (s Spec) creates() Spec                                { s.Creates = true; return s }
func (s Spec) answers(f func(a answer) map[string]any) Spec { s.Answer = f; return s }

func (s Spec) before(f func(*stream, any) []user.Recorded) Spec { s.Before = f; return s }

// table is every command that callers and stories can name.
var table = map[string]Spec{
	"register":                   of[user.Register](User).creates().answers(registered),
	"consent":                    of[user.Consent](User).answers(consented),
	"purchase":                   of[user.Purchase](User).answers(ordered),
	"record-payment":             of[user.RecordPayment](User).answers(paid).before(transaction),
	"refund":                     of[subscription.RequestRefund](User).answers(refunding),
	"charge-back":                of[user.ChargeBack](User).answers(chargedBack),
	"return-charge-back":         of[user.ReturnChargeBack](User).answers(chargeBackReturned),
	"grant-days":                 of[subscription.GrantDays](User).answers(covered),
	"withdraw":                   of[consent.Withdraw](User).answers(noticed),
	"rescind-withdrawal":         of[consent.RescindWithdrawal](User).answers(noticed),
	"refuse-withdrawal":          of[consent.RefuseWithdrawal](User).answers(noticed),
	"accept-withdrawal":          of[consent.AcceptWithdrawal](User).answers(noticed),
	"block":                      of[account.Block](User),
	"unblock":                    of[user.Unblock](User),
	"remove-content":             of[account.RemoveContent](User),
	"permit-content-use":         of[account.PermitContentUse](User).answers(permitted),
	"report-unauthorised-access": of[account.ReportUnauthorisedAccess](User).answers(reported),
	"restore-access":             of[account.RestoreAccess](User),
	"demand-fine":                of[obligation.DemandFine](User).answers(fined),
	"contest-fine":               of[obligation.ContestFine](User),
	"discharge":                  of[obligation.Discharge](User),
	"set-legal-hold":             of[consent.SetLegalHold](User).answers(held),
	"lift-legal-hold":            of[consent.LiftLegalHold](User),
	"record-personal-data":       of[account.RecordPersonalData](User),
	"change-login":               of[account.ChangeLogin](User),
	"change-contacts":            of[account.ChangeContacts](User),
	"set-location":               of[account.SetLocation](User),
	"block-data":                 of[account.BlockData](User),
	"unblock-data":               of[account.UnblockData](User),
	"depersonalise":              of[account.Depersonalise](User),
	"destroy":                    of[account.RequestDestruction](User),
	"approve-destruction":        of[account.ApproveDestruction](User),
	"disclose":                   of[consent.Disclose](User).answers(disclosed),
	"message":                    of[account.Message](User).answers(messaged),
	"answer-message":             of[account.AnswerMessage](User),
	"request-field-disclosure":   of[account.RequestFieldDisclosure](User).answers(fieldsDisclosed),
	"grant-field-disclosure":     of[account.GrantFieldDisclosure](User),
	"void-entry":                 of[account.VoidEntry](User),
	"approve-void":               of[account.ApproveVoid](User),
	"impose-restriction":         of[site.ImposeRestriction](Site).creates().answers(restricted),
	"lift-restriction":           of[site.LiftRestriction](Site),
	"publish-document":           of[site.PublishDocument](Site).creates().answers(published),
	"set-tariff":                 of[site.SetTariff](Site).creates(),
	"set-parameters":             of[site.SetParameters](Site).creates(),
	"receive-letter":             of[letter.Receive](Letter).creates().answers(lettered),
	"match-letter":               of[letter.Match](Letter),
	"observe":                    of[activity.Observe](Activity).creates(),
	"detect-incident":            of[incident.Detect](Incident).creates().answers(detected),
	"contain-incident":           of[incident.Contain](Incident),
	"assess-incident":            of[incident.Assess](Incident),
	"notify-incident":            of[incident.Notify](Incident),
	"close-incident":             of[incident.Close](Incident),
}

// internal are the commands that this room makes itself: what the processor says, and what follows from another command.
var internal = map[string]Spec{
	"apply-payment":        of[subscription.ApplyPayment](User).answers(applied),
	"decline-payment":      of[subscription.DeclinePayment](User),
	"record-refund":        of[subscription.RecordRefund](User),
	"send-refund":          of[subscription.SendRefund](User),
	"refuse-refund":        of[subscription.RefuseRefund](User),
	"send-held-refund":     of[payment.SendRefund](Payment),
	"refuse-held-refund":   of[payment.RefuseRefund](Payment),
	"contradict-payment":   of[payment.Contradict](Payment).creates(),
	"record-comparison":    of[reconciliation.Record](Register).creates(),
	"resolve-finding":      of[reconciliation.Resolve](Register),
	"hold-payment":         of[payment.Hold](Payment).creates(),
	"note-payment":         of[payment.Note](Payment).creates(),
	"mark-payment-applied": of[payment.Apply](Payment),
	"refund-held-payment":  of[payment.RequestRefund](Payment).answers(refundingHeld),
	"record-held-refund":   of[payment.RecordRefund](Payment).creates(),
	"read-personal-data":   of[reads.Read](Reads).creates(),
	"complete-letter":      of[letter.Match](Letter),
	"begin-rotation":       of[custody.BeginRotation](Custody).creates(),
	"finish-rotation":      of[custody.FinishRotation](Custody),
	"drop-generation":      of[custody.DropGeneration](Custody),
}

// Lookup finds a command by its name.
func Lookup(name string) (Spec, bool) {
	s, ok := table[name]
	return s, ok
}

// Names lists every command.
func Names() []string {
	out := make([]string, 0, len(table))
	for name := range table {
		out = append(out, name)
	}
	return out
}

// subject is the id of what a command creates, where the caller names none.
func (s Spec) subject(wish uuid.UUID) string {
	if s.Target == Site || s.Target == Custody {
		return ""
	}
	return uuid.NewSHA1(wish, []byte("subject")).String()
}

// value is the command that a pointer points to.
func value(pointer any) any { return reflect.ValueOf(pointer).Elem().Interface() }
