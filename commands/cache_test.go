package commands

import "testing"

// What was read from the journal before an append, a drop or an eviction of its stream is not kept: it may be stale.
func TestCacheKeepsNoStaleRead(t *testing.T) {
	for name, overtake := range map[string]func(*streamCache){
		"an append":   func(c *streamCache) { c.put(&stream{name: "a", revision: 5}, 1); c.put(&stream{name: "b"}, 1) },
		"a drop":      func(c *streamCache) { c.drop("a") },
		"an eviction": func(c *streamCache) { c.set(&stream{name: "a", revision: 5}, 1); c.set(&stream{name: "b"}, 1) },
	} {
		var c streamCache
		_, seen, _ := c.get("a")
		overtake(&c)
		c.putRead(&stream{name: "a", revision: 4}, 2, seen)
		if held, _, _ := c.get("a"); held != nil && held.revision < 5 {
			t.Errorf("after %s revision %d is held", name, held.revision)
		}
	}
	var c streamCache
	_, seen, _ := c.get("a")
	c.putRead(&stream{name: "a", revision: 4}, 2, seen)
	if held, _, growing := c.get("a"); held == nil || growing {
		t.Error("what nothing overtook is not held")
	}
	c.begin("a")
	if _, _, growing := c.get("a"); !growing {
		t.Error("an append under way is not told")
	}
	c.end("a")
	if _, _, growing := c.get("a"); growing {
		t.Error("an append that has ended is still told")
	}
}
