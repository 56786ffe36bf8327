package story

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"kelisim/commands"
	"kelisim/domain"
)

// What became of a line.
const (
	Carried  = "carried-out"
	Repeated = "there-before" // an earlier telling had recorded it
	Refused  = "refused-as-expected"
	Skipped  = "not-judged-again" // a refusal that an earlier telling had judged already
)

// Outcome is what became of one line.
type Outcome struct {
	Line    int           `json:"line"`
	Command string        `json:"command"`
	Outcome string        `json:"outcome"`
	Code    string        `json:"code,omitempty"` // of the expected refusal
	Done    commands.Done `json:"-"`
}

// Fault is why a line, or the reading of it, ended the telling.
type Fault struct {
	Line int // from 1
	Err  error
}

func (f *Fault) Error() string {
	text := fmt.Sprintf("line %d: %v", f.Line, f.Err)
	var refusal *domain.Error
	if errors.As(f.Err, &refusal) {
		if refusal.Pointer != "" {
			text += ", at " + refusal.Pointer
		}
		if refusal.Clause != "" {
			text += " (" + refusal.Clause + ")"
		}
	}
	return text
}

func (f *Fault) Unwrap() error { return f.Err }

// Teller tells one story to a ledger, line after line.
//
// A line that expects a refusal is only rehearsed, so that an expectation that is not met leaves no event behind. It is judged where the
// story is new. Where an earlier telling has recorded what stands before it, it is left alone, because the ledger has moved on since: what was
// refused then may be refused otherwise now.
type Teller struct {
	Service *commands.Service
	Name    string // of the story: the ids of its wishes derive from it

	number int
	begun  bool // a line without an expectation has been told
	old    bool // the last such line was there before
	doubt  *Fault
}

// Tell carries out the next line. An error is a *Fault, and the story ends with it.
func (t *Teller) Tell(ctx context.Context, raw []byte) (Outcome, error) {
	t.number++
	o, err := t.tell(ctx, raw)
	o.Line = t.number
	var fault *Fault
	if err != nil && !errors.As(err, &fault) {
		err = &Fault{t.number, err}
	}
	return o, err
}

// End tells whether an expectation at the beginning of a story of nothing else was not met.
func (t *Teller) End() error {
	if t.doubt != nil {
		return t.doubt
	}
	return nil
}

func (t *Teller) tell(ctx context.Context, raw []byte) (Outcome, error) {
	line, err := Parse(raw)
	if err != nil {
		return malformed(raw, err)
	}
	o := Outcome{Command: line.Command}
	wish, err := line.wish(t.Name, t.number)
	switch {
	case line.Expect != "" && t.begun && t.old:
		o.Outcome = Skipped
		return o, nil
	case line.Expect != "":
		if err == nil {
			wish.Rehearsed = true
			_, err = t.Service.Do(ctx, wish)
			err = within(err)
		}
		return t.judge(o, line.Expect, err)
	case err != nil:
		return o, err
	}
	if t.doubt != nil { // judged before anything of the story was known to be new: look whether it is
		rehearsal := wish
		rehearsal.Rehearsed = true
		if done, err := t.Service.Do(ctx, rehearsal); err != nil || !done.Repeated {
			return o, t.doubt
		}
		t.doubt = nil
	}
	if o.Done, err = t.Service.Do(ctx, wish); err != nil {
		return o, told(within(err))
	}
	t.begun, t.old = true, o.Done.Repeated
	o.Outcome = Carried
	if t.old {
		o.Outcome = Repeated
	}
	return o, nil
}

// judge compares a rehearsal with what was expected.
func (t *Teller) judge(o Outcome, want string, err error) (Outcome, error) {
	got := domain.Code(err)
	switch {
	case err != nil && got == "":
		return o, err
	case got == want:
		o.Outcome, o.Code = Refused, got
		return o, nil
	case got == "":
		err = fmt.Errorf("expected to be refused as %q and nothing stands against it; it was not recorded", want)
	default:
		err = fmt.Errorf("expected to be refused as %q: %w", want, err)
	}
	if t.begun {
		return o, err
	}
	o.Outcome = Skipped
	if t.doubt == nil {
		t.doubt = &Fault{t.number, err}
	}
	return o, nil
}

// malformed is the end of a line that cannot be read, unless just that was expected.
func malformed(raw []byte, err error) (Outcome, error) {
	var l struct{ Command, Expect string }
	if json.Unmarshal(raw, &l) == nil && l.Expect != "" && l.Expect == domain.Code(err) {
		return Outcome{Command: l.Command, Outcome: Refused, Code: l.Expect}, nil
	}
	return Outcome{}, err
}

// told puts a refusal that speaks of keys into the words of a story.
func told(err error) error {
	if domain.Code(err) == "idempotency-key-reused" {
		return domain.Refuse(domain.Unprocessable, "idempotency-key-reused", "this line was told before with other content; what is recorded is never changed: undo the edit, or add a line at the end")
	}
	return err
}

// maxLine is the most bytes that a line may have.
const maxLine = 16 << 20

// Lines reads a story line by line, without the ends of the lines.
func Lines(r io.Reader) *bufio.Scanner {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 64<<10), maxLine)
	return s
}
