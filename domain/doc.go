// Package domain holds the words that every room of Kelisim uses, and nothing that acts.
//
// Nothing below this folder does I/O, reads a clock, draws a random number or starts a
// goroutine: the same events give the same answer for ever. cmd/layers_test.go holds that.
//
// The words:
//
//   - An event is a fact that happened. It has two times: occurred_at, when it happened, and
//     recorded_at, when the ledger learnt it. It is never changed and never removed.
//   - A stream is the ordered events of one thing (`user-<uuid>`); a revision is an event's
//     place in its stream, from 0; a position is its place in the whole journal.
//   - A command is a wish. Decide answers it with events or a refusal; Evolve folds an event
//     into a state. Both are pure, see Decider.
//   - A state keeps dated facts, not flags, so that one fold answers for any moment: fold what
//     was recorded up to known_at, then ask as of as_of.
//   - A clause (T-2.1, P-2.2, C-2) is the ground of a decision in the operator's published terms.
//   - A data subject is the person; a purpose is what personal data may be used for; an act is
//     what is done with them.
package domain
