package http_test

import (
	"fmt"
	"testing"

	"kelisim/commands/access"
)

// P-2.4: whoever tries values until one finds a person has read that value, and so an officer's find is on the person's record; the site's own is not, and
// neither is a value that finds nobody.
func TestFindingIsLooking(t *testing.T) {
	k := newKept(t)
	search := func(role access.Role, body string, found int, headers ...string) {
		t.Helper()
		w := k.ask(role, "POST", "/v1/users/search", body, headers...)
		if w.Code != 200 || len(answer(t, w)["items"].([]any)) != found {
			t.Fatalf("%s finds %d %s", body, w.Code, w.Body)
		}
	}
	search(access.Service, `{"login":"asel"}`, 1)
	search(access.Officer, `{"login":"another"}`, 0)
	if all := k.looks(); len(all) != 0 {
		t.Fatalf("looks: %v", all)
	}
	search(access.Officer, `{"login":"asel"}`, 1)
	search(access.Approver, `{"email":"asel@example.kz"}`, 1, "Purpose: letter 17")
	if got, want := fmt.Sprint(k.looks()), "[officer [login] approver [email]]"; got != want {
		t.Errorf("looks: %s, want %s", got, want)
	}
	if w := k.ask(access.Officer, "POST", "/v1/users/search", `{"login":"asel"}`, "Purpose: x"); w.Code != 400 {
		t.Errorf("a purpose of one letter: %d %s", w.Code, w.Body)
	}
}
