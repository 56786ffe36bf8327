package http

import (
	"bytes"
	"errors"

	"kelisim/domain"
	"kelisim/projections/reports"
)

// reportTypes are what reports are answered as.
var reportTypes = []string{reports.MediaTypes[reports.JSON], reports.MediaTypes[reports.CSV], reports.MediaTypes[reports.XLSX], reports.MediaTypes[reports.PDF]}

// reports lists the reports there are, with their titles.
func (a *API) reports(r *Request) (*Response, error) {
	language := r.Query.OneOf("language", reports.Languages...)
	if err := r.Query.Err(); err != nil {
		return nil, err
	}
	type item struct {
		Name  string `json:"name"`
		Title string `json:"title"`
	}
	var items []item
	for _, report := range reports.All {
		items = append(items, item{report.Name, report.Title(language)})
	}
	return Page(items, ""), nil
}

// report makes one report. One is made at a time: each may read the whole journal, and holds what it folds.
func (a *API) report(r *Request) (*Response, error) {
	report, err := reports.Lookup(r.Var("name"))
	if err != nil {
		return nil, err
	}
	asked, form, err := r.asksForPaper()
	if err != nil {
		return nil, err
	}
	leave, err := a.enter(r)
	if err != nil {
		return nil, err
	}
	defer leave()
	asked.Kept = &a.kept
	facts, err := report.Gather(r.Context(), a.Service.Journal, asked)
	if err != nil {
		return nil, err
	}
	paper, err := report.Of(facts)
	if err != nil {
		return nil, err
	}
	return form.answer(paper)
}

// paperForm is how a paper is written.
type paperForm struct{ format, language string }

// asksForPaper reads the range, what may be known, and the form.
func (r *Request) asksForPaper() (asked reports.Asked, form paperForm, err error) {
	form.format = r.Query.OneOf("format", reports.JSON, reports.CSV, reports.XLSX, reports.PDF)
	form.language = r.Query.OneOf("language", reports.Languages...)
	known, err := r.known()
	asked = reports.Asked{KnownAt: known.At, KnownPosition: known.Position}
	var early, late error
	asked.From, early = reports.Edge(r.Query.String("from"))
	asked.To, late = reports.End(r.Query.String("to"))
	return asked, form, errors.Join(r.Query.Err(), err, pointed(early, "?from"), pointed(late, "?to"))
}

// enter waits until no other paper is being made.
func (a *API) enter(r *Request) (leave func(), err error) {
	select {
	case a.reporting <- struct{}{}:
		return func() { <-a.reporting }, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

func (f paperForm) answer(paper *reports.Paper) (*Response, error) {
	var file bytes.Buffer
	if err := paper.Write(&file, f.format, f.language); err != nil {
		return nil, err
	}
	answer := Streamed(reports.MediaTypes[f.format], func(w *Stream) error { // with a deadline of its own: making it may take longer than a write may
		_, err := w.Write(file.Bytes())
		return err
	})
	if f.format != reports.JSON {
		answer.With("Content-Disposition", `attachment; filename="`+paper.Name+"."+f.format+`"`)
	}
	return answer, nil
}

// pointed says which parameter a refusal is about.
func pointed(err error, pointer string) error {
	var refusal *domain.Error
	if errors.As(err, &refusal) {
		return refusal.At(pointer)
	}
	return err
}
