package postgrestest

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// quickly asks a server to end at once; its processes leave no shared memory behind.
const quickly = syscall.SIGQUIT

// serverUser is who owns the server's processes: nil is whoever runs the tests.
func serverUser() *syscall.Credential {
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil
	}
	uid, _ := strconv.ParseUint(u.Uid, 10, 32)
	gid, _ := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// give makes a folder the server's user's.
func give(dir string) error {
	if u := serverUser(); u != nil {
		return os.Chown(dir, int(u.Uid), int(u.Gid))
	}
	return nil
}

func asServer(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Credential: serverUser()} }

// startWithUs starts a process that is told to end when this one does. The system ties that to the thread which started it, so a thread is kept
// for as long as the process lives.
func startWithUs(cmd *exec.Cmd, exited chan struct{}) error {
	asServer(cmd)
	cmd.SysProcAttr.Pdeathsig = quickly
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // however it ends
		}
		close(exited)
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start the PostgreSQL server: %w", err)
	}
	return nil
}

// children are the processes that a process has started.
func children(of int) (pids []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// pid (name) state parent …: the name may hold anything.
		_, rest, _ := strings.Cut(string(text[strings.LastIndexByte(string(text), ')')+1:]), " ")
		fields := strings.Fields(rest)
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if len(fields) > 1 && fields[1] == strconv.Itoa(of) && pid > 1 {
			pids = append(pids, pid)
		}
	}
	return pids
}
