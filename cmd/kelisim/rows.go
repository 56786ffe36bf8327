package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
)

// writeRows writes rows in the form that --output names: a table for people, one JSON array, or a JSON object a line.
func writeRows[R any](w io.Writer, output string, rows []R, head string, line func(R) string) error {
	switch output {
	case "json":
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(rows)
	case "jsonl":
		e := json.NewEncoder(w)
		for _, r := range rows {
			if err := e.Encode(r); err != nil {
				return err
			}
		}
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, head)
	for _, r := range rows {
		fmt.Fprintln(t, line(r))
	}
	return t.Flush()
}
