package cloudpayments_test

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"kelisim/commands/cloudpayments"
	"kelisim/commands/cloudpayments/cloudpaymentstest"
	"kelisim/domain"
)

// The processor's own example reads as it should: the list as an answer, the list alone, and a claim.
func TestPublishedRegister(t *testing.T) {
	whole := vector(t, "register.json")
	list := whole[bytes.IndexByte(whole, '[') : bytes.LastIndexByte(whole, ']')+1]
	want := cloudpayments.Row{TransactionID: "54", Type: cloudpayments.RowPayment, InvoiceID: "1234567", Amount: domain.Money{Minor: 1234, Currency: "RUB"},
		Status: "Declined", CreatedAt: time.Date(2021, 3, 9, 11, 12, 54, 0, time.UTC), TestMode: true, ReasonCode: "5096"}
	for _, data := range [][]byte{whole, list, append([]byte("\xef\xbb\xbf \n"), whole...)} {
		g, err := cloudpayments.ReadRegister(bytes.NewReader(data), cloudpayments.UTC)
		if err != nil || len(g.ChargeBacks) != 0 || !reflect.DeepEqual(g.Rows, []cloudpayments.Row{want}) {
			t.Errorf("%+v, %v", g, err)
		}
	}
	withoutISO := bytes.Replace(whole, []byte(`"CreatedDateIso":"2021-03-09T11:12:54",`), nil, 1)
	g, err := cloudpayments.ReadRegister(bytes.NewReader(withoutISO), cloudpayments.UTC)
	if err != nil || g.Rows[0].CreatedAt.Truncate(time.Second) != want.CreatedAt {
		t.Errorf("by the other date: %+v, %v", g, err)
	}
	g, err = cloudpayments.ReadRegister(bytes.NewReader(vector(t, "chargebacks.json")), cloudpayments.UTC)
	claim := cloudpayments.ChargeBack{ID: "6811d4a17bab1c4b44c19371", TransactionID: "2200203594", Amount: domain.Money{Minor: 10000, Currency: "RUB"},
		At: time.Date(2025, 4, 29, 21, 0, 0, 0, time.UTC)}
	if err != nil || len(g.Rows) != 0 || !reflect.DeepEqual(g.ChargeBacks, []cloudpayments.ChargeBack{claim}) {
		t.Errorf("%+v, %v", g, err)
	}
}

// CSV with the API's names, in whatever order and with whatever besides; the zone is for moments that have none.
func TestCSVRegister(t *testing.T) {
	want := []cloudpayments.Row{
		{TransactionID: "101", Type: cloudpayments.RowPayment, InvoiceID: "order-9", Amount: domain.Money{Minor: 499_000, Currency: "KZT"}, Status: "Completed", CreatedAt: paidAt,
			Refunded: true, PayoutAt: paidAt.AddDate(0, 0, 1), Payout: 484_030, Fee: 14_970},
		{TransactionID: "102", Type: cloudpayments.RowRefund, OriginalTransactionID: "101", InvoiceID: "order-9", Amount: domain.Money{Minor: 100_050, Currency: "KZT"},
			Status: "Completed", CreatedAt: paidAt.Add(time.Hour)},
		{TransactionID: "103", Type: cloudpayments.RowPayout, Amount: domain.Money{Minor: 100, Currency: "KZT"}, Status: "Completed", CreatedAt: paidAt.Add(2 * time.Hour), TestMode: true},
	}
	const text = "Name,TransactionId,Type,OriginalTransactionId,InvoiceId,Amount,Currency,Status,DateTime,TestMode,Refunded,PayoutDateIso,PayoutAmount,TotalFee\n" +
		"\"HOLDER, A\",101,0,,order-9,4990.00,KZT,Completed,2026-07-21 09:15:00,0,true,2026-07-22T09:15:00,4840.30,149.7\n\n" +
		"x,102,Refund,101,order-9,-1000.5,KZT,Completed,2026-07-21 10:15:00,,,,,\n" +
		"x,103,2,,4242424242424242,1,KZT,Completed,2026-07-21 11:15:00,1,,,,\n"
	semicolons := strings.NewReplacer("\"HOLDER, A\"", "HOLDER A", ",", ";").Replace(text)
	commas := strings.NewReplacer("4990.00", "4990,00", "4840.30", "4840,30", "149.7", "149,7", "1000.5", "1000,5").Replace(semicolons)
	for _, data := range []string{text, "\xef\xbb\xbf" + strings.ReplaceAll(text, "\n", "\r\n"), semicolons, commas, strings.ReplaceAll(commas, ";", "\t")} {
		g, err := cloudpayments.ReadRegister(strings.NewReader(data), cloudpayments.UTC)
		if err != nil || !reflect.DeepEqual(g.Rows, want) {
			t.Errorf("%s\nreads as %+v, %v", data, g.Rows, err)
		}
	}
	// Nothing documented says what a refund's type is, so the payment that it names tells it, too.
	untyped := "TransactionId,OriginalTransactionId,Amount,Currency,Status,DateTime\n102,101,5,KZT,Completed,2026-07-21 09:15:00\n103,,5,KZT,Completed,2026-07-21 09:15:00\n"
	g, err := cloudpayments.ReadRegister(strings.NewReader(untyped), cloudpayments.UTC)
	if err != nil || g.Rows[0].Type != cloudpayments.RowRefund || g.Rows[1].Type != cloudpayments.RowPayment {
		t.Errorf("%+v, %v", g, err)
	}
	almaty := cloudpayments.Zone{Code: "ALMT", Location: time.FixedZone("ALMT", 6*3600)}
	g, err = cloudpayments.ReadRegister(strings.NewReader(text), almaty)
	if err != nil || !g.Rows[0].CreatedAt.Equal(paidAt.Add(-6*time.Hour)) {
		t.Errorf("in another zone: %v, %v", g.Rows, err)
	}
	g, err = cloudpayments.ReadRegister(strings.NewReader("ChargeBackId,TransactionId,Amount,Currency,Operation,Type,Date\nc-1,101,5,KZT,Representment,Fee,2026-07-21 09:15:00\n"), cloudpayments.UTC)
	if err != nil || len(g.ChargeBacks) != 1 || !g.ChargeBacks[0].Reversed || !g.ChargeBacks[0].Fee {
		t.Errorf("claims: %+v, %v", g, err)
	}
}

// A register with a line that cannot be read is none: the error names the place and the field, and no value.
func TestBrokenRegisters(t *testing.T) {
	const head = "TransactionId,Amount,Currency,Status,DateTime\n"
	const line = "101,4990.00,KZT,Completed,2026-07-21 09:15:00\n"
	for data, want := range map[string]string{
		"":                             "empty",
		" \n":                          "empty",
		"{}":                           "a list is wanted",
		`{"Success":false,"Model":[]}`: "a list is wanted",
		`[1]`:                          "row 1",
		`[{"TransactionId":1},]`:       "a list of objects is wanted",
		`[{"TransactionId":101,"Amount":12.345,"Currency":"KZT","Status":"Completed","DateTime":"2026-07-21 09:15:00"}]`: "row 1: Amount",
		head + line + strings.Replace(line, "4990.00", "secretly", 1):                                                    "line 3: Amount",
		head + "\n\n" + strings.Replace(line, "KZT", "secretly", 1):                                                      "line 4: Currency",
		head + strings.Replace(line, "101", "4242424242424242", 1):                                                       "line 2: TransactionId",
		head + strings.Replace(line, "2026", "secretly", 1):                                                              "line 2: DateTime",
		head + "101,secretly\n":   "line 2: wrong number of fields",
		head + "101,\"secretly\n": "line 2",
		"TransactionId,Amount,Currency,Status\n101,1,KZT,Completed\n":                                                              "CreatedDateIso",
		"TransactionId,Amount,Currency,Status,DateTime,Type\n101,1,KZT,Completed,2026-07-21 09:15:00,7\n":                          "Type",
		"TransactionId,Amount,Currency,Status,DateTime,TestMode\n101,1,KZT,Completed,2026-07-21 09:15:00,secretly\n":               "TestMode",
		"TransactionId,Amount,Currency,Status,DateTime,PayoutDate\n101,1,KZT,Completed,2026-07-21 09:15:00,2026-07-22\n":           "PayoutDate",
		"ChargeBackId,TransactionId,Amount,Currency,Operation,Type,Date\nc-1,101,5,KZT,secretly,Fee,2026-07-21 09:15:00\n":         "Operation",
		"ChargeBackId,TransactionId,Amount,Currency,Operation,Type,Date\nc-1,101,5,KZT,Presentment,secretly,2026-07-21 09:15:00\n": "Type",
		"Номер,Сумма\n1,2\n": "TransactionId",
	} {
		g, err := cloudpayments.ReadRegister(strings.NewReader(data), cloudpayments.UTC)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secretly") || strings.Contains(err.Error(), "4242") || len(g.Rows) > 0 {
			t.Errorf("%q: %v, want an error with %q", data, err, want)
		}
	}
	if _, err := cloudpayments.ReadRegister(failing{}, cloudpayments.UTC); !errors.Is(err, errDisk) {
		t.Errorf("%v", err)
	}
}

var errDisk = errors.New("the disk is gone")

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errDisk }

// FuzzReadRegister: nothing breaks the reader, and what it keeps is whole and holds no card data.
func FuzzReadRegister(f *testing.F) {
	f.Add(vector(f, "register.json"))
	f.Add(vector(f, "chargebacks.json"))
	f.Add([]byte("TransactionId;Amount;Currency;Status;DateTime;Type\n101;4990,00;KZT;Completed;2026-07-21 09:15:00;0\n"))
	f.Add([]byte("TransactionId,Amount,Currency,Status,CreatedDate,InvoiceId\n1,-1.5,KZT,Declined,/Date(1635150224630)/,4242-4242-4242-4242\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		g, err := cloudpayments.ReadRegister(bytes.NewReader(data), cloudpayments.UTC)
		if err != nil {
			if len(g.Rows)+len(g.ChargeBacks) > 0 {
				t.Fatalf("%v, and rows all the same", err)
			}
			return
		}
		for _, r := range g.Rows {
			if r.TransactionID == "" || r.Type == "" || r.CreatedAt.IsZero() || r.Amount.Minor < 0 || len(r.Amount.Currency) != 3 {
				t.Fatalf("%+v", r)
			}
		}
		leaks, err := cloudpaymentstest.Scan(strings.NewReader(fmt.Sprintf("%q", fmt.Sprintf("%+v", g))))
		if err != nil || len(leaks) > 0 {
			t.Fatalf("%v in %+v (%v)", leaks, g, err)
		}
		cloudpayments.Reconcile(cloudpayments.Comparison{Rows: g.Rows, ChargeBacks: g.ChargeBacks})
	})
}
