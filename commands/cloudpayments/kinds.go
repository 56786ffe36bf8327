package cloudpayments

import "slices"

// Kind of a notification. The processor says it by the address that it calls and nowhere else: neither a field nor a header
// tells one kind from another.
type Kind string

// The kinds there are.
const (
	Check     Kind = "check"     // may this be paid? before the bank is asked
	Pay       Kind = "pay"       // the bank allowed it
	Fail      Kind = "fail"      // an attempt failed; the payer may try again
	Confirm   Kind = "confirm"   // the second stage of a two-stage payment
	Refund    Kind = "refund"    // money went back, by our wish
	Cancel    Kind = "cancel"    // a two-stage payment was given up, by our wish
	Recurrent Kind = "recurrent" // a subscription that the processor debits changed its state
)

// Kinds are all kinds.
var Kinds = []Kind{Check, Pay, Fail, Confirm, Refund, Cancel, Recurrent}

// ParseKind reads a kind as it stands in the address.
func ParseKind(s string) (Kind, bool) {
	return Kind(s), slices.Contains(Kinds, Kind(s))
}
