package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kelisim/commands/bus"
)

func TestOutletsFile(t *testing.T) {
	all, err := parseOutlets([]byte(`
outlets:
  - name: mail
    kind: webhook
    url: https://mail.example.kz/hooks
    secret_env: MAIL_SECRET
    types: [consent.withdrawal_took_effect, account.*]
    after: now
  - {name: events, kind: nats, url: "tls://a:4222,tls://b:4222", topic: ledger, username: relay, password_env: NATS_PASSWORD, after: 17}
  - {name: lake, kind: kafka, brokers: ["a:9092", "b:9092"], topic: kelisim.events, tls: true, after: beginning}
`))
	if err != nil || len(all) != 3 {
		t.Fatal(all, err)
	}
	if o := all[0]; o.Name != "mail" || o.Kind != bus.Hook || o.start != (bus.Start{Now: true}) || len(o.Types) != 2 {
		t.Errorf("%+v", o)
	}
	if o := all[1]; o.start != (bus.Start{After: 17}) || o.Topic != "ledger" {
		t.Errorf("%+v", o)
	}
	if o := all[2]; o.start != (bus.Start{}) || len(o.Brokers) != 2 {
		t.Errorf("%+v", o)
	}
}

func TestOutletsFileIsReadToTheLetter(t *testing.T) {
	const hook = "outlets: [{name: mail, kind: webhook, url: 'https://x.kz', secret_env: S"
	for text, want := range map[string]string{
		"":                        "outlets",
		"outlets: 1":              "outlets",
		"outlets: [{name: a":      "",
		"outlet: []":              "outlet",
		"outlets: [null]":         "name",
		"outlets: [{kind: nats}]": "name",
		hook + "}, {name: mail, kind: nats, url: x}]":                                             "/outlets/1/name",
		"outlets: [{name: Mail, kind: nats, url: x}]":                                             "/outlets/0/name",
		"outlets: [{name: a, kind: pigeon, url: x}]":                                              "kind: one of",
		"outlets: [{name: a, kind: webhook, secret_env: S}]":                                      "url is missing",
		"outlets: [{name: a, kind: webhook, url: x}]":                                             "secret_env is missing",
		"outlets: [{name: a, kind: nats, url: 'nats://u:p@h'}]":                                   "url: ",
		"outlets: [{name: a, kind: nats, url: x, allow_private: true}]":                           "allow_private: an outlet of kind nats has none",
		"outlets: [{name: a, kind: kafka, brokers: [x]}]":                                         "brokers and topic",
		"outlets: [{name: a, kind: kafka, brokers: [x], topic: t, url: x}]":                       "url: an outlet of kind kafka has none",
		"outlets: [{name: a, kind: kafka, brokers: [x], topic: t, username: u}]":                  "go together",
		"outlets: [{name: a, kind: kafka, brokers: [x], topic: t, username: u, password_env: P}]": "TLS",
		"outlets: [{name: a, kind: nats, url: x, topic: 'a.>'}]":                                  "topic",
		hook + ", types: [consents.*]}]":                                                          "no event is",
		hook + ", types: [consent.givn]}]":                                                        "no event is",
		hook + ", after: yesterday}]":                                                             "after: ",
		hook + ", after: -1}]":                                                                    "after: ",
		hook + ", after: 1.5}]":                                                                   "after: ",
		hook + ", secret: s}]":                                                                    "/outlets/0/secret",
		hook + ", password: s}]":                                                                  "password",
		hook + ", types: consent.given}]":                                                         "/outlets/0/types",
		hook + ", url: 'https://y.kz'}]":                                                          "already defined",
	} {
		if all, err := parseOutlets([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v; want %q", text, all, err, want)
		}
	}
}

// What the file names outside of itself must be there, and be kept from others.
func TestSecretsOfOutlets(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	open, closed := write("open.creds", "x", 0o644), write("closed.creds", "x", 0o600)
	p := &program{getenv: func(name string) string { return map[string]string{"GOOD": hookSecret, "SHORT": "short"}[name] }}
	for text, want := range map[string]string{
		"{name: a, kind: webhook, url: 'https://x.kz', secret_env: GOOD}":                "",
		"{name: a, kind: webhook, url: 'https://x.kz', secret_env: NONE}":                "NONE is not set",
		"{name: a, kind: webhook, url: 'https://x.kz', secret_env: SHORT}":               "SHORT: a secret of at least",
		"{name: a, kind: nats, url: x, username: u, password_env: NONE}":                 "NONE is not set",
		"{name: a, kind: nats, url: x, token_env: GOOD}":                                 "",
		"{name: a, kind: nats, url: x, credentials_file: " + closed + "}":                "",
		"{name: a, kind: nats, url: x, credentials_file: " + open + "}":                  "chmod 600",
		"{name: a, kind: nats, url: x, credentials_file: none}":                          "credentials_file: ",
		"{name: a, kind: nats, url: x, ca_file: " + closed + "}":                         "no certificate",
		"{name: a, kind: webhook, url: 'https://x.kz', secret_env: GOOD, ca_file: none}": "ca_file: ",
	} {
		_, err := p.readOutlets(write("outlets.yaml", "outlets: ["+text+"]", 0o600))
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || exitCode(err) != exitUsage) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	if all, err := p.readOutlets(""); all != nil || err != nil {
		t.Errorf("no file: %v, %v", all, err)
	}
	if _, err := p.readOutlets(filepath.Join(dir, "none")); exitCode(err) != exitUsage {
		t.Errorf("a file that is not there: %v", err)
	}
}

func FuzzOutletsFile(f *testing.F) {
	for _, seed := range []string{"outlets: []", "outlets: [{name: a, kind: nats, url: x, after: 3}]", "outlets:\n- name: b\n  kind: webhook\n  types: ['*']\n", "a: &a [*a]", "outlets: {1: 2}", "- x"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := parseOutlets(text)
		for _, o := range all {
			if err == nil && (!outletName.MatchString(o.Name) || goes[o.Kind] == "") {
				t.Errorf("%q gives %+v", text, o)
			}
		}
	})
}
