package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"allasfs/cache"
	"allasfs/cmd/allasfs/internal/control"
	"allasfs/cmd/allasfs/internal/mountpoint"
	"allasfs/s3/s3test"
)

// The scripts in testdata/script run the program as a user does, against servers in this process. They know these commands beside those of testscript:
//
//	code N COMMAND…             the command ends with exit code N
//	until COMMAND…              the command succeeds, at the latest after a while
//	[!] mounted DIR             the directory is an allasfs mount
//	daemon DIR                  sets $PID and $LOG to those of the mount's daemon
//	ended [-now] PID            the process has ended, at the latest after a while
//	nosecret PID FILE…          the keys are neither in the process' /proc files nor in the files
//	exec hold FILE TEXT READY   writes a line to a new file, makes the file READY, and keeps the first one open until SIGINT
//	exec holdmap FILE TEXT READY  writes a line to the start of a file by a shared mapping, makes the file READY, and keeps it mapped until SIGINT
//	exec fusemount DIR …        does what Apptainer does, see fusemount
//	notify USEC|off             listens as systemd does, with that time for the watchdog
//	notified REGEXP             waits until systemd has been told a message that matches; the next one looks at what comes after
//	s3put BUCKET KEY TEXT       makes an object
//	[!] s3is BUCKET KEY FILE    the object has the file's bytes
//	s3 slow TIME|fast           each upload takes so long
//	s3 asked                    an upload has begun since then
//	s3 slowread TIME|fast       each download takes so long
//	s3 locked KEY               the object cannot be downloaded; ends with s3 fast
//	s3 quota BYTES|none         what the buckets may hold
//	s3 keys ACCESS SECRET       the user has these keys now, and no others
//	s3 morekeys ACCESS SECRET   the user has these keys, too
//	s3 public BUCKET            everybody may read the bucket
//	s3 clock OFFSET             the server's clock differs by so much
const scripts = "testdata/script"

const patience = 20 * time.Second // for until and ended

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"allasfs": main, "mount.allasfs": main, "mount.fuse.allasfs": main, "umount.fuse.allasfs": main, "hold": hold, "holdmap": holdMap, "fusemount": fusemount, "fusecontained": fusecontained, "headless": headless})
}

// hold is a program that writes os.Args[2] and a newline to os.Args[1] and keeps it open. It starts no process, for a copy of the descriptor that is closed
// there would be an upload; a shell does that for every command.
func hold() {
	end := make(chan os.Signal, 1)
	signal.Notify(end, unix.SIGINT)
	fd, err := unix.Open(os.Args[1], unix.O_CREAT|unix.O_WRONLY|unix.O_CLOEXEC, 0o644)
	if err == nil {
		_, err = unix.Write(fd, []byte(os.Args[2]+"\n"))
	}
	if err == nil {
		err = os.WriteFile(os.Args[3], nil, 0o600)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	<-end
	if err := unix.Close(fd); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// holdMap is a program that writes os.Args[2] and a newline to the start of os.Args[1] by a shared mapping, which nobody syncs.
func holdMap() {
	end := make(chan os.Signal, 1)
	signal.Notify(end, unix.SIGINT)
	fd, err := unix.Open(os.Args[1], unix.O_RDWR|unix.O_CLOEXEC, 0)
	var p []byte
	if err == nil {
		line := os.Args[2] + "\n"
		p, err = unix.Mmap(fd, 0, len(line), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		copy(p, line)
	}
	if err == nil {
		err = os.WriteFile(os.Args[3], nil, 0o600)
	}
	if err == nil {
		<-end
		err = errors.Join(unix.Munmap(p), unix.Close(fd))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func TestScripts(t *testing.T) {
	root := scriptRoot(t)
	t.Setenv(serverEnv, serverBinary(t))
	testscript.Run(t, testscript.Params{
		Dir:         scripts,
		WorkdirRoot: root,
		Setup:       setUp,
		Condition:   condition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code": cmdCode, "until": cmdUntil, "mounted": cmdMounted, "daemon": cmdDaemon, "ended": cmdEnded, "nosecret": cmdNoSecret,
			"s3put": cmdPut, "s3is": cmdIs, "s3": cmdServer, "notify": cmdNotify, "notified": cmdNotified,
		},
	})
}

// condition knows "root"; "userns": an ordinary user may make a namespace of users and one of mounts; "past": the kernel can write new files past the daemon.
func condition(cond string) (bool, error) {
	switch cond {
	case "root":
		return os.Getuid() == 0, nil
	case "past":
		return canWritePast()
	case "userns":
		return exec.Command("unshare", "-Urm", "true").Run() == nil, nil
	}
	return false, fmt.Errorf("unknown condition %q", cond)
}

func canWritePast() (bool, error) {
	dir, err := os.MkdirTemp("", "afs")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	c, err := cache.Open(cache.Options{Dir: filepath.Join(dir, "cache")})
	if err != nil {
		return false, err
	}
	defer c.Close()
	return c.CanLend(0) == nil, nil
}

// TestScriptsAsUser runs TestScripts once more as an ordinary user, who mounts through fusermount3.
func TestScriptsAsUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("TestScripts has run as an ordinary user")
	}
	if _, err := mountpoint.Fusermount(); err != nil {
		t.Fatalf("%v (scripts/setup installs it)", err)
	}
	if fi, err := os.Stat("/dev/fuse"); err != nil || fi.Mode().Perm()&0o006 != 0o006 {
		t.Fatalf("/dev/fuse is not open to ordinary users: %v (scripts/setup sees to it)", err)
	}
	const nobody = 65534
	dir := scriptRoot(t)
	fatal(t, os.Chown(dir, nobody, nobody))
	fatal(t, os.CopyFS(filepath.Join(dir, scripts), os.DirFS(scripts)))
	exe, err := os.ReadFile("/proc/self/exe")
	fatal(t, err)
	bin := filepath.Join(dir, "cli.test")
	fatal(t, os.WriteFile(bin, exe, 0o755))
	cmd := exec.CommandContext(t.Context(), bin, "-test.run=^TestScripts$", "-test.v="+strconv.FormatBool(testing.Verbose()))
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + dir, "HOME=" + dir, serverEnv + "=" + serverBinary(t)}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("as an ordinary user: %v", err)
	}
	if !strings.Contains(string(out), "PASS") {
		t.Fatal("no test ran as an ordinary user")
	}
}

// scriptRoot is a folder with a short path that every user may enter, removed at the end; mounts that a script left are an error.
func scriptRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "afs")
	fatal(t, err)
	fatal(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() {
		left, err := mountpoint.Ours()
		if err != nil {
			t.Error(err)
		}
		for _, m := range left {
			if mountpoint.Within(m.Dir, dir) {
				t.Errorf("left mounted: %s", m.Dir)
				_ = mountpoint.Unmount(m.Dir, true)
			}
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// serverEnv names the demo's server where it has been built already.
const serverEnv = "ALLASFS_TEST_S3SERVER"

// serverBinary builds the demo's server.
func serverBinary(t *testing.T) string {
	t.Helper()
	if bin := os.Getenv(serverEnv); bin != "" {
		return bin
	}
	dir, err := os.MkdirTemp("", "afs")
	fatal(t, err)
	fatal(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { os.RemoveAll(dir) })
	bin := filepath.Join(dir, demoServerName)
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "allasfs/s3/s3test/s3server").CombinedOutput()
	if err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return bin
}

type serverKey struct{}

// setUp gives a script a server with a few objects, another one with TLS, and a home in which allas-conf has been run.
func setUp(env *testscript.Env) error {
	plain, err := s3test.Start(s3test.WithUser("othersKey", "othersSecret"))
	if err != nil {
		return err
	}
	secure, err := s3test.Start(s3test.WithTLS())
	if err != nil {
		return errors.Join(err, plain.Close())
	}
	plain.PutObject("data", "dir/hello.txt", []byte("hello\n"), nil)
	plain.MakeBucketFor("othersKey", "theirs")
	env.Values[serverKey{}] = plain
	env.Values[listenerKey{}] = &listener{}
	env.Vars = append(env.Vars, "HOME="+filepath.Join(env.WorkDir, "home"), "XDG_RUNTIME_DIR="+filepath.Join(env.WorkDir, "r"),
		"ENDPOINT="+plain.URL, "TLS_ENDPOINT="+secure.URL, "SERVER_DIR="+filepath.Dir(os.Getenv(serverEnv)), "UID="+uidText())
	env.Defer(func() {
		cleanUp(env)
		_ = plain.Close()  // of a test that is over
		_ = secure.Close() // likewise
	})
	write := func(name, text string) {
		if err == nil {
			path := filepath.Join(env.WorkDir, name)
			err = errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600))
		}
	}
	write("home/.aws/credentials", fmt.Sprintf("[default]\nAWS_ACCESS_KEY_ID=%s\nAWS_SECRET_ACCESS_KEY=%s\n", plain.AccessKey, plain.SecretKey))
	write("home/.aws/config", fmt.Sprintf("[default]\nendpoint_url = %s\n", plain.URL))
	write("ca.pem", string(secure.CACert))
	write("r/.keep", "")
	return err
}

// cleanUp ends daemons that a failed script left, the hard way.
func cleanUp(env *testscript.Env) {
	records, _ := control.Records(control.Dirs(os.Getuid(), env.Getenv)) // none: nothing to end
	for _, r := range records {
		if mountpoint.Within(r.Mountpoint, env.WorkDir) {
			_ = unix.Kill(r.PID, unix.SIGKILL)
		}
	}
}

func server(ts *testscript.TestScript) *s3test.Server { return ts.Value(serverKey{}).(*s3test.Server) }

func cmdCode(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exited *exec.ExitError
		if !errors.As(err, &exited) {
			ts.Fatalf("%v", err)
		}
		got = exited.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func cmdUntil(ts *testscript.TestScript, _ bool, args []string) {
	end := time.Now().Add(patience)
	for {
		err := ts.Exec(args[0], args[1:]...)
		if err == nil {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("does not succeed: %v", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func cmdMounted(ts *testscript.TestScript, neg bool, args []string) {
	m, ok, err := mountpoint.At(ts.MkAbs(args[0]))
	ts.Check(err)
	if mounted := ok && m.Ours(); mounted == neg {
		ts.Fatalf("mounted: %t", mounted)
	}
}

func cmdDaemon(ts *testscript.TestScript, _ bool, args []string) {
	records, err := control.Records(control.Dirs(os.Getuid(), ts.Getenv))
	ts.Check(err)
	m, _, err := mountpoint.At(ts.MkAbs(args[0]))
	ts.Check(err)
	r := targetOf(m, records).Record
	if r == nil {
		ts.Fatalf("%s has no record", args[0])
	}
	ts.Setenv("PID", strconv.Itoa(r.PID))
	ts.Setenv("LOG", r.LogFile)
}

func cmdEnded(ts *testscript.TestScript, _ bool, args []string) {
	limit := patience
	if args[0] == "-now" {
		limit, args = 0, args[1:]
	}
	pid, err := strconv.Atoi(args[0])
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	ts.Check(waitEnd(ctx, pid))
}

func cmdNoSecret(ts *testscript.TestScript, _ bool, args []string) {
	proc := "/proc/" + args[0] + "/"
	files := append([]string{proc + "cmdline", proc + "environ"}, args[1:]...)
	for _, f := range files {
		data, err := os.ReadFile(f)
		if errors.Is(err, os.ErrPermission) && f == proc+"environ" {
			continue // better still
		}
		ts.Check(err)
		for _, secret := range []string{server(ts).SecretKey, server(ts).AccessKey} {
			if bytes.Contains(data, []byte(secret)) {
				ts.Fatalf("%s holds a key:\n%s", f, data)
			}
		}
	}
}

func cmdPut(ts *testscript.TestScript, _ bool, args []string) {
	server(ts).PutObject(args[0], args[1], []byte(args[2]), nil)
}

func cmdIs(ts *testscript.TestScript, neg bool, args []string) {
	o, err := server(ts).Object(args[0], args[1])
	if neg && errors.Is(err, os.ErrNotExist) {
		return
	}
	ts.Check(err)
	if same := string(o.Data) == ts.ReadFile(args[2]); same == neg {
		ts.Fatalf("%s/%s: %d bytes, the same as %s: %t", args[0], args[1], len(o.Data), args[2], same)
	}
}

func cmdServer(ts *testscript.TestScript, _ bool, args []string) {
	s := server(ts)
	switch args[0] {
	case "slow":
		d, err := time.ParseDuration(args[1])
		ts.Check(err)
		s.ResetCounts()
		s.Fault(func(r s3test.Request) *s3test.Fault {
			if r.Op == "PutObject" || r.Op == "UploadPart" {
				return &s3test.Fault{Before: d}
			}
			return nil
		})
	case "asked": // to store something, since it is slow
		for begin := time.Now(); s.Count("PutObject", "UploadPart") == 0; time.Sleep(10 * time.Millisecond) {
			if time.Since(begin) > patience {
				ts.Fatalf("asked for nothing but %v", s.Counts())
			}
		}
	case "slowread":
		d, err := time.ParseDuration(args[1])
		ts.Check(err)
		s.Fault(func(r s3test.Request) *s3test.Fault {
			if r.Op == "GetObject" {
				return &s3test.Fault{Before: d}
			}
			return nil
		})
	case "locked":
		s.Fault(func(r s3test.Request) *s3test.Fault {
			if r.Op == "GetObject" && r.Key == args[1] {
				return &s3test.Fault{Status: 403}
			}
			return nil
		})
	case "silent": // for who reads; nobody who waits is answered later
		s.Fault(func(r s3test.Request) *s3test.Fault {
			if r.Op == "GetObject" {
				return &s3test.Fault{Before: time.Hour}
			}
			return nil
		})
	case "fast":
		s.Fault(nil)
	case "quota":
		n := int64(-1)
		if args[1] != "none" {
			var err error
			n, err = strconv.ParseInt(args[1], 10, 64)
			ts.Check(err)
		}
		s.SetQuota(n, -1)
	case "keys": // replace those of the user
		s.SetKeys(args[1], args[2])
	case "morekeys": // beside those of the user
		s.AddKeys(args[1], args[2])
	case "public":
		s.SetPublic(args[1], true)
	case "clock":
		d, err := time.ParseDuration(args[1])
		ts.Check(err)
		s.SetClockOffset(d)
	default:
		ts.Fatalf("unknown: s3 %s", args[0])
	}
}
