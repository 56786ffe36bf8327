package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// server is kelisim serve, or demo, in a process of its own.
type server struct {
	url    string
	stdout bytes.Buffer

	command *exec.Cmd
	ended   chan error // once
	mu      sync.Mutex
	stderr  bytes.Buffer
}

// startServer runs a command that listens, in a directory and environment, and waits until it does.
func startServer(dir string, env []string, args ...string) (*server, error) {
	s := &server{ended: make(chan error, 1)}
	s.command = exec.Command("kelisim", append(args, "--listen", "127.0.0.1:0")...)
	s.command.Dir, s.command.Env, s.command.Stdout = dir, env, &s.stdout
	if env == nil {
		s.command.Env = os.Environ()
	}
	pipe, err := s.command.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := s.command.Start(); err != nil {
		return nil, err
	}
	listening := make(chan string, 1)
	go func() {
		lines := bufio.NewReader(pipe)
		for {
			line, err := lines.ReadString('\n')
			s.mu.Lock()
			s.stderr.WriteString(line)
			s.mu.Unlock()
			if _, url, ok := strings.Cut(strings.TrimSpace(line), "kelisim is listening on "); ok {
				listening <- url
			}
			if err != nil {
				break
			}
		}
		_, _ = io.Copy(io.Discard, pipe)
		s.ended <- s.command.Wait()
	}()
	select {
	case s.url = <-listening:
		return s, nil
	case err := <-s.ended:
		return nil, fmt.Errorf("it ended before it listened (%v): %s", err, s.said())
	case <-time.After(time.Minute):
		s.kill()
		return nil, fmt.Errorf("it does not listen: %s", s.said())
	}
}

// said is what it wrote to standard error so far.
func (s *server) said() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.stderr.Bytes())
}

// stop interrupts it and waits for its end.
func (s *server) stop() (code int, err error) {
	if err := s.command.Process.Signal(os.Interrupt); err != nil {
		return 0, err
	}
	select {
	case err := <-s.ended:
		s.ended <- err
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return exit.ExitCode(), nil
		}
		return 0, err
	case <-time.After(time.Minute):
		return 0, errors.New("it does not stop")
	}
}

// kill ends it as a power cut would, and waits.
func (s *server) kill() {
	_ = s.command.Process.Signal(syscall.SIGKILL)
	err := <-s.ended
	s.ended <- err
}
