package journal

import (
	"bytes"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// MaxStreamName is the longest name of a stream, in bytes.
const MaxStreamName = 250

// Check tells what no store may take: every Store calls it first, so that all refuse alike. It answers ErrInvalid or ErrTooLarge, wrapped.
func Check(stream string, expected int64, records []NewRecord) error {
	switch {
	case stream == "" || len(stream) > MaxStreamName:
		return fmt.Errorf("%w: a stream's name has 1 to %d bytes", ErrInvalid, MaxStreamName)
	case expected < NoStream:
		return fmt.Errorf("%w: no stream is at revision %d", ErrInvalid, expected)
	case len(records) == 0:
		return fmt.Errorf("%w: it holds no event", ErrInvalid)
	case len(records) > MaxAppendEvents:
		return fmt.Errorf("%w: %d events", ErrTooLarge, len(records))
	}
	size := 0
	seen := make(map[uuid.UUID]struct{}, len(records))
	for i, r := range records {
		if _, twice := seen[r.ID]; twice || r.ID == uuid.Nil {
			return fmt.Errorf("%w: event %d has no id of its own", ErrInvalid, i)
		}
		seen[r.ID] = struct{}{}
		switch {
		case r.Type == "":
			return fmt.Errorf("%w: event %d has no type", ErrInvalid, i)
		case !looksLikeObject(r.Data) || !looksLikeObject(r.Meta):
			return fmt.Errorf("%w: data and metadata of event %d are not JSON objects", ErrInvalid, i)
		case bytes.Contains(r.Meta, []byte(stampKey)):
			return fmt.Errorf("%w: metadata of event %d says already when it was recorded", ErrInvalid, i)
		case !r.RecordedAt.IsZero() && !writable(r.RecordedAt):
			return fmt.Errorf("%w: recorded_at of event %d is not in the years 1 to 9999", ErrInvalid, i)
		}
		size += len(r.Data) + len(r.Meta) + stampLen
	}
	if size >= MaxAppendBytes {
		return fmt.Errorf("%w: %d bytes", ErrTooLarge, size)
	}
	return nil
}

// looksLikeObject is the cheap half of a check whose dear half, the encoding, the caller has just done.
func looksLikeObject(b []byte) bool {
	b = bytes.TrimSpace(b)
	return len(b) >= 2 && b[0] == '{' && b[len(b)-1] == '}'
}

// writable: TimeForm writes the moment in its one width.
func writable(at time.Time) bool {
	year := at.UTC().Year()
	return 1 <= year && year <= 9999
}
