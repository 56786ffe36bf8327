package cloudpayments_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"kelisim/commands/cloudpayments"
	"kelisim/commands/cloudpayments/cloudpaymentstest"
	"kelisim/domain"
)

const (
	formType = "application/x-www-form-urlencoded"
	jsonType = "application/json"
)

var paidAt = time.Date(2026, 7, 21, 9, 15, 0, 0, time.UTC)

// pay is a payment as the double tells it.
func pay() cloudpaymentstest.Operation {
	return cloudpaymentstest.Operation{TransactionID: "897749645", InvoiceID: "1f0e2c5a-93b8-4f57-9d21-6f0a5b1c7d3e.4b825dc642cb",
		AccountID: "1f0e2c5a-93b8-4f57-9d21-6f0a5b1c7d3e", Amount: domain.Money{Minor: 499_050, Currency: "KZT"}, Status: "Completed", At: paidAt, ReasonCode: "5051"}
}

func ptr[T any](v T) *T { return &v }

// What the public tests of others hold reads as it should, and of the card nothing stays.
func TestPublishedNotifications(t *testing.T) {
	rub := func(minor int64) domain.Money { return domain.Money{Minor: minor, Currency: "RUB"} }
	at := func(s string) time.Time {
		v, err := time.Parse(time.DateTime, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct {
		kind              cloudpayments.Kind
		file, contentType string
		want              cloudpayments.Notification
		takes             bool
		key               string
	}{
		{cloudpayments.Pay, "pay.form", formType, cloudpayments.Notification{TransactionID: "666", InvoiceID: "1234567", Amount: rub(12300),
			PaymentAmount: rub(12300), DateTime: at("2015-11-17 14:51:20"), TestMode: ptr(true), Status: "Completed", Unread: []string{"AccountId"}}, true, "pay:666"},
		{cloudpayments.Fail, "fail.form", formType, cloudpayments.Notification{TransactionID: "1701658", InvoiceID: "1234567", Amount: rub(12300),
			PaymentAmount: rub(12300), DateTime: at("2015-11-17 23:35:09"), TestMode: ptr(true), Status: "Declined", OperationType: "Payment",
			Reason: "InsufficientFunds", ReasonCode: "5051", Rrn: "123456789012", Unread: []string{"AccountId"}}, false, "fail:1701658"},
		{cloudpayments.Pay, "pay-authorized.json", jsonType, cloudpayments.Notification{TransactionID: "897749645", InvoiceID: "11111111-1111-4111-8111-111111111111",
			Amount: domain.Money{Minor: 10350, Currency: "KZT"}, PaymentAmount: domain.Money{Minor: 10350, Currency: "KZT"}, DateTime: at("2026-07-21 09:15:00"),
			TestMode: ptr(true), Status: "Authorized", OperationType: "Payment"}, false, "pay:897749645"},
		{cloudpayments.Refund, "refund.form", formType, cloudpayments.Notification{TransactionID: "568", PaymentTransactionID: "455", InvoiceID: "order-9",
			Amount: domain.Money{Minor: 5000}, DateTime: at("2026-07-21 10:00:00"), OperationType: "Refund"}, false, "refund:568"},
		{cloudpayments.Recurrent, "recurrent.form", formType, cloudpayments.Notification{AccountID: "1234", Amount: rub(200), Status: "PastDue",
			Subscription: "sc_a38ca02005d40db7d32b36a0097b0", Recurrent: &cloudpayments.Recurring{Interval: "Month", Period: 1, Successful: 11, Failed: 22,
				StartAt: at("2015-12-17 20:22:14"), NextAt: at("2015-11-18 20:29:05")}}, false,
			"recurrent:sc_a38ca02005d40db7d32b36a0097b0:PastDue:11:22:0001-01-01T00:00:00Z"},
	} {
		n, err := cloudpayments.Parse(c.kind, c.contentType, vector(t, c.file))
		c.want.Kind = c.kind
		if err != nil || !reflect.DeepEqual(n, c.want) {
			t.Errorf("%s reads as\n%+v (%v), want\n%+v", c.file, n, err, c.want)
			continue
		}
		if n.TakesMoney() != c.takes || n.Key() != c.key {
			t.Errorf("%s takes money %v under %s", c.file, n.TakesMoney(), n.Key())
		}
	}
}

// Form, JSON and query tell the same, whatever numbers are written as.
func TestFormAndJSONReadTheSame(t *testing.T) {
	for _, kind := range cloudpayments.Kinds {
		f := fields(kind)
		a, err := cloudpayments.Parse(kind, "", []byte(f.Form()))
		b, err2 := cloudpayments.Parse(kind, jsonType+"; charset=utf-8", []byte(f.JSON()))
		if err != nil || err2 != nil || !bytes.Equal(a.Canonical(), b.Canonical()) || a.Key() != b.Key() {
			t.Errorf("%s: %s (%v) and %s (%v)", kind, a.Canonical(), err, b.Canonical(), err2)
		}
	}
	f := fields(cloudpayments.Pay)
	asWord := strings.NewReplacer(`"TestMode":"0"`, `"TestMode":false`, `"TransactionId":897749645`, `"TransactionId":"897749645"`, `4990.50`, `"4990.5"`, `"SubscriptionId":""`, `"SubscriptionId":null`)
	a, err := cloudpayments.Parse(cloudpayments.Pay, jsonType, []byte(f.JSON()))
	b, err2 := cloudpayments.Parse(cloudpayments.Pay, jsonType, []byte(asWord.Replace(f.JSON())))
	if err != nil || err2 != nil || !bytes.Equal(a.Canonical(), b.Canonical()) {
		t.Errorf("%s (%v) and %s (%v)", a.Canonical(), err, b.Canonical(), err2)
	}
}

// fields is a notification of a kind as the double sends it.
func fields(kind cloudpayments.Kind) cloudpaymentstest.Fields {
	op := pay()
	switch kind {
	case cloudpayments.Fail:
		op.Status = "Declined"
	case cloudpayments.Refund:
		op.TransactionID, op.Original = "897749700", op.TransactionID
	case cloudpayments.Recurrent:
		return cloudpaymentstest.Recurring("sc_a38ca02005d40db7d32b36a0097b0", "Active")
	}
	return op.Notification(kind)
}

// Money is exact (1.10 g, h, i): no tiyn is lost, nothing is rounded, nothing becomes zero or another currency.
func TestAmountsAreExact(t *testing.T) {
	for text, minor := range map[string]int64{"100.50": 10050, "0.01": 1, "10": 1000, "12.3": 1230, "12.340000": 1234, "999999999999.99": 99_999_999_999_999,
		"16777217.01": 1677721701} {
		for _, contentType := range []string{formType, jsonType} {
			f := fields(cloudpayments.Pay).With("Amount", text)
			body := f.Form()
			if contentType == jsonType {
				body = f.JSON()
			}
			n, err := cloudpayments.Parse(cloudpayments.Pay, contentType, []byte(body))
			if err != nil || n.Amount != (domain.Money{Minor: minor, Currency: "KZT"}) {
				t.Errorf("%s in %s is %v (%v)", text, contentType, n.Amount, err)
			}
		}
	}
	for _, text := range []string{"", "0", "0.00", "-1.00", "+1.00", "1.005", "1,00", "1e2", "0x10", "NaN", "Infinity", "1 000.00", "01.00", ".5", "1.", "abc",
		"1000000000000.00", "4242424242424242", "١"} {
		wantMalformed(t, cloudpayments.Pay, fields(cloudpayments.Pay).With("Amount", text), "Amount")
	}
	for _, text := range []string{"", "kzt", "KZ", "398", "тенге", "KZT "} {
		wantMalformed(t, cloudpayments.Pay, fields(cloudpayments.Pay).With("Currency", text), "Currency")
	}
	n, err := cloudpayments.Parse(cloudpayments.Pay, formType, []byte(fields(cloudpayments.Pay).With("Currency", "XTS").Form()))
	if err != nil || n.Amount.Currency != "XTS" {
		t.Errorf("a currency that nobody knows stays what it is: %v (%v)", n.Amount, err)
	}
}

func wantMalformed(t *testing.T, kind cloudpayments.Kind, f cloudpaymentstest.Fields, field string) {
	t.Helper()
	for contentType, body := range map[string]string{formType: f.Form(), jsonType: f.JSON()} {
		n, err := cloudpayments.Parse(kind, contentType, []byte(body))
		var m *cloudpayments.MalformedError
		if !errors.As(err, &m) || m.Field != field && contentType == formType || !reflect.DeepEqual(n, cloudpayments.Notification{}) {
			t.Errorf("%s in %s, with %s wrong: %+v, %v", kind, contentType, field, n, err)
		}
		for _, x := range f {
			if x.Name == field && len(x.Value) > 3 && strings.Contains(fmt.Sprint(err), x.Value) {
				t.Errorf("the refusal shows the value: %v", err)
			}
		}
	}
}

// A refund names no currency: it is the payment's, and so is its transaction its own, for each of two equal parts (1.10 i).
func TestRefundInheritsTheCurrency(t *testing.T) {
	f := fields(cloudpayments.Refund)
	one, err := cloudpayments.Parse(cloudpayments.Refund, formType, []byte(f.Form()))
	if err != nil || one.Amount.Currency != "" || one.AmountIn("KZT") != (domain.Money{Minor: 499_050, Currency: "KZT"}) || one.PaymentTransactionID != "897749645" {
		t.Errorf("%+v, %v", one, err)
	}
	two, err := cloudpayments.Parse(cloudpayments.Refund, formType, []byte(f.With("TransactionId", "897749701").Form()))
	if err != nil || two.Key() == one.Key() {
		t.Errorf("two refunds of one sum are one: %s and %s (%v)", one.Key(), two.Key(), err)
	}
	told, err := cloudpayments.Parse(cloudpayments.Refund, formType, []byte(f.With("Currency", "USD").Form()))
	if err != nil || told.AmountIn("KZT").Currency != "USD" {
		t.Errorf("a currency that is told stands: %v (%v)", told.Amount, err)
	}
	wantMalformed(t, cloudpayments.Refund, f.Without("PaymentTransactionId"), "PaymentTransactionId")
}

// What each kind cannot do without.
func TestRequiredFields(t *testing.T) {
	required := map[cloudpayments.Kind][]string{
		cloudpayments.Check:     {"TransactionId", "Amount", "Currency", "DateTime"},
		cloudpayments.Pay:       {"TransactionId", "Amount", "Currency", "DateTime", "Status"},
		cloudpayments.Fail:      {"TransactionId", "Amount", "Currency", "DateTime", "ReasonCode"},
		cloudpayments.Confirm:   {"TransactionId", "Amount", "Currency", "DateTime"},
		cloudpayments.Refund:    {"TransactionId", "PaymentTransactionId", "Amount", "DateTime"},
		cloudpayments.Cancel:    {"TransactionId", "Amount", "DateTime"},
		cloudpayments.Recurrent: {"Id", "Status", "Amount", "Currency", "SuccessfulTransactionsNumber", "FailedTransactionsNumber"},
	}
	for _, kind := range cloudpayments.Kinds {
		whole := fields(kind)
		for _, x := range whole {
			_, err := cloudpayments.Parse(kind, formType, []byte(whole.Without(x.Name).Form()))
			if needed := slices.Contains(required[kind], x.Name); (err != nil) != needed {
				t.Errorf("%s without %s: %v", kind, x.Name, err)
			}
		}
		for _, name := range required[kind] {
			wantMalformed(t, kind, whole.With(name, ""), name)
			wantMalformed(t, kind, whole.With(name, "\x00?"), name)
			n := append(whole, cloudpaymentstest.Field{Name: name, Value: "1"})
			wantMalformed(t, kind, n, name)
		}
	}
}

// A notification that was sent to another kind's address does nothing there, where that can be told.
func TestKindsAreNotMixedUp(t *testing.T) {
	for _, c := range []struct{ sent, to cloudpayments.Kind }{
		{cloudpayments.Fail, cloudpayments.Pay}, {cloudpayments.Fail, cloudpayments.Confirm}, {cloudpayments.Pay, cloudpayments.Fail},
		{cloudpayments.Refund, cloudpayments.Pay}, {cloudpayments.Refund, cloudpayments.Confirm}, {cloudpayments.Pay, cloudpayments.Refund},
		{cloudpayments.Cancel, cloudpayments.Pay}, {cloudpayments.Cancel, cloudpayments.Refund}, {cloudpayments.Recurrent, cloudpayments.Pay},
		{cloudpayments.Pay, cloudpayments.Recurrent},
	} {
		if n, err := cloudpayments.Parse(c.to, formType, []byte(fields(c.sent).Form())); err == nil {
			t.Errorf("%s reads as %s: %s", c.sent, c.to, n.Canonical())
		}
	}
	for _, c := range []struct {
		kind        cloudpayments.Kind
		name, value string
	}{
		{cloudpayments.Fail, "Status", "Completed"}, {cloudpayments.Pay, "Status", "Cancelled"}, {cloudpayments.Pay, "OperationType", "Refund"},
		{cloudpayments.Confirm, "Status", "Authorized"}, {cloudpayments.Confirm, "OperationType", "Refund"}, {cloudpayments.Refund, "OperationType", "Payment"},
	} {
		wantMalformed(t, c.kind, fields(c.kind).With(c.name, c.value), c.name)
	}
	held := fields(cloudpayments.Pay).With("Status", "Authorized")
	out := fields(cloudpayments.Pay).With("OperationType", "CardPayout")
	for what, c := range map[string]struct {
		kind cloudpayments.Kind
		f    cloudpaymentstest.Fields
		want bool
	}{
		"a payment":              {cloudpayments.Pay, fields(cloudpayments.Pay), true},
		"a hold on the card":     {cloudpayments.Pay, held, false},
		"the second stage":       {cloudpayments.Confirm, fields(cloudpayments.Confirm), true},
		"money to a card":        {cloudpayments.Pay, out, false},
		"a check":                {cloudpayments.Check, fields(cloudpayments.Check), false},
		"a decline":              {cloudpayments.Fail, fields(cloudpayments.Fail), false},
		"a refund":               {cloudpayments.Refund, fields(cloudpayments.Refund), false},
		"the end of a hold":      {cloudpayments.Cancel, fields(cloudpayments.Cancel), false},
		"a subscription's state": {cloudpayments.Recurrent, fields(cloudpayments.Recurrent), false},
	} {
		n, err := cloudpayments.Parse(c.kind, formType, []byte(c.f.Form()))
		if err != nil || n.TakesMoney() != c.want {
			t.Errorf("%s takes money: %v (%v)", what, n.TakesMoney(), err)
		}
	}
}

// The same notification has the same key and the same text each time, and the next attempt for the same order another (1.10 f, g).
func TestKeyIsTheTransactions(t *testing.T) {
	declined, paid := fields(cloudpayments.Fail), fields(cloudpayments.Pay).With("TransactionId", "897749646")
	a, err := cloudpayments.Parse(cloudpayments.Fail, formType, []byte(declined.Form()))
	b, err2 := cloudpayments.Parse(cloudpayments.Pay, formType, []byte(paid.Form()))
	again, err3 := cloudpayments.Parse(cloudpayments.Pay, jsonType, []byte(paid.With("NewField", "x").JSON()))
	if err := errors.Join(err, err2, err3); err != nil {
		t.Fatal(err)
	}
	if a.InvoiceID != b.InvoiceID || a.Key() == b.Key() {
		t.Errorf("a decline and a payment of one order: %s and %s", a.Key(), b.Key())
	}
	if b.Key() != again.Key() || !bytes.Equal(b.Canonical(), again.Canonical()) {
		t.Errorf("a repetition is another: %s and %s", b.Canonical(), again.Canonical())
	}
	other, err := cloudpayments.Parse(cloudpayments.Pay, formType, []byte(paid.With("Amount", "4990.51").Form()))
	if err != nil || other.Key() != b.Key() || bytes.Equal(other.Canonical(), b.Canonical()) {
		t.Errorf("a contradiction is not seen: %s (%v)", other.Canonical(), err)
	}
	seen := map[string]bool{}
	for _, status := range []string{"Active", "PastDue", "Rejected"} {
		f := cloudpaymentstest.Recurring("sc_01", status)
		for _, f := range []cloudpaymentstest.Fields{f, f.With("FailedTransactionsNumber", "1"), f.With("LastTransactionDate", "2026-07-21 10:00:00")} {
			n, err := cloudpayments.Parse(cloudpayments.Recurrent, formType, []byte(f.Form()))
			if err != nil || seen[n.Key()] {
				t.Errorf("%s twice (%v)", n.Key(), err)
			}
			seen[n.Key()] = true
		}
	}
}

// Moments are the processor's, in UTC, in each of the forms that it uses.
func TestMoments(t *testing.T) {
	for text, want := range map[string]string{
		"2026-07-21 09:15:00":       "2026-07-21T09:15:00Z",
		"2026-07-21T09:15:00":       "2026-07-21T09:15:00Z",
		"2026-07-21T09:15:00.5":     "2026-07-21T09:15:00.5Z",
		"2026-07-21T09:15:00+05:00": "2026-07-21T04:15:00Z",
		"/Date(1635150224630)/":     "2021-10-25T08:23:44.63Z",
	} {
		n, err := cloudpayments.Parse(cloudpayments.Pay, formType, []byte(fields(cloudpayments.Pay).With("DateTime", text).Form()))
		if err != nil || n.DateTime.Format(time.RFC3339Nano) != want {
			t.Errorf("%s is %v (%v)", text, n.DateTime, err)
		}
	}
	for _, text := range []string{"2026-07-21", "21.07.2026 09:15:00", "1999-12-31 23:59:59", "2200-01-01 00:00:00", "2026-02-30 00:00:00", "2026-07-21 24:00:00", "/Date(x)/", "/Date(99999999999999999)/", "1635150224"} {
		wantMalformed(t, cloudpayments.Pay, fields(cloudpayments.Pay).With("DateTime", text), "DateTime")
	}
}

// Optional values without their form are left out and named, and the money is not lost for them; fields that nobody knows are named alone.
func TestWhatIsLeftOut(t *testing.T) {
	f := fields(cloudpayments.Pay).With("InvoiceId", "4242 4242 4242 4242").With("AccountId", "somebody@example.kz").With("Rrn", "no reference at all").
		With("TestMode", "perhaps").With("SubscriptionId", "tk_0badc0de").With("PaymentAmount", "1,5").With("TwintReference", "a value").With("4111111111111111", "x").
		With("StatusCode", "").With("FallBackScenarioDeclinedTransactionId", "").With("ProcessorAndPartnerFee", "")
	n, err := cloudpayments.Parse(cloudpayments.Pay, formType, []byte(f.Form()))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(n.Unread)
	if want := []string{"AccountId", "InvoiceId", "PaymentAmount", "Rrn", "SubscriptionId", "TestMode"}; !slices.Equal(n.Unread, want) {
		t.Errorf("unread %v, want %v", n.Unread, want)
	}
	if !slices.Equal(n.KeyNames, []string{"TwintReference"}) || n.InvoiceID+n.AccountID+n.Rrn+n.Subscription != "" || n.TestMode != nil || !n.PaymentAmount.IsZero() {
		t.Errorf("%+v", n)
	}
	pieces := strings.Replace(f.Form(), "PLANTED+HOLDERSSON", "PLANTED&HOLDERSSON=1&Holdersson&x", 1)
	if n, err := cloudpayments.Parse(cloudpayments.Pay, formType, []byte(pieces)); err != nil || !slices.Equal(n.KeyNames, []string{"TwintReference"}) {
		t.Errorf("a name in pieces: %v (%v)", n.KeyNames, err)
	}
	for id, kept := range map[string]bool{"order-9": true, "1234567": true, "1f0e2c5a-93b8-4f57-9d21-6f0a5b1c7d3e.4b825dc642cb": true,
		"4111111111111111": false, "4111-1111-1111-1111": false, "4111.1111.1111.1111": false, "x4111111111111111": false, "tk_0badc0de": false, "a b": false, "a@b.kz": false,
		strings.Repeat("a", 129): false, "Айгүл": false} {
		n, err := cloudpayments.Parse(cloudpayments.Pay, formType, []byte(fields(cloudpayments.Pay).With("InvoiceId", id).Form()))
		if err != nil || (n.InvoiceID == id) != kept || !kept && n.InvoiceID != "" {
			t.Errorf("invoice %q is kept as %q (%v)", id, n.InvoiceID, err)
		}
	}
}

// A text in Windows-1251 reads the same: what is kept has no letters of it.
func TestWindows1251(t *testing.T) {
	f := fields(cloudpayments.Pay)
	plain, err := cloudpayments.Parse(cloudpayments.Pay, formType, []byte(f.Form()))
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{f.Form() + "&IpCity2=x&IpCity=%cc%ee%f1%ea%e2%e0", strings.Replace(f.JSON(), "{", "{\"IpCity\":\"\xcc\xee\xf1\xea\xe2\xe0\",", 1)} {
		contentType := formType + "; charset=windows-1251"
		if body[0] == '{' {
			contentType = jsonType + "; charset=windows-1251"
		}
		n, err := cloudpayments.Parse(cloudpayments.Pay, contentType, []byte(body))
		if err != nil || !bytes.Equal(n.Canonical(), plain.Canonical()) {
			t.Errorf("%s (%v)", n.Canonical(), err)
		}
	}
	n, err := cloudpayments.Parse(cloudpayments.Pay, formType, []byte(f.Without("InvoiceId").Form()+"&InvoiceId=%e0%e1"))
	if err != nil || n.InvoiceID != "" || !slices.Contains(n.Unread, "InvoiceId") {
		t.Errorf("other bytes in a field that is kept: %+v (%v)", n, err)
	}
}

func TestBrokenBodies(t *testing.T) {
	for body, contentType := range map[string]string{
		fields(cloudpayments.Pay).Form() + strings.Repeat("&a=b", 600):                                 formType,
		strings.Replace(fields(cloudpayments.Pay).JSON(), "{", "{"+strings.Repeat(`"a":"b",`, 600), 1): jsonType,
		fields(cloudpayments.Pay).JSON() + "{}":                                                        jsonType, fields(cloudpayments.Pay).JSON() + "\nx": jsonType,
		"": formType, "a=%zz": formType, "%zz=a": formType, "nothing": formType, strings.Repeat("&", 600): formType,
		"{}": jsonType, "[]": jsonType, "null": jsonType, `{"a":1}{}`: jsonType, `{"a":1} x`: jsonType, `{"a":`: jsonType, `{"a" 1}`: jsonType, "{": jsonType,
		`{"a":1`: jsonType, strings.Repeat(`{"a":`, 20_000): jsonType, fields(cloudpayments.Pay).JSON(): formType, fields(cloudpayments.Pay).Form(): jsonType,
		"a=1": "text/plain", "b=1": "multipart/form-data; boundary=x", "c=1": ";",
	} {
		if n, err := cloudpayments.Parse(cloudpayments.Pay, contentType, []byte(body)); err == nil {
			t.Errorf("%.40q as %s reads as %s", body, contentType, n.Canonical())
		}
	}
	nested := strings.Replace(fields(cloudpayments.Pay).JSON(), `"Amount":4990.50`, `"Amount":{"x":4990.50}`, 1)
	if n, err := cloudpayments.Parse(cloudpayments.Pay, jsonType, []byte(nested)); err == nil {
		t.Errorf("an object is an amount: %s", n.Canonical())
	}
}

// The list of what can be kept is closed: a field more is a decision (C-2), and none is there for card, holder or place.
func TestNotificationIsAnAllowList(t *testing.T) {
	want := []string{"Kind", "TransactionID", "PaymentTransactionID", "InvoiceID", "AccountID", "Amount", "PaymentAmount", "DateTime", "TestMode", "Status",
		"OperationType", "Reason", "ReasonCode", "Subscription", "Rrn", "Recurrent", "KeyNames", "Unread"}
	var got []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[cloudpayments.Notification]()) {
		got = append(got, f.Name)
	}
	if !slices.Equal(got, want) {
		t.Errorf("a notification keeps %v, want %v", got, want)
	}
}

// FuzzParse: nothing breaks the reader, and what it keeps can hold no card data whatever came in whichever field.
func FuzzParse(f *testing.F) {
	for i, kind := range cloudpayments.Kinds {
		f.Add(uint8(i), formType, fields(kind).Form())
		f.Add(uint8(i), jsonType, fields(kind).JSON())
	}
	for _, name := range []string{"pay.form", "fail.form", "recurrent.form", "refund.form"} {
		f.Add(uint8(1), formType, string(vector(f, name)))
	}
	f.Add(uint8(1), jsonType, string(vector(f, "pay-authorized.json")))
	f.Add(uint8(1), jsonType, `{"TransactionId":4242424242424242,"InvoiceId":"4242-4242-4242-4242","Amount":1e400,"Name":{"a":[1]}}`)
	f.Fuzz(func(t *testing.T, which uint8, contentType, body string) {
		kind := cloudpayments.Kinds[int(which)%len(cloudpayments.Kinds)]
		n, err := cloudpayments.Parse(kind, contentType, []byte(body))
		if err != nil {
			var m *cloudpayments.MalformedError
			if !errors.As(err, &m) {
				t.Fatalf("%v is no malformed notification", err)
			}
			return
		}
		if n.Kind != kind || n.Amount.Minor <= 0 || n.Key() == "" {
			t.Fatalf("%+v", n)
		}
		told, err := json.Marshal(n.KeyNames)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range [][]byte{n.Canonical(), told, []byte(fmt.Sprint(n.Unread))} {
			leaks, err := cloudpaymentstest.Scan(bytes.NewReader(text))
			if err != nil || len(leaks) > 0 {
				t.Fatalf("%v is kept in %s (%v)", leaks, text, err)
			}
		}
		again, err := cloudpayments.Parse(kind, contentType, []byte(body))
		if err != nil || !bytes.Equal(n.Canonical(), again.Canonical()) || n.Key() != again.Key() {
			t.Fatalf("it reads otherwise the second time: %s and %s (%v)", n.Canonical(), again.Canonical(), err)
		}
	})
}
