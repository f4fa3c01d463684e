package mount

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"allasfs/cache"
)

// smallDisk mounts a file system of so many MiB.
func smallDisk(t *testing.T, mib int64) string {
	t.Helper()
	needRoot(t)
	image, dir := t.TempDir()+"/image", t.TempDir()
	ok(t, os.WriteFile(image, nil, 0o600))
	ok(t, os.Truncate(image, mib<<20))
	for _, line := range []string{"mkfs.ext4 -q -m 0 -O ^has_journal " + image, "mount -o loop " + image + " " + dir} {
		args := strings.Fields(line)
		if out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Skipf("no small disk can be made: %v, %s", err, out)
		}
	}
	t.Cleanup(func() { ok(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	return dir
}

// TestDirectFullDisk: on a full disk a program that writes past the daemon gets ENOSPC; all that it was told is written is in the store after fsync and close, and the mount goes on.
func TestDirectFullDisk(t *testing.T) {
	disk := smallDisk(t, 64)
	m := directMount(t, func(s *setup) { s.cache = cache.Options{Dir: filepath.Join(disk, "cache"), Size: 16 << 20} })
	data := string(randomBytes(80 << 20))
	f := m.creating("f")
	var n int
	var err error
	for err == nil && n < len(data) {
		var more int
		more, err = io.WriteString(f, data[n:min(n+100_000, len(data))])
		n += more
	}
	wantErrno(t, err, unix.ENOSPC)
	m.wantFile("f", data[:n])
	ok(t, f.Sync())
	m.wantObject("f", data[:n])
	must[int](t)(f.WriteAt([]byte("over"), 0))
	ok(t, f.Close())
	m.wantObject("f", "over"+data[4:n])
	m.wantFile("f", "over"+data[4:n])
	m.wantNoWrites()
	m.idle()
	m.write("g", data[:1<<20])
	m.wantObject("g", data[:1<<20])
}

// TestDirectSmallDraftSpace: where unsent files may take little, room could end unseen, and new files are written by way of the daemon.
func TestDirectSmallDraftSpace(t *testing.T) {
	m := directMount(t, func(s *setup) { s.cache.DraftSpace = 100 << 20 })
	if w := m.server.Passthrough().Writes; w == nil || w.Off != "unsent files may take less than 512 MiB of the disk" {
		t.Errorf("it says %+v", w)
	}
	m.write("f", "text")
	m.wantObject("f", "text")
	if w := m.server.Passthrough().Writes; w.Opens != 0 {
		t.Errorf("%d opens past the daemon", w.Opens)
	}
}

// TestDirectFallsBack: where files cannot be guarded, as on tmpfs, new ones are written by way of the daemon, and the mount and its log say why.
func TestDirectFallsBack(t *testing.T) {
	needRoot(t)
	disk := t.TempDir()
	ok(t, unix.Mount("tmpfs", disk, "tmpfs", 0, "size=32m"))
	t.Cleanup(func() { ok(t, unix.Unmount(disk, unix.MNT_DETACH)) })
	m := directMount(t, func(s *setup) { s.cache = cache.Options{Dir: filepath.Join(disk, "cache"), Size: 8 << 20} })
	w := m.server.Passthrough().Writes
	if w == nil || !strings.Contains(w.Off, "the file system of the cache folder") {
		t.Fatalf("it says %+v", w)
	}
	if !strings.Contains(m.log.String(), w.Off) {
		t.Error("the log does not say why")
	}
	data := string(randomBytes(40 << 20))
	f := m.creating("f")
	n, err := io.WriteString(f, data)
	wantErrno(t, err, unix.ENOSPC)
	ok(t, f.Close())
	m.wantObject("f", data[:n])
	if w := m.server.Passthrough().Writes; w.Opens != 0 {
		t.Errorf("%d opens past the daemon", w.Opens)
	}
}
