package access

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Forgotten: subject tokens are made at every sign-in of a user, so they are let go of a day after they expired.
const Forgotten = 24 * time.Hour

// Memory is a Store that lasts as long as the process; the zero value is ready.
type Memory struct {
	mu      sync.Mutex
	records []Record
}

func (m *Memory) Insert(_ context.Context, r Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, old := range m.records {
		if old.Name == r.Name && (old.Live(r.CreatedAt) || old.Role != r.Role || old.Person != r.Person || old.Subject != r.Subject) {
			return ErrNameTaken
		}
	}
	m.records = slices.DeleteFunc(m.records, func(old Record) bool {
		return old.Role == Subject && old.ExpiresAt.Add(Forgotten).Before(r.CreatedAt)
	})
	m.records = append(m.records, r)
	return nil
}

func (m *Memory) Find(_ context.Context, id string) (Record, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i := m.index(id); i >= 0 {
		return m.records[i], true, nil
	}
	return Record{}, false, nil
}

func (m *Memory) List(context.Context) ([]Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.records), nil
}

func (m *Memory) Revoke(_ context.Context, name string, at time.Time) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, r := range m.records {
		if r.Name == name && r.Live(at) {
			m.records[i].RevokedAt = at
			return true, nil
		}
	}
	return false, nil
}

func (m *Memory) Touch(_ context.Context, id string, at time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i := m.index(id); i >= 0 {
		m.records[i].LastUsedAt = at
	}
	return nil
}

func (m *Memory) index(id string) int {
	return slices.IndexFunc(m.records, func(r Record) bool { return r.ID == id })
}
