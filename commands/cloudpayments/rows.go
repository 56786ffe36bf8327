package cloudpayments

import (
	"cmp"
	"regexp"
	"strings"
	"time"

	"kelisim/domain"
)

// Zone is a time zone as the processor means it. Its registers name zones by codes of its own, and one of them stands still:
// ALMT means UTC+6 there, which Kazakhstan left on 2024-03-01. So registers are asked for in UTC, and days are cut here.
type Zone struct {
	Code     string         // of the processor; "" is UTC
	Location *time.Location // what the code means; nil is UTC
}

// UTC is the zone to ask in.
var UTC = Zone{"UTC", time.UTC}

func (z Zone) code() string {
	if z.Code == "" {
		return UTC.Code
	}
	return z.Code
}

func (z Zone) location() *time.Location {
	if z.Location == nil {
		return time.UTC
	}
	return z.Location
}

var zoneForm = regexp.MustCompile(`^([A-Z]{2,8})([+-][0-9]{2}:[0-9]{2})$`)

// ParseZone reads a setting: "UTC", or a code of the processor with what it means there, as in "ALMT+06:00".
func ParseZone(setting string) (Zone, error) {
	if setting == "" || setting == UTC.Code {
		return UTC, nil
	}
	m := zoneForm.FindStringSubmatch(setting)
	if m == nil {
		return Zone{}, domain.Malformed("", "a zone is UTC, or a code of the processor with its offset, such as ALMT+06:00")
	}
	t, err := time.Parse("-07:00", m[2])
	if err != nil {
		return Zone{}, domain.Malformed("", "a zone's offset is hours and minutes, such as +06:00")
	}
	_, seconds := t.Zone()
	return Zone{m[1], time.FixedZone(m[1], seconds)}, nil
}

// rowFields and chargeBackFields are all that is read of a register; card data in it is passed over (C-2).
var (
	rowFields = names(`TransactionId OriginalTransactionId Type OperationType InvoiceId Amount Currency Status CreatedDateIso CreatedDate DateTime TestMode
	Refunded ReasonCode Rrn PayoutDateIso PayoutDate PayoutAmount TotalFee VatAboveTotalFee`)
	chargeBackFields = names(`ChargeBackId TransactionId Amount Currency Date Operation Type`)
)

var chargeBackForm = regexp.MustCompile(`^[0-9A-Za-z-]{1,64}$`)

// fieldsOf keeps the fields of a list, the first of each name: a register tells a name once.
func fieldsOf(pairs []pair, list map[string]bool) *reader {
	r := &reader{values: map[string]string{}}
	for _, p := range pairs {
		if _, twice := r.values[p.name]; list[p.name] && !twice {
			r.values[p.name] = strings.TrimSpace(p.value)
		}
	}
	return r
}

// row reads an operation.
func (z Zone) row(pairs []pair) (Row, error) {
	r := fieldsOf(pairs, rowFields)
	moment := momentIn(z.location())
	row := Row{
		TransactionID:         need(r, "TransactionId", wantTransaction, readTransaction),
		OriginalTransactionID: take(r, "OriginalTransactionId", readTransaction),
		InvoiceID:             take(r, "InvoiceId", readID),
		Amount:                domain.Money{Minor: need(r, "Amount", wantAmount, readOut), Currency: need(r, "Currency", wantCurrency, readCurrency)},
		Status:                need(r, "Status", "a word", readWord),
		CreatedAt:             r.first(moment, "CreatedDateIso", "DateTime", "CreatedDate"),
		TestMode:              r.flag("TestMode"),
		Refunded:              r.flag("Refunded"),
		ReasonCode:            take(r, "ReasonCode", readReason),
		Rrn:                   take(r, "Rrn", readRrn),
	}
	row.Type = r.rowType(row.OriginalTransactionID)
	if r.values["PayoutDateIso"]+r.values["PayoutDate"] != "" {
		row.PayoutAt = r.first(moment, "PayoutDateIso", "PayoutDate")
		row.Payout = need(r, "PayoutAmount", wantAmount, readOut)
		row.Fee = take(r, "TotalFee", readOut) + take(r, "VatAboveTotalFee", readOut)
	}
	return row, r.err
}

// chargeBack reads a claim.
func (z Zone) chargeBack(pairs []pair) (ChargeBack, error) {
	r := fieldsOf(pairs, chargeBackFields)
	c := ChargeBack{
		ID:            need(r, "ChargeBackId", "an id", matching(chargeBackForm)),
		TransactionID: need(r, "TransactionId", wantTransaction, readTransaction),
		Amount:        r.sum(),
		At:            need(r, "Date", wantMoment, momentIn(z.location())),
	}
	operation, of := need(r, "Operation", "a word", readWord), need(r, "Type", "a word", readWord)
	switch {
	case operation != "Presentment" && operation != "Representment":
		r.fail("Operation", "Presentment or Representment")
	case of != "Chargeback" && of != "Fee":
		r.fail("Type", "Chargeback or Fee")
	}
	c.Reversed, c.Fee = operation == "Representment", of == "Fee"
	return c, r.err
}

// rowType tells what the operation did. The documentation shows 0 for a payment and 2 for a payout, and no refund; one is known by
// the payment that it names, or by the type between the two.
func (r *reader) rowType(original string) RowType {
	switch cmp.Or(r.values["Type"], r.values["OperationType"]) {
	case "2", OperationPayout:
		return RowPayout
	case "1", OperationRefund:
		return RowRefund
	case "", "0", OperationPayment:
		if original != "" {
			return RowRefund
		}
		return RowPayment
	}
	r.fail("Type", "0, 1, 2, Payment, Refund or CardPayout")
	return ""
}

// first reads the first of several fields that is there.
func (r *reader) first(moment func(string) (time.Time, bool), names ...string) time.Time {
	for _, name := range names {
		if r.values[name] != "" {
			return need(r, name, wantMoment, moment)
		}
	}
	r.fail(names[0], wantMoment)
	return time.Time{}
}

// flag reads yes or no; empty is no.
func (r *reader) flag(name string) bool {
	return r.values[name] != "" && need(r, name, "true or false", readFlag)
}

// readOut reads an amount whose sign tells only which way the money went, as in a refund's row.
func readOut(s string) (int64, bool) {
	return readAmount(strings.TrimPrefix(s, "-"))
}
