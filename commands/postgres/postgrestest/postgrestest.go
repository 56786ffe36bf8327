// Package postgrestest starts real PostgreSQL servers for tests: a common one for each test binary, with a schema of its own for each test, and
// servers of a test's own that may be killed, started again and followed by a standby.
//
// The programs are those on PATH or the newest of Debian's. PostgreSQL does not run as root: under root its processes run as the user postgres, which
// Debian's package makes. Servers listen on loopback alone, their data lie in a folder that is removed, and they end with the
// test binary however that ends. KELISIM_TEST_POSTGRES=postgres://… names a server to be used as the common one.
package postgrestest

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Main runs a package's tests and then ends the common server. Call it from TestMain.
func Main(m *testing.M) { os.Exit(Run(m)) }

// Run is Main for a TestMain that has more to do; it answers the exit code.
func Run(m interface{ Run() int }) int {
	code := m.Run()
	common.mu.Lock()
	defer common.mu.Unlock()
	if common.server != nil {
		common.server.stop()
	}
	if template.dir != "" {
		_ = os.RemoveAll(template.dir)
	}
	return code
}

var common struct {
	mu     sync.Mutex
	server *Server
}

// URL is the address of a schema of the common server that nobody else uses. It is made by whoever opens it first; on a named server it is
// dropped after the test.
func URL(t testing.TB) string {
	t.Helper()
	schema := "test_" + strings.ToLower(rand.Text())
	base := os.Getenv("KELISIM_TEST_POSTGRES")
	if base != "" {
		t.Cleanup(func() { Exec(t, base, "DROP SCHEMA IF EXISTS "+schema+" CASCADE") })
	} else {
		programs(t)
		common.mu.Lock()
		defer common.mu.Unlock()
		if common.server == nil {
			server, err := start()
			if err != nil {
				t.Fatal(err)
			}
			common.server = server
		}
		base = common.server.URL()
	}
	return With(base, "search_path", schema)
}

// With adds a parameter to an address.
func With(url, name, value string) string {
	if strings.Contains(url, "?") {
		return url + "&" + name + "=" + value
	}
	return url + "?" + name + "=" + value
}

// Exec runs statements on a connection of their own.
func Exec(t testing.TB, url string, statements ...string) {
	t.Helper()
	c := Connect(t, url)
	for _, s := range statements {
		if _, err := c.Exec(context.Background(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	if err := c.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// Connect makes a bare connection, which the test closes.
func Connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// patience is the longest that a test waits for what must come; it is never a measure.
const patience = 60 * time.Second

// found is where PostgreSQL's programs lie.
var found = sync.OnceValue(func() string {
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(path)
		}
	}
	dirs, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	dirs = slices.DeleteFunc(dirs, func(dir string) bool {
		_, err := os.Stat(filepath.Join(dir, "initdb"))
		return err != nil
	})
	release := func(dir string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(dir)))
		return n
	}
	slices.SortFunc(dirs, func(a, b string) int { return release(a) - release(b) })
	if len(dirs) == 0 {
		return ""
	}
	return dirs[len(dirs)-1]
})

// programs skips the test where there is no server to start.
func programs(t testing.TB) {
	t.Helper()
	if found() == "" {
		t.Skip("no PostgreSQL server here: install Debian's package postgresql, or name a server in KELISIM_TEST_POSTGRES=postgres://…")
	}
	if _, err := user.Lookup("postgres"); os.Getuid() == 0 && err != nil {
		t.Skip("PostgreSQL does not run as root, and there is no user postgres: install Debian's package postgresql, or run the tests as another user")
	}
}

// template is a new cluster that was never started; each server begins with a copy.
var template struct {
	once sync.Once
	dir  string
	err  error
}

// newFolder makes a folder that the server's user owns.
func newFolder() (string, error) {
	dir, err := os.MkdirTemp("", "kelisim-postgres-")
	if err == nil {
		err = give(dir)
	}
	return dir, err
}

func makeTemplate() {
	if template.dir, template.err = newFolder(); template.err != nil {
		return
	}
	data := filepath.Join(template.dir, "data")
	if template.err = run(template.dir, filepath.Join(found(), "initdb"), "-D", data, "-U", "kelisim", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"); template.err != nil {
		return
	}
	// The user "locked" alone must show a password.
	hba := filepath.Join(data, "pg_hba.conf")
	text, err := os.ReadFile(hba)
	if err == nil {
		err = os.WriteFile(hba, append([]byte("host all locked all scram-sha-256\n"), text...), 0o600)
	}
	template.err = err
}

// run runs a program as the server's user, to its end.
func run(dir, program string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env = dir, environment(dir)
	asServer(cmd)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(program), err, out)
	}
	return nil
}

// environment holds nothing of the test's own, such as PGHOST.
func environment(dir string) []string {
	return []string{"PATH=" + found() + ":/usr/bin:/bin", "LC_ALL=C", "HOME=" + dir, "TZ=UTC"}
}
