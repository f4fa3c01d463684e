package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// mountProjects mounts two projects side by side, and a third one whose keys the store refuses.
func (w *world) mountProjects(t *testing.T, sources ...string) *mounted {
	t.Helper()
	var conf strings.Builder
	for _, p := range [][3]string{{"project_2000001", w.gw.access, w.gw.secret}, {"project_2000002", w.gw.otherAccess, w.gw.otherSecret}, {"project_2000003", "revoked", "secret"}} {
		fmt.Fprintf(&conf, "[s3allas-%s]\ntype = s3\naccess_key_id = %s\nsecret_access_key = %s\nendpoint = %s\n", p[0], p[1], p[2], w.gw.url)
	}
	home := w.freshDir(t, "h")
	file := filepath.Join(home, "rclone.conf")
	fatal(t, os.WriteFile(file, []byte(conf.String()), 0o600))
	m := w.newMount(t)
	cmd := exec.Command(w.binary, append(append([]string{"mount", "--cache-dir", m.cache, "--cache-size", "1G", "--log-file", m.log}, sources...), m.dir)...)
	cmd.Dir, cmd.Env = w.dir, w.env("RCLONE_CONFIG="+file, "HOME="+home)
	out := m.output(t, cmd)
	if err := cmd.Run(); err != nil {
		t.Fatalf("allasfs mount: %v\n%s", err, read(out))
	}
	m.mustAnswer(t)
	return m
}

// otherBucket makes a bucket of the second project, and names the client that works with its keys.
func (w *world) otherBucket(t *testing.T) (bucket string, store func(args ...string)) {
	t.Helper()
	bucket = fmt.Sprintf("e2e-other-%d", time.Now().UnixNano()%1e12)
	store = func(args ...string) {
		t.Helper()
		keys := []string{"AWS_ACCESS_KEY_ID=" + w.gw.otherAccess, "AWS_SECRET_ACCESS_KEY=" + w.gw.otherSecret}
		if r := w.try(w.dir, keys, "python3", append([]string{filepath.Join(w.tools, "store.py")}, args...)...); r.fail != nil {
			t.Fatalf("store.py %s: %v", strings.Join(args, " "), r)
		}
	}
	return bucket, store
}

// TestProjects: each project is a directory with keys of its own, files go from one to the other by mv, and one whose keys are refused has an error of its own.
func TestProjects(t *testing.T) {
	w := need(t)
	m := w.mountProjects(t, "--all-projects")
	names, err := os.ReadDir(m.dir)
	fatal(t, err)
	if len(names) != 3 {
		t.Fatalf("the top shows %v", names)
	}
	if _, err := os.ReadDir(m.path("project_2000003")); !errors.Is(err, syscall.EACCES) {
		t.Errorf("refused keys: %v, want EACCES", err)
	}
	bucket := w.bucketName(t, "projects")
	other, store := w.otherBucket(t)
	t.Cleanup(func() { store("wipe", other) })
	fatal(t, os.Mkdir(m.path("project_2000001", bucket), 0o755))
	fatal(t, os.Mkdir(m.path("project_2000002", other), 0o755))
	writeFile(t, m.path("project_2000001", bucket, "f"), []byte("text"))
	w.run(t, m.dir, "mv", filepath.Join("project_2000001", bucket, "f"), filepath.Join("project_2000002", other, "g"))
	if got := read(m.path("project_2000002", other, "g")); got != "text" {
		t.Errorf("moved: %q", got)
	}
	if got := w.objects(t, bucket); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
	for project, want := range map[string]string{"project_2000001": bucket, "project_2000002": other} {
		entries, err := os.ReadDir(m.path(project))
		fatal(t, err)
		has := func(b string) bool {
			return slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == b })
		}
		if !has(want) || has(bucket) == has(other) {
			t.Errorf("%s shows %v, want %s of the two new buckets", project, entries, want)
		}
	}
	status := w.run(t, w.dir, w.binary, "status", m.dir)
	if !strings.Contains(status, "project_2000003:") || !strings.Contains(status, "does not accept the keys") {
		t.Errorf("status says nothing of the refused keys:\n%s", status)
	}
	m.unmount(t)
}

// TestSharedBucket: a bucket that another project lets everybody read opens by its name, is listed from then on, and shows read-only once it refused a write.
func TestSharedBucket(t *testing.T) {
	w := need(t)
	m := w.mountProjects(t, "project_2000001:", "project_2000002:")
	bucket, store := w.otherBucket(t)
	t.Cleanup(func() { store("wipe", bucket) })
	fatal(t, os.Mkdir(m.path("project_2000002", bucket), 0o755))
	writeFile(t, m.path("project_2000002", bucket, "f"), []byte("theirs"))
	store("share", bucket)
	shared := m.path("project_2000001", bucket)
	if got := read(filepath.Join(shared, "f")); got != "theirs" {
		t.Fatalf("read %q", got)
	}
	if err := os.WriteFile(filepath.Join(shared, "new"), []byte("x"), 0o644); !errors.Is(err, syscall.EACCES) {
		t.Errorf("write: %v, want EACCES", err)
	}
	for i := 0; ; i++ {
		info, err := os.Stat(shared)
		fatal(t, err)
		if info.Mode().Perm()&0o222 == 0 {
			break
		}
		if i == 500 {
			t.Fatalf("its mode is %v still", info.Mode())
		}
		time.Sleep(10 * time.Millisecond)
	}
	info, err := os.Stat(m.path("project_2000002", bucket))
	fatal(t, err)
	if info.Mode().Perm()&0o200 == 0 {
		t.Error("its owner sees it read-only")
	}
	w.run(t, w.dir, w.binary, "recover", "drop", m.dir, "all")
	names := w.run(t, w.dir, "ls", m.path("project_2000001"))
	if !slices.Contains(strings.Fields(names), bucket) {
		t.Errorf("it is not listed: %s", names)
	}
	m.unmount(t)
}

// TestTakenBucketName: making a bucket whose name another project has taken says so, though nobody here may look into that one.
func TestTakenBucketName(t *testing.T) {
	w := need(t)
	m := w.mount(t)
	bucket, store := w.otherBucket(t)
	t.Cleanup(func() { store("wipe", bucket) })
	store("make", bucket, "private")
	if err := os.Mkdir(m.path(bucket), 0o755); !errors.Is(err, syscall.EEXIST) {
		t.Errorf("mkdir: %v, want EEXIST", err)
	}
	if _, err := os.ReadDir(m.path(bucket)); !errors.Is(err, syscall.EACCES) {
		t.Errorf("ls: %v, want EACCES", err)
	}
	if status := w.run(t, w.dir, w.binary, "status", m.dir); !strings.Contains(status, "the store does not allow it") || !strings.Contains(status, bucket) {
		t.Errorf("status does not tell why:\n%s", status)
	}
}
