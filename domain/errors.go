package domain

import (
	"errors"
	"fmt"
)

// Kind sorts refusals by what a caller can do about them; http/problem.go maps each to a status.
type Kind int

const (
	Invalid       Kind = iota + 1 // the wish is malformed: 400
	Forbidden                     // this actor may not: 403
	NotFound                      // there is no such thing, or not for this actor: 404
	Conflict                      // a rule stands against it: 409
	Precondition                  // the caller's view is stale: 412
	Unprocessable                 // understood and refused for what it carries: 422
	Unavailable                   // nothing is known to be wrong with the wish; try again: 503
)

// Error is a refusal. It is written for the caller: Code is stable and for machines, Detail is for
// people, Clause is the ground in the terms where there is one. It never holds personal data.
type Error struct {
	Kind    Kind
	Code    string // "login-taken"
	Detail  string
	Clause  string // "T-3.8", or empty
	Pointer string // JSON pointer to the field at fault, or empty
}

func (e *Error) Error() string { return e.Code + ": " + e.Detail }

// Is makes errors.Is compare refusals by code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// At names the field at fault by its JSON pointer.
func (e *Error) At(pointer string) *Error {
	c := *e
	c.Pointer = pointer
	return &c
}

// By names the clause that grounds the refusal.
func (e *Error) By(clause string) *Error {
	c := *e
	c.Clause = clause
	return &c
}

// Refuse makes a refusal. The format must not be given personal data.
func Refuse(kind Kind, code, format string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Detail: fmt.Sprintf(format, args...)}
}

// Malformed is the refusal of a value that breaks the contract's form.
func Malformed(pointer, format string, args ...any) *Error {
	return Refuse(Invalid, "invalid-request", format, args...).At(pointer)
}

// Code is the refusal's code, or "" if err is none.
func Code(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
