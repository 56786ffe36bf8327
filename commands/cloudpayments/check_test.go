package cloudpayments_test

import (
	"testing"
	"time"

	"kelisim/commands/cloudpayments"
	"kelisim/domain"
)

// A check is decided by the first thing that is wrong: with everything wrong, and one thing after another put right, the answers come in their order.
func TestCheckAnswersInOrder(t *testing.T) {
	price := domain.Money{Minor: 499_000, Currency: "KZT"}
	expires := time.Date(2026, 7, 22, 9, 0, 0, 0, time.UTC)
	f := cloudpayments.CheckFacts{
		Asked:      cloudpayments.Notification{Kind: cloudpayments.Check, AccountID: "other", Amount: domain.Money{Minor: 499_001, Currency: "KZT"}, DateTime: expires, TestMode: ptr(true)},
		Blocked:    true,
		Production: true,
	}
	for _, step := range []struct {
		right string
		put   func()
		want  cloudpayments.Code
	}{
		{"nothing", func() {}, 10},
		{"the order is known", func() {
			f.Order = &cloudpayments.CheckOrder{AccountID: "one", Price: price, ExpiresAt: expires, Paid: true}
		}, 11},
		{"the account is the order's", func() { f.Asked.AccountID = "one" }, 12},
		{"the sum is the order's", func() { f.Asked.Amount = price }, 13},
		{"the order is not paid", func() { f.Order.Paid = false }, 13},
		{"the cabinet is not blocked (T-3.8)", func() { f.Blocked = false }, 13},
		{"the money is real", func() { f.Asked.TestMode = ptr(false) }, 20},
		{"the order stands a second longer", func() { f.Asked.DateTime = expires.Add(-time.Second) }, 0},
	} {
		step.put()
		if got := cloudpayments.CheckAnswer(f); got != step.want {
			t.Errorf("once %s: code %d, want %d", step.right, got, step.want)
		}
	}
}

// Each thing alone that is wrong.
func TestCheckAnswers(t *testing.T) {
	price := domain.Money{Minor: 499_000, Currency: "KZT"}
	at := time.Date(2026, 7, 21, 9, 0, 0, 0, time.UTC)
	for what, c := range map[string]struct {
		change func(*cloudpayments.CheckFacts)
		want   cloudpayments.Code
	}{
		"nothing":                      {func(*cloudpayments.CheckFacts) {}, 0},
		"a tiyn less (1.10 a: not 11)": {func(f *cloudpayments.CheckFacts) { f.Asked.Amount.Minor-- }, 12},
		"a tiyn more":                  {func(f *cloudpayments.CheckFacts) { f.Asked.Amount.Minor++ }, 12},
		"another currency":             {func(f *cloudpayments.CheckFacts) { f.Asked.Amount.Currency = "RUB" }, 12},
		"no account":                   {func(f *cloudpayments.CheckFacts) { f.Asked.AccountID = "" }, 11},
		"no order (1.10 b: final)":     {func(f *cloudpayments.CheckFacts) { f.Order = nil }, 10},
		"a test where money counts":    {func(f *cloudpayments.CheckFacts) { f.Asked.TestMode = ptr(true) }, 13},
		"money where tests are made":   {func(f *cloudpayments.CheckFacts) { f.Production = false }, 13},
		"not said which":               {func(f *cloudpayments.CheckFacts) { f.Asked.TestMode = nil }, 13},
		"not said which, in tests":     {func(f *cloudpayments.CheckFacts) { f.Asked.TestMode, f.Production = nil, false }, 13},
		"paid":                         {func(f *cloudpayments.CheckFacts) { f.Order.Paid = true }, 13},
		"blocked":                      {func(f *cloudpayments.CheckFacts) { f.Blocked = true }, 13},
		"the very end of the order":    {func(f *cloudpayments.CheckFacts) { f.Order.ExpiresAt = at }, 20},
		"a test among tests": {func(f *cloudpayments.CheckFacts) {
			f.Asked.TestMode, f.Production = ptr(true), false
		}, 0},
	} {
		f := cloudpayments.CheckFacts{
			Asked:      cloudpayments.Notification{AccountID: "one", Amount: price, DateTime: at, TestMode: ptr(false)},
			Order:      &cloudpayments.CheckOrder{AccountID: "one", Price: price, ExpiresAt: at.Add(time.Hour)},
			Production: true,
		}
		c.change(&f)
		if got := cloudpayments.CheckAnswer(f); got != c.want {
			t.Errorf("%s: code %d, want %d", what, got, c.want)
		}
	}
}
