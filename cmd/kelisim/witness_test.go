package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"kelisim/commands/tlog/witness"
)

// A witness is killed in the middle of its work, again and again: it never forgets a checkpoint whose cosignature it gave out, and never takes another history.
func TestWitnessKilled(t *testing.T) {
	const rounds, leaves = 5, 4000
	secret, vkey, err := note.GenerateKey(rand.Reader, "log.test/ledger")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	history := func(word string) tlog.HashReader {
		var stored []tlog.Hash
		reader := tlog.HashReaderFunc(func(at []int64) (out []tlog.Hash, err error) {
			for _, i := range at {
				out = append(out, stored[i])
			}
			return out, nil
		})
		for n := range int64(leaves) {
			more, err := tlog.StoredHashes(n, fmt.Append(nil, word, n), reader)
			if err != nil {
				t.Fatal(err)
			}
			stored = append(stored, more...)
		}
		return reader
	}
	request := func(log tlog.HashReader, old, size int64) []byte {
		hash, err := tlog.TreeHash(size, log)
		if err != nil {
			t.Fatal(err)
		}
		r := witness.Request{Old: old}
		if old > 0 {
			if r.Proof, err = tlog.ProveTree(size, old, log); err != nil {
				t.Fatal(err)
			}
		}
		if r.Checkpoint, err = note.Sign(&note.Note{Text: torchwood.Checkpoint{Origin: "log.test/ledger", Tree: tlog.Tree{N: size, Hash: hash}}.String()}, signer); err != nil {
			t.Fatal(err)
		}
		return r.Format()
	}
	post := func(url string, body []byte) (int, string, error) {
		a, err := http.Post(url+"/add-checkpoint", "text/plain", bytes.NewReader(body))
		if err != nil {
			return 0, "", err
		}
		defer a.Body.Close()
		text, err := io.ReadAll(a.Body)
		return a.StatusCode, string(text), err
	}
	honest, other := history("leaf"), history("other")
	dir := t.TempDir()
	given, public := int64(0), ""
	for round := range rounds {
		s, err := startServer("", nil, "witness", "--log-key", vkey, "--key", filepath.Join(dir, "key"), "--state", filepath.Join(dir, "state"))
		if err != nil {
			t.Fatal(err)
		}
		defer s.kill()
		status, text, err := post(s.url, request(honest, 0, 1))
		known := int64(1)
		if status == http.StatusConflict {
			if known, err = strconv.ParseInt(strings.TrimSpace(text), 10, 64); err != nil {
				t.Fatal(err)
			}
		}
		// What was being written when it died may be there or not; what was given out must be.
		if err != nil || (status == http.StatusOK) != (round == 0) || round > 0 && (known < given || known > given+1) {
			t.Fatalf("round %d: it gave out %d and knows %d (%d, %v)", round, given, known, status, err)
		}
		if status, _, err := post(s.url, request(other, known, known+1)); err != nil || status != http.StatusUnprocessableEntity {
			t.Fatalf("round %d: another history after %d leaves: %d (%v)", round, known, status, err)
		}
		given = known
		stop := time.AfterFunc(time.Duration(20+17*round)*time.Millisecond, s.kill)
		for size := known + 1; size <= leaves; size++ {
			status, _, err := post(s.url, request(honest, size-1, size))
			if err != nil {
				break // it died under it
			}
			if status != http.StatusOK {
				t.Fatalf("round %d: %d leaves: %d", round, size, status)
			}
			given = size
		}
		stop.Stop()
		s.kill()
		if key := strings.TrimSpace(s.stdout.String()); public != "" && key != public {
			t.Fatalf("it is now %s and was %s", key, public)
		} else {
			public = key
		}
	}
	t.Logf("cosigned %d checkpoints", given)
}
