package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"

	"kelisim/commands"
	"kelisim/commands/cloudpayments"
	"kelisim/http/webhooks"
)

// The settings of the card processor. They come from the environment alone: a secret in a flag would show in every list of processes.
const (
	secretSetting   = "KELISIM_CLOUDPAYMENTS_API_SECRET" // two with a comma between them while one replaces the other
	publicIDSetting = "KELISIM_CLOUDPAYMENTS_PUBLIC_ID"
	urlSetting      = "KELISIM_CLOUDPAYMENTS_API_URL"
	sourcesSetting  = "KELISIM_CLOUDPAYMENTS_SOURCES" // the networks that notifications may come from; not set: any
	proxiesSetting  = "KELISIM_CLOUDPAYMENTS_PROXIES" // the networks of our own proxies, whose X-Forwarded-For is believed; not set: none
	testSetting     = "KELISIM_CLOUDPAYMENTS_TEST"    // 1: the terminal is in test mode, and its money is taken for real
)

// processing is how a ledger deals with the card processor.
type processing struct {
	secrets cloudpayments.Secrets
	sources webhooks.Sources
	test    bool
	// api is nil where no public id is set: then nothing is asked of the processor, and refunds are made in its cabinet.
	api cloudpayments.Processor
}

// processing reads the settings of the card processor.
func (p *program) processing() (processing, error) {
	var out processing
	var err error
	if out.secrets, err = cloudpayments.ParseSecrets(p.getenv(secretSetting)); err != nil {
		return out, misuse("%s: %w", secretSetting, err)
	}
	if out.sources, err = webhooks.ParseSources(p.getenv(sourcesSetting), p.getenv(proxiesSetting)); err != nil {
		return out, misuse("%s and %s: %w", sourcesSetting, proxiesSetting, err)
	}
	if s := p.getenv(testSetting); s != "" {
		if out.test, err = strconv.ParseBool(s); err != nil {
			return out, misuse("%s is 1 or 0", testSetting)
		}
	}
	id := p.getenv(publicIDSetting)
	switch {
	case id == "" && p.getenv(urlSetting) == "":
		return out, nil
	case !out.secrets.Given():
		return out, misuse("the processor's API is named, and %s is not set", secretSetting)
	}
	api, err := cloudpayments.NewClient(cloudpayments.Config{BaseURL: p.getenv(urlSetting), PublicID: id, Secret: out.secrets[0]})
	if err != nil {
		return out, misuse("the card processor: %w", err)
	}
	out.api = api
	return out, nil
}

// notifications takes what the processor tells. Without a secret it answers 503 to every notification, so that the processor keeps them for later.
func (c processing) notifications(s *commands.Service, log *slog.Logger) http.Handler {
	money := commands.Money{Service: s, Test: c.test}
	return webhooks.CloudPayments{Secrets: c.secrets, Sources: c.sources, Handle: money.Notified, Register: func(ctx context.Context, l webhooks.Line) {
		level := slog.LevelInfo
		if l.Outcome != webhooks.Answered {
			level = slog.LevelWarn
		}
		attrs := []slog.Attr{slog.String("kind", string(l.Kind)), slog.String("outcome", string(l.Outcome)), slog.Int("status", l.Status)}
		if l.Outcome == webhooks.Answered {
			attrs = append(attrs, slog.Int("code", int(l.Code)))
		}
		if l.Key != "" {
			attrs = append(attrs, slog.String("notification", l.Key))
		}
		if len(l.KeyNames) > 0 {
			attrs = append(attrs, slog.Any("new_fields", l.KeyNames))
		}
		if len(l.Unread) > 0 {
			attrs = append(attrs, slog.Any("unread_fields", l.Unread))
		}
		if l.Err != nil {
			attrs = append(attrs, slog.String("error", fmt.Sprint(l.Err)))
		}
		log.LogAttrs(ctx, level, "a notification of the card processor", attrs...)
	}}
}
