// Package terms brings the published terms into an empty ledger: documents, parameters and prices, recorded as of the
// day from which they are in force. The built-in ones are examples; an operator gives a file of its own.
package terms

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"kelisim/commands"
	"kelisim/domain/calendar"
	"kelisim/domain/event"
	"kelisim/domain/site"
)

// Terms is what an operator publishes at the beginning. A file of terms is this as JSON; a document's text stands in
// "content" or in a file beside it, named by "file".
type Terms struct {
	// AsOf is the day as of which they are recorded; no event can be recorded before it.
	AsOf       calendar.Day       `json:"as_of"`
	Parameters site.SetParameters `json:"parameters"`
	Documents  []Document         `json:"documents"`
	Tariffs    []site.SetTariff   `json:"tariffs"`
}

// Document is a text to publish.
type Document struct {
	site.PublishDocument
	File string `json:"file,omitempty"`
}

//go:embed builtin
var builtin embed.FS

// Builtin are the terms of an empty ledger: three free months, periods of 1, 3, 6 and 12 months, 10 days, and texts and prices that are marked as
// examples.
func Builtin() (Terms, error) {
	files, err := fs.Sub(builtin, "builtin")
	if err != nil {
		return Terms{}, fmt.Errorf("read the built-in terms: %w", err)
	}
	return read(files, "terms.json")
}

// Load reads a file of terms.
func Load(path string) (Terms, error) {
	t, err := read(os.DirFS(filepath.Dir(path)), filepath.Base(path))
	if err != nil {
		return t, fmt.Errorf("read the terms in %s: %w", path, err)
	}
	return t, nil
}

func read(files fs.FS, name string) (Terms, error) {
	b, err := fs.ReadFile(files, name)
	if err != nil {
		return Terms{}, err
	}
	var t Terms
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&t); err != nil {
		return Terms{}, err
	}
	if t.AsOf.IsZero() {
		return Terms{}, fmt.Errorf("as_of is missing: the day as of which the terms are recorded")
	}
	for i := range t.Documents {
		doc := &t.Documents[i]
		if doc.File == "" {
			continue
		}
		text, err := fs.ReadFile(files, doc.File)
		if err != nil {
			return Terms{}, err
		}
		doc.Content = string(text)
	}
	return t, nil
}

// Publish records the terms if nothing has been published yet; otherwise it does nothing. All of them are one
// wish after the other, with ids of their own, so that a publication that was cut short is completed by the next.
func (t Terms) Publish(ctx context.Context, s *commands.Service) error {
	at := t.AsOf.Start()
	do := func(name, key string, body any) error {
		_, err := s.Do(ctx, commands.Wish{
			Command: name, Body: body, Actor: event.Actor{Kind: "system", ID: "terms"},
			Scope: "terms", Key: key, Fingerprinted: []byte(key), OccurredAt: &at, Imported: true, RecordedAt: at,
		})
		if err != nil {
			return fmt.Errorf("publish %s: %w", key, err)
		}
		return nil
	}
	head, recorded, err := s.Journal.Head(ctx)
	if err != nil {
		return err
	}
	if head > 0 && recorded.After(at) {
		return nil
	}
	if err := do("set-parameters", "parameters", &t.Parameters); err != nil {
		return err
	}
	for _, d := range t.Documents {
		if err := do("publish-document", fmt.Sprintf("document %s %s %s", d.ID, d.Version, d.Language), &d.PublishDocument); err != nil {
			return err
		}
	}
	for _, p := range t.Tariffs {
		if err := do("set-tariff", fmt.Sprintf("tariff %d from %s", p.Months, p.InForceFrom.Format(time.RFC3339)), &p); err != nil {
			return err
		}
	}
	return nil
}
