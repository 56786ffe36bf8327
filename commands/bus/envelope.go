package bus

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/ThreeDotsLabs/watermill/message"

	"kelisim/commands/journal"
	"kelisim/domain"
)

// What goes beside the body, as metadata of the message: header fields in NATS, Kafka and HTTP. The key is the user's id, or the stream's name where the
// event is of no user; what shares a key keeps its order.
const (
	HeaderID       = "Kelisim-Event-Id"
	HeaderType     = "Kelisim-Event-Type"
	HeaderKey      = "Kelisim-Key"
	HeaderPosition = "Kelisim-Position"
)

// keyOf is what an event is in order with.
func keyOf(stream string) (key string, ofUser bool) {
	if user, ok := domain.Stream(stream).User(); ok {
		return string(user), true
	}
	return stream, false
}

// newMessage writes the envelope. Its members are those of an event in the API; data and meta are the stored bytes, not written anew, so that who takes
// them as they stand can hold them against a proof.
func newMessage(r journal.Record) (*message.Message, error) {
	var meta struct {
		Version    int    `json:"version"`
		OccurredAt string `json:"occurred_at"`
	}
	if err := json.Unmarshal(r.Meta, &meta); err != nil {
		return nil, fmt.Errorf("read the metadata of event %s: %w", r.ID, err)
	}
	key, ofUser := keyOf(r.Stream)
	b := make([]byte, 0, len(r.Data)+len(r.Meta)+512)
	member := func(name string, value any) {
		text, _ := json.Marshal(value) // strings and whole numbers
		if len(b) > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, name...)
		b = append(b, '"', ':')
		b = append(b, text...)
	}
	member("id", r.ID.String())
	member("stream", r.Stream)
	member("revision", r.Revision)
	member("position", r.Position)
	member("type", r.Type)
	member("version", meta.Version)
	if ofUser {
		member("user_id", key)
	}
	member("occurred_at", meta.OccurredAt)
	member("recorded_at", r.RecordedAt.UTC().Format(journal.TimeForm))
	b = append([]byte("{"), b...)
	b = append(append(b, `,"data":`...), r.Data...)
	b = append(append(b, `,"meta":`...), r.Meta...)
	m := message.NewMessage(r.ID.String(), append(b, '}'))
	m.Metadata = message.Metadata{
		HeaderID: r.ID.String(), HeaderType: r.Type, HeaderKey: key, HeaderPosition: strconv.FormatInt(r.Position, 10),
	}
	return m, nil
}

// Position is a message's position in the journal.
func Position(m *message.Message) (int64, error) {
	n, err := strconv.ParseInt(m.Metadata.Get(HeaderPosition), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("the message names no position: %w", err)
	}
	return n, nil
}
