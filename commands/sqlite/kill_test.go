//go:build linux

package sqlite

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"kelisim/commands/journal"
)

var kills = flag.Int("kills", 3, "how many times a process under load is killed")

// Whatever a killed process had acknowledged stands in the next.
func TestKilledProcessKeepsWhatWasAcknowledged(t *testing.T) {
	dir := t.TempDir()
	acknowledged := map[string]bool{}
	for round := range *kills {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKillChild$")
		cmd.Env = append(os.Environ(), "KELISIM_KILL_DIR="+dir, "KELISIM_KILL_ROUND="+strconv.Itoa(round))
		var out bytes.Buffer
		enough := make(chan struct{})
		cmd.Stdout = writeFunc(func(b []byte) (int, error) {
			out.Write(b)
			if bytes.Count(b, []byte("\n")) > 0 && out.Len() > 20_000+rand.IntN(20_000) {
				select {
				case enough <- struct{}{}:
				default:
				}
			}
			return len(b), nil
		})
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		<-enough
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // killed
		lines := strings.Split(out.String(), "\n")
		for _, line := range lines[:len(lines)-1] { // the last may be cut off
			if id, ok := strings.CutPrefix(line, "ack "); ok {
				acknowledged[id] = true
			} else if strings.Contains(line, "FAIL") {
				t.Fatalf("round %d:\n%s", round, out.String())
			}
		}
		gone := maps.Clone(acknowledged)
		for _, id := range standing(t, dir) {
			delete(gone, id.String())
		}
		if len(gone) > 0 || len(acknowledged) < 300*(round+1) {
			t.Fatalf("round %d: of %d acknowledged events %d are gone", round, len(acknowledged), len(gone))
		}
	}
}

type writeFunc func([]byte) (int, error)

func (f writeFunc) Write(b []byte) (int, error) { return f(b) }

// TestKillChild appends until it is killed, and says each acknowledged id on its standard output.
func TestKillChild(t *testing.T) {
	dir := os.Getenv("KELISIM_KILL_DIR")
	if dir == "" {
		t.Skip("this is the process that others kill")
	}
	j, err := OpenJournal(filepath.Join(dir, "journal.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	j.writer.checkpointAt, j.writer.checkpointEvery = 50, 50
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				records := wish(1 + i%3)
				stream := fmt.Sprintf("user-%s-%d-%d", os.Getenv("KELISIM_KILL_ROUND"), w, i)
				if _, err := j.Append(context.Background(), stream, journal.NoStream, records); err != nil {
					fmt.Println("FAIL", err)
					return
				}
				var b bytes.Buffer
				for _, r := range records {
					fmt.Fprintln(&b, "ack", r.ID)
				}
				if _, err := os.Stdout.Write(b.Bytes()); err != nil {
					return
				}
			}
		})
	}
	wg.Wait()
}
