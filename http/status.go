package http

import (
	"context"
	"errors"
	"fmt"
	"time"

	"kelisim/commands/tlog"
	"kelisim/projections"
)

// lateWitnesses is how long a signed checkpoint may be without its quorum before that is told of.
const lateWitnesses = 15 * time.Minute

// impairments are the checks of what the ledger answers without.
func (s *Server) impairments() []Check {
	var all []Check
	if log := s.options.Evidence; log != nil {
		all = append(all,
			Check{Name: "log", Degrades: true, Run: func(context.Context) error { return logImpaired(log.Status()) }},
			Check{Name: "witnesses", Degrades: true, Run: func(context.Context) error { return s.witnessesImpaired(log.Status().Witnessing) }})
	}
	if views := s.options.Views; views != nil {
		all = append(all, Check{Name: "read models", Degrades: true, Run: func(ctx context.Context) error { return viewsImpaired(ctx, views) }})
	}
	return all
}

// logImpaired tells of a log that signs no more, or cannot be looked through.
func logImpaired(st tlog.Status) error {
	switch {
	case st.Fault != nil:
		return &impairment{st.Fault.Code, st.Fault}
	case st.Trouble != nil:
		return &impairment{"not-signing", st.Trouble}
	case st.Unread != nil:
		return &impairment{"not-scrubbed", st.Unread}
	}
	return nil
}

// witnessesImpaired tells of witnesses who have seen another history, and of a quorum that does not come.
func (s *Server) witnessesImpaired(w tlog.Witnessing) error {
	for _, one := range w.Each {
		var refused *tlog.RefusedError
		if errors.As(one.Trouble, &refused) && refused.Contradicts() {
			return &impairment{"contradicted", fmt.Errorf("the witness %s: %w", one.Name, refused)}
		}
	}
	if len(w.Each) > 0 && !w.Waiting.IsZero() && s.now().Sub(w.Waiting) > lateWitnesses {
		troubles := []error{fmt.Errorf("no quorum has cosigned what was signed for %v", lateWitnesses), w.Trouble}
		for _, one := range w.Each {
			if one.Trouble != nil {
				troubles = append(troubles, fmt.Errorf("the witness %s: %w", one.Name, one.Trouble))
			}
		}
		return &impairment{"late", errors.Join(troubles...)}
	}
	return nil
}

// viewsImpaired tells of a read model that halted, of all where the journal cannot be followed, and of one that is built for the first time.
func viewsImpaired(ctx context.Context, views *projections.Runner) error {
	all, err := views.Statuses(ctx)
	if err != nil {
		return err
	}
	for _, m := range all {
		if m.Fault != "" {
			return &impairment{"halted", fmt.Errorf("the read model %s: %s", m.Name, m.Fault)}
		}
	}
	if trouble := views.Trouble(); trouble != nil {
		return &impairment{"not-kept-up", trouble}
	}
	for _, m := range all {
		if m.Building && m.Position == 0 {
			return &impairment{"building", fmt.Errorf("the read model %s is being built", m.Name)}
		}
	}
	return nil
}

// health tells the operator how the followers of the journal are. No body of an event, and no text of an error, is in it.
func (a *API) health(r *Request) (*Response, error) {
	head, _, err := a.Service.Journal.Head(r.Context())
	if err != nil {
		return nil, err
	}
	answer := map[string]any{"position": head}
	if a.Log != nil {
		answer["log"], answer["witnesses"] = healthOfLog(a.Log.Status()), healthOfWitnesses(a.Log.Status().Witnessing)
	}
	if a.Views != nil {
		all, err := a.Views.Statuses(r.Context())
		if err != nil {
			return nil, err
		}
		models := []map[string]any{}
		for _, m := range all {
			models = append(models, map[string]any{"name": m.Name, "version": m.Version, "position": m.Position, "lag": m.Lag, "building": m.Building, "built": m.Built,
				"halted": m.Fault != ""})
		}
		answer["read_models"] = models
	}
	return OK(answer), nil
}

func healthOfLog(st tlog.Status) map[string]any {
	out := map[string]any{"size": st.Size, "signed_size": st.Signed, "position": st.Position, "scrubbed_at": moment(st.Scrubbed)}
	var impaired *impairment
	if errors.As(logImpaired(st), &impaired) {
		out["code"] = impaired.code
	}
	return out
}

func healthOfWitnesses(w tlog.Witnessing) map[string]any {
	each := []map[string]any{}
	for _, one := range w.Each {
		said := map[string]any{"name": one.Name, "size": one.Size, "cosigned_at": moment(one.At)}
		if code := troubleOf(one); code != "" {
			said["code"] = code
		}
		each = append(each, said)
	}
	return map[string]any{"size": w.Size, "waiting_since": moment(w.Waiting), "published_without": w.Open && len(w.Each) > 0, "each": each}
}
