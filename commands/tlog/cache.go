package tlog

import "sync"

// tileCache remembers tiles that were read. A tile only ever grows at its end, so that what was read stays true. It holds at most twice
// cacheTiles tiles, 16 MiB: when one half is full, the other is forgotten.
type tileCache struct {
	mu       sync.Mutex
	now, old map[[2]int64][]byte
}

const cacheTiles = 1024

// get is a tile of at least so many bytes, if it is remembered.
func (c *tileCache) get(level int, n int64, want int) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := [2]int64{int64(level), n}
	data, ok := c.now[at]
	if !ok {
		if data, ok = c.old[at]; ok {
			c.keep(at, data)
		}
	}
	return data, len(data) >= want
}

func (c *tileCache) put(level int, n int64, data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep([2]int64{int64(level), n}, data)
}

func (c *tileCache) keep(at [2]int64, data []byte) {
	if c.now == nil || len(c.now) == cacheTiles {
		c.now, c.old = map[[2]int64][]byte{}, c.now
	}
	c.now[at] = data
}
