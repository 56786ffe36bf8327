package cloudpayments

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Register is what a file tells.
type Register struct {
	Rows        []Row
	ChargeBacks []ChargeBack
}

// maxRegister is the most bytes that a register file may have.
const maxRegister = 64 << 20

// ReadRegister reads a register file: JSON as the API answers it (the answer itself, or its list alone), or CSV with a line of the API's
// names (TransactionId, Amount, Currency, Status, CreatedDateIso or CreatedDate or DateTime; Type, OriginalTransactionId, InvoiceId, TestMode,
// … where there are any) and comma, semicolon or tab between the fields; with a semicolon or tab, amounts may have a decimal comma. Lists of
// charge-backs are known by ChargeBackId. Moments without a zone of their own are in the zone given.
//
// Columns that are not wanted are passed over and never kept, card data among them. A line that cannot be read ends it with an
// error that names the line: a register with a hole proves nothing.
func ReadRegister(r io.Reader, zone Zone) (Register, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxRegister+1))
	if err != nil {
		return Register{}, fmt.Errorf("read the register: %w", err)
	}
	if len(data) > maxRegister {
		return Register{}, fmt.Errorf("the register has more than %d bytes", maxRegister)
	}
	data = bytes.TrimLeft(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), " \r\n")
	if len(data) == 0 {
		return Register{}, errors.New("the register is empty")
	}
	var lines []line
	if data[0] == '{' || data[0] == '[' {
		lines, err = jsonLines(data)
	} else {
		lines, err = csvLines(data)
	}
	if err != nil {
		return Register{}, fmt.Errorf("the register: %w", err)
	}
	var out Register
	for _, l := range lines {
		if err := out.add(zone, l.fields); err != nil {
			return Register{}, fmt.Errorf("the register, %s: %w", l.place, err)
		}
	}
	return out, nil
}

// line is one operation with its place in the file.
type line struct {
	place  string // "line 3" of a CSV file, "row 2" of a JSON list
	fields []pair
}

func (g *Register) add(zone Zone, fields []pair) error {
	for _, f := range fields {
		if f.name == "ChargeBackId" {
			c, err := zone.chargeBack(fields)
			g.ChargeBacks = append(g.ChargeBacks, c)
			return err
		}
	}
	row, err := zone.row(fields)
	g.Rows = append(g.Rows, row)
	return err
}

func jsonLines(data []byte) ([]line, error) {
	list := json.RawMessage(data)
	if data[0] == '{' {
		a, err := readAnswer("file", data)
		if err != nil || !a.Success {
			return nil, errors.New("a list is wanted, or an answer of the API that was successful")
		}
		list = a.Model
	}
	rows, err := splitRows(list)
	if err != nil {
		return nil, err
	}
	out := make([]line, len(rows))
	for i, fields := range rows {
		out[i] = line{fmt.Sprintf("row %d", i+1), fields}
	}
	return out, nil
}

// splitRows is the fields of each object of a list.
func splitRows(list []byte) ([][]pair, error) {
	var objects []json.RawMessage
	if err := json.Unmarshal(list, &objects); err != nil {
		return nil, errors.New("a list of objects is wanted")
	}
	out := make([][]pair, len(objects))
	for i, o := range objects {
		fields, err := splitJSON(o)
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", i+1, err)
		}
		out[i] = fields
	}
	return out, nil
}

func csvLines(data []byte) ([]line, error) {
	head, _, _ := bytes.Cut(data, []byte("\n"))
	r := csv.NewReader(bytes.NewReader(data))
	for _, c := range []rune{';', '\t'} {
		if strings.Count(string(head), string(c)) > strings.Count(string(head), string(r.Comma)) {
			r.Comma = c
		}
	}
	columns, err := r.Read()
	if err != nil {
		return nil, err
	}
	var out []line
	for {
		values, err := r.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		fields := make([]pair, len(columns))
		for i, value := range values {
			name := strings.TrimSpace(columns[i])
			if r.Comma != ',' && decimalComma[name] {
				value = strings.Replace(value, ",", ".", 1)
			}
			fields[i] = pair{name, value}
		}
		at, _ := r.FieldPos(0)
		out = append(out, line{fmt.Sprintf("line %d", at), fields})
	}
}

var decimalComma = names(`Amount PayoutAmount TotalFee VatAboveTotalFee`)
