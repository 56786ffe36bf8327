package sqlite

import (
	"fmt"
	"sync"
	"testing"

	"github.com/google/uuid"

	"kelisim/commands/vault"
)

// The cost of a durable registration, alone and with others, and of what a question needs when the keys are not in memory.
func BenchmarkKeys(b *testing.B) {
	for name, users := range map[string]int{"1k": 1_000, "20k": 20_000} {
		k := openKeys(b, keysFile(b))
		v := newVault(b, k, vault.NewMemoryKEK())
		var wg sync.WaitGroup
		for w := range 64 {
			wg.Go(func() {
				for i := w; i < users; i += 64 {
					if err := v.Register(b.Context(), fmt.Sprint("user", i), fmt.Sprint("login", i), nil); err != nil {
						b.Error(err)
					}
				}
			})
		}
		wg.Wait()
		register := func(b *testing.B) error {
			id := uuid.NewString()
			return v.Register(b.Context(), id, id, []vault.Indexed{{Field: vault.Email, Value: id + "@example.kz"}, {Field: vault.Mobile, Value: "87012345678"}})
		}
		b.Run(name+"/Register", func(b *testing.B) {
			for b.Loop() {
				must(b, register(b))
			}
		})
		b.Run(name+"/RegisterOf64", func(b *testing.B) {
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := register(b); err != nil {
						b.Error(err)
					}
				}
			})
		})
		b.Run(name+"/KeysOf", func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				if keys, err := k.KeysOf(b.Context(), fmt.Sprint("user", i*7919%users)); len(keys) != 3 {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/Find", func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				if found, err := v.Find(b.Context(), vault.Login, fmt.Sprint("login", i*7919%users)); len(found) != 1 {
					b.Fatal(err)
				}
			}
		})
	}
}
