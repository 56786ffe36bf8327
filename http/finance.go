package http

import (
	"bytes"
	"errors"

	"kelisim/projections/finance"
	"kelisim/projections/reports"
)

// financeTypes are what a statement is answered as.
var financeTypes = []string{reports.MediaTypes[reports.JSON], reports.MediaTypes[reports.CSV]}

// finance makes a month's statement. It takes its turn among the papers: each reads the whole journal.
func (a *API) finance(r *Request) (*Response, error) {
	month, err := finance.ParseMonth(r.Query.String("month"))
	format := r.Query.OneOf("format", finance.JSON, finance.CSV)
	table := r.Query.OneOf("table", finance.Tables...)
	if err := errors.Join(r.Query.Err(), pointed(err, "?month")); err != nil {
		return nil, err
	}
	leave, err := a.enter(r)
	if err != nil {
		return nil, err
	}
	defer leave()
	record, err := finance.Read(r.Context(), a.Service.Journal)
	if err != nil {
		return nil, err
	}
	var file bytes.Buffer
	if err := record.Statement(month, a.Service.Now()).Write(&file, format, table); err != nil {
		return nil, err
	}
	return Streamed(reports.MediaTypes[format], func(w *Stream) error {
		_, err := w.Write(file.Bytes())
		return err
	}), nil
}
