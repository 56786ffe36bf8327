package postgrestest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Server is a PostgreSQL server of the test's own.
type Server struct {
	dir    string // holds data and log
	port   int
	args   []string
	cmd    *exec.Cmd
	exited chan struct{} // closed when the process has ended
}

// Start makes a server, ended after the test. Settings are of the form name=value.
func Start(t testing.TB, settings ...string) *Server {
	t.Helper()
	programs(t)
	s, err := start(settings...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	return s
}

func start(settings ...string) (*Server, error) {
	template.once.Do(makeTemplate)
	if template.err != nil {
		return nil, template.err
	}
	s, err := newServer(settings)
	if err != nil {
		return nil, err
	}
	if err := run(s.dir, "cp", "-a", filepath.Join(template.dir, "data"), s.data()); err != nil {
		return nil, err
	}
	return s, s.begin(true)
}

func newServer(settings []string) (*Server, error) {
	dir, err := newFolder()
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir}
	for _, setting := range append([]string{"listen_addresses=127.0.0.1", "unix_socket_directories=", "shared_buffers=32MB", "max_connections=200"}, settings...) {
		s.args = append(s.args, "-c", setting)
	}
	return s, nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// Port is where the server listens, on 127.0.0.1.
func (s *Server) Port() int { return s.port }

// URL is the server's address.
func (s *Server) URL() string {
	return fmt.Sprintf("postgres://kelisim:not-a-secret@127.0.0.1:%d/postgres?sslmode=disable", s.port)
}

// begin starts the process and waits until it takes connections. A port that someone else took meanwhile is exchanged for another.
func (s *Server) begin(anyPort bool) error {
	deadline := time.Now().Add(patience)
	for {
		if anyPort {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			s.port = l.Addr().(*net.TCPAddr).Port
			_ = l.Close()
		}
		err := s.spawn()
		if err == nil {
			err = s.ready(deadline)
		}
		if err == nil || time.Now().After(deadline) {
			return err
		}
		// The killed processes of a life before may still hold its memory or its port.
		time.Sleep(50 * time.Millisecond)
	}
}

func (s *Server) spawn() error {
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	s.cmd = exec.Command(filepath.Join(found(), "postgres"), append([]string{"-D", s.data(), "-c", "port=" + strconv.Itoa(s.port)}, s.args...)...)
	s.cmd.Dir, s.cmd.Env = s.dir, environment(s.dir)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.exited = make(chan struct{})
	return startWithUs(s.cmd, s.exited)
}

// ready waits until the server answers, or its process has ended.
func (s *Server) ready(deadline time.Time) error {
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	for {
		c, err := pgx.Connect(ctx, s.URL())
		if err == nil {
			return c.Close(ctx)
		}
		select {
		case <-s.exited:
			log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			return fmt.Errorf("the PostgreSQL server ended: %s", log)
		case <-ctx.Done():
			return fmt.Errorf("the PostgreSQL server does not answer: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Kill ends the server and all its processes as a power cut would: with no time to do anything.
func (s *Server) Kill() {
	all := children(s.cmd.Process.Pid)
	_ = s.cmd.Process.Kill()
	for _, pid := range all {
		if p, err := os.FindProcess(pid); err == nil {
			_ = p.Kill()
		}
	}
	<-s.exited
}

// Restart begins a new life of a killed server, on the same port.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	if err := s.begin(false); err != nil {
		t.Fatal(err)
	}
}

// Standby makes a server that follows this one, and has this one wait for it at each commit.
func (s *Server) Standby(t testing.TB) *Server {
	t.Helper()
	standby, err := newServer(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(standby.stop)
	err = run(standby.dir, filepath.Join(found(), "pg_basebackup"), "-h", "127.0.0.1", "-p", strconv.Itoa(s.port), "-U", "kelisim",
		"-D", standby.data(), "-R", "-X", "stream", "-c", "fast", "--no-sync")
	if err == nil {
		err = standby.begin(true)
	}
	if err != nil {
		t.Fatal(err)
	}
	Exec(t, s.URL(), "ALTER SYSTEM SET synchronous_standby_names = '*'", "ALTER SYSTEM SET synchronous_commit = 'remote_apply'", "SELECT pg_reload_conf()")
	c := Connect(t, s.URL())
	defer c.Close(context.Background())
	Until(t, func() bool {
		var n int
		err := c.QueryRow(context.Background(), `SELECT count(*) FROM pg_stat_replication
			WHERE sync_state = 'sync' AND current_setting('synchronous_commit') = 'remote_apply'`).Scan(&n)
		return err == nil && n == 1
	})
	return standby
}

// Promote makes a standby take writes.
func (s *Server) Promote(t testing.TB) {
	t.Helper()
	Exec(t, s.URL(), "SELECT pg_promote()")
}

// Until waits for a condition.
func Until(t testing.TB, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("what was waited for did not come")
		}
	}
}

// stop ends the server quickly, and removes its data.
func (s *Server) stop() {
	if s.cmd != nil && s.cmd.Process != nil {
		select {
		case <-s.exited:
		default:
			_ = s.cmd.Process.Signal(quickly)
			select {
			case <-s.exited:
			case <-time.After(patience):
				s.Kill()
			}
		}
	}
	// Its children end a moment later, and may still write.
	for deadline := time.Now().Add(patience); os.RemoveAll(s.dir) != nil && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
	}
}
