package projections

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"kelisim/commands/journal"
	"kelisim/domain"
	"kelisim/domain/reconciliation"
)

// findings are the differences between a processor's register and the ledger, open or resolved.
var findings = Projection{
	Name: "findings", Version: 1, Tables: []string{"findings"},
	Schema: `
CREATE TABLE @_findings (
	id       TEXT    NOT NULL PRIMARY KEY, -- of the event that found it
	provider TEXT    NOT NULL,
	class    TEXT    NOT NULL,
	transaction_id TEXT NOT NULL,
	payment  TEXT    NOT NULL,
	claim    TEXT    NOT NULL,
	here     TEXT    NOT NULL,
	there    TEXT    NOT NULL,
	minor    INTEGER NOT NULL,
	currency TEXT    NOT NULL,
	operated INTEGER NOT NULL, -- microseconds since 1970, UTC
	found    INTEGER NOT NULL,
	resolved INTEGER NOT NULL, -- 0: it is open
	how      TEXT    NOT NULL,
	resolver TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX @_by_age ON @_findings (found, id);
CREATE INDEX @_open ON @_findings (found, id) WHERE resolved = 0;`,
	Apply: func(ctx context.Context, t Tables, e journal.Event) error {
		switch v := e.Data.(type) {
		case reconciliation.Found:
			return t.Exec(ctx, `INSERT INTO @_findings (id, provider, class, transaction_id, payment, claim, here, there, minor, currency, operated, found, resolved, how, resolver)
				VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, '', '')`,
				e.ID.String(), v.Provider, v.Kind, v.TransactionID, v.PaymentID, v.Reference, v.Here, v.There, v.Amount.Minor, v.Amount.Currency,
				v.At.UnixMicro(), e.OccurredAt.UnixMicro())
		case reconciliation.FindingResolved:
			return t.Exec(ctx, `UPDATE @_findings SET resolved = ?, how = ?, resolver = ? WHERE id = ?`, e.OccurredAt.UnixMicro(), v.How, e.Actor.ID, v.FindingID)
		}
		return nil
	},
}

// Finding is a place in which a processor's register and the ledger differ, or did.
type Finding struct {
	FindingID     string        `json:"finding_id"`
	Provider      string        `json:"provider"`
	Class         string        `json:"class"`
	TransactionID string        `json:"transaction_id"`
	PaymentID     string        `json:"payment_transaction_id,omitempty"`
	Claim         string        `json:"claim,omitempty"`
	Here          string        `json:"here,omitempty"`
	There         string        `json:"there,omitempty"`
	Amount        *domain.Money `json:"amount"`
	At            time.Time     `json:"at"`
	FoundAt       time.Time     `json:"found_at"`
	Status        string        `json:"status"` // open, resolved
	ResolvedAt    *time.Time    `json:"resolved_at"`
	How           string        `json:"how,omitempty"`
	ResolvedBy    string        `json:"resolved_by,omitempty"`
}

const findingColumns = `id, provider, class, transaction_id, payment, claim, here, there, minor, currency, operated, found, resolved, how, resolver`

func scanFinding(scan func(...any) error) (Finding, error) {
	var f Finding
	var amount domain.Money
	var at, found, resolved int64
	if err := scan(&f.FindingID, &f.Provider, &f.Class, &f.TransactionID, &f.PaymentID, &f.Claim, &f.Here, &f.There, &amount.Minor, &amount.Currency,
		&at, &found, &resolved, &f.How, &f.ResolvedBy); err != nil {
		return f, err
	}
	if amount.Currency != "" {
		f.Amount = &amount
	}
	f.At, f.FoundAt, f.ResolvedAt, f.Status = time.UnixMicro(at).UTC(), time.UnixMicro(found).UTC(), micros(resolved), "open"
	if f.ResolvedAt != nil {
		f.Status = "resolved"
	}
	return f, nil
}

// Findings lists findings, the oldest first. status is open, resolved, or "" for all; class is one of the words of commands/cloudpayments, or "" for
// all.
func (r *Runner) Findings(ctx context.Context, status, class string) ([]Finding, error) {
	t, err := r.tables("findings")
	if err != nil {
		return nil, err
	}
	where := map[string]string{"open": "resolved = 0", "resolved": "resolved > 0"}[status]
	if where == "" {
		where = "1 = 1"
	}
	out := []Finding{}
	err = t.each(ctx, func(scan func(...any) error) error {
		f, err := scanFinding(scan)
		if err == nil && (class == "" || class == f.Class) {
			out = append(out, f)
		}
		return err
	}, `SELECT `+findingColumns+` FROM @_findings WHERE `+where+` ORDER BY found, id`)
	return out, err
}

// Finding finds one by its id.
func (r *Runner) Finding(ctx context.Context, id string) (Finding, error) {
	t, err := r.tables("findings")
	if err != nil {
		return Finding{}, err
	}
	f, err := scanFinding(t.Row(ctx, `SELECT `+findingColumns+` FROM @_findings WHERE id = ?`, id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return f, reconciliation.NotFound()
	}
	return f, err
}
