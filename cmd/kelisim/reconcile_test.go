package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kelisim/commands"
	"kelisim/commands/access"
	"kelisim/commands/cloudpayments"
	"kelisim/commands/cloudpayments/cloudpaymentstest"
	"kelisim/domain"
)

// called is what one call of the command came to.
func called(t *testing.T, stdin string, env map[string]string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, say bytes.Buffer
	code = run(t.Context(), args, strings.NewReader(stdin), &out, &say, func(name string) string { return env[name] })
	return code, out.String(), say.String()
}

// A register, of a file or of the API, is compared beside a running server without a trace, and recorded once when the server is stopped.
func TestReconcileCommand(t *testing.T) {
	h := newHouse(t)
	h.at = time.Now().UTC().Truncate(time.Second).Add(-24 * time.Hour)
	user := h.register()
	known, lost := h.paying(h.buy(user)), h.paying(h.buy(user))
	h.accepted(cloudpayments.Pay, known.Notification(cloudpayments.Pay), cloudpaymentstest.Form)
	h.processor.Claim(cloudpayments.ChargeBack{ID: "c1", TransactionID: known.TransactionID, Amount: domain.Money{Minor: 100, Currency: "KZT"}, At: h.now()})
	at := func(op cloudpaymentstest.Operation) string { return op.At.Format("2006-01-02T15:04:05") }
	file := filepath.Join(t.TempDir(), "register.csv")
	csv := "TransactionId;InvoiceId;Amount;Currency;Status;CreatedDateIso;CardHolder\n" +
		known.TransactionID + ";" + known.InvoiceID + ";" + strings.Replace(known.Amount.Amount(), ".", ",", 1) + ";KZT;Completed;" + at(known) + ";PLANTED HOLDERSSON\n" +
		lost.TransactionID + ";" + lost.InvoiceID + ";" + lost.Amount.Amount() + ";KZT;Completed;" + at(lost) + ";PLANTED HOLDERSSON\n"
	if err := os.WriteFile(file, []byte(csv), 0o600); err != nil {
		t.Fatal(err)
	}
	head := func() int64 {
		n, _, err := h.l.Journal.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := head()
	code, out, say := called(t, "", nil, "reconcile", "--data", h.dir, "--dry-run", "--output", "json", file)
	var found []cloudpayments.Finding
	if err := json.Unmarshal([]byte(out), &found); err != nil || code != exitFault || len(found) != 1 || found[0].Kind != cloudpayments.MissingHere || found[0].TransactionID != lost.TransactionID {
		t.Fatalf("code %d, %s, %s (%v)", code, out, say, err)
	}
	if head() != before || len(h.payments(user)) != 1 {
		t.Error("a dry run left something")
	}
	if left, _ := filepath.Glob(filepath.Join(h.dir, "dry-run-*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if code, _, say = called(t, "", nil, "reconcile", "--data", h.dir, file); code != exitError || !strings.Contains(say, "in use") {
		t.Errorf("beside a server: code %d, %s", code, say)
	}
	h.close()

	if code, out, say = called(t, csv, nil, "reconcile", "--data", h.dir, "-"); code != exitFault || !strings.Contains(out, "missing-here") || !strings.Contains(say, "1 new") {
		t.Errorf("code %d, %s, %s", code, out, say)
	}
	if code, out, say = called(t, csv, nil, "reconcile", "--data", h.dir, "-"); code != 0 || strings.Contains(out, "missing-here") || !strings.Contains(say, "1 differences, 0 new") {
		t.Errorf("the second run: code %d, %s, %s", code, out, say)
	}
	api := httptest.NewServer(h.processor)
	defer api.Close()
	env := map[string]string{secretSetting: cloudpaymentstest.APISecret, publicIDSetting: cloudpaymentstest.PublicID, urlSetting: api.URL}
	if code, out, say = called(t, "", env, "reconcile", "--data", h.dir, "--enter"); code != exitFault || !strings.Contains(out, "charge-back") || !strings.Contains(say, "2 brought in") {
		t.Errorf("of the API: code %d, %s, %s", code, out, say)
	}
	if code, out, say = called(t, "", env, "reconcile", "--data", h.dir, "--enter"); code != 0 || !strings.Contains(say, "0 differences, 0 new") {
		t.Errorf("of the API again: code %d, %s, %s", code, out, say)
	}
	if leaks, err := cloudpaymentstest.ScanFS(os.DirFS(h.dir)); err != nil || len(leaks) != 0 {
		t.Errorf("%v, %v", leaks, err)
	}
}

func TestReconcileMisuse(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		code int
		args []string
	}{
		"no register and no API": {exitUsage, []string{"--data", dir}},
		"two registers":          {exitUsage, []string{"a", "b"}},
		"a bad day":              {exitUsage, []string{"--from", "yesterday", "x"}},
		"an empty span":          {exitUsage, []string{"--from", "2026-11-02", "--until", "2026-11-02", "x"}},
		"a bad zone":             {exitUsage, []string{"--zone", "ALMT", "-"}},
		"no such file":           {exitError, []string{"--data", dir, filepath.Join(dir, "none.csv")}},
		"an unreadable register": {exitError, []string{"--data", dir, "-"}},
	} {
		if code, _, say := called(t, "hello", nil, append([]string{"reconcile"}, c.args...)...); code != c.code {
			t.Errorf("%s: code %d, %s", name, code, say)
		}
	}
	if code, _, say := called(t, `[]`, nil, "reconcile", "--data", dir, "-"); code != exitError || !strings.Contains(say, "no ledger") {
		t.Errorf("no ledger: code %d, %s", code, say)
	}
	if made, _ := os.ReadDir(dir); len(made) != 0 {
		t.Errorf("a ledger was made: %v", made)
	}
}

// An officer sees what a run found, resolves it once with a note that is sealed, and the next run is silent about it.
func TestFindingsOverHTTP(t *testing.T) {
	h := newHouse(t)
	user := h.register()
	h.paying(h.buy(user)) // nobody is told of it
	money := commands.Money{Service: h.l.Service}
	register, _, _, err := registerOf(t.Context(), h.processor, h.now().Add(-time.Hour), h.now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	run := func() int {
		t.Helper()
		r, err := money.Reconcile(t.Context(), h.now().Add(-time.Hour), h.now().Add(time.Hour), register, false)
		if err != nil {
			t.Fatal(err)
		}
		return len(r.Found)
	}
	open := func() []any {
		t.Helper()
		head, _, err := h.l.Journal.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return h.ask(access.Officer, 200, "GET", fmt.Sprint("/v1/reconciliation/findings?status=open&class=missing-here&at_least=", head), "")["items"].([]any)
	}
	if run() != 1 {
		t.Fatal("nothing is found")
	}
	items := open()
	if len(items) != 1 || items[0].(map[string]any)["status"] != "open" {
		t.Fatalf("open: %v", items)
	}
	way := "/v1/reconciliation/findings/" + items[0].(map[string]any)["finding_id"].(string) + "/resolution"
	const planted = "PLANTED told by telephone"
	h.ask(access.Officer, 400, "POST", way, `{"how":"explained"}`)
	h.ask(access.Officer, 400, "POST", way, `{"how":"forgotten","note":"x"}`)
	h.ask(access.Service, 403, "POST", way, `{"how":"entered"}`)
	h.ask(access.Officer, 404, "POST", "/v1/reconciliation/findings/"+user+"/resolution", `{"how":"entered"}`)
	h.ask(access.Officer, 201, "POST", way, `{"how":"explained","note":"`+planted+`"}`)
	h.ask(access.Officer, 409, "POST", way, `{"how":"explained","note":"again"}`)
	if left := open(); len(left) != 0 {
		t.Errorf("open: %v", left)
	}
	ended := h.ask(access.Officer, 200, "GET", "/v1/reconciliation/findings?status=resolved", "")["items"].([]any)
	if len(ended) != 1 || ended[0].(map[string]any)["how"] != "explained" || ended[0].(map[string]any)["resolved_by"] == "" {
		t.Errorf("resolved: %v", ended)
	}
	if run() != 0 {
		t.Error("what is resolved is found again")
	}
	h.close()
	if err := filepath.WalkDir(h.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if all, err := os.ReadFile(path); err != nil || bytes.Contains(all, []byte(planted)) {
			t.Errorf("%s: the note stands in clear, or %v", path, err)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}
