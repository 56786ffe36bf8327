package eventstoredb_test

import (
	"flag"
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

var sharedCluster = flag.Bool("shared-cluster", false, "hold the contract on one cluster for all of its tests too, the way it is held on a real one")

var suite = journaltest.Options{Growing: true, Persistent: true, LooseIDs: true, Shared: true}

func TestJournalKeepsTheContract(t *testing.T) {
	// Each of the model's runs opens a journal and asks a server thousands of times; -rapid.checks with another number is taken as it is.
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		if err := flag.Set("rapid.checks", "25"); err != nil {
			t.Fatal(err)
		}
	}
	var p places
	t.Run("a server for each", func(t *testing.T) {
		journaltest.Run(t, func(t *testing.T, place string, now func() time.Time) journal.Store {
			c := p.cluster(t, place, esdbtest.Options{})
			j, err := eventstoredb.Open(t.Context(), c.ConnectionString(), eventstoredb.Options{Now: now, Alone: true, Deadline: 20 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			return j
		}, suite)
	})
	t.Run("a cluster for all", func(t *testing.T) {
		if !*sharedCluster {
			t.Skip("the same once more, as on a real cluster: run it with -shared-cluster")
		}
		contract(t, esdbtest.Start(t, esdbtest.Options{Nodes: 3}).ConnectionString())
	})
}
