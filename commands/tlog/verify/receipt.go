package verify

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// ReceiptSchema names the form of a receipt. Another form needs another name.
const ReceiptSchema = "kelisim-receipt/v1"

// maxReceipt bounds what is read of a receipt: it holds a document's text.
const maxReceipt = 4 << 20

// Receipted is what a receipt shows.
type Receipted struct {
	Kind    string   // consent, withdrawal-notice
	Subject string   // the person's opaque id
	ID      string   // of the consent or the notice
	AsOf    string   // the moment of which its status speaks
	Signers []string // names and key ids of those who signed the receipt
	Events  []ReceiptEvent
}

// ReceiptEvent is one event that a receipt rests on.
type ReceiptEvent struct {
	ID, Type string
	// Index of its leaf and Size of the checkpoint that covers it; both -1 where the receipt was given before a checkpoint covered it: then only
	// the signature speaks for the event, and a receipt that is asked for again has the proof.
	Index, Size int64
	// Times tells whether the event's own times are shown too, and were compared. They are left out where they would name a member of the staff.
	Times bool
}

// ReceiptText is what is signed of a receipt whose canonical form has this SHA-256. It cannot be taken for a checkpoint, whose second line is
// a number (TestReceiptIsNoCheckpoint).
func ReceiptText(sum [sha256.Size]byte) string {
	return ReceiptSchema + "\nsha256 " + base64.StdEncoding.EncodeToString(sum[:]) + "\n"
}

// CanonicalJSON writes JSON in one way: names sorted and unique, nothing between the tokens, no escape that is not needed (as RFC 8785 does it, for
// documents without fractions). Anything that is no such document is an error.
func CanonicalJSON(text []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("there is more than one document")
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	// The encoder alone escapes these two; an escaped backslash before them is passed over.
	out := strings.NewReplacer(`\\`, `\\`, `\u2028`, "\u2028", `\u2029`, "\u2029").Replace(b.String())
	return []byte(strings.TrimSuffix(out, "\n")), nil
}

// receiptFile is the file. The receipt's own members are held as they came, to be compared with what the events say.
type receiptFile struct {
	Receipt   json.RawMessage `json:"receipt"`
	Signature string          `json:"signature"`
}

type receiptBody struct {
	Schema   string         `json:"schema"`
	Kind     string         `json:"kind"`
	Subject  string         `json:"subject_id"`
	AsOf     string         `json:"as_of"`
	Consent  map[string]any `json:"consent"`
	Notice   map[string]any `json:"notice"`
	Evidence []struct {
		ID       string  `json:"id"`
		Type     string  `json:"type"`
		Stream   string  `json:"stream"`
		Revision int64   `json:"revision"`
		Data     string  `json:"data"`
		Metadata *string `json:"metadata"`
		Proof    string  `json:"proof"`
	} `json:"evidence"`
}

// Receipt checks a receipt by itself: that it is signed by a log that the policy believes; that the events which it rests on are in that log, under a
// checkpoint signed as the policy demands; and that what it says is what those events say. White space between its tokens does not matter;
// a member that is changed, moved, added or said twice does (TestTamperedReceipt).
//
// What it cannot show is that nothing happened since: the status is as of the moment and the record that it names. For a whole history ask for a bundle.
func Receipt(text []byte, policy *Policy) (*Receipted, error) {
	if len(text) > maxReceipt {
		return nil, fault(Malformed, Nowhere, "it is longer than a receipt can be")
	}
	canonical, err := CanonicalJSON(text)
	if err != nil {
		return nil, fault(Malformed, Nowhere, "it is no receipt: %v", err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, text); err != nil || !bytes.Equal(compact.Bytes(), canonical) {
		return nil, fault(Malformed, Nowhere, "its members are not in order, or one comes twice")
	}
	var all any
	if err := json.Unmarshal(canonical, &all); err != nil || !plainNames(all) {
		return nil, fault(Malformed, Nowhere, "it is no receipt: a member's name is not of small letters")
	}
	var file receiptFile
	var body receiptBody
	d := json.NewDecoder(bytes.NewReader(canonical))
	d.DisallowUnknownFields()
	if err := d.Decode(&file); err != nil {
		return nil, fault(Malformed, Nowhere, "it is no receipt: %v", err)
	}
	if err := json.Unmarshal(file.Receipt, &body); err != nil {
		return nil, fault(Malformed, Nowhere, "it is no receipt: %v", err)
	}
	if body.Schema != ReceiptSchema {
		return nil, fault(Malformed, Nowhere, "it is of the form %q, and this program knows %q", body.Schema, ReceiptSchema)
	}
	out := &Receipted{Kind: body.Kind, Subject: body.Subject, AsOf: body.AsOf}
	if out.Signers, err = policy.openReceipt(file); err != nil {
		return nil, err
	}
	if err := body.check(policy, out); err != nil {
		return nil, err
	}
	return out, nil
}

// plainNames tells whether the names of all members are of small letters, digits and _. encoding/json takes "Receipt" and "con\u017fent" for the members
// "receipt" and "consent", which a person or another program does not: without such names nobody can be shown one thing while another is checked.
func plainNames(v any) bool {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			if !plainNames(item) {
				return false
			}
		}
	case map[string]any:
		for name, item := range v {
			if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" || !plainNames(item) {
				return false
			}
		}
	}
	return true
}

func (p *Policy) openReceipt(file receiptFile) ([]string, error) {
	if file.Signature == "" {
		return nil, fault(Unsigned, Nowhere, "the receipt is not signed")
	}
	n, err := note.Open([]byte(file.Signature), p.log)
	if err != nil {
		return nil, fault(Unsigned, Nowhere, "the receipt is not signed as the policy demands: %v", err)
	}
	if n.Text != ReceiptText(sha256.Sum256(file.Receipt)) {
		return nil, fault(EventChanged, Nowhere, "the receipt is not the one that was signed")
	}
	var signers []string
	for _, s := range n.Sigs {
		if p.log.Check(s.Name, []note.Signature{s}) == nil {
			signers = append(signers, fmt.Sprintf("%s+%08x", s.Name, s.Hash))
		}
	}
	if signers == nil {
		return nil, fault(Unsigned, Nowhere, "the receipt is not signed by a log of the policy")
	}
	return signers, nil
}

// check holds what a receipt says against the events that it carries.
func (b receiptBody) check(policy *Policy, out *Receipted) error {
	said, own := b.Consent, "consent_id"
	facts := consentFacts
	switch {
	case b.Kind == "consent" && b.Consent != nil && b.Notice == nil:
	case b.Kind == "withdrawal-notice" && b.Notice != nil && b.Consent == nil:
		said, own, facts = b.Notice, "notice_id", noticeFacts
	default:
		return fault(Malformed, Nowhere, "a receipt is of one consent or of one notice")
	}
	out.ID, _ = said[own].(string)
	if text, ok := lookup(said, "document.text").(string); ok || b.Kind == "consent" {
		if sum := sha256.Sum256([]byte(text)); hex.EncodeToString(sum[:]) != lookup(said, "document.sha256") {
			return fault(EventChanged, Nowhere, "the text is not the one whose hash the consent has")
		}
	}
	named := map[string]bool{} // the places of the receipt that name an event which it carries
	for _, e := range b.Evidence {
		at := InStream(e.Stream, e.Revision)
		var data map[string]any
		if json.Unmarshal([]byte(e.Data), &data) != nil {
			return fault(Malformed, at, "the event's data are no JSON object")
		}
		f, known := facts[e.Type]
		if !known || lookup(said, f.event) != e.ID || named[f.event] {
			return fault(EventChanged, at, "the receipt does not rest on this event")
		}
		named[f.event] = true
		stream := "user-" + b.Subject
		if e.Type == marker {
			stream = "due-" + b.Subject
		}
		if e.Stream != stream || out.ID == "" || data[own] != out.ID {
			return fault(EventChanged, at, "the event is of another person, or of another %s", b.Kind)
		}
		for place, source := range f.facts {
			if !same(lookup(said, place), lookup(data, source)) {
				return fault(EventChanged, at, "the receipt's %s is not the event's", place)
			}
		}
		shown := ReceiptEvent{ID: e.ID, Type: e.Type, Index: -1, Size: -1}
		if e.Metadata != nil {
			var meta map[string]any
			if json.Unmarshal([]byte(*e.Metadata), &meta) != nil || !same(lookup(said, f.at), meta["occurred_at"]) ||
				f.recorded != "" && !same(lookup(said, f.recorded), meta["recorded_at"]) {
				return fault(EventChanged, at, "the receipt's times are not the event's")
			}
			shown.Times = true
		}
		if e.Proof != "" {
			proven, err := Proof([]byte(e.Proof), policy)
			if err != nil {
				return err
			}
			id, ok := parseUUID(e.ID)
			if !ok || proven.ID != id || proven.Stream != e.Stream || proven.Revision != e.Revision || proven.Type != e.Type ||
				proven.Data != sha256.Sum256([]byte(e.Data)) || e.Metadata != nil && proven.Meta != sha256.Sum256([]byte(*e.Metadata)) {
				return fault(EventChanged, at, "it is not the event that the proof is of")
			}
			shown.Index, shown.Size = proven.Index, proven.Checkpoint.N
		}
		out.Events = append(out.Events, shown)
	}
	for _, f := range facts {
		if lookup(said, f.event) != nil && !named[f.event] {
			return fault(Missing, Nowhere, "the event of %s is not in the receipt", f.event)
		}
	}
	return nil
}

// fact tells where a receipt says what an event says: the place of the event's id and times, and its members by their places.
type fact struct {
	event, at, recorded string
	facts               map[string]string
}

// marker is of an effect that time brought; it stands beside the person's own book.
const marker = "consent.withdrawal_took_effect"

var consentFacts = map[string]fact{
	"consent.given": {"event", "given_at", "recorded_at", map[string]string{
		"day": "day", "button": "acceptance.button", "page": "acceptance.page", "language": "acceptance.language",
		"document.id": "document.id", "document.version": "document.version", "document.sha256": "document.sha256", "covers": "purposes",
		"shown": "acceptance.documents",
	}},
}

var noticeFacts = map[string]fact{
	"consent.withdrawal_notice_received": {"event", "entered_at", "recorded_at", map[string]string{
		"received_on": "received_on", "channel": "channel", "tracking_number": "tracking_number", "sent_on": "sent_on", "requested_on": "requested_on",
		"requested_on_too_early": "requested_on_too_early", "purposes": "purposes", "letter_sha256": "letter_sha256", "retry_of": "retry_of",
		"per_terms": "per_terms", "computation.effective_on": "effective_on", "computation.effective_from": "effective_from",
	}},
	"consent.withdrawal_refused":   {"refusal.event", "refusal.at", "", map[string]string{"refusal.grounds": "grounds", "refusal.by_officer": "by_officer"}},
	"consent.withdrawal_accepted":  {"acceptance.event", "acceptance.at", "", nil},
	"consent.withdrawal_rescinded": {"rescission.event", "rescission.at", "", nil},
	marker:                         {"effect.event", "effect.from", "effect.marked_at", map[string]string{"effect.from": "effective_from"}},
}

// lookup is the member at a place of names with dots between; nil where there is none.
func lookup(in map[string]any, place string) any {
	name, rest, deeper := strings.Cut(place, ".")
	if !deeper {
		return in[name]
	}
	inner, _ := in[name].(map[string]any)
	return lookup(inner, rest)
}

// same compares members; two moments are the same however many digits they are written with. What is left out is the same as nothing.
func same(a, b any) bool {
	x, ok := a.(string)
	y, also := b.(string)
	if ok && also && x != y {
		t, err := time.Parse(time.RFC3339Nano, x)
		u, err2 := time.Parse(time.RFC3339Nano, y)
		return err == nil && err2 == nil && t.Equal(u)
	}
	return reflect.DeepEqual(orNil(a), orNil(b))
}

func orNil(v any) any {
	if v == "" || v == false {
		return nil
	}
	if list, ok := v.([]any); ok && len(list) == 0 {
		return nil
	}
	return v
}

func parseUUID(s string) (id [16]byte, ok bool) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return id, false
	}
	n, err := hex.Decode(id[:], []byte(strings.ReplaceAll(s, "-", "")))
	return id, err == nil && n == len(id)
}
