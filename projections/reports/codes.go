package reports

import (
	"maps"
	"slices"
	"strings"

	"kelisim/domain/consent"
	"kelisim/domain/incident"
	"kelisim/domain/obligation"
	"kelisim/domain/permission"
	"kelisim/domain/site"
	"kelisim/domain/subscription"
	"kelisim/domain/user"
)

// codes holds, in the order of Languages, what the codes that stand in rows are called, the same in every paper. Headings are in words.go
// (TestEveryCodeInEveryLanguage).
var codes = map[string][3]string{
	"yes": {"yes", "иә", "да"},
	"no":  {"no", "жоқ", "нет"},

	// who acts, and by what
	"service":         {"Service", "Сервис", "Сервис"},
	"officer":         {"Officer", "Офицер", "Офицер"},
	"approver":        {"Approver", "Бекітуші", "Утверждающий"},
	"auditor":         {"Auditor", "Аудитор", "Аудитор"},
	"operator":        {"Operator", "Оператор", "Оператор"},
	"subject":         {"The person", "Адамның өзі", "Само лицо"},
	"system":          {"System", "Жүйе", "Система"},
	"user":            {"User", "Пайдаланушы", "Пользователь"},
	"provider":        {"Processor", "Төлем жүйесі", "Платёжная система"},
	"import":          {"Import", "Импорт", "Импорт"},
	"registered-post": {"Registered post", "Тапсырыс хат", "Заказное письмо"},
	"e-mail":          {"E-mail", "Электрондық пошта", "Электронная почта"},
	"register":        {"“Register”", "«Тіркелу»", "«Зарегистрироваться»"},
	"buy":             {"“Buy”", "«Сатып алу»", "«Купить»"},
	"subscription":    {"“Subscription”", "«Жазылым»", "«Подписка»"},
	"marketplace":     {"“Marketplace”", "«Маркетплейс»", "«Маркетплейс»"},
	"kk":              {"Kazakh", "Қазақ тілі", "Казахский"},
	"ru":              {"Russian", "Орыс тілі", "Русский"},
	"en":              {"English", "Ағылшын тілі", "Английский"},
	"terms":           {"Terms of use", "Пайдалану шарттары", "Правила пользования"},
	"personal-data":   {"Agreement on the protection of personal data", "Дербес деректерді қорғау туралы келісім", "Соглашение о защите персональных данных"},

	// what data are used for
	"quality-research":     {"Research to improve the quality of the services", "Қызмет сапасын жақсартуға арналған зерттеулер", "Исследования для улучшения качества услуг"},
	"marketing-statistics": {"Marketing programmes and statistical research", "Маркетингтік бағдарламалар мен статистикалық зерттеулер", "Маркетинговые программы и статистические исследования"},
	"advertising":          {"Promotion of the services, personalised advertising included", "Қызметтерді жылжыту, оның ішінде жекелендірілген жарнама", "Продвижение услуг, в том числе персональная реклама"},

	// answers, and how a consent and a notice stand
	"access":              {"Use of paid content", "Ақылы контентті пайдалану", "Доступ к платному контенту"},
	"processing":          {"Processing of personal data", "Дербес деректерді өңдеу", "Обработка персональных данных"},
	"trial":               {"Free trial", "Тегін кезең", "Бесплатный период"},
	"paid":                {"Paid", "Төленген", "Оплачено"},
	"granted":             {"Granted days", "Берілген күндер", "Предоставленные дни"},
	"lapsed":              {"Lapsed", "Мерзімі өтті", "Срок истёк"},
	"not-started":         {"Not started", "Басталмаған", "Не начато"},
	"blocked":             {"Blocked", "Бұғатталған", "Заблокировано"},
	"restricted":          {"Restricted", "Шектелген", "Ограничено"},
	"consent-given":       {"Consent given", "Келісім берілді", "Согласие дано"},
	"given":               {"Given", "Берілген", "Дано"},
	"withdrawal-pending":  {"Withdrawal pending", "Қайтарып алу күтілуде", "Отзыв ожидает вступления в силу"},
	"withdrawn":           {"Withdrawn", "Қайтарып алынды", "Отозвано"},
	"withdrawn-in-part":   {"Withdrawn for some of the purposes", "Кейбір мақсаттар бойынша қайтарып алынды", "Отозвано для части целей"},
	"never-consented":     {"Never consented", "Келісім болмаған", "Согласия не было"},
	"purpose-not-covered": {"Purpose not covered", "Мақсат қамтылмаған", "Цель не охвачена"},
	"data-blocked":        {"Data blocked", "Деректер бұғатталған", "Данные заблокированы"},
	"depersonalised":      {"Depersonalised", "Иесіздендірілген", "Обезличено"},
	"destroyed":           {"Destroyed", "Жойылған", "Уничтожено"},
	"duty":                {"A duty of the Company", "Компанияның міндеті", "Обязанность Компании"},
	"pending":             {"Not in effect yet", "Әлі күшіне енген жоқ", "Ещё не вступило в силу"},
	"refused":             {"Refused", "Бас тартылды", "Отказано"},
	"not-per-terms":       {"Came by another way than the terms name", "Шарттарда көрсетілген жолмен келмеген", "Пришло не тем путём, который называют условия"},
	"rescinded":           {"The notice was taken back", "Хабарлама қайтарып алынған", "Уведомление отозвано"},
	"effective":           {"In effect", "Күшіне енді", "Вступило в силу"},

	"unfulfilled-obligation": {"Unfulfilled obligation", "Орындалмаған міндеттеме", "Неисполненное обязательство"},
	"legal-hold":             {"Legal hold", "Заңды тыйым", "Законный запрет"},
	"fine":                   {"Fine", "Айыппұл", "Штраф"},
	"charge-back":            {"Charge-back", "Банк талабы", "Требование банка"},
	"waived":                 {"Waived", "Кешірілген", "Прощено"},
	"cancelled":              {"Cancelled", "Күші жойылған", "Отменено"},
	"arose-during-notice":    {"Arose while the notice ran", "Хабарлама мерзімі өтіп жатқанда туындаған", "Возникло при действующем уведомлении"},
	"learnt-after-entry":     {"Learnt of after the notice was entered", "Хабарлама енгізілгеннен кейін мәлім болған", "Стало известно после внесения уведомления"},
	"allowed":                {"Allowed", "Рұқсат етілді", "Разрешено"},
	"disclosed":              {"Disclosed", "Ашылды", "Раскрыто"},

	// deadlines
	"withdrawal-effect": {"Effect of a withdrawal", "Қайтарып алудың күшіне енуі", "Вступление отзыва в силу"},
	"withdrawal-answer": {"Answer to a withdrawal", "Қайтарып алуға жауап", "Ответ на отзыв"},
	"breach-notice":     {"Notice of a breach to the authority", "Бұзушылық туралы органға хабарлама", "Уведомление органа о нарушении"},
	"message":           {"Answer to a message", "Хабарламаға жауап", "Ответ на сообщение"},
	"met":               {"Met", "Мерзімінде орындалды", "Выполнено в срок"},
	"late":              {"Done late", "Кеш орындалды", "Выполнено с опозданием"},
	"open":              {"Open", "Ашық", "Открыто"},
	"overdue":           {"Overdue", "Мерзімі өтіп кетті", "Просрочено"},

	// incidents
	"unauthorised-access": {"Unauthorised access", "Рұқсатсыз қол жеткізу", "Несанкционированный доступ"},
	"disclosure":          {"Disclosure", "Деректердің ашылып қалуы", "Разглашение"},
	"loss":                {"Loss", "Деректердің жоғалуы", "Утрата"},
	"system-failure":      {"Failure of the systems", "Жүйенің істен шығуы", "Сбой систем"},
	"detected":            {"Detected", "Анықталған", "Обнаружен"},
	"contained":           {"Contained", "Тоқтатылған", "Локализован"},
	"assessed":            {"Assessed", "Бағаланған", "Оценён"},
	"closed":              {"Closed", "Жабылған", "Закрыт"},
	"none":                {"None", "Жоқ", "Нет"},
	"low":                 {"Low", "Төмен", "Низкий"},
	"high":                {"High", "Жоғары", "Высокий"},
	"authority":           {"The authority", "Уәкілетті орган", "Уполномоченный орган"},
	"subjects":            {"The persons concerned", "Деректердің иелері", "Затронутые лица"},

	// personal data
	"login":           {"Login", "Логин", "Логин"},
	"contacts":        {"Contacts", "Байланыс деректері", "Контакты"},
	"contacts.email":  {"E-mail address", "Электрондық пошта мекенжайы", "Адрес электронной почты"},
	"contacts.mobile": {"Mobile phone", "Ұялы телефон", "Мобильный телефон"},
	"personal_data":   {"Personal data", "Дербес деректер", "Персональные данные"},
	"family_name":     {"Family name", "Тегі", "Фамилия"},
	"given_name":      {"Given name", "Аты", "Имя"},
	"patronymic":      {"Patronymic", "Әкесінің аты", "Отчество"},
	"iin":             {"IIN", "ЖСН", "ИИН"},
	"date_of_birth":   {"Date of birth", "Туған күні", "Дата рождения"},
	"workplace":       {"Place of work", "Жұмыс орны", "Место работы"},
	"position":        {"Post", "Лауазымы", "Должность"},
	"addresses":       {"Addresses", "Мекенжайлары", "Адреса"},
	"phones":          {"Phones", "Телефондары", "Телефоны"},
	"emails":          {"E-mail addresses", "Электрондық пошталары", "Электронные почты"},

	// two people
	"void":        {"Voiding of an entry", "Жазбаны жою", "Аннулирование записи"},
	"destruction": {"Destruction of data", "Деректерді жою", "Уничтожение данных"},
	"waiting":     {"Waiting", "Күтуде", "Ожидает"},
	"approved":    {"Approved", "Бекітілді", "Утверждено"},

	// money
	"payment":              {"Payment", "Төлем", "Платёж"},
	"days":                 {"Days lost", "Жоғалған күндер", "Потерянные дни"},
	"applied":              {"Applied", "Есепке алынды", "Зачтено"},
	"held":                 {"Held", "Ұсталған", "Удержано"},
	"declined":             {"Declined", "Қабылданбады", "Отклонено"},
	"refunded":             {"Refunded", "Қайтарылды", "Возвращено"},
	"refund-requested":     {"On its way back", "Қайтарылуда", "Возвращается"},
	"unknown-order":        {"Unknown order", "Белгісіз тапсырыс", "Неизвестный заказ"},
	"test-mode":            {"Test money", "Сынақ ақшасы", "Тестовые деньги"},
	"duplicate":            {"Second payment for the order", "Тапсырыс үшін екінші төлем", "Повторная оплата заказа"},
	"amount-mismatch":      {"Another sum", "Сомасы басқа", "Другая сумма"},
	"order-expired":        {"The order had expired", "Тапсырыс мерзімі біткен", "Срок заказа истёк"},
	"missing-here":         {"Missing in the ledger", "Тізбеде жоқ", "Нет в журнале"},
	"missing-there":        {"Missing in the register", "Тізілімде жоқ", "Нет в реестре"},
	"currency-mismatch":    {"Another currency", "Валютасы басқа", "Другая валюта"},
	"status-mismatch":      {"Another status", "Күйі басқа", "Другой статус"},
	"invoice-mismatch":     {"Another order", "Тапсырысы басқа", "Другой заказ"},
	"late-refund":          {"A refund that the ledger does not know", "Тізбеге белгісіз қайтарым", "Возврат, неизвестный журналу"},
	"charge-back-reversed": {"Charge-back reversed", "Банк талабы кері қайтарылған", "Требование банка отменено"},
	"charge-back-fee":      {"Fee for a charge-back", "Банк талабы үшін алым", "Сбор за требование банка"},
	"payout-mismatch":      {"The payout does not add up", "Аударым сомасы үйлеспейді", "Выплата не сходится"},
	"card-payout":          {"Payout to a card", "Картаға аударым", "Выплата на карту"},
	"test-in-production":   {"Test money in production", "Жұмыс ортасындағы сынақ ақшасы", "Тестовые деньги в рабочей среде"},

	// subscriptions
	"registered":      {"Registered", "Тіркелді", "Зарегистрировались"},
	"trial-ended":     {"Free months ended", "Тегін айлар аяқталды", "Окончились бесплатные месяцы"},
	"trial-converted": {"Went on to paid use", "Ақылы пайдалануға көшті", "Перешли к платному"},
	"first-bought":    {"First purchase", "Алғашқы сатып алу", "Первая покупка"},
	"renewed":         {"Renewed", "Ұзартылды", "Продлено"},
	"returned":        {"Came back", "Қайта оралды", "Вернулись"},
}

// What columns of several reports can hold.
var (
	actors        = []string{"service", "officer", "approver", "auditor", "operator", "subject", "user", "provider", "system", "import"}
	languages     = []string{"kk", "ru", "en"}
	documents     = []string{user.TermsDocument, user.DataDocument}
	channels      = []string{consent.RegisteredPost, "e-mail"}
	noticeStates  = []string{consent.StatusPending, consent.StatusRefused, consent.StatusNotPerTerms, consent.StatusRescinded, consent.StatusEffective}
	obligations   = []string{obligation.Fine, obligation.ChargeBack}
	payments      = []string{subscription.StatusApplied, subscription.StatusHeld, subscription.StatusDeclined}
	questions     = []string{"access", "processing"}
	personalData  = []string{"login", "contacts", "contacts.email", "contacts.mobile", "personal_data", "family_name", "given_name", "patronymic", "iin", "date_of_birth", "workplace", "position", "addresses", "phones", "emails"}
	consentStates = []string{consent.IsGiven, consent.WithdrawalPending, consent.Withdrawn, withdrawnInPart, permission.Depersonalised, permission.Destroyed}
)

// AnswerCodes are the codes of the reasons of an answer about access or processing, PurposeCodes the purposes of P-2.3.
var (
	AnswerCodes = []string{
		subscription.ReasonTrial, subscription.ReasonPaid, subscription.ReasonGranted, "lapsed", "not-started", "blocked", "restricted", "consent-given", "withdrawal-pending",
		"withdrawn", "never-consented", "purpose-not-covered", "data-blocked", "depersonalised", "destroyed", "duty",
	}
	PurposeCodes = site.DefaultPurposes
)

var heldReasons = []string{
	subscription.HeldUnknownOrder, subscription.HeldTestMode, subscription.HeldDuplicate, subscription.HeldAmountMismatch, subscription.HeldOrderExpired, subscription.HeldBlocked,
}

var findingClasses = []string{
	"missing-here", "missing-there", "amount-mismatch", "currency-mismatch", "status-mismatch", "invoice-mismatch", "late-refund", "charge-back", "charge-back-reversed",
	"charge-back-fee", "payout-mismatch", "card-payout", "test-in-production",
}

var incidentStates = []string{incident.StatusDetected, incident.StatusContained, incident.StatusAssessed, incident.StatusClosed}

// labels are the codes that the report's JSON explains, in order.
func (r Report) labels() []string {
	all := slices.Clone(r.Labels)
	for of := range maps.Values(r.Codes) {
		all = append(all, of...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// label is what a code is called: by a word of the report's own, else one that all have. What a paper says of itself may name a column.
func (r Report) label(code, language string) string {
	i := slices.Index(Languages, language)
	if w, ok := r.Words[code]; ok {
		return w[i]
	}
	if w, ok := codes[code]; ok {
		return w[i]
	}
	if !slices.Contains(r.Labels, code) { // a heading may be spelt as a code of another meaning
		panic("no word for the code " + code)
	}
	return word(code, language)
}

// Named writes codes that a space separates in a language of Languages; what the report does not explain stays as it is.
func (r Report) Named(text, language string) string { return r.named(text, " ", r.labels(), language) }

// named writes the codes of a text that stand in a list; a text with none of them stays whole. Of an actor, "officer/marat", the kind is a code.
func (r Report) named(text, between string, known []string, language string) string {
	parts, found := strings.Split(text, between), false
	for i, part := range parts {
		code, rest, _ := strings.Cut(part, "/")
		switch {
		case slices.Contains(known, part):
			parts[i], found = r.label(part, language), true
		case slices.Contains(known, code):
			parts[i], found = r.label(code, language)+"/"+rest, true
		}
	}
	if !found {
		return text
	}
	return strings.Join(parts, "; ") // a word may hold a comma
}

// said is a value as a person reads it: a code by its word, and what has none as it stands.
func (r Report) said(c Column, v any, language string) string {
	known := r.Codes[c.Key]
	switch v := v.(type) {
	case bool:
		if v {
			return r.label("yes", language)
		}
		return r.label("no", language)
	case string:
		return r.named(v, " ", known, language)
	case []string:
		if known != nil {
			return r.named(strings.Join(v, " "), " ", known, language)
		}
	}
	return plain(v)
}

// coded tells whether a column holds codes.
func (r Report) coded(c Column) bool { return r.Codes[c.Key] != nil }
