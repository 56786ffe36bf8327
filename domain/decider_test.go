package domain_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"

	"kelisim/domain"
)

// A thing bears the id that the caller chose, if it is a UUID, and else one that derives from the command. The refusal names the
// field and does not repeat what was sent: it could be an IIN.
func TestNewID(t *testing.T) {
	in := domain.Context{Command: uuid.MustParse(id)}
	if got, err := in.NewID("", "notice"); err != nil || got != in.ID("notice") {
		t.Errorf("the id derives from the command: %s (%v)", got, err)
	}
	if got, err := in.NewID(id, "notice"); err != nil || got != id {
		t.Errorf("the chosen id is taken: %s (%v)", got, err)
	}
	for _, s := range []string{"850101300123", " ", strings.ToUpper(id), uuid.Nil.String()} {
		got, err := in.NewID(s, "notice")
		var refusal *domain.Error
		if !errors.As(err, &refusal) || refusal.Code != "invalid-request" || refusal.Pointer != "/notice_id" || strings.Contains(refusal.Detail, s) && s != " " || got != "" {
			t.Errorf("%q is refused at its field: %q, %v", s, got, err)
		}
	}
}
