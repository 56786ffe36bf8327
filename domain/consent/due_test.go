package consent_test

import (
	"fmt"
	"testing"

	"kelisim/domain/consent"
	"kelisim/domain/decidertest"
	"kelisim/domain/event"
)

// P-2.2, P-2.6: a notice has a moment of effect while its clock runs, whatever the purposes and however late it was entered, and none where it is
// refused, rescinded in time, or not accepted. A marker changes no answer.
func TestDue(t *testing.T) {
	w := posted(2, "2024-05-01")
	w.Purposes = []string{research}
	mailed := w
	mailed.Channel, mailed.TrackingNumber = "e-mail", ""
	received := func(w consent.Withdraw) consent.WithdrawalNoticeReceived {
		n := notice(w, "2024-05-11")
		n.PerTerms = w.Channel == consent.RegisteredPost
		return n
	}
	running := func(w consent.Withdraw, more ...consent.Event) consent.State {
		return book(t).At(moment("2024-05-01")).Given(append([]consent.Event{received(w)}, more...)...).State()
	}
	byOfficer := consent.WithdrawalRefused{NoticeID: id(2), ByOfficer: true}
	for _, c := range []struct {
		what  string
		state consent.State
		cause int // the event; -1: nothing is due
	}{
		{"it runs", running(w), 1},
		{"it came by mail", running(mailed), -1},
		{"and was accepted", running(mailed, consent.WithdrawalAccepted{NoticeID: id(2)}), 2},
		{"it was rescinded", running(w, consent.WithdrawalRescinded{NoticeID: id(2)}), -1},
		{"it was refused at its entry", running(w, consent.WithdrawalRefused{NoticeID: id(2)}), -1},
		{"an officer refused it", running(w, byOfficer), -1},
		{"an officer refused it too late", book(t).At(moment("2024-05-01")).Given(received(w)).At(moment("2024-05-12")).Given(byOfficer).State(), 1},
	} {
		due := c.state.Due()
		if c.cause < 0 {
			if len(due) > 0 {
				t.Errorf("%s: %+v", c.what, due)
			}
			continue
		}
		marker := consent.WithdrawalTookEffect{NoticeID: id(2), EffectiveFrom: moment("2024-05-11").UTC(), Purposes: []string{research}}
		if len(due) != 1 || fmt.Sprint(due[0].Marker) != fmt.Sprint(marker) || !due[0].At.Equal(marker.EffectiveFrom) || due[0].Cause != decidertest.EventID(c.cause).String() {
			t.Errorf("%s: %+v", c.what, due)
		}
		after := consent.Decider.Evolve(c.state, marker, event.Meta{OccurredAt: marker.EffectiveFrom})
		if fmt.Sprint(after) != fmt.Sprint(c.state) {
			t.Errorf("%s: the marker changes the state", c.what)
		}
	}
}
