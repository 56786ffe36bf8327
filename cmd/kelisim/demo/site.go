package demo

import (
	"fmt"
	"time"

	"kelisim/domain/activity"
	"kelisim/domain/calendar"
)

// Languages of the documents.
var languages = []string{"kk", "ru", "en"}

// site is what the operator publishes and decrees, and what goes wrong.
func (a *author) site() {
	day := func(share, of int) time.Time { // a working morning in the story
		return a.office(a.begin.Add(a.Until.Sub(a.begin)*time.Duration(share)/time.Duration(of)), 1)
	}
	at := a.begin.Add(2 * time.Hour)
	for _, language := range languages {
		a.now(at, operations, "publish-document", "", members{"id": "public-offer", "version": "1", "language": language,
			"in_force_from": calendar.DayOf(at).AddDays(1).String(), "content": offers[language]})
	}
	a.now(at.Add(time.Minute), operations, "set-parameters", "", members{
		"in_force_from": calendar.DayOf(at).AddDays(1).String(), "terms_version": "2020-10-27", "trial_months": 3, "periods": []int{1, 3, 6, 12},
		"withdrawal_days": 10, "withdrawal_edge": "start-of-day", "fine": money("50000.00"), "order_hours": 24,
		"support_from": 9, "support_until": 18, "support_hours": 9, "holidays": a.holidays()})
	for _, months := range []int{1, 3, 6, 12} {
		a.now(a.raise.Add(-20*24*time.Hour), operations, "set-tariff", "", members{"months": months, "price": money(newPrices[months]), "in_force_from": rfc(a.raise)})
	}
	for n, category := range []members{{"locations": []string{"DE"}}, {"languages": []string{"en"}, "locations": []string{"UZ"}}} {
		restriction, imposed := a.id(), day(2+n, 6)
		a.now(imposed, marat, "impose-restriction", "", members{"restriction_id": restriction, "category": category, "reason": "Авторлық шарт осы санатқа таралмайды"})
		if n == 0 {
			a.now(a.office(imposed, 30), marat, "lift-restriction", "", members{"restriction_id": restriction, "reason": "Шарт ұзартылды"})
		}
	}
	a.incident(day(1, 3), "unauthorised-access", true)
	a.incident(a.office(a.Until.Add(-14*24*time.Hour), 1), "system-failure", false)
}

// holidays are the days of the story on which support does not answer.
func (a *author) holidays() []string {
	var out []string
	for d := calendar.DayOf(a.begin); d.Start().Before(a.Until); d = d.AddDays(1) {
		switch d.String()[5:] {
		case "01-01", "03-08", "03-21", "03-22", "03-23", "05-01", "05-07", "05-09", "07-06", "08-30", "10-25", "12-16":
			out = append(out, d.String())
		}
	}
	return out
}

func (a *author) incident(at time.Time, kind string, closed bool) {
	id := a.id()
	step := func(after time.Duration, command string, body members) {
		body["incident_id"] = id
		a.now(at.Add(after), marat, command, "", body)
	}
	step(0, "detect-incident", members{"kind": kind, "began_at": rfc(at.Add(-5 * time.Hour)), "description": "Мониторинг ерекше сұрауларды байқады"})
	step(40*time.Minute, "contain-incident", members{"measures": "Кілттер ауыстырылды, қолжетімділік жабылды"})
	if !closed {
		return
	}
	step(5*time.Hour, "assess-incident", members{"risk": "low", "affected": 3, "fields": []string{"contacts.email"}, "notify": []string{"authority", "subjects"}, "findings": "Үш пайдаланушының поштасы көрінген"})
	step(7*time.Hour, "notify-incident", members{"whom": "authority", "reference": "Хат № 2-61"})
	step(24*time.Hour, "notify-incident", members{"whom": "subjects"})
	step(10*24*time.Hour, "close-incident", members{"conclusion": "Осалдық жойылды"})
}

var actions = []struct{ action, object string }{
	{"lesson.opened", "lesson"}, {"lesson.opened", "lesson"}, {"lesson.completed", "lesson"}, {"video.watched", "video"}, {"test.passed", "test"},
}

// lessons are what users did on the site, sent by its backend once a week.
func (a *author) lessons() {
	for week := calendar.DayOf(a.begin).AddDays(7); week.Start().Before(a.Until); week = week.AddDays(7) {
		from, until := week.AddDays(-7).Start(), week.Start()
		var batch []members
		for _, l := range a.users {
			if !l.seen(from, until) || a.chance(30) {
				continue
			}
			for range 1 + a.IntN(4) {
				do := one(a, actions)
				at := until.Add(-time.Duration(1+a.IntN(6*24*60*60)) * time.Second)
				if at.Before(l.came) {
					continue
				}
				batch = append(batch, members{"user_id": l.user, "action": do.action, "occurred_at": rfc(at), "language": l.language,
					"object": fmt.Sprintf("course/%d/%s/%d", 1+a.IntN(20), do.object, 1+a.IntN(30))})
			}
		}
		for len(batch) > 0 {
			n := min(len(batch), activity.MaxItems/10)
			a.now(until.Add(3*time.Hour), siteService, "observe", "", batch[:n])
			batch = batch[n:]
		}
	}
}

// seen tells whether the user studied at some time of a stretch.
func (l *life) seen(from, until time.Time) bool {
	for _, s := range l.studies {
		if s.from.Before(until) && from.Before(s.until) {
			return true
		}
	}
	return false
}

var offers = map[string]string{
	"kk": "Жария оферта (үлгі мәтін, демонстрация үшін). Жазылым таңдалған мерзімге төленеді.\n",
	"ru": "Публичная оферта (образец, для демонстрации). Подписка оплачивается на выбранный срок.\n",
	"en": "Public offer (an example, for demonstration). The subscription is paid for the chosen period.\n",
}
