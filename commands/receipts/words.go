package receipts

import (
	"embed"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"kelisim/domain"
	"kelisim/domain/calendar"
)

// Languages are those in which a receipt can be read. All say the same (TestWordsInAllLanguages).
var Languages = []string{"kk", "ru", "en"}

//go:embed words
var wordFiles embed.FS

// words is what a receipt says in one language, by key. "{x}" in a text is a place.
type words map[string]string

func wordsIn(language string) (words, error) {
	text, err := wordFiles.ReadFile("words/" + language + ".json")
	if err != nil {
		return nil, domain.Malformed("?language", "a receipt is written in one of %s", strings.Join(Languages, ", "))
	}
	var w words
	if err := json.Unmarshal(text, &w); err != nil {
		return nil, fmt.Errorf("read the words in %s: %w", language, err)
	}
	return w, nil
}

// say fills the places of a text: say("day", "y", "2026", …).
func (w words) say(key string, places ...string) string {
	text := w[key]
	for i := 0; i+1 < len(places); i += 2 {
		text = strings.ReplaceAll(text, "{"+places[i]+"}", places[i+1])
	}
	return text
}

// code is a code in words, or the code itself where an operator made it.
func (w words) code(kind, code string) string {
	if text, ok := w[kind+"."+code]; ok {
		return text
	}
	return code
}

func (w words) codes(kind string, all []string) string {
	said := make([]string, len(all))
	for i, c := range all {
		said[i] = w.code(kind, c)
	}
	return strings.Join(said, w["and"])
}

// day is a civil day, YYYY-MM-DD, as people write it.
func (w words) day(day string) string {
	t, err := time.Parse(time.DateOnly, day)
	months := strings.Fields(w["months"])
	if err != nil || len(months) != 12 {
		return day
	}
	return w.say("day", "y", strconv.Itoa(t.Year()), "m", months[t.Month()-1], "d", strconv.Itoa(t.Day()))
}

// moment is an instant by the clock of Astana, with what that clock was ahead by.
func (w words) moment(t time.Time) string {
	local := t.In(calendar.Zone())
	_, seconds := local.Zone()
	return w.say("moment", "day", w.day(calendar.DayOf(t).String()), "clock", local.Format("15:04:05"), "offset", fmt.Sprintf("%+d", seconds/3600))
}

// known is what a receipt knows: a moment, or a position.
func (w words) known(at string) string {
	if t, err := time.Parse(time.RFC3339Nano, at); err == nil {
		return w.moment(t)
	}
	return at
}

// money is a sum with a space between thousands, and tenge by their sign: "50 000,00 ₸", in English "50,000.00 ₸".
func money(m domain.Money, language string) string {
	whole, fraction, _ := strings.Cut(m.Amount(), ".")
	thousands, point := "\u00a0", ","
	if language == "en" {
		thousands, point = ",", "."
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + thousands + whole[i:]
	}
	currency := m.Currency
	if currency == "KZT" {
		currency = "₸"
	}
	return whole + point + fraction + "\u00a0" + currency
}
