package verify

import "iter"

// A batch of this many records is read while the one before it is checked.
const batch = 256

type pair[T any] struct {
	value T
	err   error
}

// ahead yields what a source does, read by a goroutine of its own, so that reading and hashing go on at once.
func ahead[T any](source iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		batches, stop := make(chan []pair[T], 2), make(chan struct{})
		defer func() {
			close(stop)
			for range batches { // until the goroutine has let go of the source
			}
		}()
		go func() {
			defer close(batches)
			next := make([]pair[T], 0, batch)
			send := func() bool {
				select {
				case batches <- next:
					next = make([]pair[T], 0, batch)
					return true
				case <-stop:
					return false
				}
			}
			for value, err := range source {
				next = append(next, pair[T]{value, err})
				if (len(next) == batch || err != nil) && !send() {
					return
				}
			}
			send()
		}()
		for all := range batches {
			for _, p := range all {
				if !yield(p.value, p.err) {
					return
				}
			}
		}
	}
}
