package demo

import (
	"fmt"
	"strings"

	"kelisim/domain/person"
)

// The family names mean example, pattern, fable, legend and the like: nobody is called so by accident.
var names = map[string]struct{ given, family, schools, positions []string }{
	"kk": {
		given:     strings.Fields("Айгерім Нұрлан Әсел Ерлан Жанар Дәурен Гүлнұр Бауыржан Сәуле Қанат Меруерт Олжас Шынар Әлібек Іңкәр"),
		family:    strings.Fields("Мысалбек Үлгібай Қиялбек Ертегібай Аңызбек Жұмбақбай Өрнекбай Бейнебек"),
		schools:   []string{"№ 7 үлгі мектебі", "№ 12 мысал гимназиясы", "Қиял лицейі"},
		positions: []string{"мұғалім", "директордың орынбасары", "әдіскер"},
	},
	"ru": {
		given:     strings.Fields("Анна Пётр Ольга Тимур Ирина Сергей Марина Виктор Алия Руслан"),
		family:    strings.Fields("Примеренко Образченко Вымысленко Сказченко Понарошко Небывалых Притчевич"),
		schools:   []string{"Школа-образец № 3", "Гимназия «Пример»", "Лицей «Небылица»"},
		positions: []string{"учитель", "завуч", "методист"},
	},
	"en": {
		given:     strings.Fields("Alice Tom Grace Oscar Emma Hugo"),
		family:    strings.Fields("Sample Example Fable Placeholder Storybook Madeup"),
		schools:   []string{"Sample School", "Fable Academy"},
		positions: []string{"teacher", "head of department"},
	},
}

var places = strings.Fields("KZ-71 KZ-71 KZ-75 KZ-75 KZ-79 KZ-63 KZ-55 KZ-10 KZ-61 UZ DE")

// language draws the one in which a user reads the site.
func (a *author) language() string {
	switch n := a.IntN(100); {
	case n < 55:
		return "kk"
	case n < 90:
		return "ru"
	}
	return "en"
}

func login(n int) string { return fmt.Sprintf("demo.user%05d", n) }

// contacts lie in a domain and in a range of numbers that reach nobody.
func (a *author) contacts(n int) members {
	c := members{"email": fmt.Sprintf("user%05d@demo.example", n)}
	if a.chance(60) {
		c["mobile"] = fmt.Sprintf("+77000%06d", n)
	}
	return c
}

// personal is a person's data.
func (a *author) personal(n int, language string) members {
	in := names[language]
	data := members{"family_name": one(a, in.family), "given_name": one(a, in.given)}
	if a.chance(50) {
		data["workplace"], data["position"] = one(a, in.schools), one(a, in.positions)
	}
	if a.chance(30) {
		data["iin"] = iin(n)
		data["date_of_birth"] = fmt.Sprintf("%d-%02d-%02d", 1960+a.IntN(45), 1+a.IntN(12), 1+a.IntN(28))
	}
	if a.chance(15) {
		data["addresses"] = []members{{"kind": "post", "text": fmt.Sprintf("%s, %d", map[string]string{
			"kk": "Қиялкент, Ертегі көшесі", "ru": "Выдумск, улица Сказочная", "en": "Fabletown, Story Street"}[language], 1+a.IntN(90))}}
	}
	return data
}

// iin is a number with a right check digit whose date of birth is no date, so that it is nobody's.
func iin(n int) string {
	for ; ; n++ { // some numbers have no check digit
		for check := range 10 {
			number := fmt.Sprintf("000000%05d%d", n%100_000, check)
			if _, err := person.IIN(number); err == nil {
				return number
			}
		}
	}
}
