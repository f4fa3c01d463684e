package mount

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"allasfs/s3/s3test"
)

// helperStorm reads or writes, with SIGURG coming all the time: storm read|write PATH N. Every error counts, EINTR first of all.
func helperStorm(args []string) error {
	n, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	handled := make(chan os.Signal, 1)
	signal.Notify(handled, syscall.SIGURG) // a handler, as programs have one for SIGCHLD or SIGPROF
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for {
			select {
			case <-stop:
				return
			default:
				_ = syscall.Kill(os.Getpid(), syscall.SIGURG)
				time.Sleep(500 * time.Microsecond)
			}
		}
	}()
	for i := range n {
		var err error
		if args[0] == "read" {
			err = readOnce(args[1], int64(i)<<20)
		} else {
			err = writeOnce(fmt.Sprintf("%s-%d", args[1], i))
		}
		if err != nil {
			return fmt.Errorf("%s %d: %w", args[0], i, err)
		}
	}
	return nil
}

// readOnce and writeOnce use the system calls: package os would try again after EINTR.
func readOnce(path string, off int64) error {
	fd, err := unix.Open(path, unix.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	p := make([]byte, 4096)
	n, err := unix.Pread(fd, p, off)
	if err == nil && n != len(p) {
		err = fmt.Errorf("%d bytes", n)
	}
	return err
}

func writeOnce(path string) error {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CREAT, 0o644)
	if err != nil {
		return err
	}
	if _, err := unix.Write(fd, []byte("storm")); err != nil {
		return err
	}
	if err := unix.Fsync(fd); err != nil {
		return err
	}
	return unix.Close(fd)
}

// TestHarmlessSignals (F3): a program that gets signals all the time sees none of them in its reads, writes and closes.
func TestHarmlessSignals(t *testing.T) {
	m := newMount(t, ttl(0))
	const n = 20
	m.put("big", string(randomBytes(n<<20)))
	m.s3.SetLatency(20 * time.Millisecond)
	run(t, helper("storm", "read", m.path("big"), strconv.Itoa(n)))
	run(t, helper("storm", "write", m.path("w"), strconv.Itoa(n)))
	m.s3.SetLatency(0)
	for i := range n {
		m.wantObject(fmt.Sprintf("w-%d", i), "storm")
	}
}

// helperRead says that it begins and reads the start of a file.
func helperRead(args []string) error {
	fmt.Println("begin")
	return readOnce(args[0], 0)
}

// helperWrite writes a file and says so; then it closes it, or waits with "wait".
func helperWrite(args []string) error {
	fd, err := unix.Open(args[0], unix.O_WRONLY|unix.O_CREAT, 0o644)
	if err != nil {
		return err
	}
	if _, err := unix.Write(fd, []byte("written")); err != nil {
		return err
	}
	fmt.Println("begin")
	if args[1] == "wait" {
		time.Sleep(time.Minute)
	}
	return unix.Close(fd)
}

// helperHandleSigint handles SIGINT, fsyncs and says how that ended.
func helperHandleSigint(args []string) error {
	handled := make(chan os.Signal, 1)
	signal.Notify(handled, syscall.SIGINT)
	fd, err := unix.Open(args[0], unix.O_WRONLY|unix.O_CREAT, 0o644)
	if err != nil {
		return err
	}
	if _, err := unix.Write(fd, []byte("written")); err != nil {
		return err
	}
	fmt.Println("begin")
	if err := unix.Fsync(fd); err != nil {
		fmt.Println("fsync:", unix.ErrnoName(err.(syscall.Errno)))
	}
	return nil
}

// begin starts a helper and waits until it says that it begins.
func begin(t *testing.T, cmd *exec.Cmd) *bufio.Reader {
	t.Helper()
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	ok(t, err)
	ok(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	r := bufio.NewReader(out)
	if line, err := r.ReadString('\n'); err != nil {
		t.Fatalf("the helper did not begin: %q, %v", line, err)
	}
	return r
}

// diesWithin kills the process and fails unless it is gone in time.
func diesWithin(t *testing.T, cmd *exec.Cmd, limit time.Duration) {
	t.Helper()
	start := time.Now()
	ok(t, cmd.Process.Kill())
	_ = cmd.Wait()
	if took := time.Since(start); took > limit {
		t.Errorf("kill -9 took %v", took)
	}
}

func stall(o *setup) { o.stall = 4 * time.Second }

// whenAsked waits for a request of an operation.
func (m *mounted) whenAsked(op string, fault s3test.Fault) {
	asked := make(chan struct{}, 100)
	m.s3.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op != op {
			return nil
		}
		asked <- struct{}{}
		return &fault
	})
	m.t.Cleanup(func() { m.s3.Fault(nil) })
	go func() {
		<-asked
		close(m.asked)
	}()
}

// TestKillWhileReading: a process that waits for bytes that do not come can be killed.
func TestKillWhileReading(t *testing.T) {
	m := newMount(t, stall)
	m.put("f", string(randomBytes(1<<20)))
	m.whenAsked("GetObject", s3test.Fault{StallBody: -1})
	cmd := helper("read", m.path("f"))
	begin(t, cmd)
	<-m.asked
	time.Sleep(50 * time.Millisecond)
	diesWithin(t, cmd, 2*time.Second)
}

// TestKillWhileLookingUp: the same for a request that is no read.
func TestKillWhileLookingUp(t *testing.T) {
	m := newMount(t, stall)
	m.put("d/f", "x")
	m.whenAsked("ListObjectsV2", s3test.Fault{Before: 5 * time.Second})
	cmd := helper("read", m.path("d/f"))
	begin(t, cmd)
	<-m.asked
	time.Sleep(50 * time.Millisecond)
	diesWithin(t, cmd, 2*time.Second)
}

// TestKillWhileClosing: a process that waits for its upload can be killed, before and in close(2), and the upload goes on.
func TestKillWhileClosing(t *testing.T) {
	for _, how := range []string{"close", "wait"} {
		t.Run(how, func(t *testing.T) {
			m := newMount(t, stall)
			m.whenAsked("PutObject", s3test.Fault{Before: 3 * time.Second})
			cmd := helper("write", m.path("f"), how)
			begin(t, cmd)
			if how == "close" {
				<-m.asked
				time.Sleep(50 * time.Millisecond)
			}
			diesWithin(t, cmd, 2*time.Second)
			if _, err := m.object("f"); err == nil {
				t.Error("the upload was over before")
			}
			if !eventually(func() bool { _, err := m.object("f"); return err == nil }) {
				t.Error("the upload did not go on")
			}
			m.wantObject("f", "written")
		})
	}
}

// TestInterruptFromTheKeyboard: a program that handles SIGINT gets EINTR after the grace, and the upload goes on.
func TestInterruptFromTheKeyboard(t *testing.T) {
	m := newMount(t, stall)
	m.whenAsked("PutObject", s3test.Fault{Before: 3 * time.Second})
	cmd := helper("handle-sigint", m.path("f"))
	out := begin(t, cmd)
	<-m.asked
	time.Sleep(50 * time.Millisecond)
	start := time.Now()
	// To the thread that waits, as the terminal's signal reaches a program of one thread.
	ok(t, signalWaiting(cmd.Process.Pid, syscall.SIGINT))
	line, err := out.ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if took := time.Since(start); strings.TrimSpace(line) != "fsync: EINTR" || took < interruptGrace || took > 3*time.Second {
		t.Errorf("%q after %v, want EINTR after %v", line, took, interruptGrace)
	}
	_ = cmd.Wait()
	if !eventually(func() bool { _, err := m.object("f"); return err == nil }) {
		t.Error("the upload did not go on")
	}
}

// signalWaiting signals the thread of a process that is in a request of ours.
func signalWaiting(pid int, sig syscall.Signal) error {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	if err != nil {
		return err
	}
	for _, dir := range threads {
		call, err := os.ReadFile(dir + "/syscall")
		if err != nil {
			return err
		}
		if strings.HasPrefix(string(call), strconv.Itoa(unix.SYS_FSYNC)+" ") {
			tid, err := strconv.Atoi(filepath.Base(dir))
			if err != nil {
				return err
			}
			return unix.Tgkill(pid, tid, sig)
		}
	}
	return errors.New("no thread is in fsync(2)")
}
