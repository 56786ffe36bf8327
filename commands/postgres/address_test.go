package postgres

import (
	"strings"
	"testing"
)

// Whatever an address is, its errors are the two fixed sentences; one that is read has a schema of plain letters.
func FuzzAddressShowsNothing(f *testing.F) {
	for _, seed := range []string{
		"postgres://user:pass@host:5432/db", "postgresql://a,b:1/db?target_session_attrs=read-write&search_path=one", "postgres://u:p@[::1", "postgres://%zz",
		"postgres:///db?search_path=a,b", "postgres://h/db?sslmode=require&pool_max_conns=3", "postgres://h:p/db", "postgres://h/db?connect_timeout=x", "host=h password=p", "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, address string) {
		if strings.Contains(address, "ssl") || strings.Contains(address, "file") || strings.Contains(address, "service") {
			return // these read files of the machine
		}
		config, schema, err := parse(address)
		if err != nil {
			if err != errURL && err != errSchema {
				t.Errorf("an error that is made from the address: %v", err)
			}
			return
		}
		if !schemaForm.MatchString(schema) || config.ConnConfig.RuntimeParams["search_path"] != schema || config.ConnConfig.ConnectTimeout <= 0 {
			t.Errorf("%q was read as schema %q, timeout %v", address, schema, config.ConnConfig.ConnectTimeout)
		}
	})
}

func TestWeakness(t *testing.T) {
	for _, c := range []struct {
		commit, fsync string
		standbys      bool
		takes         bool
	}{
		{"on", "on", false, true}, {"on", "on", true, true}, {"remote_apply", "on", true, true}, {"local", "on", false, true}, {"remote_write", "on", false, true},
		{"local", "on", true, false}, {"remote_write", "on", true, false}, {"off", "on", false, false}, {"off", "on", true, false}, {"on", "off", false, false},
	} {
		if err := weakness(c.commit, c.fsync, c.standbys); (err == nil) != c.takes {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
