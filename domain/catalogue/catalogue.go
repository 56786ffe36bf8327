// Package catalogue joins the tables of all books: every event that the ledger can write or read. For each
// one and each of its versions a sample lies in testdata/events, written once and never edited: what
// was stored yesterday is read tomorrow. See TestSamples.
package catalogue

import (
	"fmt"

	"kelisim/domain/account"
	"kelisim/domain/activity"
	"kelisim/domain/consent"
	"kelisim/domain/custody"
	"kelisim/domain/event"
	"kelisim/domain/incident"
	"kelisim/domain/ledger"
	"kelisim/domain/letter"
	"kelisim/domain/obligation"
	"kelisim/domain/payment"
	"kelisim/domain/reads"
	"kelisim/domain/reconciliation"
	"kelisim/domain/site"
	"kelisim/domain/subscription"
)

// All is every event there is. It is made anew at each call; make it once and share it. Tables that do not
// join are a mistake of ours and panic.
func All() *event.Catalogue {
	c, err := event.NewCatalogue(
		account.Events,
		consent.Events,
		subscription.Events,
		obligation.Events,
		payment.Events,
		reconciliation.Events,
		site.Events,
		letter.Events,
		incident.Events,
		activity.Events,
		reads.Events,
		custody.Events,
		ledger.Events,
	)
	if err != nil {
		panic(fmt.Sprintf("the books' tables do not join: %v", err))
	}
	return c
}
