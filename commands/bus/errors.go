package bus

import (
	"context"
	"errors"
	"fmt"
)

// Error is why something was not published: a stable word for operators, and what happened, for the log. Neither holds an address, a secret or a body.
type Error struct {
	Code string
	Err  error
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %v", e.Code, e.Err) }
func (e *Error) Unwrap() error { return e.Err }

// Fail makes an Error.
func Fail(code string, format string, args ...any) error {
	return &Error{code, fmt.Errorf(format, args...)}
}

// CodeOf is the word for an error: its own, "timeout", or "failed".
func CodeOf(err error) string {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e.Code
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	}
	return "failed"
}

// errHalt ends an outlet's run until a person has looked.
var errHalt = errors.New("it does not go on by itself")
