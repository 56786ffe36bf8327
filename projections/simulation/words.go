package simulation

import (
	"slices"

	"kelisim/projections/reports"
)

// words are what the papers of this package call things that no other does, in the order of reports.Languages (TestWordsAndCodes).
var words = map[string][3]string{
	"upcoming":    {"What changes and falls due", "Не өзгереді және қашан мерзімі келеді", "Что изменится и чему наступит срок"},
	"differences": {"What would have differed under other terms", "Шарттар басқа болса, не өзгеше болар еді", "Что было бы иначе при других условиях"},

	"at":        {"When", "Сәті", "Когда"},
	"before":    {"Before", "Дейін", "До"},
	"after":     {"After", "Кейін", "После"},
	"recorded":  {"As recorded", "Жазба бойынша", "По записям"},
	"simulated": {"With these settings", "Осы параметрлермен", "При этих параметрах"},
	"settings":  {"Settings", "Параметрлер", "Параметры"},

	"order":                 {"Order", "Тапсырыс", "Заказ"},
	"due-withdrawal-effect": {"A withdrawal is to take effect", "Қайтарып алу күшіне енуге тиіс", "Отзыв должен вступить в силу"},
	"due-withdrawal-answer": {"A withdrawal is to be answered", "Қайтарып алуға жауап беру керек", "Нужен ответ на отзыв"},
	"due-breach-notice":     {"The authority is to be told of a breach", "Бұзушылық туралы органға хабарлау керек", "Нужно уведомить орган о нарушении"},
	"due-message":           {"A message is to be answered", "Хабарламаға жауап беру керек", "Нужен ответ на сообщение"},

	"payable": {"Can be paid", "Төлеуге болады", "Можно оплатить"},
	"expired": {"Expired", "Мерзімі бітті", "Истёк"},
}

// The codes that columns hold, beside those that all papers share.
var (
	kinds   = []string{"access", "processing", "order", "due-withdrawal-effect", "due-withdrawal-answer", "due-breach-notice", "due-message"}
	changed = slices.Concat(reports.AnswerCodes, []string{"payable", "expired", "open", "overdue"})
)
