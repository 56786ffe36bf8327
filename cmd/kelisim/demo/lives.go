package demo

import (
	"fmt"
	"strings"
	"time"

	"kelisim/domain"
	"kelisim/domain/calendar"
)

// Who acts.
const (
	siteService = "service/site"
	aigul       = "officer/aigul" // who asks for an entry to be voided
	marat       = "officer/marat"
	dana        = "approver/dana" // who approves it
	operations  = "operator/ops"
)

// life is one user on the way.
type life struct {
	*author
	n        int
	user     domain.UserID
	language string
	came     time.Time
	// studies is when the user may be seen on the site.
	studies []span
	covered calendar.Chain
}

type span struct{ from, until time.Time }

// fates are what users' lives come to. The first users have each of them once, so that a short demo has all.
var fates = []func(*life){
	withdraws, isFined, isBlocked, isDisputed, paysWrong, keepsDataRight, writesALetter, isMistaken, isHeld, changesMind, (*life).stays,
	asksForPart, writesMail, isRefused, isTooEarly, presses, getsMoneyBack, isChargedBack, isForgotten, losesTheName,
}

// cast gives every user a life.
func (a *author) cast() {
	total := a.Until.Sub(a.begin)
	for n := range a.Users {
		share := float64(n) / float64(a.Users)
		came := a.begin.Add(time.Duration(share * float64(total))).Add(time.Duration(a.IntN(20*60)) * time.Minute)
		l := &life{author: a, n: n + 1, user: domain.UserID(a.id()), language: a.language(), came: a.evening(came, 0)}
		a.users = append(a.users, l)
		l.register()
		switch {
		case n < len(fates):
			fates[n](l)
		case a.chance(35):
			l.leaves()
		case a.chance(75):
			l.stays()
		default:
			fates[a.IntN(len(fates))](l)
		}
	}
}

func (l *life) acceptance(button, page string) members {
	return members{"button": button, "page": page, "language": l.language}
}

func (l *life) do(at time.Time, actor, command string, body members) *entry {
	return l.now(at, actor, command, l.user, body)
}

// register opens the cabinet and the three free months.
func (l *life) register() {
	page := "subscription"
	if l.chance(20) {
		page = "marketplace"
	}
	body := members{"login": login(l.n), "acceptance": l.acceptance("register", page), "contacts": l.contacts(l.n), "location": one(l.author, strings.Fields("KZ-71 KZ-75 KZ-79"))}
	if l.chance(70) {
		body["personal_data"] = l.personal(l.n, l.language)
	}
	l.do(l.came, siteService, "register", body)
	l.covered = calendar.Chain{Anchor: calendar.DayOf(l.came), Months: 3}
	l.study(l.came, l.covered.End())
}

func (l *life) study(from, until time.Time) { l.studies = append(l.studies, span{from, until}) }

// order is a press of Buy.
func (l *life) order(at time.Time, months int, more members) (id string, price string) {
	id, price = l.id(), l.price(at, months)
	body := members{"order_id": id, "months": months, "price": money(price), "acceptance": l.acceptance("buy", "subscription")}
	for k, v := range more {
		body[k] = v
	}
	l.do(at, siteService, "purchase", body)
	return id, price
}

// pay is the processor's notification, which comes some time after the payment.
func (l *life) pay(paid time.Time, order, price string) (transaction string) {
	l.payments++
	transaction = fmt.Sprint(700_000_000 + l.payments)
	l.add(paid, paid.Add(time.Duration(3+l.IntN(60))*time.Second), siteService, "record-payment", l.user, members{
		"order_id": order, "provider": "cloudpayments", "transaction_id": transaction, "paid_at": rfc(paid), "amount": money(price)})
	return transaction
}

// buys is an order that is paid within minutes. What it grants follows the coverage, or begins anew.
func (l *life) buys(at time.Time, months int) (transaction, price string) {
	order, price := l.order(at, months, nil)
	transaction = l.pay(at.Add(time.Duration(2+l.IntN(8))*time.Minute), order, price)
	if at.Before(l.covered.End()) {
		l.covered.Months += months
	} else {
		l.covered = calendar.Chain{Anchor: calendar.DayOf(at), Months: months}
	}
	l.study(at, l.covered.End())
	return transaction, price
}

// leaves: the free months, and perhaps a look at the prices.
func (l *life) leaves() {
	if l.chance(30) {
		l.order(l.evening(l.covered.End(), -l.IntN(20)-1), 1, nil)
	}
}

// stays: buys again and again, mostly before the time is over.
func (l *life) stays() {
	months := one(l.author, []int{1, 1, 1, 3, 3, 6, 12})
	for range 1 + l.IntN(24/months) {
		day := -l.IntN(10) - 1
		if l.chance(20) {
			day = l.IntN(30)
		}
		at := l.evening(l.covered.End(), day)
		if !at.Before(l.Until) {
			return
		}
		l.buys(at, months)
	}
}

// price is the tariff's: there are two, the second from a.raise on.
func (a *author) price(at time.Time, months int) string {
	if at.Before(a.raise) {
		return oldPrices[months]
	}
	return newPrices[months]
}

var (
	oldPrices = map[int]string{1: "4990.00", 3: "13490.00", 6: "24990.00", 12: "44990.00"}
	newPrices = map[int]string{1: "5490.00", 3: "14990.00", 6: "27490.00", 12: "49990.00"}
)

func money(amount string) members { return members{"amount": amount, "currency": "KZT"} }

func rfc(t time.Time) string { return t.UTC().Truncate(time.Second).Format(time.RFC3339) }

// notice is a withdrawal by registered post, received on a day and entered so many days later.
func (l *life) notice(received calendar.Day, late int, more members) (id string, entered time.Time) {
	l.letters++
	id = l.id()
	body := members{"notice_id": id, "received_on": received.String(), "channel": "registered-post",
		"tracking_number": fmt.Sprintf("RR%09dKZ", 410_000_000+l.letters), "sent_on": received.AddDays(-3 - l.IntN(5)).String()}
	for k, v := range more {
		if v == nil {
			delete(body, k)
		} else {
			body[k] = v
		}
	}
	entered = l.office(received.End(), late)
	l.do(entered, marat, "withdraw", body)
	return id, entered
}

// later is the day so many days after the user came.
func (l *life) later(days int) calendar.Day { return calendar.DayOf(l.came).AddDays(days) }
