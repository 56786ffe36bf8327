package receipts

import (
	"bytes"
	"encoding/json"
	"fmt"

	"kelisim/commands/tlog/verify"
)

// JSON writes the receipt with its signature: {"receipt":…,"signature":…}, every member in its one place, one a line. verify.Receipt reads it.
func (r Receipt) JSON() ([]byte, error) {
	file := map[string]any{"receipt": r.Record}
	if r.signature != nil {
		file["signature"] = string(r.signature)
	}
	return pretty(file)
}

// pretty is canonical JSON with white space for people.
func pretty(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err == nil {
		text, err = verify.CanonicalJSON(text)
	}
	var out bytes.Buffer
	if err == nil {
		err = json.Indent(&out, text, "", "  ")
	}
	if err != nil {
		return nil, fmt.Errorf("write a receipt: %w", err)
	}
	return append(out.Bytes(), '\n'), nil
}
