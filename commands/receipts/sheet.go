package receipts

import (
	"strconv"
	"strings"

	"kelisim/commands/tlog/verify"
)

// line is one line of what people read: a label with its text, or one of the two alone.
type line struct {
	kind        kind
	label, text string
}

type kind int

const (
	title kind = iota
	heading
	pair
	paragraph
	verbatim
)

// sheet is a receipt in words, before it is drawn.
type sheet struct {
	words
	language string
	lines    []line
}

func (s *sheet) heading(key string)       { s.lines = append(s.lines, line{heading, s.words[key], ""}) }
func (s *sheet) paragraph(text string)    { s.lines = append(s.lines, line{paragraph, "", text}) }
func (s *sheet) plain(label, text string) { s.lines = append(s.lines, line{pair, label, text}) }
func (s *sheet) pair(key, text string)    { s.plain(s.words[key], text) }
func (s *sheet) maybe(key, text string)   { s.when(text != "", key, text) }
func (s *sheet) when(is bool, key, text string) {
	if is {
		s.pair(key, text)
	}
}

// sheet says the receipt in a language; name is the person's, or "" where it is not shown.
func (r Receipt) sheet(language, name string) (*sheet, error) {
	w, err := wordsIn(language)
	if err != nil {
		return nil, err
	}
	s := &sheet{words: w, language: language}
	s.lines = append(s.lines, line{title, w["title."+r.Kind], ""})
	s.heading("controller")
	if o := r.Controller; o != nil {
		s.pair("controller.name", o.Name)
		s.pair("controller.bin", o.BIN)
		s.pair("controller.address", o.Address)
		s.pair("controller.contact", o.Contact)
	} else {
		s.paragraph(w["controller.unknown"])
	}
	s.heading("person")
	s.maybe("person.name", name)
	s.pair("person.id", string(r.SubjectID))
	if r.Consent != nil {
		s.consent(r)
	} else {
		s.notice(r)
	}
	s.evidence(r)
	if c := r.Consent; c != nil {
		s.heading("text")
		text := c.Document.Text
		if text == "" {
			text = w["text.missing"]
		}
		s.lines = append(s.lines, line{verbatim, "", text})
	}
	return s, nil
}

func (s *sheet) consent(r Receipt) {
	c := r.Consent
	s.heading("consent")
	s.pair("consent.id", c.ConsentID)
	s.pair("consent.day", s.day(c.Day))
	s.pair("consent.given_at", s.moment(c.GivenAt))
	s.pair("consent.recorded_at", s.moment(c.RecordedAt))
	s.pair("consent.button", s.code("button", c.Button))
	s.pair("consent.page", s.code("page", c.Page))
	s.pair("consent.language", s.code("language", c.Language))
	s.pair("consent.validity", s.code("validity", c.Validity))
	s.when(c.Renews, "consent.renews", s.words["yes"])
	s.heading("document")
	s.pair("document.name", s.code("document", c.Document.ID))
	s.pair("document.version", c.Document.Version)
	if !c.Document.InForceFrom.IsZero() {
		s.pair("document.in_force_from", s.moment(c.Document.InForceFrom))
	}
	s.pair("document.sha256", c.Document.SHA256)
	s.heading("purposes")
	for _, p := range c.Purposes {
		text := s.code("status", p.Status)
		switch {
		case p.Until != nil:
			text = s.say("status.until", "status", text, "until", s.moment(*p.Until))
		case p.Status != "given":
			text = s.say("status.since", "status", text, "since", s.moment(p.Since))
		}
		s.plain(s.code("purpose", p.Purpose), text)
	}
	s.pair("acts", s.codes("act", c.Acts))
	s.status(r, c.Status)
	s.heading("withdrawal")
	s.paragraph(s.say("withdrawal.how", "address", c.Withdraw.Address, "days", strconv.Itoa(c.Withdraw.Days)))
	s.heading("disclosures")
	for _, d := range c.Disclosures {
		s.plain(s.moment(d.At), s.say("disclosure", "recipient", d.Recipient, "country", d.Country, "purpose", s.code("purpose", d.Purpose)))
	}
	if len(c.Disclosures) == 0 {
		s.paragraph(s.words["disclosures.none"])
	}
}

func (s *sheet) status(r Receipt, status string) {
	s.heading("status")
	s.pair("status.now", s.code("status", status))
	s.pair("status.as_of", s.moment(r.AsOf))
	s.pair("status.known_at", s.known(r.KnownAt))
}

func (s *sheet) notice(r Receipt) {
	n := r.Notice
	s.heading("notice")
	s.pair("notice.id", n.NoticeID)
	s.pair("notice.received_on", s.day(n.ReceivedOn))
	s.pair("notice.channel", s.code("channel", n.Channel))
	s.maybe("notice.tracking_number", n.TrackingNumber)
	s.maybe("notice.sent_on", s.day(n.SentOn))
	s.pair("notice.entered_at", s.moment(n.EnteredAt))
	s.pair("notice.recorded_at", s.moment(n.RecordedAt))
	if len(n.Purposes) == 0 {
		s.pair("notice.purposes", s.words["notice.everything"])
	} else {
		s.pair("notice.purposes", s.codes("purpose", n.Purposes))
	}
	s.maybe("notice.letter_sha256", n.LetterSHA256)
	s.maybe("notice.retry_of", n.RetryOf)
	s.status(r, n.Status)
	if n.Refusal != nil {
		s.refusal(*n.Refusal)
	} else {
		s.computation(n)
	}
	for _, k := range []struct {
		key string
		at  *Decision
	}{{"acceptance", n.Acceptance}, {"rescission", n.Rescission}} {
		if k.at != nil {
			s.heading(k.key)
			s.paragraph(s.moment(k.at.At))
		}
	}
}

func (s *sheet) computation(n *Notice) {
	c := n.Computation
	s.heading("computation")
	s.pair("computation.from", s.day(c.CountedFrom))
	s.pair("computation.days", strconv.Itoa(c.Days))
	s.pair("computation.to", s.day(c.CountedTo))
	s.maybe("computation.requested_on", s.day(n.RequestedOn))
	if n.RequestedOnTooEarly {
		s.paragraph(s.words["computation.too_early"])
	}
	s.pair("computation.effective_from", s.moment(c.EffectiveFrom))
	s.paragraph(s.code("computation", c.Edge) + ". " + s.words["computation.clause"] + ".")
	if len(n.Ends) > 0 {
		s.pair("notice.ends", strings.Join(n.Ends, "\n"))
	}
}

func (s *sheet) refusal(f Refusal) {
	s.heading("refusal")
	s.pair("refusal.at", s.moment(f.At))
	for _, g := range f.Grounds {
		text := s.code("ground", g.Code) + " (" + g.Clause + ")"
		for _, o := range f.Obligations {
			if o.ObligationID == g.ObligationID {
				text += ": " + s.code("owed", o.Kind) + ", " + money(o.Amount, s.language)
			}
		}
		s.pair("refusal.ground", text+"\n"+g.ObligationID+g.HoldID)
	}
	if f.ByOfficer {
		s.paragraph(s.words["refusal.by_officer"])
	}
	s.paragraph(s.words["refusal.again"])
}

func (s *sheet) evidence(r Receipt) {
	s.heading("evidence")
	for _, e := range r.Evidence {
		index, size, ok := covered(e.Proof)
		if ok {
			s.pair("evidence.event", s.say("evidence.proven", "id", e.ID, "index", index, "size", size))
		} else {
			s.pair("evidence.event", s.say("evidence.waiting", "id", e.ID))
		}
	}
	if r.signature != nil {
		s.paragraph(s.words["evidence.signed"])
	} else {
		s.paragraph(s.words["evidence.unsigned"])
	}
	s.paragraph(s.words["evidence.how"])
}

// covered tells where a proof's event stands in the log, and how many entries its checkpoint covers.
func covered(proof string) (index, size string, ok bool) {
	p, err := verify.ParseProof([]byte(proof))
	if err != nil {
		return "", "", false
	}
	lines := strings.SplitN(string(p.Checkpoint), "\n", 3)
	if len(lines) < 3 {
		return "", "", false
	}
	return strconv.FormatInt(p.Index, 10), lines[1], true
}
