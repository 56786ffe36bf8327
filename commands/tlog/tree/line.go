package tree

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Line is an event in a bundle, as one line of JSON: readable, and exact to the byte. Data and metadata stand in it as they were stored; where the
// stored bytes are no JSON of one line, they stand in base64 under another name.
type Line struct {
	Index int64 // of the leaf in the log
	Event
	Leaf []byte
}

type writtenLine struct {
	Index     int64           `json:"index"`
	ID        string          `json:"id"`
	Stream    string          `json:"stream"`
	Revision  int64           `json:"revision"`
	Type      string          `json:"type"`
	Leaf      []byte          `json:"leaf"`
	Data      json.RawMessage `json:"data"`
	DataBytes []byte          `json:"data_base64"`
	Meta      json.RawMessage `json:"metadata"`
	MetaBytes []byte          `json:"metadata_base64"`
}

// Append writes the line, with its end.
func (l Line) Append(b []byte) []byte {
	b = strconv.AppendInt(append(b, `{"index":`...), l.Index, 10)
	b = append(appendID(append(b, `,"id":"`...), l.ID), '"')
	b = appendText(append(b, `,"stream":`...), l.Stream)
	b = strconv.AppendInt(append(b, `,"revision":`...), l.Revision, 10)
	b = appendText(append(b, `,"type":`...), l.Type)
	b = base64.StdEncoding.AppendEncode(append(b, `,"leaf":"`...), l.Leaf)
	b = appendBytes(append(b, '"', ','), "data", l.Data)
	b = appendBytes(append(b, ','), "metadata", l.Meta)
	return append(b, '}', '\n')
}

func appendID(b []byte, id [16]byte) []byte {
	const digits = "0123456789abcdef"
	for i, c := range id {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			b = append(b, '-')
		}
		b = append(b, digits[c>>4], digits[c&15])
	}
	return b
}

func appendText(b []byte, s string) []byte {
	quoted, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string can always be written
	}
	return append(b, quoted...)
}

func appendBytes(b []byte, name string, value []byte) []byte {
	b = append(append(b, '"'), name...)
	if json.Valid(value) && utf8.Valid(value) && len(bytes.TrimSpace(value)) == len(value) && !bytes.ContainsAny(value, "\r\n") {
		return append(append(b, `":`...), value...)
	}
	b = base64.StdEncoding.AppendEncode(append(b, `_base64":"`...), value)
	return append(b, '"')
}

var errLine = errors.New("malformed event")

// ParseLine reads a line that Append wrote, without its end, and nothing else: a line that would be written otherwise is refused, so
// that nothing can hide in one (FuzzParseLine).
func ParseLine(b []byte) (Line, error) {
	var w writtenLine
	if err := json.Unmarshal(b, &w); err != nil {
		return Line{}, fmt.Errorf("%w: %w", errLine, err)
	}
	l := Line{Index: w.Index, Leaf: w.Leaf, Event: Event{Stream: w.Stream, Revision: w.Revision, Type: w.Type, Data: w.Data, Meta: w.Meta}}
	if w.DataBytes != nil {
		l.Data = w.DataBytes
	}
	if w.MetaBytes != nil {
		l.Meta = w.MetaBytes
	}
	id, ok := parseID(w.ID)
	l.ID = id
	if again := l.Append(nil); !ok || !bytes.Equal(again[:len(again)-1], b) {
		return Line{}, errLine
	}
	return l, nil
}

func parseID(s string) (id [16]byte, ok bool) {
	if len(s) != 36 {
		return id, false
	}
	for i, at := range [16]int{0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34} {
		c, err := strconv.ParseUint(s[at:at+2], 16, 8)
		if err != nil {
			return id, false
		}
		id[i] = byte(c)
	}
	return id, true
}
