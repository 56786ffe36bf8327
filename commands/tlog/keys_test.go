package tlog_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"kelisim/commands/tlog"
)

func TestKeysAreMadeOnceAndForTheOwnerAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.key")
	var all [8]*tlog.Keys
	var wait sync.WaitGroup
	for i := range all { // several programs at their first start
		wait.Go(func() {
			k, err := tlog.OpenKeys(path, origin)
			if err != nil {
				t.Error(err)
			}
			all[i] = k
		})
	}
	wait.Wait()
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Fatalf("mode %v (%v)", info.Mode(), err)
	}
	for _, k := range all {
		if k == nil || !slices.Equal(k.VerifierKeys(), all[0].VerifierKeys()) || len(k.VerifierKeys()) != 2 {
			t.Error("two programs have different keys")
		}
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o601, 0o660, 0o777} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := tlog.OpenKeys(path, origin); err == nil || !strings.Contains(err.Error(), "owner") {
			t.Errorf("opened with mode %v (%v)", mode, err)
		}
	}
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	if _, err := tlog.OpenKeys(path, "another.test/ledger"); err == nil || !strings.Contains(err.Error(), "never changed") {
		t.Errorf("opened for another log (%v)", err)
	}
	if _, err := tlog.OpenKeys(filepath.Dir(path), origin); err == nil {
		t.Error("opened a folder")
	}
	if _, err := tlog.OpenKeys(filepath.Join(t.TempDir(), "no", "log.key"), origin); err == nil {
		t.Error("made a folder")
	}
	if _, err := tlog.OpenKeys(filepath.Join(t.TempDir(), "log.key"), "a name+with spaces"); err == nil {
		t.Error("made keys of a name that no checkpoint can have")
	}
}

// An old and a new key sign both while they overlap, so that whoever believes one of them goes on.
func TestOldAndNewKeySign(t *testing.T) {
	old, fresh := fixedKeys(origin, 7), fixedKeys(origin, 8)
	k, err := tlog.ParseKeys("# the old pair\n"+old+"\n  # the new pair\n"+fresh, origin)
	if err != nil {
		t.Fatal(err)
	}
	if len(k.VerifierKeys()) != 4 {
		t.Fatalf("%d keys", len(k.VerifierKeys()))
	}
	text := origin + "\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
	signed, lasting, err := k.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	again, _, err := k.Sign(text)
	if err != nil || string(again) != string(signed) {
		t.Error("signed the same twice, and differently")
	}
	for _, i := range []int{0, 2} {
		v, err := note.NewVerifier(k.VerifierKeys()[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := note.Open(append(signed, lasting...), note.VerifierList(v)); err != nil {
			t.Errorf("key %d: %v", i, err)
		}
	}
}

// No error shows a key, or a part of one.
func TestMalformedKeys(t *testing.T) {
	good := strings.Split(fixedKeys(origin, 7), "\n")
	quick, lasting := good[0], good[1]
	secret := quick[strings.LastIndex(quick, "+")+5:]
	for what, text := range map[string]string{
		"nothing": "", "no Ed25519": lasting, "cut": quick[:len(quick)-4], "another id": strings.Replace(quick, "+58", "+59", 1),
		"lasting cut": quick + "\n" + lasting[:len(lasting)-4], "lasting of another id": quick + "\n" + strings.Replace(lasting, "+bd", "+be", 1),
		"a verifier's key": testKeys.VerifierKeys()[0], "words": "PRIVATE KEY " + secret, "other type": quick + "\nPRIVATE+KEY+" + origin + "+00000000+AwAA",
		"of another": strings.ReplaceAll(quick, origin, "other"),
	} {
		_, err := tlog.ParseKeys(text, origin)
		if err == nil {
			t.Errorf("%s: read", what)
		} else if strings.Contains(err.Error(), secret[:8]) {
			t.Errorf("%s: the error shows the key: %v", what, err)
		}
	}
	if strings.Contains(fmt.Sprintf("%v %+v %#v", testKeys, testKeys, testKeys), secret[:8]) {
		t.Error("printed, the keys show themselves")
	}
}

func FuzzParseKeys(f *testing.F) {
	f.Add(fixedKeys(origin, 7))
	f.Add("PRIVATE+KEY+" + origin + "+00000000+AQ==")
	f.Fuzz(func(t *testing.T, text string) {
		k, err := tlog.ParseKeys(text, origin)
		if err != nil {
			return
		}
		if _, _, err := k.Sign(origin + "\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"); err != nil {
			t.Error(err)
		}
	})
}
