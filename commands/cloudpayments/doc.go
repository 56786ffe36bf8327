// Package cloudpayments speaks with the card processor: it takes its notifications and asks its API (C-1).
//
// A notification is verified before anything of it is read: Verify, then Parse, which keeps an allow-list of fields and can
// hold no card data (C-2). What the ledger answers:
//
//   - A check is answered with a Code, see CheckAnswer. It is not repeated: no answer is a refusal of the payment.
//   - Every other kind is answered with code 0 if and only if what it says is durable, whether or not it fits an order; otherwise
//     with 503, and the processor asks again, up to 100 times over a day or more. No other code is ever right there: the money
//     is taken already.
//   - A wrong signature is 401, also for a kind that wants code 0: a secret that was changed too early must show in the access log.
//
// A notification has no id of its own. It is the same as an earlier one if its Key is: the kind and the transaction, never the order,
// since an order can be declined and then paid. The same Key with another Canonical text is a contradiction, and the first stands.
// Notifications come late, twice and in any order; DateTime is the processor's time and the one that counts.
//
// Towards the processor there is Processor, a port with Client as its implementation; cloudpaymentstest has the double, which behaves as the
// processor documents. Its registers, and Reconcile, find what no notification brought: one that was lost for good, and charge-backs, for
// which there is none.
package cloudpayments
