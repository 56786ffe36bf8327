package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kelisim/commands"
	"kelisim/commands/access"
	"kelisim/commands/tlog"
	"kelisim/commands/tlog/verify"
	"kelisim/domain"
	"kelisim/domain/event"
)

// erased asks for a user's destruction by two people.
func (h *house) erased(user string) {
	h.t.Helper()
	h.ask(access.Officer, 201, "POST", "/v1/users/"+user+"/destruction", `{"basis":"lawful-demand"}`)
	h.move(time.Second)
	h.ask(access.Approver, 201, "POST", "/v1/users/"+user+"/destruction/approval", "{}")
	h.move(time.Second)
}

func (h *house) named(login string) string {
	h.t.Helper()
	return h.ask(access.Service, 201, "POST", "/v1/users", fmt.Sprintf(`{"login":%q,"acceptance":%s,"contacts":{"email":"%s@example.kz"}}`,
		login, h.acceptance("register", "terms", "personal-data"), login))["user_id"].(string)
}

// P-1.5, P-2.5: a destruction is seen to go from requested over destroyed keys to final, by the user's page and in the list.
func TestDestructionIsSeenToTheEnd(t *testing.T) {
	h := newHouse(t)
	h.staffed()
	id, other := h.named("aigerim"), h.named("berik")
	status := func(want string) {
		t.Helper()
		d, _ := h.ask(access.Officer, 200, "GET", "/v1/users/"+id, "")["destruction"].(map[string]any)
		if fmt.Sprint(d["status"]) != want {
			t.Errorf("the user's page says %v, want %s", d, want)
		}
		head, _, err := h.l.Journal.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		items := h.ask(access.Auditor, 200, "GET", fmt.Sprint("/v1/destructions?at_least=", head), "")["items"].([]any)
		if want == "<nil>" {
			if len(items) != 0 {
				t.Errorf("the list is %v", items)
			}
			return
		}
		if len(items) != 1 || items[0].(map[string]any)["user_id"] != id || items[0].(map[string]any)["status"] != want {
			t.Errorf("the list is %v, want %s", items, want)
		}
	}
	status("<nil>")
	h.ask(access.Officer, 201, "POST", "/v1/users/"+id+"/destruction", `{"basis":"lawful-demand"}`)
	h.move(time.Second)
	status("requested")
	h.ask(access.Approver, 201, "POST", "/v1/users/"+id+"/destruction/approval", "{}")
	h.move(time.Second)
	status("keys-destroyed")
	before := fmt.Sprint("position:", h.ask(access.Officer, 200, "GET", "/v1/users/"+id, "")["position"])
	if n := h.ask(access.Operator, 201, "POST", "/v1/keys/rotation", "")["generation"]; fmt.Sprint(n) != "2" {
		t.Errorf("generation %v", n)
	}
	h.move(defaultRetention + time.Second)
	status("keys-destroyed")
	if _, err := h.l.Service.DropGenerations(t.Context(), defaultRetention, event.Actor{Kind: "system", ID: "custody"}); err != nil {
		t.Fatal(err)
	}
	h.move(time.Second)
	status("final")
	if d := h.ask(access.Officer, 200, "GET", "/v1/users/"+id+"?known_at="+before, "")["destruction"].(map[string]any); d["status"] != "keys-destroyed" {
		t.Errorf("known before the rotation it is %v", d)
	}
	if d := h.ask(access.Officer, 200, "GET", "/v1/users/"+other, "")["destruction"]; d != nil {
		t.Errorf("another user's destruction is %v", d)
	}
	list := h.ask(access.Approver, 200, "GET", "/v1/keys", "")["items"].([]any)
	if len(list) != 2 || list[0].(map[string]any)["status"] != "dropped" || list[1].(map[string]any)["status"] != "in-use" {
		t.Errorf("the generations are %v", list)
	}
}

// login opens a data directory as serve does, and answers as what a user's login reads.
func login(t *testing.T, dir, user string) (any, error) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	l, err := openLedger(t.Context(), opening{place: place{dir: dir}, now: time.Now, log: log})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := l.project(t.Context(), dir, log); err != nil {
		return nil, err
	}
	p, err := l.Service.PersonalData(t.Context(), domain.UserID(user), commands.Reader{Actor: event.Actor{Kind: "officer", ID: "aigul"}, Why: "to look", Route: "/v1/users/{user}/personal-data"})
	return p.Login, err
}

// E4: whatever is put back after a rotation, the living can be read where their keys can be had, a destroyed person never, and nobody who lives is
// taken for destroyed.
func TestBackupsOverARotation(t *testing.T) {
	h := newHouse(t)
	h.move(time.Since(h.now()))
	h.staffed()
	living, gone := h.named("aigerim"), h.named("berik")
	must := func(args ...string) {
		t.Helper()
		if exit, out, said := shell(t, args...); exit != 0 {
			t.Fatalf("%v ends with %d: %s%s", args, exit, out, said)
		}
	}
	room := t.TempDir()
	backup := func(name string) string {
		t.Helper()
		must("backup", "--data", h.dir, "--with-keys", filepath.Join(room, name))
		return filepath.Join(room, name)
	}
	h.settled()
	old := backup("before")
	h.erased(gone)
	h.settled()
	h.close()
	if exit, _, said := shell(t, "keys", "drop", "--data", h.dir); exit != 0 || !strings.Contains(said, "no generation is old enough") {
		t.Errorf("drop before a rotation ends with %d: %s", exit, said)
	}
	must("keys", "rotate", "--data", h.dir)
	rotated := backup("rotated")
	must("keys", "drop", "--data", h.dir, "--key-retention", "1ns")
	dropped := backup("dropped")
	if _, out, _ := shell(t, "keys", "list", "--data", h.dir); !strings.Contains(out, "1           dropped") || !strings.Contains(out, "2           in use") {
		t.Errorf("the list is\n%s", out)
	}
	reads := func(dir, living, gone, want string) {
		t.Helper()
		if got, err := login(t, dir, living); err != nil || got != want {
			t.Errorf("%s: the living read %v (%v)", dir, got, err)
		}
		if got, err := login(t, dir, gone); err != nil || fmt.Sprint(got) != "map[state:destroyed]" {
			t.Errorf("%s: the destroyed read %v (%v)", dir, got, err)
		}
	}
	reads(h.dir, living, gone, "aigerim")
	for _, from := range []string{rotated, dropped} {
		to := from + "-restored"
		must("restore", from, "--data", to)
		reads(to, living, gone, "aigerim")
	}

	mixed := func(name string, files map[string]string) string {
		t.Helper()
		to := filepath.Join(room, name)
		must("restore", dropped, "--data", to)
		for file, from := range files {
			text, err := os.ReadFile(filepath.Join(from, file))
			if err == nil {
				err = os.WriteFile(filepath.Join(to, file), text, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		return to
	}
	pair := mixed("older keys and master", map[string]string{keysFile: old, masterFile: old})
	reads(pair, living, gone, "aigerim")
	if text, err := os.ReadFile(filepath.Join(pair, masterFile)); err != nil || strings.Contains(string(text), `"n":1,`) {
		t.Errorf("the dropped generation is back (%v)", err)
	}
	keys := mixed("older keys", map[string]string{keysFile: old})
	if got, err := login(t, keys, living); domain.Code(err) != "key-unavailable" {
		t.Errorf("an older key store: the living read %v (%v)", got, err)
	}
	if got, err := login(t, keys, gone); err != nil || fmt.Sprint(got) != "map[state:destroyed]" {
		t.Errorf("an older key store: the destroyed read %v (%v)", got, err)
	}
	master := mixed("older master", map[string]string{masterFile: old})
	if _, err := login(t, master, living); domain.Code(err) != "key-unavailable" || !strings.Contains(err.Error(), "put back its newest copy") {
		t.Errorf("an older master key is taken: %v", err)
	}
}

// settled waits until the log has signed what there is.
func (h *house) settled() {
	h.t.Helper()
	if err := h.l.Evidence.Settle(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

// An older key store under an import loses the destroyed keys before the first line.
func TestImportLosesDestroyedKeys(t *testing.T) {
	h := newHouse(t)
	h.move(time.Since(h.now()))
	h.staffed()
	gone := h.named("berik")
	room := t.TempDir()
	h.settled()
	if exit, _, said := shell(t, "backup", "--data", h.dir, filepath.Join(room, "before")); exit != 0 {
		t.Fatal(said)
	}
	h.erased(gone)
	h.close()
	text, err := os.ReadFile(filepath.Join(room, "before", keysFile))
	if err == nil {
		err = os.WriteFile(filepath.Join(h.dir, keysFile), text, 0o600)
	}
	story := filepath.Join(room, "empty.ndjson")
	if err == nil {
		err = os.WriteFile(story, nil, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if exit, _, said := shell(t, "import", story, "--data", h.dir); exit != 0 {
		t.Fatal(said)
	}
	l, err := openLedger(t.Context(), opening{place: place{dir: h.dir}, now: time.Now, log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := l.Keys.KeysOf(t.Context(), gone)
	if err != nil || len(keys) != 3 {
		t.Fatalf("%d keys (%v)", len(keys), err)
	}
	for _, k := range keys {
		if k.Wrapped != nil || k.State != domain.Destroyed {
			t.Errorf("key %s is %s", k.ID, k.State)
		}
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// E1, E2, E7: a destruction and what follows it change no byte of what was proved, leave the tables as a replay makes them, and nothing of the
// person stands in clear in any file.
func TestProofsOutliveDestruction(t *testing.T) {
	h := newHouse(t)
	h.move(time.Since(h.now()))
	h.staffed()
	planted := []string{"planted-login", "planted@example.kz", "Жасырын", "850101300603"}
	user := h.ask(access.Service, 201, "POST", "/v1/users", fmt.Sprintf(`{"login":%q,"acceptance":%s,"contacts":{"email":%q},"personal_data":{"family_name":%q,"iin":%q}}`,
		planted[0], h.acceptance("register", "terms", "personal-data"), planted[1], planted[2], planted[3]))
	id := user["user_id"].(string)
	h.named("berik")
	if err := h.l.Evidence.CommitHeads(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.settled()
	room := t.TempDir()
	keep := func(name, path string) string {
		t.Helper()
		file := filepath.Join(room, name)
		if err := os.WriteFile(file, h.file(access.Auditor, path), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	checkpoint, keys := keep("checkpoint", "/v1/log/checkpoint"), keep("keys.txt", "/v1/log/key")
	bundle, proof := keep("one.zip", "/v1/users/"+id+"/bundle"), keep("proof", "/v1/events/"+user["events"].([]any)[0].(string)+"/proof")
	h.erased(id)
	h.settled()
	again := keep("proof again", "/v1/events/"+user["events"].([]any)[0].(string)+"/proof")
	h.close()
	for _, args := range [][]string{
		{"keys", "rotate", "--data", h.dir}, {"keys", "drop", "--data", h.dir, "--key-retention", "1ns"},
		{"verify", h.dir, "--key", keys, "--previous", checkpoint}, {"verify", bundle, "--key", keys}, {"replay", "--data", h.dir},
	} {
		if exit, out, said := shell(t, args...); exit != 0 {
			t.Errorf("%v ends with %d: %s%s", args, exit, out, said)
		}
	}
	text, err := os.ReadFile(keys)
	if err != nil {
		t.Fatal(err)
	}
	policy, err := verify.ParsePolicy(tlog.PolicyText(strings.Fields(string(text))))
	if err != nil {
		t.Fatal(err)
	}
	var proven []verify.Proven
	for _, file := range []string{proof, again} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		p, err := verify.Proof(text, policy)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		proven = append(proven, p)
	}
	if proven[0].Data != proven[1].Data || proven[0].Index != proven[1].Index {
		t.Errorf("the event is proved as %+v, then as %+v", proven[0], proven[1])
	}
	files := 0
	err = filepath.WalkDir(h.dir, func(path string, f os.DirEntry, err error) error {
		if err != nil || f.IsDir() {
			return err
		}
		files++
		text, err := os.ReadFile(path)
		for _, p := range planted {
			if strings.Contains(string(text), p) {
				t.Errorf("%s holds %q in clear", f.Name(), p)
			}
		}
		return err
	})
	if err != nil || files < 6 {
		t.Errorf("looked through %d files (%v)", files, err)
	}
}
