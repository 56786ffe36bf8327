package journal

import (
	"bytes"
	"fmt"
	"time"
)

// TimeForm is how moments are written in metadata: RFC 3339, UTC, microseconds, always the same width.
const TimeForm = "2006-01-02T15:04:05.000000Z"

const stampKey = `"recorded_at":"`

const stampLen = len(`,"recorded_at":""`) + len(TimeForm)

// Stamp adds recorded_at to a metadata object as its last member. Stores call it at the moment that fixes
// the event's place; what it returns is what is stored and hashed. Recorded times are whole microseconds.
func Stamp(meta []byte, at time.Time) ([]byte, error) {
	body, ok := bytes.CutSuffix(bytes.TrimSpace(meta), []byte("}"))
	if !ok || len(body) == 0 || body[0] != '{' {
		return nil, fmt.Errorf("metadata is not a JSON object")
	}
	out := make([]byte, 0, len(body)+len(stampKey)+len(TimeForm)+3)
	out = append(out, body...)
	if len(bytes.TrimSpace(body)) > 1 {
		out = append(out, ',')
	}
	out = append(out, stampKey...)
	out = at.UTC().AppendFormat(out, TimeForm)
	return append(out, `"}`...), nil
}

// Stamped reads recorded_at back from the end of stored metadata.
func Stamped(meta []byte) (time.Time, error) {
	n := len(stampKey) + len(TimeForm) + len(`"}`)
	if len(meta) < n || !bytes.HasPrefix(meta[len(meta)-n:], []byte(stampKey)) {
		return time.Time{}, fmt.Errorf("metadata does not end with recorded_at")
	}
	at, err := time.Parse(TimeForm, string(meta[len(meta)-len(TimeForm)-2:len(meta)-2]))
	if err != nil {
		return time.Time{}, fmt.Errorf("recorded_at in metadata: %w", err)
	}
	return at, nil
}

// Unstamp is stored metadata as it was before Stamp.
func Unstamp(meta []byte) ([]byte, error) {
	if _, err := Stamped(meta); err != nil {
		return nil, err
	}
	body := meta[:len(meta)-len(stampKey)-len(TimeForm)-len(`"}`)]
	out := append(make([]byte, 0, len(body)+1), bytes.TrimSuffix(body, []byte(","))...)
	return append(out, '}'), nil
}

// NextRecordedAt is the recorded time of the next event: the asked moment where there is one, else the
// clock's, but never before the last event's. Asking for an earlier one is ErrBeforeLast.
func NextRecordedAt(asked, now, last time.Time) (time.Time, error) {
	if asked.IsZero() {
		now = now.UTC().Truncate(time.Microsecond)
		if now.Before(last) {
			return last, nil
		}
		return now, nil
	}
	asked = asked.UTC().Truncate(time.Microsecond)
	if asked.Before(last) {
		return time.Time{}, ErrBeforeLast
	}
	return asked, nil
}
