package http

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"kelisim/commands/bus"
)

// outlets is what an operator sees of the bus: how far each outlet is, and what became of web hooks. Events' bodies are none of an operator's business.
type outlets struct{ *Server }

type outletView struct {
	Name       string       `json:"name"`
	Kind       string       `json:"kind"`
	State      bus.State    `json:"state"`
	Cursor     int64        `json:"cursor"`
	Head       int64        `json:"head"`
	LagSeconds float64      `json:"lag_seconds"`
	Waiting    int          `json:"waiting"`
	Failing    int          `json:"failing"`
	LastError  *troubleView `json:"last_error"`
}

type troubleView struct {
	Code string    `json:"code"`
	At   time.Time `json:"at"`
}

func (s outlets) list(r *Request) (*Response, error) {
	views := []outletView{}
	if s.options.Outlets != nil {
		all, err := s.options.Outlets.Status(r.Context())
		if err != nil {
			return nil, err
		}
		for _, o := range all {
			v := outletView{Name: o.Name, Kind: o.Kind, State: o.State, Cursor: o.Cursor, Head: o.Head, LagSeconds: o.Lag.Seconds(), Waiting: o.Waiting, Failing: o.Failing}
			if o.Last != nil {
				v.LastError = &troubleView{o.Last.Code, o.Last.At.UTC()}
			}
			views = append(views, v)
		}
	}
	return Page(views, ""), nil
}

type deliveryView struct {
	EventID      string        `json:"event_id"`
	Position     int64         `json:"position"`
	Type         string        `json:"type"`
	State        string        `json:"state"`
	FirstAt      time.Time     `json:"first_at"`
	Attempts     int           `json:"attempts"`
	LastAttempts []attemptView `json:"last_attempts"`
}

type attemptView struct {
	At     time.Time `json:"at"`
	Status *int      `json:"status"` // null: none came
	Code   string    `json:"code"`
	TookMS int64     `json:"took_ms"`
}

func viewOfDelivery(d bus.Delivery) deliveryView {
	v := deliveryView{EventID: d.Event.String(), Position: d.Position, Type: d.Type, State: string(d.State), FirstAt: d.FirstAt, Attempts: d.Attempts, LastAttempts: []attemptView{}}
	for _, a := range d.Last {
		one := attemptView{At: a.At, Code: a.Code, TookMS: a.Took.Milliseconds()}
		if a.Status != 0 {
			one.Status = &a.Status
		}
		v.LastAttempts = append(v.LastAttempts, one)
	}
	return v
}

func (s outlets) deliveries(r *Request) (*Response, error) {
	state := r.Query.OneOf("state", "", string(bus.Waiting), string(bus.Delivered), string(bus.GivenUp))
	limit := r.Query.Int("limit", 100, 1, 1000)
	var before int64
	r.Query.Cursor("after", &before)
	if err := r.Query.Err(); err != nil {
		return nil, err
	}
	list, err := s.options.Outlets.ListDeliveries(r.Context(), r.Var("outlet"), bus.DeliveryState(state), before, limit+1)
	if err != nil {
		return nil, err
	}
	next := ""
	if len(list) > limit {
		list = list[:limit]
		next = Cursor(list[limit-1].Position)
	}
	views := make([]deliveryView, len(list))
	for i, d := range list {
		views[i] = viewOfDelivery(d)
	}
	return Page(views, next), nil
}

// redeliver appends nothing, and is not the same twice, so it takes no Idempotency-Key.
func (s outlets) redeliver(r *Request) (*Response, error) {
	id, err := r.VarID("delivery")
	if err != nil {
		return nil, err
	}
	d, err := s.options.Outlets.Redeliver(r.Context(), r.Var("outlet"), uuid.MustParse(id))
	if err != nil {
		return nil, err
	}
	return OK(viewOfDelivery(d)), nil
}

// outletMetrics reads the relay when it is asked.
type outletMetrics struct {
	relay                  *bus.Relay
	lag, behind, wait, bad *prometheus.Desc
}

func newOutletMetrics(relay *bus.Relay) *outletMetrics {
	one := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("kelisim_outlet_"+name, help, []string{"outlet"}, nil)
	}
	return &outletMetrics{relay,
		one("lag_seconds", "Age of the first event that the outlet has not acknowledged; 0 where there is none."),
		one("lag_positions", "Positions of the journal between the outlet's cursor and the head."),
		one("waiting_events", "Events that this instance has read and the outlet has not acknowledged."),
		one("failing_users", "Users whose next event was not taken at its last attempt; others go on."),
	}
}

func (m *outletMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.lag, m.behind, m.wait, m.bad} {
		out <- d
	}
}

func (m *outletMetrics) Collect(out chan<- prometheus.Metric) {
	ctx, done := context.WithTimeout(context.Background(), checkTimeout)
	defer done()
	all, err := m.relay.Status(ctx)
	if err != nil {
		out <- prometheus.NewInvalidMetric(m.lag, err)
		return
	}
	for _, s := range all {
		for d, v := range map[*prometheus.Desc]float64{m.lag: s.Lag.Seconds(), m.behind: float64(s.Head - s.Cursor), m.wait: float64(s.Waiting), m.bad: float64(s.Failing)} {
			out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, s.Name)
		}
	}
}
