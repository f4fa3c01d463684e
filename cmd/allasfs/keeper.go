package main

// This file is the line between `allasfs run`, the keeper, and its daemon. A batch system sends a signal to every process of a job at once; the daemon
// must outlive the command, which may write its last results then. So such a daemon does not listen to signals: its keeper tells it by a byte each time
// when to end and when to cut that short, and hears at last whether every file is in the store. The end of the line, when the keeper was killed, asks
// for the end too; uploads then go on until they have succeeded.

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"allasfs/cmd/allasfs/internal/exit"
)

// keeperEnv is "FD:DIR": the daemon's end of the line, and the mountpoint that the keeper chose.
const keeperEnv = "ALLASFS_KEEPER"

// keptMount reads what the keeper of this process, a daemon, left in the environment, which forgets it; a nil file when there is no keeper.
func keptMount() (*os.File, string, error) {
	v, ok := os.LookupEnv(keeperEnv)
	if !ok {
		return nil, "", nil
	}
	if err := os.Unsetenv(keeperEnv); err != nil {
		return nil, "", err
	}
	number, dir, _ := strings.Cut(v, ":")
	fd, err := strconv.Atoi(number)
	var st unix.Stat_t
	if err != nil || fd < 3 || unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return nil, "", exit.New(exit.Usage, "unset it: allasfs sets it itself", "%s=%q is not a socket and a mountpoint", keeperEnv, v)
	}
	unix.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), "keeper"), dir, nil
}

// watch counts what ends a daemon: the words of its keeper, or signals where there is none.
func watch(keeper *os.File) *signalWatch {
	if keeper == nil {
		return watchSignals()
	}
	signal.Ignore(unix.SIGHUP, unix.SIGPIPE, unix.SIGTERM, unix.SIGINT)
	w := &signalWatch{make(chan struct{}), make(chan struct{}), make(chan struct{}), make(chan struct{})}
	go func() { // ends with the keeper, or with the process
		word := make([]byte, 1)
		_, _ = keeper.Read(word) // the end of the line is a word too
		close(w.first)
		if n, _ := keeper.Read(word); n > 0 { // no word: uploads go on without the keeper
			close(w.second)
		}
	}()
	close(w.done) // stop has nothing to wait for
	return w
}

// tellKeeper gives the keeper the last word of a daemon that ended with err. A keeper that was killed hears nothing.
func tellKeeper(keeper *os.File, err error) {
	if keeper != nil {
		_ = json.NewEncoder(keeper).Encode(ready{Failure: exit.Of(err)})
	}
}

// errDied is the end of a daemon that could not say its last word.
type errDied struct{ state error }

func (e errDied) Error() string { return fmt.Sprintf("the daemon of the mount died (%v)", e.state) }

// keptDaemon is a daemon that this process, its keeper, has started.
type keptDaemon struct {
	cmd  *exec.Cmd
	line *os.File
}

// keeperLine makes the line. prepare hands the daemon its end.
func keeperLine(dir string) (k *keptDaemon, prepare func(*exec.Cmd), theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, nil, os.NewSyscallError("socketpair", err)
	}
	theirs = os.NewFile(uintptr(fds[1]), "daemon's end")
	prepare = func(cmd *exec.Cmd) {
		cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%d:%s", keeperEnv, 3+len(cmd.ExtraFiles), dir))
		cmd.ExtraFiles = append(cmd.ExtraFiles, theirs)
	}
	return &keptDaemon{line: os.NewFile(uintptr(fds[0]), "daemon")}, prepare, theirs, nil
}

// end asks the daemon to finish uploads and end; hurry, once it is closed, cuts that short. It returns what the daemon said at its end: nil when every file
// is in the store.
func (k *keptDaemon) end(hurry <-chan struct{}) error {
	said := make(chan error, 1)
	go func() { said <- k.lastWord() }()
	_, err := k.line.WriteString("e")
	if err == nil {
		select {
		case err := <-said:
			return err
		case <-hurry:
			_, err = k.line.WriteString("q")
		}
	}
	return errors.Join(<-said, quiet(err))
}

// quiet forgets that the line was broken: lastWord tells what became of the daemon.
func quiet(err error) error {
	if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) {
		return nil
	}
	return err
}

// lastWord waits for the daemon's end and returns what it said.
func (k *keptDaemon) lastWord() error {
	var news ready
	err := json.NewDecoder(k.line).Decode(&news)
	state := k.cmd.Wait()
	switch {
	case err != nil:
		return errDied{state}
	case news.Failure != nil:
		return news.Failure
	}
	return nil
}
