package http

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Response is an answer. Make it with OK, Created, Page, Bytes or Streamed.
type Response struct {
	Status   int                 // 0 is 200
	Body     any                 // written as JSON
	Revision *int64              // of the stream that was read or written: the ETag
	Header   http.Header         // further headers, or nil
	Type     string              // media type of Data or Stream
	Data     []byte              // in place of Body
	Stream   func(*Stream) error // in place of Body
}

// OK answers a question.
func OK(body any) *Response { return &Response{Body: body} }

// Created answers a command that appended; revision is the stream's after it.
func Created(body any, revision int64) *Response {
	return &Response{Status: http.StatusCreated, Body: body, Revision: &revision}
}

// Page answers a list; next is the cursor of the page after it, "" if this is the last.
func Page[T any](items []T, next string) *Response {
	page := struct {
		Items []T     `json:"items"`
		Next  *string `json:"next"`
	}{Items: items}
	if page.Items == nil {
		page.Items = []T{}
	}
	if next != "" {
		page.Next = &next
	}
	return OK(page)
}

// Bytes answers with a file.
func Bytes(mediaType string, data []byte) *Response { return &Response{Type: mediaType, Data: data} }

// Streamed answers piece by piece. The status is sent before write is called: an error after that breaks the connection, so that nobody takes
// half an answer for the whole.
func Streamed(mediaType string, write func(*Stream) error) *Response {
	return &Response{Type: mediaType, Stream: write}
}

// At gives the answer the ETag of a stream's revision.
func (a *Response) At(revision int64) *Response { a.Revision = &revision; return a }

// With adds a header.
func (a *Response) With(name, value string) *Response {
	if a.Header == nil {
		a.Header = http.Header{}
	}
	a.Header.Set(name, value)
	return a
}

// streamWait is how long one piece may take to reach the caller.
const streamWait = 30 * time.Second

// Stream is where a streamed answer goes. Each write has its own deadline, since the whole may take as long as it likes.
type Stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

func (s *Stream) Write(p []byte) (int, error) {
	if err := s.control.SetWriteDeadline(time.Now().Add(streamWait)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, fmt.Errorf("set a deadline: %w", err)
	}
	return s.w.Write(p)
}

// Flush sends what was written.
func (s *Stream) Flush() error {
	if err := s.control.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("flush: %w", err)
	}
	return nil
}

var _ io.Writer = (*Stream)(nil)

// write sends the answer. Nothing has been sent when it fails before a stream begins.
func (a *Response) write(w *recorder, r *http.Request) error {
	if a.Status == 0 {
		a.Status = http.StatusOK
	}
	data := a.Data
	if a.Stream == nil && a.Type == "" {
		var err error
		if data, err = marshal(a.Body); err != nil {
			return fmt.Errorf("write an answer: %w", err)
		}
		a.Type = "application/json"
	}
	h := w.Header()
	for name, values := range a.Header {
		h[name] = values
	}
	h.Set("Content-Type", a.Type)
	if a.Revision != nil {
		tag := `"` + strconv.FormatInt(*a.Revision, 10) + `"`
		h.Set("ETag", tag) // for If-Match alone: an answer hangs on time and on the site too, so that none is ever "not modified"
	}
	if a.Stream == nil {
		h.Set("Content-Length", strconv.Itoa(len(data)))
		w.WriteHeader(a.Status)
		_, _ = w.Write(data) // a caller who is gone is no fault of ours
		return nil
	}
	w.WriteHeader(a.Status)
	if w.head {
		return nil
	}
	return a.Stream(&Stream{w, http.NewResponseController(w)})
}

// marshal writes JSON as people type it: < and & are themselves, since no answer is read as HTML.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
