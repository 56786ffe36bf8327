package http

import (
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"kelisim/commands/access"
)

// Limit is how often one credential may ask: steadily Rate times a second, and Burst times at once.
type Limit struct {
	Rate  float64
	Burst int
}

// The limits that hold where the settings name none. They stop what has run away, not what is busy: the site's backend speaks for all
// of its users with one token.
var defaultLimits = map[access.Role]Limit{
	access.Service:  {50_000, 50_000},
	access.Officer:  {1_000, 2_000},
	access.Approver: {1_000, 2_000},
	access.Auditor:  {1_000, 2_000},
	access.Operator: {1_000, 2_000},
	access.Subject:  {50, 200},
}

// mostLimiters bounds the memory of limiters; those that are full again say nothing that a new one would not.
const mostLimiters = 10_000

type limiters struct {
	limits map[access.Role]Limit
	now    func() time.Time

	mu sync.Mutex
	of map[string]*rate.Limiter // by token id
}

func newLimiters(limits map[access.Role]Limit, now func() time.Time) *limiters {
	all := map[access.Role]Limit{}
	for role, l := range defaultLimits {
		all[role] = l
		if set, ok := limits[role]; ok {
			all[role] = set
		}
	}
	return &limiters{limits: all, now: now, of: map[string]*rate.Limiter{}}
}

// wait takes one turn of the credential. It is 0 if there was one, else the whole seconds until there is.
func (l *limiters) wait(a access.Actor) int {
	now := l.now()
	limiter := l.limiter(a, now)
	if limiter.AllowN(now, 1) {
		return 0
	}
	missing := 1 - limiter.TokensAt(now)
	return max(1, int(math.Ceil(missing/float64(limiter.Limit()))))
}

func (l *limiters) limiter(a access.Actor, now time.Time) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if limiter, ok := l.of[a.TokenID]; ok {
		return limiter
	}
	if len(l.of) >= mostLimiters {
		for id, limiter := range l.of {
			if limiter.TokensAt(now) >= float64(limiter.Burst()) {
				delete(l.of, id)
			}
		}
		if len(l.of) >= mostLimiters {
			clear(l.of)
		}
	}
	limit := l.limits[a.Role]
	limiter := rate.NewLimiter(rate.Limit(limit.Rate), limit.Burst)
	l.of[a.TokenID] = limiter
	return limiter
}
