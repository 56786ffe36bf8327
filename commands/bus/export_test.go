package bus

import (
	"net/http"
	"net/netip"

	"github.com/ThreeDotsLabs/watermill/message"

	"kelisim/commands/journal"
)

func Public(a netip.Addr) bool { return public(a) }

func NewMessage(r journal.Record) (*message.Message, error) { return newMessage(r) }

// Through has a web hook's requests answered by a test.
func (w *Webhook) Through(t http.RoundTripper) { w.client.Transport = t }

const (
	MaxFailing   = maxFailing
	WindowEvents = windowEvents
	KeptAttempts = keptAttempts
	GiveUpAfter  = giveUpAfter
)
