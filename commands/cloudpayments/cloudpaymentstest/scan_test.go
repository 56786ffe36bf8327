package cloudpaymentstest_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/fstest"
	"testing/iotest"

	"kelisim/commands/cloudpayments/cloudpaymentstest"
)

func scan(t *testing.T, text string) []cloudpaymentstest.Leak {
	t.Helper()
	leaks, err := cloudpaymentstest.Scan(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return leaks
}

// Each planted value is found: by itself, in JSON, and in the Base64 that JSON makes of bytes.
func TestPlantedValuesAreFound(t *testing.T) {
	for _, s := range cloudpaymentstest.PlantedSecrets {
		inJSON, err := json.Marshal(map[string]any{"a": "b", "raw": s.Value})
		if err != nil {
			t.Fatal(err)
		}
		texts := []string{s.Value, "x=" + s.Value + "&y=1"}
		if s.Field != "Data" { // its quotes are escaped
			texts = append(texts, string(inJSON))
		}
		if len(s.Value) >= 12 {
			for _, before := range []string{"", "a", "ab", "abc"} {
				texts = append(texts, base64.StdEncoding.EncodeToString([]byte(before+s.Value+"tail")))
			}
		}
		for _, text := range texts {
			found := false
			for _, l := range scan(t, text) {
				found = found || l.What == s.Field
			}
			if !found {
				t.Errorf("%s is not found in %q", s.Field, text)
			}
		}
	}
}

func TestCardNumbersAreFound(t *testing.T) {
	for text, want := range map[string]bool{
		"4242424242424242": true, "card 4242424242424242.": true, `{"a":"4242424242424242"}`: true, "4000 0566 5566 5556": true, "4000-0566-5566-5556": true,
		"378282246310005": true, "3782 822463 10005": true, "12 4242424242424242 07/31": true, "4242424242424242,5": true, "\x00\xff4242424242424242\x00": true,
		"карта 4242424242424242": true, "4222222222222": true, "a=4242424242424242&b": true,
		"4242424242424241": false, "1234567890123456": false, "42424242424242424242": false, "a4242424242424242": false, "4242424242424242b": false,
		"1f0e2c5a-93b8-4f57-9d21-424242424242": false, "0.4242424242424242": false, "id_4242424242424242": false, "2026-01-31 2026-02-28": false,
		"897749645": false, "": false, "tk_0badc0de": false,
	} {
		found := false
		for _, l := range scan(t, text) {
			found = found || l.What == "card number"
		}
		if found != want {
			t.Errorf("%q holds a card number: %v", text, found)
		}
	}
	for text, want := range map[string]bool{"tk_255c42192323f2e09ea17635302c3": true, `"success_1111a3e0-2428-48fb-a530-12815d90d0e8"`: true,
		"tk_table": false, "stk_255c42192323f2e09ea17635302c3": false, "success_rate": false} {
		if found := len(scan(t, text)) > 0; found != want {
			t.Errorf("%q holds a token: %v", text, found)
		}
	}
}

// Where the stream is cut into pieces makes no difference: what lies across a cut is found once, and what a cut makes is not found.
func TestScanAcrossCuts(t *testing.T) {
	places := []int{1<<16 - 257, 1<<16 - 17} // right before the digits, and right after them
	for at := 1<<16 - 300; at < 1<<16+20; at += 7 {
		places = append(places, at)
	}
	for _, at := range places {
		text := strings.Repeat("x", at) + " 4242424242424242 and PLANTED HOLDERSSON " + strings.Repeat("y", 300)
		leaks := scan(t, text)
		if len(leaks) != 2 || leaks[0].Offset != int64(at)+1 || leaks[1].Offset != int64(at)+22 {
			t.Fatalf("at %d: %v", at, leaks)
		}
		for _, part := range []string{"f4242424242424242 ", " 4242424242424242f"} {
			if leaks := scan(t, strings.Repeat("0", at)+part+strings.Repeat("0", 300)); len(leaks) != 0 {
				t.Fatalf("at %d, a part of %q: %v", at, part, leaks)
			}
		}
	}
	leaks, err := cloudpaymentstest.Scan(iotest.OneByteReader(strings.NewReader("x 547932 y")))
	if err != nil || len(leaks) != 1 || leaks[0].What != "CardFirstSix" {
		t.Errorf("%v, %v", leaks, err)
	}
	if leaks := scan(t, "a547932 547932b 1547932 5479321"); len(leaks) != 0 {
		t.Errorf("parts of longer words: %v", leaks)
	}
}

func TestScanFS(t *testing.T) {
	leaks, err := cloudpaymentstest.ScanFS(fstest.MapFS{
		"journal.db":  {Data: bytes.Repeat([]byte("clean "), 1000)},
		"logs/a.log":  {Data: []byte("paid by 4242424242424242")},
		"logs/b.json": {Data: []byte(`{"ip":"203.0.113.197"}`)},
	})
	if err != nil || len(leaks) != 2 || leaks[0].File != "logs/a.log" || leaks[1].String() != "IpAddress at byte 7 of logs/b.json" {
		t.Errorf("%v, %v", leaks, err)
	}
	bad := errors.New("bad sector")
	if _, err := cloudpaymentstest.Scan(io.MultiReader(strings.NewReader("x"), iotest.ErrReader(bad))); !errors.Is(err, bad) {
		t.Errorf("%v", err)
	}
}
