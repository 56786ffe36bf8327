package reports

import (
	"fmt"
	"slices"
	"strings"
)

// Languages are those in which titles and headings are written. The first is taken where none is asked for. Keys, codes, ids and
// numbers are the same in all of them.
var Languages = []string{"en", "kk", "ru"}

// words holds, in the order of Languages, each report's title, each column's heading and what a paper says of itself (TestEveryWordInEveryLanguage).
var words = map[string][3]string{
	"consent-register":          {"Register of consents", "Келісімдер тізілімі", "Реестр согласий"},
	"withdrawals":               {"Withdrawals and their clock", "Келісімді қайтарып алу және оның мерзімі", "Отзывы согласия и их сроки"},
	"refusals":                  {"Refused withdrawals and their grounds", "Қайтарып алудан бас тарту және негіздері", "Отказы в отзыве и их основания"},
	"exposure":                  {"Allowed or disclosed after a withdrawal, before its entry", "Қайтарып алғаннан кейін, енгізілгенге дейін рұқсат етілгені мен ашылғаны", "Разрешено или раскрыто после отзыва, до его внесения"},
	"obligations-during-notice": {"Obligations that met a running notice", "Хабарлама мерзімі өтіп жатқандағы міндеттемелер", "Обязательства, возникшие при действующем уведомлении"},
	"deadlines":                 {"Deadlines", "Мерзімдер тақтасы", "Доска сроков"},
	"unmatched-letters":         {"Letters whose sender is not known", "Жіберушісі белгісіз хаттар", "Письма с неизвестным отправителем"},
	"old-documents":             {"Holders of old versions of the documents", "Құжаттардың ескі нұсқасын ғана қабылдағандар", "Принявшие только прежние редакции документов"},
	"disclosures":               {"Register of disclosures", "Деректерді ашу тізілімі", "Реестр раскрытий данных"},
	"read-audit":                {"Who looked at personal data", "Дербес деректерді кім қарады", "Кто смотрел персональные данные"},
	"incidents":                 {"Register of incidents", "Оқыс оқиғалар тізілімі", "Реестр инцидентов"},
	"segregation":               {"Segregation of duties: who asked, who approved", "Міндеттерді бөлу: кім сұрады, кім бекітті", "Разделение обязанностей: кто запросил, кто утвердил"},
	"held-money":                {"Money that waits for a decision", "Шешім күтіп тұрған ақша", "Деньги, ожидающие решения"},
	"reconciliation":            {"Open differences with the processor's register", "Төлем жүйесінің тізілімімен шешілмеген айырмалар", "Неразрешённые расхождения с реестром процессора"},
	"paid-while-blocked":        {"Paid while blocked, and paid days lost to blocks", "Бұғатталған кездегі төлемдер және жоғалған ақылы күндер", "Оплачено при блокировке и оплаченные дни, потерянные из-за неё"},
	"subscriptions":             {"Subscriptions", "Жазылымдар", "Подписки"},
	"duplicates":                {"Second payments for one order", "Бір тапсырысқа жасалған екінші төлемдер", "Повторные оплаты одного заказа"},
	"recurring-revenue":         {"Recurring revenue", "Тұрақты айлық түсім", "Регулярная выручка"},
	"cohorts":                   {"Who stays, by the month of registration", "Тіркелген айы бойынша кім қалады", "Удержание по месяцу регистрации"},
	"retold":                    {"What later entries changed", "Кейінгі жазбалар нені өзгертті", "Что изменили более поздние записи"},

	"report":        {"Report", "Есеп", "Отчёт"},
	"about":         {"About", "Мәлімет", "Сведения"},
	"range":         {"Range", "Кезең", "Период"},
	"known_at":      {"Known at", "Белгілі болған сәт", "Известно на момент"},
	"as_of":         {"As of", "Жағдайы осы сәтке", "По состоянию на"},
	"position":      {"Position in the journal", "Журналдағы орны", "Позиция в журнале"},
	"zone":          {"Time zone", "Уақыт белдеуі", "Часовой пояс"},
	"log_size":      {"Size of the log", "Журнал ағашының мөлшері", "Размер журнального дерева"},
	"log_root":      {"Root of the log", "Журнал ағашының түбірі", "Корень журнального дерева"},
	"terms_version": {"Version of the terms", "Шарттардың нұсқасы", "Редакция правил"},
	"row_count":     {"Rows", "Жол саны", "Строк"},
	"rows_sha256":   {"SHA-256 of the rows", "Жолдардың SHA-256 мәні", "SHA-256 строк"},

	"accepted_at":            {"Accepted", "Қабылданған", "Принято"},
	"affected":               {"Persons affected", "Зардап шеккендер саны", "Затронуто лиц"},
	"allowed":                {"Allowed", "Рұқсат етілді", "Разрешено"},
	"amount":                 {"Amount", "Сома", "Сумма"},
	"answer_due":             {"Answer due", "Жауап беру мерзімі", "Ответить до"},
	"approved_at":            {"Approved", "Бекітілген", "Утверждено"},
	"approved_by":            {"Approved by", "Бекіткен", "Утвердил"},
	"authority_due":          {"Authority to be told by", "Уәкілетті органға хабарлау мерзімі", "Уведомить орган до"},
	"authority_notified_at":  {"Authority told", "Уәкілетті органға хабарланды", "Орган уведомлён"},
	"authority_overdue":      {"Telling the authority is overdue", "Органға хабарлау кешікті", "Уведомление органа просрочено"},
	"basis":                  {"Basis", "Негізі", "Основание"},
	"began_at":               {"Began", "Басталған", "Началось"},
	"began_on":               {"Counted from", "Есептеу басы", "Отсчёт с"},
	"blocked_since":          {"Blocked since", "Бұғатталған сәт", "Заблокировано с"},
	"blocked_until":          {"Blocked until", "Бұғат аяқталған сәт", "Заблокировано до"},
	"button":                 {"Button", "Түйме", "Кнопка"},
	"by_officer":             {"By an officer", "Қызметкер шешімімен", "Решением сотрудника"},
	"channel":                {"Channel", "Арна", "Канал"},
	"claim":                  {"Charge-back", "Банк талабы", "Требование банка"},
	"class":                  {"Difference", "Айырма", "Расхождение"},
	"clause":                 {"Clause", "Тармақ", "Пункт"},
	"closed_at":              {"Closed", "Жабылған", "Закрыто"},
	"code":                   {"Code", "Код", "Код"},
	"consent_id":             {"Consent", "Келісім", "Согласие"},
	"contained_at":           {"Contained", "Тоқтатылған", "Локализовано"},
	"count":                  {"Count", "Саны", "Количество"},
	"country":                {"Country", "Ел", "Страна"},
	"currency":               {"Currency", "Валюта", "Валюта"},
	"day":                    {"Day", "Күні", "День"},
	"days_granted":           {"Days granted", "Берілген күндер", "Предоставлено дней"},
	"days_lost":              {"Days lost", "Жоғалған күндер", "Потеряно дней"},
	"days_open":              {"Days open", "Шешілмеген күндер", "Дней без решения"},
	"days_waiting":           {"Days waiting", "Күткен күндер", "Дней ожидания"},
	"demanded_at":            {"Demanded", "Талап етілген", "Потребовано"},
	"detected_at":            {"Detected", "Анықталған", "Обнаружено"},
	"discharged_at":          {"Discharged", "Өтелген", "Погашено"},
	"disclosed_at":           {"Disclosed", "Ашылған", "Раскрыто"},
	"disclosure_id":          {"Disclosure", "Ашу жазбасы", "Раскрытие"},
	"document":               {"Document", "Құжат", "Документ"},
	"document_sha256":        {"SHA-256 of the document", "Құжаттың SHA-256 мәні", "SHA-256 документа"},
	"document_version":       {"Version of the document", "Құжат нұсқасы", "Редакция документа"},
	"done_at":                {"Done", "Орындалған", "Исполнено"},
	"due_at":                 {"Due", "Мерзімі", "Срок"},
	"effective_from":         {"In effect from", "Күшіне енетін сәт", "Вступает в силу"},
	"ended_at":               {"Ended", "Аяқталған", "Прекращено"},
	"ended_purposes":         {"Purposes ended", "Тоқтатылған мақсаттар", "Прекращённые цели"},
	"entered_at":             {"Entered", "Енгізілген", "Внесено"},
	"entered_by":             {"Entered by", "Енгізген", "Внёс"},
	"event_id":               {"Event", "Оқиға", "Событие"},
	"events":                 {"Events", "Оқиғалар", "События"},
	"exposed_from":           {"Exposed from", "Осы сәттен", "С момента"},
	"exposed_until":          {"Exposed until", "Осы сәтке дейін", "До момента"},
	"fields":                 {"Fields", "Өрістер", "Поля"},
	"first_transaction_id":   {"First transaction", "Алғашқы транзакция", "Первая транзакция"},
	"given_at":               {"Given", "Берілген", "Дано"},
	"ground":                 {"Ground", "Негіз", "Причина"},
	"held_since":             {"Held since", "Ұсталған сәт", "Удерживается с"},
	"hold_id":                {"Legal hold", "Заңды тыйым", "Законный запрет"},
	"how":                    {"How", "Қалай", "Как"},
	"in_force_from":          {"In force from", "Қолданысқа енген сәт", "Действует с"},
	"incident_id":            {"Incident", "Оқыс оқиға", "Инцидент"},
	"finding_id":             {"Finding", "Айырма нөмірі", "Номер расхождения"},
	"found_at":               {"Found", "Табылған", "Обнаружено"},
	"here":                   {"The ledger says", "Тізбе бойынша", "По журналу"},
	"operated_at":            {"Operation", "Операция уақыты", "Операция"},
	"payment_transaction_id": {"Payment", "Төлем", "Платёж"},
	"there":                  {"The register says", "Тізілім бойынша", "По реестру"},
	"kind":                   {"Kind", "Түрі", "Вид"},
	"known_now":              {"As known now", "Қазір белгілі болғаны бойынша", "По нынешним сведениям"},
	"known_then":             {"As known then", "Сол кезде белгілі болғаны бойынша", "По тогдашним сведениям"},
	"known_users":            {"Users known by id", "Белгілі пайдаланушылар", "Известных пользователей"},
	"language":               {"Language", "Тіл", "Язык"},
	"late":                   {"Entered late", "Кеш енгізілген", "Внесено поздно"},
	"learnt_at":              {"Learnt", "Мәлім болған", "Стало известно"},
	"letter_id":              {"Letter", "Хат", "Письмо"},
	"letter_sha256":          {"SHA-256 of the letter", "Хаттың SHA-256 мәні", "SHA-256 письма"},
	"measure":                {"Measure", "Көрсеткіш", "Показатель"},
	"month":                  {"Month", "Ай", "Месяц"},
	"months_after":           {"Months after", "Өткен айлар", "Месяцев спустя"},
	"notice_id":              {"Notice", "Хабарлама", "Уведомление"},
	"notify":                 {"To be told", "Кімге хабарлау керек", "Кого уведомить"},
	"obligation_id":          {"Obligation", "Міндеттеме", "Обязательство"},
	"obligation_kind":        {"Kind of obligation", "Міндеттеме түрі", "Вид обязательства"},
	"order_id":               {"Order", "Тапсырыс", "Заказ"},
	"page":                   {"Page", "Бет", "Страница"},
	"paid_at":                {"Paid", "Төленген", "Оплачено"},
	"paying":                 {"Paying", "Төлейтіндер", "Платят"},
	"period_months":          {"Months bought", "Сатып алынған айлар", "Куплено месяцев"},
	"provider":               {"Processor", "Төлем жүйесі", "Платёжная система"},
	"purpose":                {"Purpose", "Мақсат", "Цель"},
	"purposes":               {"Purposes", "Мақсаттар", "Цели"},
	"read_at":                {"Read", "Қаралған", "Просмотрено"},
	"reader":                 {"Reader", "Қараған", "Кто смотрел"},
	"reason":                 {"Reason", "Себебі", "Причина удержания"},
	"received_on":            {"Received on", "Алынған күні", "Получено"},
	"recipient":              {"Recipient", "Алушы", "Получатель"},
	"recorded_at":            {"Recorded", "Жазылған", "Записано"},
	"refund_requested":       {"On its way back", "Қайтарылуда", "Возвращается"},
	"refused_at":             {"Refused", "Бас тартылған", "Отказано"},
	"registered":             {"Registered", "Тіркелгендер", "Зарегистрировано"},
	"requested_at":           {"Requested", "Сұралған", "Запрошено"},
	"requested_by":           {"Requested by", "Сұраған", "Запросил"},
	"requested_on":           {"Day asked for", "Сұралған күн", "Запрошенный день"},
	"requested_on_too_early": {"Day asked for is too early", "Сұралған күн тым ерте", "Запрошенный день слишком ранний"},
	"rescinded_at":           {"Rescinded", "Кері қайтарылған", "Уведомление отозвано"},
	"retry_of":               {"Again after", "Қайта берілген хабарлама", "Повтор уведомления"},
	"risk":                   {"Risk", "Тәуекел", "Риск"},
	"route":                  {"Where", "Қайда", "Где"},
	"same_person":            {"Same person", "Бір адам", "Одно лицо"},
	"sent_on":                {"Sent on", "Жіберілген күні", "Отправлено"},
	"since":                  {"Since", "Басталуы", "С"},
	"status":                 {"Status", "Күйі", "Статус"},
	"subject":                {"What it is about", "Нысаны", "Предмет"},
	"subjects_notified_at":   {"Persons told", "Адамдарға хабарланды", "Лица уведомлены"},
	"target":                 {"Event voided", "Жойылған жазба", "Аннулируемая запись"},
	"tracking_number":        {"Tracking number", "Пошта нөмірі", "Почтовый номер"},
	"transaction_id":         {"Transaction", "Транзакция", "Транзакция"},
	"until":                  {"Until", "Аяқталуы", "До момента"},
	"user_id":                {"User", "Пайдаланушы", "Пользователь"},
	"using":                  {"Using", "Пайдаланып жүргендер", "Пользуются"},
	"version_in_force":       {"Version in force", "Қолданыстағы нұсқа", "Действующая редакция"},
}

// word is a word in a language of Languages.
func word(key, language string) string {
	i := slices.Index(Languages, language)
	w, ok := words[key]
	if i < 0 || !ok {
		panic(fmt.Sprintf("no word for %q in %q", key, language))
	}
	return w[i]
}

// word is a word of the report's own, else one that all have.
func (r Report) word(key, language string) string {
	if w, ok := r.Words[key]; ok {
		return w[slices.Index(Languages, language)]
	}
	return word(key, language)
}

// Title is the report's title in a language of Languages.
func (r Report) Title(language string) string { return r.word(r.Name, language) }

// Named writes codes that a space separates in a language of Languages; what has no word stays as it is.
func (r Report) Named(codes, language string) string {
	names := strings.Fields(codes)
	for i, code := range names {
		if w, ok := r.Words[code]; ok {
			names[i] = w[slices.Index(Languages, language)]
		}
	}
	return strings.Join(names, ", ")
}
