package demo

import (
	"fmt"
	"slices"
	"time"
)

// withdraws: pays for a while, then takes the consent back; the letter is entered days after it came.
func withdraws(l *life) {
	l.buys(l.evening(l.came, 70), 3)
	l.notice(l.later(95+l.IntN(60)), 4, nil)
}

// changesMind: withdraws, presses Buy within the ten days, and rescinds a second notice.
func changesMind(l *life) {
	first := l.later(60)
	_, entered := l.notice(first, 1, nil)
	at := l.evening(entered, 2)
	order, price := l.order(at, 1, members{"acknowledge_pending_withdrawal": true})
	l.pay(at.Add(4*time.Minute), order, price)
	second, entered := l.notice(l.later(120), 1, nil)
	l.do(l.office(entered, 2), marat, "rescind-withdrawal", members{"notice_id": second, "ground": "Өтінішін өзі қайтарып алды"})
}

// isFined: copies a lesson that a written permission did not cover, owes a fine, and so cannot withdraw until it is paid.
func isFined(l *life) {
	l.do(l.office(l.came, 10), aigul, "permit-content-use", members{"permission_id": l.id(), "content": "course/12/lesson/3",
		"by": "Автордың жазбаша рұқсаты", "reference": "Хат № 3-17", "until": l.later(200).Start()})
	act, fine := l.later(40), l.id()
	l.do(l.office(l.came, 45), aigul, "remove-content", members{"content": "forum/post/" + l.id()[:8], "clause": "T-6.1", "note": "Сабақтың көшірмесі жарияланған"})
	l.do(l.office(l.came, 47), aigul, "demand-fine", members{"obligation_id": fine, "clause": "T-6.1", "act_on": act.String(), "note": "12-курстың сабағы көшірілген"})
	l.do(l.office(l.came, 52), aigul, "contest-fine", members{"obligation_id": fine, "note": "Пайдаланушы келіспейді"})
	refused, _ := l.notice(l.later(60), 1, nil)
	l.do(l.office(l.came, 75), aigul, "discharge", members{"obligation_id": fine, "how": "paid", "reference": "Төлем тапсырмасы № 48"})
	l.notice(l.later(90), 1, members{"retry_of": refused})
}

// isBlocked: pays minutes after the cabinet was blocked; the money is held, and the days are given back.
func isBlocked(l *life) {
	l.buys(l.evening(l.came, 80), 3)
	at := l.office(l.came, 100)
	order, price := l.order(at.Add(-2*time.Minute), 1, nil)
	l.do(at, aigul, "block", members{"clause": "T-1.4", "note": "Сайтқа күдікті сұраулар"})
	l.pay(at.Add(3*time.Minute), order, price)
	days := 3 + l.IntN(12)
	freed := at.Add(time.Duration(days) * 24 * time.Hour)
	l.do(freed, aigul, "unblock", members{"compensate_days": days, "note": "Күдік расталмады"})
	l.do(l.office(freed, 20), aigul, "grant-days", members{"days": 5, "reason": "Платформаның тоқтап қалғаны үшін"})
}

// isDisputed: somebody else was in the cabinet; it is reported the next morning.
func isDisputed(l *life) {
	since := l.evening(l.came, 30)
	told := l.office(since, 1)
	l.add(told, told.Add(20*time.Hour), siteService, "report-unauthorised-access", l.user, members{
		"report_id": l.id(), "suspected_since": rfc(since), "channel": "phone"})
	l.do(told.Add(21*time.Hour), siteService, "change-login", members{"login": login(l.n) + ".new"})
	l.do(told.Add(22*time.Hour), siteService, "restore-access", members{"channel": "phone", "note": "Құпиясөз ауыстырылды"})
	l.stays()
}

// paysWrong: too little, twice, too late, and for an order that is nobody's. All of it is held.
func paysWrong(l *life) {
	at := l.evening(l.came, 85)
	order, price := l.order(at, 1, nil)
	l.pay(at.Add(2*time.Minute), order, "490.00")
	l.pay(at.Add(5*time.Minute), order, price)
	l.pay(at.Add(6*time.Minute), order, price)
	late, price := l.order(l.evening(at, 30), 3, nil)
	l.pay(l.evening(at, 33), late, price)
	l.pay(l.evening(at, 34), l.id(), price)
}

// getsMoneyBack: one payment in full, by a transfer, with the months that had not begun; of another a part is asked for.
func getsMoneyBack(l *life) {
	transaction, price := l.buys(l.evening(l.came, 86), 6)
	back := l.office(l.came, 130)
	l.do(back, marat, "refund", members{"transaction_id": transaction, "amount": money(price), "refunded_at": rfc(back.Add(-2 * time.Hour)), "reason": "Курсы ауыстырылды"})
	transaction, _ = l.buys(l.evening(l.came, 170), 3)
	l.do(l.office(l.came, 180), marat, "refund", members{"transaction_id": transaction, "amount": money("1000.00"), "reason": "Бір сабақ жарамсыз болды"})
}

// isChargedBack: the payer's bank takes the money back; it is owed until it is paid. Another time the bank finds that it was wrong, and gives it again.
func isChargedBack(l *life) {
	at := l.evening(l.came, 75)
	transaction, price := l.buys(at, 3)
	owed, found := l.id(), l.office(l.came, 112)
	l.do(found, marat, "charge-back", members{"obligation_id": owed, "transaction_id": transaction, "amount": money(price), "charged_back_at": rfc(found.Add(-30 * time.Hour))})
	l.notice(l.later(120), 1, nil)
	l.do(l.office(l.came, 131), aigul, "discharge", members{"obligation_id": owed, "how": "waived", "reference": "Басшылықтың шешімі № 9"})
	transaction, price = l.buys(l.evening(l.came, 140), 3)
	found = l.office(l.came, 150)
	l.do(found, marat, "charge-back", members{"obligation_id": l.id(), "transaction_id": transaction, "amount": money(price), "charged_back_at": rfc(found.Add(-30 * time.Hour))})
	back := l.office(l.came, 158)
	l.do(back, marat, "return-charge-back", members{"transaction_id": transaction, "amount": money(price), "returned_at": rfc(back.Add(-30 * time.Hour)), "reference": "Банктің хаты № 31"})
}

// isForgotten: the withdrawal has taken effect, and two people decide that the data are destroyed.
func isForgotten(l *life) {
	l.notice(l.later(40), 1, nil)
	asked := l.office(l.came, 62)
	l.do(asked, aigul, "destroy", members{"basis": "consent-withdrawn"})
	l.do(l.office(asked, 2), dana, "approve-destruction", members{})
}

// losesTheName: the record stays, and whose it was can no longer be told.
func losesTheName(l *life) {
	l.buys(l.evening(l.came, 88), 1)
	l.do(l.office(l.came, 160), aigul, "depersonalise", members{"basis": "retention-ended"})
}

// keepsDataRight: corrections, a move, a question to support, and a complaint.
func keepsDataRight(l *life) {
	l.do(l.evening(l.came, 5), siteService, "record-personal-data", members{"personal_data": l.personal(l.n, l.language)})
	l.do(l.evening(l.came, 9), siteService, "change-contacts", members{"email": "new." + login(l.n) + "@demo.example"})
	l.do(l.evening(l.came, 12), siteService, "set-location", members{"location": one(l.author, places), "language": l.language})
	question, asked := l.id(), l.evening(l.came, 14)
	l.do(asked, siteService, "message", members{"message_id": question, "text": "Сертификатты қайдан аламын?"})
	l.do(l.office(asked, 1), marat, "answer-message", members{"message_id": question, "text": "Кабинеттің «Құжаттар» бөлімінен."})
	blocked := l.office(l.came, 40)
	l.do(blocked, marat, "block-data", members{"basis": "complaint", "note": "Деректердің дұрыстығына шағым"})
	l.do(l.office(blocked, 6), marat, "unblock-data", members{"basis": "complaint-settled"})
	l.stays()
}

// isHeld: a court wants the data kept, so that a withdrawal is refused until the hold is lifted; the data are shown to the court.
func isHeld(l *life) {
	hold := l.id()
	l.do(l.office(l.came, 50), marat, "set-legal-hold", members{"hold_id": hold, "basis": "Сот сұрауы 17", "acts": []string{"store", "transfer"}})
	disclosure, asked := l.id(), l.office(l.came, 51)
	l.do(asked, marat, "request-field-disclosure", members{"disclosure_id": disclosure, "to": "demo-auditor", "reason": "Сот сұрауы 17",
		"fields": []members{{"path": "login"}}}).about = l.entries[slices.IndexFunc(l.entries, func(e *entry) bool { return e.line.User == l.user })]
	l.do(asked.Add(2*time.Hour), dana, "grant-field-disclosure", members{"disclosure_id": disclosure})
	l.do(l.office(l.came, 53), marat, "disclose", members{"recipient": "Аудандық сот", "country": "KZ", "purpose": "quality-research", "basis": "Сот сұрауы 17"})
	refused, _ := l.notice(l.later(70), 1, nil)
	l.do(l.office(l.came, 110), marat, "lift-legal-hold", members{"hold_id": hold, "note": "Іс аяқталды"})
	l.notice(l.later(115), 2, members{"retry_of": refused})
}

// writesALetter: nobody knows at first whose it is; the days run from its receipt all the same.
func writesALetter(l *life) {
	l.letters++
	letter, received := l.id(), l.later(66)
	entered := l.office(received.End(), 1)
	l.now(entered, marat, "receive-letter", "", members{"letter_id": letter, "received_on": received.String(), "sent_on": received.AddDays(-4).String(),
		"tracking_number": fmt.Sprintf("RR%09dKZ", 510_000_000+l.n), "note": "Қолтаңба танылмайды"})
	l.now(l.office(entered, 12), marat, "match-letter", "", members{"letter_id": letter, "user_id": l.user})
}

// isMistaken: a notice of somebody else is entered here, and voided by two people.
func isMistaken(l *life) {
	_, entered := l.notice(l.later(48), 1, nil)
	wrong := l.entries[len(l.entries)-1]
	asked := entered.Add(50 * time.Hour)
	l.do(asked, aigul, "void-entry", members{"reason": "Хат басқа адамнан келген"}).about = wrong
	l.do(asked.Add(3*time.Hour), dana, "approve-void", members{}).about = wrong
	l.stays()
}

// asksForPart: no advertising, but the rest may go on.
func asksForPart(l *life) {
	l.notice(l.later(35), 2, members{"purposes": []string{"advertising"}})
	l.stays()
}

// writesMail: not the channel of the terms. One notice is accepted by an officer, the other is left as it is.
func writesMail(l *life) {
	mail := members{"channel": "e-mail", "tracking_number": nil}
	notice, entered := l.notice(l.later(25), 1, mail)
	l.do(l.office(entered, 3), aigul, "accept-withdrawal", members{"notice_id": notice, "ground": "Жеке басы куәландырылды"})
	l.notice(l.later(80), 1, mail)
}

// isRefused: an officer finds a ground while the ten days run.
func isRefused(l *life) {
	notice, entered := l.notice(l.later(55), 1, nil)
	l.do(l.office(entered, 3), aigul, "refuse-withdrawal", members{"notice_id": notice, "ground": "Қойылған қол расталмады"})
	l.stays()
}

// isTooEarly: the day that the notice names is before the rule's, and the rule's holds; a second one names a later day.
func isTooEarly(l *life) {
	received := l.later(30)
	l.notice(received, 1, members{"requested_on": received.AddDays(2).String(), "purposes": []string{"marketing-statistics"}})
	l.notice(received.AddDays(1), 1, members{"requested_on": received.AddDays(45).String()})
}

// presses: Buy on the marketplace, which is a consent and orders nothing here.
func presses(l *life) {
	l.do(l.evening(l.came, 21), siteService, "consent", members{"acceptance": l.acceptance("buy", "marketplace")})
	l.do(l.evening(l.came, 22), siteService, "consent", members{"acceptance": l.acceptance("buy", "marketplace")})
	l.buys(l.evening(l.came, 60), 6)
}
