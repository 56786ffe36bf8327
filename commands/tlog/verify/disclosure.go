package verify

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"kelisim/commands/tlog/tree"
	"kelisim/commands/vault/sealed"
)

// FileDisclosures holds the keys of single fields that the receiver of a bundle was granted, a line each, in the order of index and field.
const FileDisclosures = "disclosures.ndjson"

// maxDisclosures bounds how many fields one bundle discloses.
const maxDisclosures = 1000

// Disclosure is the key of one personal value of one event: it opens that value and nothing else (TestDisclosedKeyOpensOneField).
type Disclosure struct {
	Index int64  // of the event's leaf
	Field string // the path of the value in the event's data: "login", "personal_data.addresses.0.text"
	Key   []byte // 32 bytes
}

// Disclosed is a personal value that was disclosed, opened from the very bytes that are proved to be in the log.
type Disclosed struct {
	Index    int64
	Stream   string
	Revision int64
	Type     string
	Field    string
	Text     string
}

type writtenDisclosure struct {
	Index int64  `json:"index"`
	Field string `json:"field"`
	Key   string `json:"key"`
}

// Append writes the line, with its end.
func (d Disclosure) Append(b []byte) []byte {
	line, err := json.Marshal(writtenDisclosure{d.Index, d.Field, base64.StdEncoding.EncodeToString(d.Key)})
	if err != nil {
		panic(err) // such a struct can always be written
	}
	return append(append(b, line...), '\n')
}

var errDisclosure = errors.New("malformed disclosure")

// ParseDisclosure reads a line that Append wrote, without its end, and nothing else (FuzzParseDisclosure).
func ParseDisclosure(line []byte) (Disclosure, error) {
	var w writtenDisclosure
	if err := json.Unmarshal(line, &w); err != nil {
		return Disclosure{}, fmt.Errorf("%w: %w", errDisclosure, err)
	}
	key, err := base64.StdEncoding.DecodeString(w.Key)
	d := Disclosure{w.Index, w.Field, key}
	if again := d.Append(nil); err != nil || len(key) != sealed.KeyLen || w.Index < 0 || !bytes.Equal(again[:len(again)-1], line) {
		return Disclosure{}, errDisclosure
	}
	return d, nil
}

// Before tells the order of disclosures in a bundle.
func (d Disclosure) Before(other Disclosure) bool {
	return d.Index < other.Index || d.Index == other.Index && d.Field < other.Field
}

// disclosures reads what is disclosed, if anything is.
func (b *bundle) disclosures() ([]Disclosure, error) {
	f, err := b.files.Open(FileDisclosures)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the bundle: %w", err)
	}
	defer f.Close()
	var all []Disclosure
	in := bufio.NewReader(f)
	for {
		line, err := readLine(in)
		if err == io.EOF && len(all) > 0 {
			return all, nil
		}
		if err == io.EOF {
			return nil, fault(Malformed, InFile(FileDisclosures), "it discloses nothing")
		}
		if err != nil {
			return nil, unreadable(FileDisclosures, err)
		}
		d, err := ParseDisclosure(line)
		if n := len(all); err == nil && n > 0 && !all[n-1].Before(d) {
			err = errors.New("the disclosures are not in the order of index and field")
		}
		if err == nil && len(all) == maxDisclosures {
			err = errors.New("there are more disclosures than a bundle can have")
		}
		if err != nil {
			return nil, fault(Malformed, InFile(fmt.Sprintf("%s line %d", FileDisclosures, len(all)+1)), "%v", err)
		}
		all = append(all, d)
	}
}

// disclosed opens what is disclosed of one event, which is proved to be in the log, and answers the disclosures of others.
func (b *bundle) disclosed(l tree.Line, waiting []Disclosure) ([]Disclosure, error) {
	others := slices.Clone(waiting)
	others = slices.DeleteFunc(others, func(d Disclosure) bool { return d.Index == l.Index })
	for _, d := range waiting {
		if d.Index != l.Index {
			continue
		}
		at := Place{File: FileDisclosures, Index: l.Index, Position: -1, Stream: l.Stream, Revision: l.Revision}
		text, err := d.open(l.Event)
		if err != nil {
			return nil, fault(DisclosureFails, at, "%s: %v", d.Field, err)
		}
		b.verdict.Disclosed = append(b.verdict.Disclosed, Disclosed{l.Index, l.Stream, l.Revision, l.Type, d.Field, text})
	}
	return others, nil
}

var errNoField = errors.New("the event has no sealed value there")

// open opens the disclosed value of an event.
func (d Disclosure) open(e tree.Event) (string, error) {
	var meta struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(e.Meta, &meta); err != nil {
		return "", errors.New("the event's metadata cannot be read")
	}
	raw, err := at(e.Data, d.Field)
	if err != nil {
		return "", err
	}
	value, err := sealed.Parse(raw)
	if err != nil {
		return "", err
	}
	return value.Open(d.Key, sealed.Place{Stream: e.Stream, EventID: e.ID, Type: e.Type, Version: meta.Version}, d.Field)
}

// at finds the exact bytes at a path of names and indexes.
func at(data json.RawMessage, path string) (json.RawMessage, error) {
	for name := range strings.SplitSeq(path, ".") {
		var members map[string]json.RawMessage
		var items []json.RawMessage
		if json.Unmarshal(data, &members) == nil {
			data = members[name]
			continue
		}
		i, err := strconv.Atoi(name)
		if err != nil || json.Unmarshal(data, &items) != nil || i < 0 || i >= len(items) {
			return nil, errNoField
		}
		data = items[i]
	}
	if data == nil {
		return nil, errNoField
	}
	return data, nil
}
