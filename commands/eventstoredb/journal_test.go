package eventstoredb_test

import (
	"sync"
	"testing"
	"time"

	"kelisim/commands/eventstoredb"
	"kelisim/commands/eventstoredb/esdbtest"
	"kelisim/commands/journal"
	"kelisim/commands/journal/journaltest"
)

// places are the clusters of a suite, by the place that each is opened at.
type places struct {
	mu sync.Mutex
	at map[string]*esdbtest.Cluster
}

func (p *places) cluster(t *testing.T, place string, opts esdbtest.Options) *esdbtest.Cluster {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at == nil {
		p.at = map[string]*esdbtest.Cluster{}
	}
	if p.at[place] == nil {
		p.at[place] = esdbtest.Start(t, opts)
	}
	return p.at[place]
}

var suite = journaltest.Options{Growing: true, Persistent: true, LooseIDs: true, Shared: true}

func TestJournalKeepsTheContract(t *testing.T) {
	for name, opts := range map[string]esdbtest.Options{"one node": {}, "three nodes": {Nodes: 3}} {
		t.Run(name, func(t *testing.T) {
			var p places
			journaltest.Run(t, func(t *testing.T, place string, now func() time.Time) journal.Store {
				c := p.cluster(t, place, opts)
				j, err := eventstoredb.Open(t.Context(), c.ConnectionString(), eventstoredb.Options{Now: now, Alone: true})
				if err != nil {
					t.Fatal(err)
				}
				return j
			}, suite)
		})
	}
}
