package pjd

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"allasfs/cache"
	"allasfs/fs"
	"allasfs/fs/mount"
	"allasfs/s3"
	"allasfs/s3/s3test"
)

// TestMount runs the cases on a mount. A step that is marked as a limit must fail: one that holds has to lose its mark.
func TestMount(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("calls as several users need root")
	}
	for kind, change := range map[string]func(*fs.Options){
		"ttl 0":      func(o *fs.Options) { o.TTL = 0 },
		"write-back": func(o *fs.Options) { o.WriteBack = true },
		kernelWrites: func(o *fs.Options) { o.KernelWrites = true },
	} {
		t.Run(kind, func(t *testing.T) { run(t, mountOn(t, s3test.Of(t, s3test.New(t)), change), judgeMount(kind)) })
	}
	s3test.Each(t, func(t *testing.T, e s3test.Endpoint) {
		run(t, mountOn(t, e, func(*fs.Options) {}), judgeMount("plain"))
	})
}

// judgeMount is the judge of the steps on one kind of mount.
func judgeMount(kind string) func(t *testing.T, s step, got string) {
	return func(t *testing.T, s step, got string) {
		held, limited := slices.Contains(s.want, got), s.limited(kind)
		switch {
		case !held && !limited:
			t.Errorf("%s: %q gives %s, want %q", s.at, s.calls, got, s.want)
		case held && limited:
			t.Errorf("%s: %q holds, so it is no limit (%s) any more", s.at, s.calls, limits()[s.limit].why)
		}
	}
}

// TestLocal runs the cases on a local directory, where all of them hold: it is the cases that are tested.
func TestLocal(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("calls as several users need root")
	}
	run(t, publicDir(t), func(t *testing.T, s step, got string) {
		if !slices.Contains(s.want, got) {
			t.Errorf("%s: %q gives %s, want %q", s.at, s.calls, got, s.want)
		}
	})
}

// run runs each case in a directory of its own below top, and has every step judged.
func run(t *testing.T, top string, judge func(t *testing.T, s step, got string)) {
	for i, c := range load(t) {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(top, fmt.Sprintf("case%d", i))
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			r := &runner{times: make(map[string]unix.Stat_t)}
			err := onThread(dir, func() error {
				for _, s := range c.steps {
					got, err := r.do(s)
					if err != nil {
						return fmt.Errorf("%s: %w", s.at, err)
					}
					judge(t, s, got)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

// publicDir is an empty directory that every user can reach.
func publicDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "allasfs-pjd-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// mountOn mounts a new bucket for all users.
func mountOn(t *testing.T, e s3test.Endpoint, change func(*fs.Options)) string {
	t.Helper()
	dir := publicDir(t)
	store, err := s3.New(s3.Config{Endpoint: e.URL, AccessKey: e.AccessKey, SecretKey: e.SecretKey, CAFile: e.CAFile, RetryFor: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	c, err := cache.Open(cache.Options{Dir: t.TempDir(), Size: 256 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	o := fs.Options{Store: store, Name: "test", Bucket: e.Bucket(t), Cache: c, TTL: time.Minute, Umask: 0o022}
	change(&o)
	f, err := fs.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Logf("close: %v", err)
		}
	})
	server, err := mount.Mount(f, mount.Options{Dir: dir, Source: "test", AllowOther: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Unmount(false); err != nil {
			t.Errorf("unmount: %v", err)
			_ = server.Unmount(true)
		}
	})
	return dir
}
