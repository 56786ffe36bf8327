package http_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"kelisim/commands/access"
)

// A month's statement is had by route, and one that is closed is the same bytes for ever.
func TestFinance(t *testing.T) {
	k := newKept(t)
	month := k.clock.Now().Format("2006-01")
	var doc struct {
		Month  string
		Closed bool
		SHA256 string
	}
	w := k.ask(access.Auditor, "GET", "/v1/finance?month="+month, "")
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil || doc.Month != month || doc.Closed || len(doc.SHA256) != 64 {
		t.Errorf("%d %s (%v)", w.Code, w.Body, err)
	}
	k.clock.pass(62 * 24 * time.Hour)
	closed := k.ask(access.Officer, "GET", "/v1/finance?month="+month, "").Body.Bytes()
	if err := json.Unmarshal(closed, &doc); err != nil || !doc.Closed {
		t.Errorf("%s (%v)", closed, err)
	}
	k.do("disclose", `{"recipient":"Post","country":"KZ","purpose":"advertising","basis":"contract"}`)
	k.clock.pass(time.Hour)
	if again := k.ask(access.Approver, "GET", "/v1/finance?month="+month, "").Body.Bytes(); !bytes.Equal(again, closed) {
		t.Errorf("a closed month changed: %s", again)
	}
	for table, head := range map[string]string{"accounts": "account,currency,", "receipts": "day,utc_day,", "held": "provider,transaction_id,"} {
		w := k.ask(access.Officer, "GET", "/v1/finance?format=csv&table="+table+"&month="+month, "")
		if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/csv") || !strings.HasPrefix(w.Body.String(), head) {
			t.Errorf("%s: %d %s", table, w.Code, w.Body)
		}
	}
	for query, parameter := range map[string]string{"": "month", "?month=October": "month", "?month=2026-13": "month", "?month=2026-10&format=pdf": "format", "?month=2026-10&table=all": "table"} {
		if w := k.ask(access.Officer, "GET", "/v1/finance"+query, ""); w.Code != 400 || !strings.Contains(w.Body.String(), `"parameter":"`+parameter+`"`) {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
}
