package main

import (
	"cmp"
	"log/slog"
	"os"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"kelisim/commands/lease"
)

// The names of what one instance alone does.
const (
	policiesLease = "policies"
	signerLease   = "signer" // says what the log signs
)

// lease is this process's part in a lease; there is one of each name. Whether it is held is in /metrics.
func (l *ledger) lease(name string, log *slog.Logger) *lease.Lease {
	host, _ := os.Hostname()
	part := &lease.Lease{Journal: l.Journal, Name: name, TTL: l.leaseTTL, Holder: cmp.Or(host, "kelisim") + "-" + uuid.NewString()[:8], Log: log}
	l.leases = append(l.leases, part)
	return part
}

// observeLeases shows which leases this process holds.
func (l *ledger) observeLeases(in prometheus.Registerer) error {
	for _, part := range l.leases {
		held := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name:        "kelisim_lease_held",
			Help:        "1 while this instance holds the lease, and so does the work of its name for all; 0 while another does.",
			ConstLabels: prometheus.Labels{"lease": part.Name},
		}, func() float64 {
			if part.Held() {
				return 1
			}
			return 0
		})
		if err := in.Register(held); err != nil {
			return err
		}
	}
	return nil
}
