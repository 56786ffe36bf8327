package simulation

// words are what the papers of this package call things, in the order of reports.Languages (TestWordsAndCodes).
var words = map[string][3]string{
	"upcoming":    {"What changes and falls due", "Не өзгереді және қашан мерзімі келеді", "Что изменится и чему наступит срок"},
	"differences": {"What would have differed under other terms", "Шарттар басқа болса, не өзгеше болар еді", "Что было бы иначе при других условиях"},

	"at":        {"When", "Сәті", "Когда"},
	"kind":      {"Kind", "Түрі", "Вид"},
	"before":    {"Before", "Дейін", "До"},
	"after":     {"After", "Кейін", "После"},
	"since":     {"Since", "Басталуы", "С"},
	"until":     {"Until", "Аяқталуы", "До момента"},
	"purposes":  {"Purposes", "Мақсаттары", "Цели"},
	"recorded":  {"As recorded", "Жазба бойынша", "По записям"},
	"simulated": {"With these settings", "Осы параметрлермен", "При этих параметрах"},
	"settings":  {"Settings", "Параметрлер", "Параметры"},

	"access":                {"Use of paid content", "Ақылы контентті пайдалану", "Доступ к платному контенту"},
	"processing":            {"Processing of personal data", "Дербес деректерді өңдеу", "Обработка персональных данных"},
	"order":                 {"Order", "Тапсырыс", "Заказ"},
	"due-withdrawal-effect": {"A withdrawal is to take effect", "Қайтарып алу күшіне енуге тиіс", "Отзыв должен вступить в силу"},
	"due-withdrawal-answer": {"A withdrawal is to be answered", "Қайтарып алуға жауап беру керек", "Нужен ответ на отзыв"},
	"due-breach-notice":     {"The authority is to be told of a breach", "Бұзушылық туралы органға хабарлау керек", "Нужно уведомить орган о нарушении"},
	"due-message":           {"A message is to be answered", "Хабарламаға жауап беру керек", "Нужен ответ на сообщение"},

	"trial":               {"Free trial", "Тегін кезең", "Бесплатный период"},
	"paid":                {"Paid", "Төленген", "Оплачено"},
	"granted":             {"Granted days", "Берілген күндер", "Предоставленные дни"},
	"lapsed":              {"Lapsed", "Мерзімі өтті", "Срок истёк"},
	"not-started":         {"Not started", "Басталмаған", "Не начато"},
	"blocked":             {"Blocked", "Бұғатталған", "Заблокировано"},
	"restricted":          {"Restricted", "Шектелген", "Ограничено"},
	"consent-given":       {"Consent given", "Келісім берілді", "Согласие дано"},
	"withdrawal-pending":  {"Withdrawal pending", "Қайтарып алу күтілуде", "Отзыв ожидает вступления в силу"},
	"withdrawn":           {"Withdrawn", "Қайтарып алынды", "Отозвано"},
	"never-consented":     {"Never consented", "Келісім болмаған", "Согласия не было"},
	"purpose-not-covered": {"Purpose not covered", "Мақсат қамтылмаған", "Цель не охвачена"},
	"data-blocked":        {"Data blocked", "Деректер бұғатталған", "Данные заблокированы"},
	"depersonalised":      {"Depersonalised", "Иесіздендірілген", "Обезличено"},
	"destroyed":           {"Destroyed", "Жойылған", "Уничтожено"},
	"payable":             {"Can be paid", "Төлеуге болады", "Можно оплатить"},
	"expired":             {"Expired", "Мерзімі бітті", "Истёк"},
	"open":                {"Open", "Ашық", "Открыто"},
	"overdue":             {"Overdue", "Мерзімі өтіп кетті", "Просрочено"},
}

// codes are the words that stand in rows. Where two hold at once they are separated by a space.
var codes = []string{
	"access", "processing", "order", "due-withdrawal-effect", "due-withdrawal-answer", "due-breach-notice", "due-message",
	"trial", "paid", "granted", "lapsed", "not-started", "blocked", "restricted", "consent-given", "withdrawal-pending", "withdrawn", "never-consented",
	"purpose-not-covered", "data-blocked", "depersonalised", "destroyed", "payable", "expired", "open", "overdue",
}
