package user_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/consent"
	"kelisim/domain/decidertest"
	"kelisim/domain/site"
	"kelisim/domain/subscription"
	"kelisim/domain/user"
)

func buy(months int) user.Purchase {
	return user.Purchase{OrderID: id(2), ConsentID: id(3), Months: months, Acceptance: pressed("buy", "subscription", "personal-data")}
}

func agreed(c user.Purchase, on string) consent.Given {
	return consent.Given{ConsentID: c.ConsentID, Acceptance: *c.Acceptance, Document: shown("personal-data", "1", "kk"), Purposes: site.DefaultPurposes, Day: day(on)}
}

func ordered(c user.Purchase, tenge int64, at string) subscription.OrderPlaced {
	return subscription.OrderPlaced{OrderID: c.OrderID, ConsentID: c.ConsentID, Months: c.Months, Price: domain.KZT(tenge),
		InvoiceID: user.InvoiceID(me, c.OrderID), AccountID: me, PlacedAt: moment(at), ExpiresAt: moment(at).Add(24 * time.Hour), TermsVersion: "1"}
}

// T-2.1, P-2.2: a "Buy" press for a period is a consent and an order, at the price of that moment, also while the free months run.
func TestPurchase(t *testing.T) {
	rules := published()
	for at, c := range map[string]struct {
		months int
		tenge  int64
	}{"2026-01-13": {1, 4_990}, "2026-05-31T23:59:59+05:00": {1, 4_990}, "2026-04-20": {12, 44_990}} {
		registered(t, rules).When(on(at, rules), buy(c.months)).Then(agreed(buy(c.months), moment(at).Add(5*time.Hour).Format(time.DateOnly)), ordered(buy(c.months), c.tenge, at))
	}
	// The ids are made where the caller names none.
	in := on("2026-02-01", rules)
	in.Command = uuid.UUID{7}
	wish := buy(1)
	wish.OrderID, wish.ConsentID = "", ""
	made := wish
	made.OrderID, made.ConsentID = in.ID("order"), in.ID("consent")
	price := domain.KZT(4_990)
	wish.Price = &price
	registered(t, rules).When(in, wish).Then(agreed(made, "2026-02-01"), ordered(made, 4_990, "2026-02-01"))

	// T-2.2: the version of the public offer is kept with the order where one is published.
	offered := published(document("public-offer", "3", "kk", "2026-01-01"))
	order, offer := ordered(buy(1), 4_990, "2026-02-01"), shown("public-offer", "3", "kk")
	order.Offer = &offer
	registered(t, offered).When(on("2026-02-01", offered), buy(1)).Then(agreed(buy(1), "2026-02-01"), order)
}

func TestPurchaseRefused(t *testing.T) {
	rules := published()
	cheap, same := domain.KZT(4_000), domain.Money{Minor: 499_000, Currency: "USD"}
	for name, c := range map[string]struct {
		change       func(*user.Purchase)
		code, clause string
	}{
		"T-2.1 a period that is not offered": {func(c *user.Purchase) { c.Months = 2 }, "period-not-offered", "T-2.1"},
		"T-2.1 a period without a price":     {func(c *user.Purchase) { c.Months = 6 }, "price-missing", "T-2.1"},
		"T-2.1 another price was shown":      {func(c *user.Purchase) { c.Price = &cheap }, "price-mismatch", "T-2.1"},
		"T-2.1 another currency was shown":   {func(c *user.Purchase) { c.Price = &same }, "price-mismatch", "T-2.1"},
		"P-2.2 nothing was shown":            {func(c *user.Purchase) { c.Acceptance = nil }, "acceptance-missing", "P-2.2"},
		"P-2.2 no agreement was shown":       {func(c *user.Purchase) { c.Acceptance.Documents = nil }, "acceptance-missing", "P-2.2"},
		"P-2.2 another button":               {func(c *user.Purchase) { c.Acceptance.Button = "register" }, "invalid-request", "P-2.2"},
		"P-2.2 a version not in force":       {func(c *user.Purchase) { c.Acceptance.Documents[0] = shown("personal-data", "2", "kk") }, "document-mismatch", "P-2.2"},
		"an order id that is none":           {func(c *user.Purchase) { c.OrderID = "order" }, "invalid-request", ""},
		"an order id without hyphens":        {func(c *user.Purchase) { c.OrderID = strings.ReplaceAll(id(2), "-", "") }, "invalid-request", ""},
		"a consent id that is taken":         {func(c *user.Purchase) { c.ConsentID = id(1) }, "consent-exists", ""},
		"an order id that is taken":          {func(c *user.Purchase) { c.OrderID = id(9) }, "order-exists", ""},
		"an order id of the same invoice":    {func(c *user.Purchase) { c.OrderID = "11111111-0000-4000-8000-000000000009" }, "order-exists", ""},
	} {
		t.Run(name, func(t *testing.T) {
			wish := buy(1)
			c.change(&wish)
			before := buy(1)
			before.OrderID = id(9)
			registered(t, rules).Given(ordered(before, 4_990, "2026-01-20")).When(on("2026-02-01", rules), wish).Refused(c.code, c.clause)
		})
	}
}

// T-3.8: a blocked user buys nothing while the block stands; consent is another matter, which a block does not touch (decision 17).
func TestPurchaseWhileBlocked(t *testing.T) {
	rules := published()
	s := func() *story {
		return registered(t, rules).At(moment("2026-02-01")).Given(account.Blocked{Clause: "T-1.4", Until: momentAt("2026-02-10")})
	}
	s().When(on("2026-02-01", rules), buy(1)).Refused("blocked", "T-3.8")
	s().When(on("2026-02-09T23:59:59+05:00", rules), buy(1)).Refused("blocked", "T-3.8")
	s().When(on("2026-02-10", rules), buy(1)).Then(agreed(buy(1), "2026-02-10"), ordered(buy(1), 4_990, "2026-02-10"))
	wish := user.Consent{ConsentID: id(3), Acceptance: buy(1).Acceptance}
	s().When(on("2026-02-05", rules), wish).Then(agreed(buy(1), "2026-02-05"))
}

// P-2.2, decision 11: "Buy" on the marketplace is a consent and nothing more; every press is a new one.
func TestConsent(t *testing.T) {
	rules := published()
	wish := user.Consent{ConsentID: id(3), Acceptance: pressed("buy", "marketplace", "personal-data")}
	given := agreed(buy(1), "2026-02-01")
	given.Acceptance = *wish.Acceptance
	again := wish
	again.ConsentID = id(4)
	givenAgain := given
	givenAgain.ConsentID = id(4)
	registered(t, rules).When(on("2026-02-01", rules), wish).Then(given).
		When(on("2026-02-01", rules), again).Then(givenAgain)
	for name, a := range map[string]*account.Acceptance{
		"acceptance-missing": nil, "document-mismatch": {Button: "buy", Page: "marketplace", Language: "ru", Documents: pressed("", "", "personal-data").Documents},
		"invalid-request": {Button: "register", Page: "marketplace", Language: "kk"},
	} {
		registered(t, rules).When(on("2026-02-01", rules), user.Consent{Acceptance: a}).Refused(name)
	}
}

// P-2.5: where the data are gone, nobody is left to agree or to buy; what was pressed before may still be entered.
func TestPressAfterErasure(t *testing.T) {
	rules := published()
	for code, gone := range map[string]any{"destroyed": account.Destroyed{}, "depersonalised": account.Depersonalised{}} {
		s := func() *story { return registered(t, rules).At(moment("2026-02-01")).Given(gone) }
		wish := user.Consent{ConsentID: id(3), Acceptance: buy(1).Acceptance}
		s().When(on("2026-02-01", rules), wish).Refused(code, "P-2.5")
		s().When(on("2026-02-02", rules), buy(1)).Refused(code, "P-2.5")
		s().When(on("2026-01-31", rules), wish).Then(agreed(buy(1), "2026-01-31"))
	}
	registered(t, rules).At(moment("2026-02-01")).Given(account.Depersonalised{}, account.Destroyed{}).When(on("2026-03-01", rules), buy(1)).Refused("destroyed")
}

// Decision 3: an order is a press, too: during a running notice it has to be acknowledged, and its consent survives.
func TestPurchaseDuringNotice(t *testing.T) {
	rules := published()
	notice := posted("2026-02-01")
	s := func() *story {
		return registered(t, rules).At(moment("2026-02-01")).Given(received(notice, "2026-02-11"))
	}
	s().When(on("2026-02-05", rules), buy(1)).Refused("withdrawal-pending", "P-2.2")
	s().When(on("2026-02-05", rules), user.Consent{Acceptance: buy(1).Acceptance}).Refused("withdrawal-pending", "P-2.2")
	told := buy(1)
	told.AcknowledgePendingWithdrawal = true
	given := agreed(told, "2026-02-05")
	given.DuringNotice = true
	after := s().When(on("2026-02-05", rules), told).Then(given, ordered(told, 4_990, "2026-02-05")).State().State
	if got := after.Consent.StandingAt(research, moment("2026-02-11")); got.Status != consent.IsGiven || len(got.Consents) != 1 || got.Consents[0].ID != id(3) {
		t.Errorf("after the effect the new consent stands alone: %+v", got)
	}
	press := user.Consent{ConsentID: id(3), Acceptance: buy(1).Acceptance, AcknowledgePendingWithdrawal: true}
	s().When(on("2026-02-05", rules), press).Then(given)
}

// TestInvoice: the processor's notification finds the user and the order by the invoice alone.
func TestInvoice(t *testing.T) {
	rules := published()
	order := ordered(buy(1), 4_990, "2026-02-01")
	got, err := user.InvoiceUser(order.InvoiceID)
	if err != nil || got != me {
		t.Errorf("%s is of %s (%v)", order.InvoiceID, got, err)
	}
	s := registered(t, rules).Given(order).State().State
	if o, ok := s.Subscription.OrderByInvoice(order.InvoiceID); !ok || o.OrderID != id(2) {
		t.Errorf("%s names the order %s", order.InvoiceID, o.OrderID)
	}
	seen := map[string]bool{}
	for i := range 50 {
		for _, order := range []string{id(i), uuid.NewSHA1(uuid.NameSpaceOID, []byte{byte(i)}).String()} {
			seen[user.InvoiceID(me, order)] = true
		}
	}
	if len(seen) != 100 {
		t.Errorf("100 orders of one user have %d invoices", len(seen))
	}
	for _, s := range []string{"", ".", me[:35], "." + me, "1234567", strings.ToUpper(me) + ".000000000002", me + " .1"} {
		if got, err := user.InvoiceUser(s); domain.Code(err) != "invalid-request" || got != "" {
			t.Errorf("%q is an invoice of nobody, not of %q (%v)", s, got, err)
		}
	}
	if decidertest.Parameters().OrderHours != 24 {
		t.Error("decision 21: orders live 24 hours")
	}
}

// FuzzInvoiceUser: an invoice names a user by its canonical id, or nobody.
func FuzzInvoiceUser(f *testing.F) {
	for _, s := range []string{me + ".000000000002", me, "", ".", me + "."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := user.InvoiceUser(s)
		if err == nil && !strings.HasPrefix(s, string(got)) || err != nil && got != "" {
			t.Errorf("%q is of %q (%v)", s, got, err)
		}
	})
}
