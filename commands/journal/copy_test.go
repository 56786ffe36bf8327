package journal_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"kelisim/commands/journal"
)

var copyStart = time.Date(2026, 1, 31, 5, 0, 0, 0, time.UTC)

// written is a journal of n appends to a few streams, a lease among them, many within one microsecond.
func written(t testing.TB, n int, seed uint64) *journal.Memory {
	t.Helper()
	dice := rand.New(rand.NewPCG(seed, 1))
	now := copyStart
	j := &journal.Memory{Now: func() time.Time { return now }, Step: 1}
	ends := map[string]int64{}
	for i := range n {
		stream := []string{"user-a", "user-b", "site", "lease-x"}[dice.IntN(4)]
		if _, ok := ends[stream]; !ok {
			ends[stream] = journal.NoStream
		}
		var records []journal.NewRecord
		for k := range 1 + dice.IntN(3) {
			records = append(records, journal.NewRecord{ID: uuid.NewSHA1(uuid.Nil, fmt.Appendf(nil, "%d %d %d", seed, i, k)), Type: "a.b",
				Data: fmt.Appendf(nil, `{"n":%d}`, i), Meta: []byte([]string{`{}`, `{"version":1}`}[dice.IntN(2)])})
		}
		if _, err := j.Append(t.Context(), stream, ends[stream], records); err != nil {
			t.Fatal(err)
		}
		ends[stream] += int64(len(records))
		now = now.Add(time.Duration(dice.IntN(2)) * time.Microsecond)
	}
	return j
}

func noLease(stream string) bool { return !strings.HasPrefix(stream, "lease-") }

func standing(t testing.TB, j journal.Store) (out []string) {
	t.Helper()
	for r, err := range j.ReadAll(context.Background(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if noLease(r.Stream) {
			out = append(out, fmt.Sprint(r.ID, r.Stream, r.Revision, r.Type, string(r.Data), string(r.Meta)))
		}
	}
	return out
}

// A copy holds the same bytes in the same order, however often it is cut short and whatever becomes of each append on its way.
func TestCopyIsTheSame(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		from := written(t, rapid.IntRange(0, 40).Draw(rt, "appends"), rapid.Uint64().Draw(rt, "seed"))
		failures := rapid.SliceOfN(rapid.SampledFrom([]journal.Failure{journal.Works, journal.Works, journal.Refused, journal.LostOnTheWay, journal.LostItsAnswer}), 60, 60).Draw(rt, "failures")
		to := &journal.Memory{Step: 7, Now: func() time.Time { return copyStart.Add(time.Hour) }, Fail: func(string) journal.Failure {
			if len(failures) == 0 {
				return journal.Works
			}
			f := failures[0]
			failures = failures[1:]
			return f
		}}
		for tries := 0; ; tries++ {
			var told []string
			err := journal.Copy(t.Context(), from, to, noLease, func(r journal.Record) { told = append(told, r.ID.String()) })
			if err == nil {
				if want := standing(t, from); !slices.Equal(standing(t, to), want) || len(told) != len(want) {
					rt.Fatalf("copied\n%v\nof\n%v\ntold of %d", standing(t, to), want, len(told))
				}
				return
			}
			if !errors.Is(err, journal.ErrNotWritten) && !errors.Is(err, journal.ErrUnknown) || tries > 100 {
				rt.Fatal(err)
			}
		}
	})
}

// What is no copy is refused, and nothing is written to it: another event in the midst, and more events than the first has.
func TestCopyRefusesAnother(t *testing.T) {
	from := written(t, 20, 1)
	for name, to := range map[string]*journal.Memory{"another": written(t, 20, 2), "a longer one": written(t, 21, 1)} {
		before := standing(t, to)
		if err := journal.Copy(t.Context(), from, to, noLease, func(journal.Record) {}); !errors.Is(err, journal.ErrOther) {
			t.Errorf("%s: %v", name, err)
		}
		if !slices.Equal(standing(t, to), before) {
			t.Errorf("%s: something was written", name)
		}
	}
	longer := written(t, 21, 1)
	shorter := written(t, 20, 1)
	if err := journal.Copy(t.Context(), longer, shorter, noLease, func(journal.Record) {}); err != nil || !slices.Equal(standing(t, longer), standing(t, shorter)) {
		t.Errorf("a copy did not go on with what had come since: %v", err)
	}
}

func FuzzUnstamp(f *testing.F) {
	f.Add([]byte(`{"version":1}`), int64(1))
	f.Add([]byte(`{}`), int64(0))
	f.Fuzz(func(t *testing.T, meta []byte, micros int64) {
		at := time.UnixMicro(micros).UTC()
		if at.Year() < 1 || at.Year() > 9999 {
			return
		}
		stamped, err := journal.Stamp(meta, at)
		if err != nil {
			return
		}
		plain, err := journal.Unstamp(stamped)
		if err != nil {
			t.Fatal(err)
		}
		if twice, err := journal.Stamp(plain, at); err != nil || string(twice) != string(stamped) {
			t.Fatalf("%q, stamped %q, then %q (%v)", meta, stamped, twice, err)
		}
		_, _ = journal.Unstamp(meta) // whatever it is given
	})
}
