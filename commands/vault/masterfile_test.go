package vault_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"kelisim/commands/vault"
)

func openMaster(t testing.TB, path string) *vault.MasterFile {
	t.Helper()
	m, err := vault.OpenMasterFile(path)
	must(t, err)
	return m
}

func secretOf(t *testing.T, kek vault.KEK, purpose string) []byte {
	t.Helper()
	b, err := kek.Derive(purpose)
	if err != nil || len(b) != 32 {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	return b
}

// What both kinds of master key do.
func TestKEK(t *testing.T) {
	for name, kek := range map[string]vault.KEK{"memory": vault.NewMemoryKEK(), "file": openMaster(t, filepath.Join(t.TempDir(), "master.key"))} {
		t.Run(name, func(t *testing.T) {
			key, bound := []byte("0123456789abcdef0123456789abcdef"), []byte("a row")
			first, g, err := kek.Wrap(ctx, key, bound)
			must(t, err)
			if g != 1 || bytes.Contains(first, key[:8]) {
				t.Errorf("wrapped under generation %d as %q", g, first)
			}
			opens := func(generation int, wrapped, bound []byte) bool {
				got, err := kek.Unwrap(ctx, generation, wrapped, bound)
				if err == nil && !bytes.Equal(got, key) {
					t.Fatalf("unwrapped as %q", got)
				}
				return err == nil
			}
			if !opens(1, first, bound) || opens(2, first, bound) || opens(1, first, []byte("another")) || opens(1, first[:5], bound) || opens(1, nil, bound) {
				t.Error("a wrapped key opens under its own generation and in its own row, and nowhere else")
			}
			for i := range first {
				first[i] ^= 1
				if opens(1, first, bound) {
					t.Fatalf("byte %d is not held", i)
				}
				first[i] ^= 1
			}
			if again, _, _ := kek.Wrap(ctx, key, bound); bytes.Equal(first, again) {
				t.Error("wrapped twice alike")
			}
			search := secretOf(t, kek, "a")
			if bytes.Equal(search, secretOf(t, kek, "b")) {
				t.Error("two purposes have one secret")
			}
			if err := kek.Drop(ctx, 1); err == nil {
				t.Error("the only generation was dropped")
			}
			if g, err := kek.Next(ctx); g != 2 || err != nil {
				t.Fatalf("generation %d, %v", g, err)
			}
			second, g, err := kek.Wrap(ctx, key, bound)
			if g != 2 || err != nil || !opens(1, first, bound) || !opens(2, second, bound) || opens(1, second, bound) {
				t.Errorf("generation %d, %v", g, err)
			}
			must(t, kek.Drop(ctx, 1))
			must(t, kek.Drop(ctx, 1))
			if opens(1, first, bound) || !opens(2, second, bound) || !bytes.Equal(search, secretOf(t, kek, "a")) {
				t.Error("a dropped generation is gone and all else stays")
			}
			if g, err := kek.Next(ctx); g != 3 || err != nil {
				t.Errorf("generation %d, %v", g, err)
			}
		})
	}
}

func TestMasterFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	a := openMaster(t, path)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	b := openMaster(t, path)
	if !bytes.Equal(secretOf(t, a, "x"), secretOf(t, b, "x")) {
		t.Error("opened again it is another key")
	}
	// What one process makes, the other finds.
	_, err := a.Next(ctx)
	must(t, err)
	wrapped, g, err := a.Wrap(ctx, []byte("key"), nil)
	must(t, err)
	if got, err := b.Unwrap(ctx, g, wrapped, nil); string(got) != "key" {
		t.Errorf("%q, %v", got, err)
	}
	must(t, b.Drop(ctx, 1))
	if g, err := a.Next(ctx); g != 3 || err != nil {
		t.Errorf("generation %d, %v", g, err)
	}
	text, err := os.ReadFile(path)
	must(t, err)
	if strings.Contains(string(text), `"n":1,`) || !strings.Contains(string(text), `"n":2,`) {
		t.Error("a dropped generation came back into the file")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	files, _ := os.ReadDir(filepath.Dir(path))
	if len(files) != 1 {
		t.Errorf("%d files are left", len(files))
	}

	// Another file under the name is not taken for this one.
	must(t, os.Remove(path))
	openMaster(t, path)
	if _, err := a.Next(ctx); err == nil {
		t.Error("a generation was added to another master key")
	}
	if _, err := a.Unwrap(ctx, 9, wrapped, nil); err == nil || strings.Contains(err.Error(), "generation 9") {
		t.Errorf("%v", err)
	}
	must(t, os.Remove(path))
	if _, err := a.Next(ctx); err == nil {
		t.Error("a generation was added to a file that is not there")
	}
}

func TestMasterFileRefuses(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "master.key")
	openMaster(t, path)
	whole, err := os.ReadFile(path)
	must(t, err)
	for _, mode := range []os.FileMode{0o640, 0o604, 0o660, 0o601, 0o777} {
		must(t, os.Chmod(path, mode))
		if _, err := vault.OpenMasterFile(path); err == nil || !strings.Contains(err.Error(), "0600") {
			t.Errorf("mode %#o: %v", mode, err)
		}
	}
	must(t, os.Chmod(path, 0o400))
	openMaster(t, path)
	must(t, os.Chmod(path, 0o600))

	text := string(whole)
	for _, broken := range []string{"", "{}", text[:len(text)/2], text + text, strings.Replace(text, `/1"`, `/2"`, 1), strings.Replace(text, `"n":1`, `"n":0`, 1),
		strings.Replace(text, `"n":1`, `"n":1,"m":1`, 1), strings.Replace(text, `"root":"`, `"root":"AAAA`, 1), strings.Replace(text, `"key":"`, `"key":"AAAA`, 1),
		text[:strings.Index(text, `[`)] + "[]}"} {
		must(t, os.WriteFile(path, []byte(broken), 0o600))
		_, err := vault.OpenMasterFile(path)
		if err == nil {
			t.Errorf("opened %q", broken)
		} else if len(text) > 60 && strings.Contains(err.Error(), text[45:60]) {
			t.Errorf("the error shows the key: %v", err)
		}
		if now, _ := os.ReadFile(path); string(now) != broken {
			t.Errorf("a broken file was replaced: %q", now)
		}
	}
	must(t, os.WriteFile(path, whole, 0o600))
	openMaster(t, path)
	if _, err := vault.OpenMasterFile(filepath.Join(dir, "none", "master.key")); err == nil {
		t.Error("a key in a folder that is not there")
	}
	if _, err := vault.OpenMasterFile(dir); err == nil {
		t.Error("a folder is a key")
	}
}

// Many who come at once agree on one key, and each generation is one.
func TestMasterFileRaces(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	var mu sync.Mutex
	roots, generations := map[string]bool{}, map[int]bool{}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			m, err := vault.OpenMasterFile(path)
			if err != nil {
				t.Error(err)
				return
			}
			root, _ := m.Derive("x")
			for range 4 {
				g, err := m.Next(ctx)
				if err != nil {
					t.Error(err)
				}
				wrapped, under, _ := m.Wrap(ctx, []byte("key"), nil)
				other, err := vault.OpenMasterFile(path)
				if err != nil || under < g {
					t.Errorf("wrapped under %d after %d was made (%v)", under, g, err)
				} else if _, err := other.Unwrap(ctx, under, wrapped, nil); err != nil {
					t.Errorf("generation %d was lost: %v", under, err)
				}
				mu.Lock()
				roots[string(root)], generations[g] = true, true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(roots) != 1 || len(generations) != 32 {
		t.Errorf("%d roots, %d generations of 32", len(roots), len(generations))
	}
}

func FuzzMasterFile(f *testing.F) {
	path := filepath.Join(f.TempDir(), "master.key")
	openMaster(f, path)
	whole, err := os.ReadFile(path)
	must(f, err)
	for _, s := range []string{string(whole), "", "{}", `{"form":"kelisim-master-key/1","root":"","generations":[]}`, "null"} {
		f.Add([]byte(s))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, in []byte) {
		at := filepath.Join(dir, "fuzz.key")
		must(t, os.WriteFile(at, in, 0o600))
		m, err := vault.OpenMasterFile(at)
		if err != nil {
			return
		}
		wrapped, g, err := m.Wrap(ctx, []byte("key"), nil)
		must(t, err)
		if got, err := m.Unwrap(ctx, g, wrapped, nil); string(got) != "key" {
			t.Errorf("%q, %v", got, err)
		}
	})
}
