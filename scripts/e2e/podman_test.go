package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// podman starts containers whose root directory holds a static busybox and allasfs, without an image and on the host's network.
type podman struct {
	w      *world
	rootfs string
	podman []string // the program with its storage
	args   []string // of a container
}

// needPodman skips the test where Podman, or a static busybox for the containers, is not installed, or the machine cannot run one.
func needPodman(t *testing.T) *podman {
	t.Helper()
	w := need(t)
	busybox := "/bin/busybox"
	for _, bin := range []string{"/usr/bin/podman", busybox} {
		if _, err := os.Stat(bin); err != nil {
			t.Skipf("%v (scripts/setup podman installs it)", err)
		}
	}
	store, err := os.MkdirTemp("/tmp", "pod") // Podman takes 50 characters at most
	fatal(t, err)
	t.Cleanup(func() { fatal(t, os.RemoveAll(store)) })
	p := &podman{w: w, rootfs: w.freshDir(t, "rootfs")}
	p.podman = []string{"podman", "--root", store + "/root", "--runroot", store + "/run", "--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--events-backend", "none"}
	if os.Getuid() != 0 { // then a process stays, which holds the user's namespace
		t.Cleanup(func() { w.run(t, w.dir, p.podman[0], append(p.podman[1:], "system", "migrate")...) })
	}
	for _, dir := range []string{"bin", "dev", "etc", "mnt", "proc", "root", "run", "sys", "tmp"} {
		fatal(t, os.MkdirAll(filepath.Join(p.rootfs, dir), 0o755))
	}
	for _, name := range []string{"sh", "ls", "cat", "echo", "true"} {
		fatal(t, os.Symlink("busybox", filepath.Join(p.rootfs, "bin", name)))
	}
	w.run(t, w.dir, "cp", busybox, w.binary, p.rootfs+"/bin/")
	p.args = []string{
		"run", "--rm", "--network", "host", "--cgroups", "disabled", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000",
	}
	if out, err := p.command(t, nil, "true").CombinedOutput(); err != nil {
		t.Skipf("podman cannot run a container here: %v\n%s", err, out)
	}
	return p
}

// command is one container that runs words. Where two hierarchies of control groups are mounted, which crun refuses, it sees but one.
func (p *podman) command(t *testing.T, flags []string, words ...string) *exec.Cmd {
	t.Helper()
	const oneHierarchy = `umount /sys/fs/cgroup/unified 2>/dev/null; exec "$@"`
	var args []string
	if os.Getuid() == 0 {
		args = []string{"unshare", "--mount", "sh", "-c", oneHierarchy, "sh"}
	}
	args = append(append(args, p.podman...), p.args...)
	args = append(args, "-e", "AWS_ACCESS_KEY_ID="+p.w.gw.access, "-e", "AWS_SECRET_ACCESS_KEY="+p.w.gw.secret)
	args = append(append(args, flags...), "--rootfs", p.rootfs)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, args[0], append(args[1:], words...)...)
	cmd.WaitDelay = time.Second
	cmd.Dir, cmd.Env = p.w.dir, p.w.env()
	return cmd
}

// TestPodman: a container that has /dev/fuse and may mount makes a mount of its own.
func TestPodman(t *testing.T) {
	p := needPodman(t)
	bucket := p.w.bucketName(t, "podman")
	p.w.store(t, "make", bucket, "private")
	script := fmt.Sprintf("echo from within >$ALLASFS_DIR/%s/f; cat $ALLASFS_DIR/%s/f", bucket, bucket)
	out, err := p.command(t, []string{"--device", "/dev/fuse", "--cap-add", "SYS_ADMIN"}, "allasfs", "run", "--endpoint", p.w.gw.url, "--at", "/mnt", "--", "sh", "-c", script).CombinedOutput()
	if err != nil || !strings.HasSuffix(string(out), "from within\n") {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := p.w.objects(t, bucket)["f"]; got != digestOf([]byte("from within\n")) {
		t.Errorf("in the store: %v", got)
	}
}

// TestPodmanServesHandedOverMount: a container without any right serves what is mounted outside it, by its descriptor, until it is asked to end.
func TestPodmanServesHandedOverMount(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting outside needs root")
	}
	p := needPodman(t)
	bucket := p.w.bucketName(t, "podman")
	p.w.store(t, "make", bucket, "private")
	dir := p.w.freshDir(t, "m")
	connection, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	fatal(t, err)
	defer connection.Close()
	fatal(t, unix.Mount("fuse", dir, "fuse", unix.MS_NOSUID|unix.MS_NODEV, fmt.Sprintf("fd=%d,rootmode=40755,user_id=0,group_id=0", connection.Fd())))
	defer unix.Unmount(dir, unix.MNT_DETACH)
	daemon := p.command(t, []string{"--preserve-fds", "1"}, "allasfs", "mount", "-f", "--endpoint", p.w.gw.url, bucket, "/dev/fd/3")
	daemon.ExtraFiles = []*os.File{connection}
	var out strings.Builder
	daemon.Stdout, daemon.Stderr = &out, &out
	fatal(t, daemon.Start())
	fatal(t, connection.Close())
	p.w.run(t, dir, "sh", "-c", "echo from outside >f; cat f")
	fatal(t, daemon.Process.Signal(unix.SIGTERM)) // the end of the mount would not do: the namespaces that Podman made hold it
	if err := daemon.Wait(); err != nil {
		t.Errorf("%v\n%s", err, out.String())
	}
	if got := p.w.objects(t, bucket)["f"]; got != digestOf([]byte("from outside\n")) {
		t.Errorf("in the store: %v", got)
	}
}
