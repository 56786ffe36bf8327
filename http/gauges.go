package http

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"kelisim/commands/tlog"
)

// gauges tells how the followers of the journal are, read when the metrics are asked for. Labels are names out of the program and its settings.
type gauges struct{ s *Server }

func gauge(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("kelisim_"+name, help, labels, nil)
}

var (
	logLeaves     = gauge("log_leaves", "Events in the Merkle log.")
	logSigned     = gauge("log_signed_leaves", "Events under the newest signed checkpoint.")
	logPosition   = gauge("log_position", "Position in the journal that the log has come to.")
	logImpairment = gauge("log_impaired", "1 while the log signs nothing, or could not be compared with the journal.")
	logScrubbed   = gauge("log_scrubbed_timestamp_seconds", "When the whole journal was last compared with the log; 0 for not yet.")

	witnessedLeaves  = gauge("log_witnessed_leaves", "Events under the newest checkpoint that a quorum of witnesses has cosigned.")
	witnessedWaiting = gauge("log_witness_waiting_seconds", "For how long a signed checkpoint has been without its quorum; 0 where there is none.")
	witnessLeaves    = gauge("log_witness_leaves", "Events under the newest checkpoint that a witness has cosigned.", "witness")
	witnessTrouble   = gauge("log_witness_trouble", "1 while a witness does not cosign, by why: unreachable, refused, ahead, contradicted.", "witness", "why")

	modelPosition = gauge("read_model_position", "Position in the journal that a read model answers for.", "model")
	modelLag      = gauge("read_model_lag", "Positions that a read model is behind the journal's head.", "model")
	modelBuilding = gauge("read_model_building", "1 while a read model is built anew beside the one that answers.", "model")
	modelBuilt    = gauge("read_model_built_position", "Position that a read model's new tables have come to; 0 where none are built.", "model")
	modelHalted   = gauge("read_model_halted", "1 where a read model has halted.", "model")
)

func (g gauges) Describe(to chan<- *prometheus.Desc) {
	if g.s.options.Evidence != nil {
		for _, d := range []*prometheus.Desc{logLeaves, logSigned, logPosition, logImpairment, logScrubbed, witnessedLeaves, witnessedWaiting, witnessLeaves, witnessTrouble} {
			to <- d
		}
	}
	if g.s.options.Views != nil {
		for _, d := range []*prometheus.Desc{modelPosition, modelLag, modelBuilding, modelBuilt, modelHalted} {
			to <- d
		}
	}
}

func (g gauges) Collect(to chan<- prometheus.Metric) {
	tell := func(d *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	if log := g.s.options.Evidence; log != nil {
		g.log(log.Status(), tell)
	}
	views := g.s.options.Views
	if views == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), checkTimeout)
	defer cancel()
	all, err := views.Statuses(ctx)
	if err != nil {
		return // the journal does not answer, which /readyz tells
	}
	for _, m := range all {
		tell(modelPosition, float64(m.Position), m.Name)
		tell(modelLag, float64(m.Lag), m.Name)
		tell(modelBuilding, truth(m.Building), m.Name)
		tell(modelBuilt, float64(m.Built), m.Name)
		tell(modelHalted, truth(m.Fault != ""), m.Name)
	}
}

func (g gauges) log(st tlog.Status, tell func(*prometheus.Desc, float64, ...string)) {
	tell(logLeaves, float64(st.Size))
	tell(logSigned, float64(st.Signed))
	tell(logPosition, float64(st.Position))
	tell(logImpairment, truth(logImpaired(st) != nil))
	scrubbed := 0.0
	if !st.Scrubbed.IsZero() {
		scrubbed = float64(st.Scrubbed.Unix())
	}
	tell(logScrubbed, scrubbed)
	w := st.Witnessing
	if len(w.Each) == 0 {
		return
	}
	waiting := time.Duration(0)
	if !w.Waiting.IsZero() {
		waiting = max(0, g.s.now().Sub(w.Waiting))
	}
	tell(witnessedLeaves, float64(w.Size))
	tell(witnessedWaiting, waiting.Seconds())
	for _, each := range w.Each {
		tell(witnessLeaves, float64(each.Size), each.Name)
		for _, why := range []string{"unreachable", "refused", "ahead", "contradicted"} {
			tell(witnessTrouble, truth(troubleOf(each) == why), each.Name, why)
		}
	}
}

// troubleOf is why a witness does not cosign, in a word; "" where it does.
func troubleOf(w tlog.WitnessStatus) string {
	var refused *tlog.RefusedError
	switch {
	case w.Trouble == nil:
		return ""
	case !errors.As(w.Trouble, &refused):
		return "unreachable"
	case refused.Ahead:
		return "ahead"
	case refused.Contradicts():
		return "contradicted"
	}
	return "refused"
}

func truth(holds bool) float64 {
	if holds {
		return 1
	}
	return 0
}
