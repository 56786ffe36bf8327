package statistics

// words holds, in the order of reports.Languages (en, kk, ru), what statistics call what no other paper does, or calls otherwise: titles and descriptions,
// headings, codes that stand in a row and what a paper says of itself (TestEveryWordInEveryLanguage).
var words = map[string][3]string{
	"operations": {"Operational counts", "Қызмет көрсеткіштері", "Операционные показатели"},
	"operations:about": {
		"Registrations, trials, purchases, renewals, lapses, withdrawals, blocks and active cabinets by period. They rest on nobody's consent.",
		"Кезең бойынша тіркелулер, тегін мерзімдер, сатып алулар, ұзартулар, аяқталулар, келісімді қайтарып алулар, бұғаттаулар және белсенді кабинеттер. Ешкімнің келісіміне сүйенбейді.",
		"Регистрации, бесплатные периоды, покупки, продления, окончания, отзывы согласия, блокировки и активные кабинеты по периодам. Не требуют ничьего согласия.",
	},
	"active-users": {"Active users", "Белсенді пайдаланушылар", "Активные пользователи"},
	"active-users:about": {
		"How many persons did anything in each day, week or month. Only those count whose consent stood then and stands still.",
		"Әр күні, аптада не айда неше адам әрекет жасады. Келісімі сол кезде күшінде болған және әлі де күшіндегілер ғана саналады.",
		"Сколько человек что-либо делали за каждый день, неделю или месяц. Учитываются лишь те, чьё согласие действовало тогда и действует сейчас.",
	},
	"actions": {"Actions", "Әрекеттер", "Действия"},
	"actions:about": {
		"How much was done in each month, by one or two of action, content, language and location, with the sums. Only consented acts count.",
		"Әр айда не істелгені: әрекет, мазмұн, тіл және орын бойынша бір не екі қимада, қорытындыларымен. Келісім бар әрекеттер ғана саналады.",
		"Сколько действий совершено за каждый месяц в разрезе одного или двух признаков: действие, материал, язык, место; с итогами. Учитываются лишь действия при согласии.",
	},
	"funnel": {"Funnel", "Кезең-кезең өту", "Воронка"},
	"funnel:about": {
		"Of those who registered in a month: how many did anything, bought, and bought again. Only consented steps count.",
		"Бір айда тіркелгендердің нешеуі әрекет жасады, сатып алды және қайта сатып алды. Келісім бар қадамдар ғана саналады.",
		"Сколько из зарегистрировавшихся за месяц что-либо делали, купили и купили снова. Учитываются лишь шаги при согласии.",
	},
	"retention": {"Cohorts and retention", "Топтар және тұрақтылық", "Когорты и удержание"},
	"retention:about": {
		"How many of those who registered in a month did anything in each month after it. Only consented acts count.",
		"Бір айда тіркелгендердің нешеуі кейінгі әр айда әрекет жасады. Келісім бар әрекеттер ғана саналады.",
		"Сколько из зарегистрировавшихся за месяц что-либо делали в каждый следующий месяц. Учитываются лишь действия при согласии.",
	},

	"by":          {"Split by", "Қимасы", "Разрез"},
	"small_cells": {"Cells of fewer than 5 persons", "5 адамнан аз ұяшықтар", "Ячейки менее 5 человек"},
	"shown":       {"shown", "көрсетілген", "показаны"},
	"service":     {"running the service", "қызметті жүргізу", "работа сервиса"},

	"period":        {"Period from", "Кезең басы", "Период с"},
	"measure":       {"What is counted", "Не саналды", "Показатель"},
	"persons":       {"Persons", "Адам саны", "Человек"},
	"suppressed":    {"Left out", "Көрсетілмеген", "Скрыто"},
	"week":          {"Week", "Апта", "Неделя"},
	"day":           {"Day", "Күн", "День"},
	"content":       {"Content", "Мазмұн", "Материал"},
	"action":        {"Action", "Әрекет", "Действие"},
	"location":      {"Location", "Орын", "Место"},
	"registered_in": {"Registered in", "Тіркелген айы", "Месяц регистрации"},
	"step":          {"Step", "Қадам", "Шаг"},
	"cohort":        {"Registered in", "Тіркелген айы", "Месяц регистрации"},
	"members":       {"Members", "Топ мүшелері", "В когорте"},

	"*": {"all", "барлығы", "всего"},
	"?": {"not said", "көрсетілмеген", "не указано"},
	"~": {"left out: these cells would give small ones away", "көрсетілмеген: бұл ұяшықтар аз санды ашып қояр еді", "скрыто: эти ячейки раскрыли бы малые"},

	"withdrawal-received": {"Notices of withdrawal received", "Қайтарып алу хабарламалары", "Получено отзывов согласия"},
	"withdrawn":           {"Withdrawals that took effect", "Күшіне енген қайтарып алулар", "Отзывы, вступившие в силу"},
	"blocked":             {"Cabinets blocked", "Бұғатталған кабинеттер", "Заблокировано кабинетов"},
	"unblocked":           {"Cabinets unblocked", "Бұғаты алынған кабинеттер", "Разблокировано кабинетов"},
	"active-cabinets":     {"Active cabinets at the end", "Соңындағы белсенді кабинеттер", "Активные кабинеты на конец"},
	"acted":               {"Did anything", "Әрекет жасады", "Что-либо делали"},
	"bought":              {"Bought", "Сатып алды", "Купили"},
	"bought-again":        {"Bought again", "Қайта сатып алды", "Купили снова"},
}
