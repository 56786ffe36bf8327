package reports_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"kelisim/commands/cloudpayments"
	"kelisim/domain/account"
	"kelisim/projections/reports"
)

// free are the texts that are no codes: ids, names and what outsiders write.
var free = strings.Fields(`user_id consent_id notice_id retry_of letter_id event_id obligation_id hold_id disclosure_id incident_id finding_id order_id provider transaction_id
	payment_transaction_id first_transaction_id claim there subject target clause recipient country basis route requested_by approved_by tracking_number letter_sha256
	document_version document_sha256 version_in_force events`)

// Every code in every row is explained in every language; a column of texts holds codes, or is known to be free.
func TestEveryCodeInEveryLanguage(t *testing.T) {
	p := newPast(t)
	everything(p)
	p.tell("user-"+anna, "2026-08-03T09:00", "2026-08-03T09:00", notice("n4", "2026-05-04"))
	for _, r := range reports.All {
		asked := reports.Asked{}
		if r.Name == "retold" {
			asked = reports.Asked{From: moment("2026-03-01T00:00"), To: moment("2026-07-01T00:00")}
		}
		paper := p.paper(r.Name, asked)
		var doc struct {
			Labels map[string]map[string]string
			Rows   []map[string]any
		}
		if err := json.Unmarshal(write(t, paper, reports.JSON, "kk"), &doc); err != nil {
			t.Fatal(err)
		}
		if len(doc.Rows) == 0 {
			t.Errorf("%s has no row: nothing is held here", r.Name)
		}
		keys := map[string]bool{}
		for i, c := range r.Columns {
			keys[c.Key] = true
			if c.Kind != reports.Text && c.Kind != reports.List {
				continue
			}
			if known := r.Codes[c.Key]; (known == nil) != slices.Contains(free, c.Key) {
				t.Errorf("%s: is %s of codes or free?", r.Name, c.Key)
			} else if known == nil {
				continue
			}
			for _, row := range paper.Rows {
				var texts []string
				switch v := row[i].(type) {
				case string:
					texts = strings.Fields(v)
				case []string:
					texts = v
				}
				for _, text := range texts {
					code, _, _ := strings.Cut(text, "/") // of an actor the kind
					if !slices.Contains(r.Codes[c.Key], code) {
						t.Errorf("%s: %s holds %q, which is no code of it", r.Name, c.Key, code)
					}
				}
			}
		}
		for key, known := range r.Codes {
			if !keys[key] {
				t.Errorf("%s has no column %s", r.Name, key)
			}
			for _, code := range known {
				for _, language := range reports.Languages {
					if doc.Labels[code][language] == "" {
						t.Errorf("%s: %s has no word in %s", r.Name, code, language)
					}
				}
			}
		}
	}
	differences, err := reports.Lookup("reconciliation")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range cloudpayments.FindingKinds {
		if !slices.Contains(differences.Codes["class"], string(kind)) {
			t.Errorf("a difference of class %s is not explained", kind)
		}
	}
}

// Machines read CSV: codes stand in it as in JSON, at the places of the columns, and once more in words after them. A sheet and a page show words alone; what has
// none, such as a purpose that an operator made, is shown as it is.
func TestCSVHasCodesAndWords(t *testing.T) {
	p := newPast(t)
	everything(p)
	at := moment("2026-05-02T09:00")
	p.tell("user-"+anna, "2026-05-02T09:00", "2026-05-02T09:00", given("x", "2026-05-02T09:00", account.Acceptance{Button: "buy", Page: "subscription", Language: "kk"}, "own", advertising))
	paper := p.paper("consent-register", reports.Asked{From: at})
	lines, err := csv.NewReader(bytes.NewReader(write(t, paper, reports.CSV, "kk"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	heads, row := lines[len(lines)-2], lines[len(lines)-1]
	for key, want := range map[string][2]string{
		"Түйме": {"buy", "«Сатып алу»"}, "Күйі": {"given", "Берілген"}, "Тіл": {"kk", "Қазақ тілі"},
		"Мақсаттар": {"own advertising", "own; Қызметтерді жылжыту, оның ішінде жекелендірілген жарнама"},
	} {
		code, word := slices.Index(heads, key), slices.Index(heads, key+" (сөзбен)")
		if code < 0 || word < len(paper.Columns) || row[code] != want[0] || row[word] != want[1] {
			t.Errorf("%s: %q in %q", key, row, heads)
		}
	}
	book, err := excelize.OpenReader(bytes.NewReader(write(t, paper, reports.XLSX, "ru")))
	if err != nil {
		t.Fatal(err)
	}
	cells, err := book.GetRows("Отчёт")
	if err != nil || len(cells) != 2 {
		t.Fatal(cells, err)
	}
	if status := slices.Index(cells[0], "Статус"); cells[1][status] != "Дано" {
		t.Errorf("a sheet shows %q", cells[1])
	}
	notices, err := csv.NewReader(bytes.NewReader(write(t, p.paper("withdrawals", reports.Asked{}), reports.CSV, "ru"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if last := notices[len(notices)-1]; !slices.Contains(last, "officer/marat") || !slices.Contains(last, "Офицер/marat") {
		t.Errorf("who entered it: %q", last)
	}
}
