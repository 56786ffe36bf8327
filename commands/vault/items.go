package vault

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"iter"

	"kelisim/domain"
)

// Item is one thing that a key store holds: one of its members is there. A store's items come in an order that all stores keep: living keys, destroyed ones,
// logins, search entries, claims, each list by its bytes.
type Item struct {
	Key   *Key
	Login *Reservation
	Entry *Entry
	Claim *Claim
}

// ErrNotEmpty: the key store to be filled holds something already.
var ErrNotEmpty = errors.New("the key store is not empty")

// Sum tells what a key store holds. Two stores are the same where their sums are equal.
type Sum struct {
	Living, Destroyed, Logins, Entries, Claims int
	Digest                                     [sha256.Size]byte // over every item, in their order
}

// SumOf counts items and hashes them.
func SumOf(items iter.Seq2[Item, error]) (Sum, error) {
	var s Sum
	h := sha256.New()
	for i, err := range items {
		if err != nil {
			return Sum{}, err
		}
		h.Write(i.bytes())
		switch {
		case i.Key != nil && i.Key.State == domain.Available:
			s.Living++
		case i.Key != nil:
			s.Destroyed++
		case i.Login != nil:
			s.Logins++
		case i.Entry != nil:
			s.Entries++
		case i.Claim != nil:
			s.Claims++
		}
	}
	h.Sum(s.Digest[:0])
	return s, nil
}

// bytes are no two items' the same: each begins with its kind, and every part with its length.
func (i Item) bytes() (b []byte) {
	add := func(parts ...string) {
		for _, part := range parts {
			b = lengthed(b, []byte(part))
		}
	}
	number := func(n int64) string { return string(binary.BigEndian.AppendUint64(nil, uint64(n))) }
	switch {
	case i.Key != nil:
		at := int64(0)
		if !i.Key.At.IsZero() {
			at = i.Key.At.UnixMicro()
		}
		add("key", i.Key.ID, i.Key.Subject, string(i.Key.Class), number(int64(i.Key.Generation)), string(i.Key.Wrapped), string(i.Key.State), number(at))
	case i.Login != nil:
		confirmed := "no"
		if i.Login.Confirmed {
			confirmed = "yes"
		}
		add("login", string(i.Login.Login[:]), i.Login.Subject, number(i.Login.ReservedAt.UnixMicro()), i.Login.Instance, confirmed)
	case i.Entry != nil:
		add("entry", string(i.Entry.Field), string(i.Entry.Value[:]), i.Entry.Subject)
	case i.Claim != nil:
		add("claim", i.Claim.Kind, string(i.Claim.Thing[:]), i.Claim.Holder)
	}
	return b
}
