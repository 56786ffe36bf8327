package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/cobra"

	"kelisim/commands/access"
)

// settings are the flags that may also be set by the environment and by a file. One file serves every command: what a command has no
// flag for does not concern it.
var settings = []string{"admin-listen", "data", "drain-delay", "journal", "keys", "lease-ttl", "listen", "log-format", "outlets", "output", "reports-kept", "terms", "witnesses"}

func fileKey(flag string) string  { return strings.ReplaceAll(flag, "-", "_") }
func variable(flag string) string { return "KELISIM_" + strings.ToUpper(fileKey(flag)) }

// configure gives the flags that were not given the values of the environment, else of the file (TestScripts, settings.txtar).
func (p *program) configure(c *cobra.Command) error {
	k := koanf.New("/") // no setting is nested
	path := p.getenv(variable("config"))
	if f := c.Flag("config"); f.Changed {
		path = f.Value.String()
	}
	if path != "" {
		if err := k.Load(file.Provider(path), yaml.Parser()); err != nil {
			return misuse("read the settings in %s: %w", path, err)
		}
	}
	for _, key := range k.Keys() {
		if !slices.ContainsFunc(settings, func(name string) bool { return fileKey(name) == key }) {
			return misuse("%s: there is no setting %q; there are %s", path, key, fileKey(strings.Join(settings, ", ")))
		}
	}
	given := map[string]any{}
	for _, name := range settings {
		if v := p.getenv(variable(name)); v != "" {
			given[fileKey(name)] = v
		}
	}
	if err := k.Load(confmap.Provider(given, "/"), nil); err != nil {
		return fmt.Errorf("join the settings: %w", err)
	}
	for _, name := range settings {
		f := c.Flags().Lookup(name)
		if f == nil || f.Changed || !k.Exists(fileKey(name)) {
			continue
		}
		err := errors.New("a single value is wanted")
		switch v := k.Get(fileKey(name)).(type) {
		case string, int, bool:
			err = f.Value.Set(fmt.Sprint(v))
		}
		if err != nil {
			return misuse("the setting %s: %w", fileKey(name), err)
		}
	}
	return nil
}

// lifetime is a flag's value: a duration that may be written in days, 90d.
type lifetime time.Duration

func (l *lifetime) String() string {
	d := time.Duration(*l)
	if days := d / (24 * time.Hour); days > 0 && d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", days)
	}
	return d.String()
}

func (l *lifetime) Type() string { return "duration" }

func (l *lifetime) Set(s string) error {
	text, days := s, strings.HasSuffix(s, "d")
	if days {
		text = strings.TrimSuffix(s, "d") + "h"
	}
	d, err := time.ParseDuration(text)
	if days && strings.Trim(s, "0123456789") != "d" {
		err = errors.New("not a number of days")
	}
	if days {
		d *= 24
	}
	if err != nil || d <= 0 || d > access.MaxTTL {
		return fmt.Errorf("a time such as 90d, 12h or 30m is wanted, 366d at most")
	}
	*l = lifetime(d)
	return nil
}

// choice is a flag's value that is one of a few words.
type choice struct {
	words []string
	word  string
}

func (c *choice) String() string { return c.word }
func (c *choice) Type() string   { return strings.Join(c.words, "|") }

func (c *choice) Set(s string) error {
	if !slices.Contains(c.words, s) {
		return fmt.Errorf("one of %s is wanted", strings.Join(c.words, ", "))
	}
	c.word = s
	return nil
}

// either is a choice of words, the first unless another is given.
func either(words ...string) *choice { return &choice{words, words[0]} }
