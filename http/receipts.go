package http

import (
	"bufio"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"kelisim/commands"
	"kelisim/commands/access"
	"kelisim/commands/receipts"
)

// The forms of a receipt, the first where none is asked for.
var receiptForms = []string{"dpv-27560", "json", "pdf"}

// receiptTypes are what receipts are answered as.
var receiptTypes = []string{"application/ld+json", "application/json", "application/pdf"}

// consentRecord gives the receipt of one consent (P-2.2).
func (a *API) consentRecord(r *Request) (*Response, error) {
	return a.receipt(r, "consent", receipts.Desk.Consent)
}

// noticeRecord gives the receipt of one notice of withdrawal: received, refused, taken effect (P-2.2, P-2.6).
func (a *API) noticeRecord(r *Request) (*Response, error) {
	return a.receipt(r, "notice", receipts.Desk.Notice)
}

// population streams the record of every consent of every person, a line each, all from one position of the journal.
func (a *API) population(r *Request) (*Response, error) {
	r.Query.OneOf("format", receiptForms[0])
	asOf := r.Query.Time("as_of")
	known, err := r.known()
	if err := errors.Join(r.Query.Err(), err); err != nil {
		return nil, err
	}
	at := a.Service.Now().UTC().Truncate(time.Microsecond)
	if asOf != nil {
		at = *asOf
	}
	if known == (commands.Known{}) {
		if known.Position, _, err = a.Service.Journal.Head(r.Context()); err != nil {
			return nil, err
		}
	}
	return Streamed("application/x-ndjson", func(w *Stream) error {
		lines := bufio.NewWriterSize(w, 1<<16)
		write := func(line []byte) error {
			_, err := lines.Write(line)
			return err
		}
		return errors.Join(receipts.Population(r.Context(), a.Service.Journal, known, at, write, nil), lines.Flush())
	}).With("Kelisim-Position", known.Text()).With("Content-Disposition", `attachment; filename="consents.ndjson"`), nil
}

type issue func(receipts.Desk, context.Context, commands.Snapshot, time.Time, string) (receipts.Receipt, error)

func (a *API) receipt(r *Request, what string, write issue) (*Response, error) {
	id, err := r.VarID(what)
	if err != nil {
		return nil, err
	}
	form := r.Query.OneOf("format", receiptForms...)
	language := ""
	if r.Query.Has("language") {
		language = r.Query.OneOf("language", receipts.Languages...)
	}
	snap, about, err := a.ask(r, "as_of")
	if err != nil {
		return nil, err
	}
	receipt, err := write(receipts.Desk{Service: a.Service, Log: a.Log}, r.Context(), snap, about.AsOf, id)
	if err != nil {
		return nil, err
	}
	var data []byte
	kind, ending := receiptTypes[0], ".jsonld"
	switch form {
	case "json":
		kind, ending = receiptTypes[1], ".json"
		data, err = receipt.JSON()
	case "pdf":
		kind, ending = receiptTypes[2], "."+shownIn(receipt, snap, language)+".pdf"
		data, err = a.receiptPDF(r, snap, receipt, shownIn(receipt, snap, language))
	default:
		data, err = receipt.DPV()
	}
	if err != nil {
		return nil, err
	}
	return Bytes(kind, data).With("Content-Disposition", `attachment; filename="`+what+"-"+id+ending+`"`), nil
}

// shownIn is the language of a PDF: the one asked for, else that in which the consent was shown, or the person's last one; Kazakh where there is none of these.
func shownIn(receipt receipts.Receipt, snap commands.Snapshot, asked string) string {
	candidates := []string{asked}
	if receipt.Consent != nil {
		candidates = append(candidates, receipt.Consent.Language)
	} else if given := snap.State.Consent.Consents; len(given) > 0 {
		candidates = append(candidates, given[len(given)-1].Acceptance.Language)
	}
	for _, c := range candidates {
		if slices.Contains(receipts.Languages, c) {
			return c
		}
	}
	return receipts.Languages[0]
}

// receiptPDF draws a receipt. The person's own shows their name, and so does that of an officer or approver who says why; the look is recorded first (P-2.4).
func (a *API) receiptPDF(r *Request, snap commands.Snapshot, receipt receipts.Receipt, language string) ([]byte, error) {
	reader := commands.Reader{Actor: r.Actor.Event(), Route: r.Route.Path}
	named := r.own()
	if slices.Contains([]access.Role{access.Officer, access.Approver}, r.Actor.Role) && r.http.Header.Get("Purpose") != "" {
		why, err := r.Purpose()
		if err != nil {
			return nil, err
		}
		reader.Why, named = why, true
	}
	if !named {
		return receipt.PDF(language, "")
	}
	name, fields, err := a.nameOf(r, snap)
	if err != nil {
		return nil, err
	}
	if err := a.Service.Looked(r.Context(), snap.User, reader, fields); err != nil {
		return nil, err
	}
	return receipt.PDF(language, name)
}

// nameOf is the person's name as the snapshot knows it, and the fields that were opened; "" where it was never given or cannot be opened any more.
func (a *API) nameOf(r *Request, snap commands.Snapshot) (name string, fields []string, err error) {
	for _, e := range snap.Events {
		if e.ID.String() != snap.State.Account.PersonalFrom.Event {
			continue
		}
		data, _, err := a.Service.Shown(r.Context(), e)
		if err != nil {
			return "", nil, err
		}
		personal, _ := data["personal_data"].(map[string]any)
		var parts []string
		for _, field := range []string{"family_name", "given_name", "patronymic"} {
			if text, ok := personal[field].(string); ok && text != "" {
				parts, fields = append(parts, text), append(fields, field)
			}
		}
		return strings.Join(parts, " "), fields, nil
	}
	return "", nil, nil
}
