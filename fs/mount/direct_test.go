package mount

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"allasfs/cache"
	"allasfs/fs"
	"allasfs/s3"
	"allasfs/s3/s3test"
)

// directMount is a mount on which the kernel writes new files past the daemon; the test is skipped where it may not.
func directMount(t *testing.T, change ...func(*setup)) *mounted {
	t.Helper()
	m := newMount(t, append(change, func(o *setup) { o.fs.DirectFrom, o.mount.Debug = -1, true })...)
	if why := m.server.bridge.backings.why; why != "" {
		t.Skip("no passthrough here: " + why)
	}
	return m
}

// wantNoWrites fails the test if the kernel has sent a WRITE.
func (m *mounted) wantNoWrites() {
	m.t.Helper()
	if n := strings.Count(m.log.String(), " WRITE "); n != 0 {
		m.t.Errorf("%d requests to write", n)
	}
}

// creating opens a new file, or empties one, for writing alone.
func (m *mounted) creating(name string) *os.File {
	m.t.Helper()
	f, err := os.OpenFile(m.path(name), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	ok(m.t, err)
	return f
}

func say(t testing.TB, f *os.File, text string) {
	t.Helper()
	must[int](t)(io.WriteString(f, text))
}

// TestDirectWrites: a new file is written by 4 KiB without a request; size and time show at once, and other programs read it meanwhile.
func TestDirectWrites(t *testing.T) {
	m := directMount(t)
	data := string(randomBytes(3<<20 + 17))
	f := m.creating("f")
	for rest := data; rest != ""; rest = rest[min(len(rest), 4096):] {
		say(t, f, rest[:min(len(rest), 4096)])
	}
	var st unix.Stat_t
	ok(t, unix.Stat(m.path("f"), &st))
	if st.Size != int64(len(data)) {
		t.Errorf("size %d", st.Size)
	}
	if age := time.Since(time.Unix(st.Mtim.Unix())); age > time.Minute || age < -time.Minute {
		t.Errorf("it is %v old", age)
	}
	m.wantFile("f", data)
	ok(t, f.Close())
	m.wantObject("f", data)
	m.idle()
	m.s3.ResetCounts()
	m.wantFile("f", data)
	m.wantCounts(map[string]int{})
	m.wantNoWrites()
}

// TestDirectTwice: a file that is written on after it was sent is sent again, and one that is not is not: by fsync(2), by the close of another descriptor, by allasfs sync.
func TestDirectTwice(t *testing.T) {
	m := directMount(t)
	f := m.creating("f")
	say(t, f, "one")
	ok(t, f.Sync())
	m.wantObject("f", "one")
	m.s3.ResetCounts()
	ok(t, f.Sync())
	again := must[int](t)(unix.Dup(int(f.Fd())))
	ok(t, unix.Close(again))
	m.wantCounts(map[string]int{})
	say(t, f, "two")
	m.wantFile("f", "onetwo")
	again = must[int](t)(unix.Dup(int(f.Fd())))
	ok(t, unix.Close(again))
	m.wantObject("f", "onetwo")
	must[int](t)(f.WriteAt([]byte("N"), 1))
	ok(t, m.fs.Sync(t.Context()))
	m.wantObject("f", "oNetwo")
	must[int](t)(f.WriteAt([]byte("E"), 2))
	ok(t, f.Close())
	m.wantObject("f", "oNEtwo")
	m.wantFile("f", "oNEtwo")
	m.wantNoWrites()
}

// TestDirectHandles: several programs write one file, one of them at its end.
func TestDirectHandles(t *testing.T) {
	m := directMount(t)
	f := m.creating("f")
	say(t, f, "first ")
	g := must[*os.File](t)(os.OpenFile(m.path("f"), os.O_WRONLY|os.O_APPEND, 0))
	say(t, g, "second ")
	say(t, f, "FIRST AGAIN")
	say(t, g, "end")
	ok(t, g.Close())
	m.wantObject("f", "first FIRST AGAINend")
	r := must[*os.File](t)(os.Open(m.path("f")))
	ok(t, f.Truncate(9))
	ok(t, f.Close())
	m.wantObject("f", "first FIR")
	if got := string(must[[]byte](t)(io.ReadAll(r))); got != "first FIR" {
		t.Errorf("read %q", got)
	}
	h := m.creating("f")
	m.wantFile("f", "")
	say(t, h, "new")
	ok(t, h.Close())
	ok(t, r.Close())
	m.wantObject("f", "new")
	m.wantNoWrites()
}

// TestDirectNames: a file that is written goes on working when it is renamed, removed or replaced.
func TestDirectNames(t *testing.T) {
	m := directMount(t)
	f := m.creating("f")
	say(t, f, "some")
	ok(t, os.Rename(m.path("f"), m.path("g")))
	say(t, f, "more")
	m.wantFile("g", "somemore")
	ok(t, f.Close())
	m.wantObject("g", "somemore")

	f = m.creating("mapped")
	say(t, f, "some")
	both := must[*os.File](t)(os.OpenFile(m.path("mapped"), os.O_RDWR, 0)) // it may have been written at any time
	ok(t, os.Rename(m.path("mapped"), m.path("moved")))
	ok(t, os.Mkdir(m.path("d"), 0o755))
	ok(t, os.Rename(m.path("moved"), m.path("d", "moved")))
	ok(t, os.Rename(m.path("d"), m.path("e")))
	say(t, f, "more")
	ok(t, f.Close())
	ok(t, both.Close())
	m.wantObject("e/moved", "somemore")

	f = m.creating("gone")
	say(t, f, "sent")
	ok(t, f.Sync())
	ok(t, os.Remove(m.path("gone")))
	say(t, f, "lost")
	ok(t, f.Close())
	m.idle()
	if _, err := m.object("gone"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a removed file is there: %v", err)
	}

	f = m.creating("old")
	say(t, f, "old")
	ok(t, f.Sync())
	m.write("new", "new")
	ok(t, os.Rename(m.path("new"), m.path("old")))
	say(t, f, "er")
	ok(t, f.Close())
	m.wantObject("old", "new")
	m.wantFile("old", "new")
}

// TestDirectEarly: full parts leave while a file is written, and one that is written again after that is sent again.
func TestDirectEarly(t *testing.T) {
	m := directMount(t)
	data := randomBytes(80 << 20)
	f := m.creating("f")
	must[int](t)(f.Write(data))
	if !eventually(func() bool { return m.s3.Count("UploadPart") >= 3 }) {
		t.Fatal("no part leaves before the close")
	}
	data[5] ^= 1
	must[int](t)(f.WriteAt(data[:10], 0))
	ok(t, f.Close())
	m.wantObject("f", string(data))
	m.wantNoWrites()
}

// TestDirectFails: what could not be sent at close is sent later, with what was written since.
func TestDirectFails(t *testing.T) {
	m := directMount(t, func(o *setup) { o.retry = time.Millisecond })
	f := m.creating("f")
	say(t, f, "one")
	m.s3.Fault(func(r s3test.Request) *s3test.Fault { return &s3test.Fault{Status: 403, Code: "AccessDenied"} })
	if err := f.Sync(); err == nil {
		t.Error("no error")
	}
	m.s3.Fault(nil)
	say(t, f, "two")
	ok(t, f.Close())
	m.wantObject("f", "onetwo")
}

// TestDirectConflict: what is written when another client was first is kept.
func TestDirectConflict(t *testing.T) {
	m := directMount(t)
	f := m.creating("f")
	say(t, f, "one")
	ok(t, f.Sync())
	m.put("f", "theirs")
	say(t, f, "two")
	wantErrno(t, f.Close(), unix.ESTALE)
	m.idle()
	m.wantObject("f", "theirs")
	kept := m.cache.Drafts()
	if len(kept) != 1 || kept[0].Size() != 6 {
		t.Errorf("%d drafts are kept", len(kept))
	}
}

func copyAll(t *testing.T, in, out *os.File, size int) {
	t.Helper()
	for done := 0; done < size; {
		done += must[int](t)(unix.CopyFileRange(int(in.Fd()), nil, int(out.Fd()), nil, size-done, 0))
	}
}

// TestDirectCopy: a copy inside the mount moves no data, and becomes a file of its own when something is written to it.
func TestDirectCopy(t *testing.T) {
	m := directMount(t)
	data := string(randomBytes(2 << 20))
	m.put("a", data)
	m.s3.ResetCounts()
	in, out := must[*os.File](t)(os.Open(m.path("a"))), m.creating("b")
	copyAll(t, in, out, len(data))
	ok(t, out.Close())
	if n := m.s3.Count("CopyObject"); n != 1 {
		t.Errorf("%d copies by the store", n)
	}
	m.wantObject("b", data)
	for name, after := range map[string]bool{"c": false, "d": true} {
		_ = must[int64](t)(in.Seek(0, io.SeekStart))
		out := m.creating(name)
		copyAll(t, in, out, len(data))
		if after {
			ok(t, out.Sync())
		}
		say(t, out, "tail")
		must[int](t)(out.WriteAt([]byte("head"), 0))
		ok(t, out.Close())
		m.wantObject(name, "head"+data[4:]+"tail")
		m.wantFile(name, "head"+data[4:]+"tail")
	}
	ok(t, in.Close())
	m.wantNoWrites()
}

// TestDirectRoom: what --draft-space has no room for is refused before it is written, and nothing is lost.
func TestDirectRoom(t *testing.T) {
	const space = 8 << 20
	m := directMount(t, func(o *setup) { o.cache.DraftSpace, o.fs.DirectRoom = space, space })
	data := string(randomBytes(space + 1<<20))
	f := m.creating("f")
	say(t, f, data[:5<<20])
	if !eventually(func() bool { return m.cache.Drafts()[0].Guarded() }) {
		t.Fatal("nobody watches the room")
	}
	say(t, f, data[5<<20:space])
	n, err := f.WriteString(data[space:])
	wantErrno(t, err, unix.ENOSPC)
	if n != 0 {
		t.Errorf("%d bytes were written", n)
	}
	m.wantFile("f", data[:space]) // who reads needs no room
	must[int](t)(f.WriteAt([]byte("over"), 0))
	ok(t, f.Close())
	m.wantObject("f", "over"+data[4:space])
	m.wantNoWrites()
	m.idle()
	m.write("g", data[:space])
	m.wantObject("g", data[:space])
}

// TestDirectKilled: what was written is there after the end of the daemon at any time, what a program still wrote after that, too; what was stored is no draft any more.
func TestDirectKilled(t *testing.T) {
	needRoot(t)
	t.Setenv(directWritesEnv, "1")
	e := s3test.Of(t, s3test.New(t))
	bucket, dir := e.Bucket(t), t.TempDir()+"/mnt"
	ok(t, os.Mkdir(dir, 0o755))
	cmd, mode := daemon(t, e, bucket, dir, false)
	if !strings.Contains(mode, "passthrough of cached files") {
		t.Skip(mode)
	}
	create := func(name string) *os.File {
		return must[*os.File](t)(os.OpenFile(dir+"/"+name, os.O_WRONLY|os.O_CREATE, 0o644))
	}
	open, stored, changed := create("open"), create("stored"), create("changed")
	for _, f := range []*os.File{stored, changed} {
		say(t, f, "stored")
		ok(t, f.Sync())
	}
	say(t, open, "open")
	say(t, changed, " changed")
	ok(t, cmd.Process.Kill())
	_ = cmd.Wait()
	say(t, open, " after")
	for _, f := range []*os.File{open, stored, changed} {
		f.Close()
	}
	c := must[*cache.Cache](t)(cache.Open(cache.Options{Dir: filepath.Dir(dir) + "/cache", Size: 1 << 20}))
	defer c.Close()
	store := must[*s3.Client](t)(s3.New(s3.Config{Endpoint: e.URL, AccessKey: e.AccessKey, SecretKey: e.SecretKey}))
	next := must[*fs.FS](t)(fs.New(fs.Options{Store: store, Name: "test", Bucket: bucket, Cache: c}))
	defer next.Close(t.Context())
	want := map[string]string{"open": "open after", "changed": "stored changed"}
	for _, d := range c.Drafts() {
		p := make([]byte, d.Size())
		must[int](t)(d.LocalReaderAt().ReadAt(p, 0))
		key := d.Target().Key
		wantSame(t, key, string(p), want[key])
		if (d.Base().ETag != "") != (key == "changed") {
			t.Errorf("%s is made from %q", key, d.Base().ETag)
		}
		ok(t, next.RecoverSend(t.Context(), d.ID(), false))
		o := must[s3.Object](t)(store.Head(t.Context(), bucket, key))
		body := must[io.ReadCloser](t)(store.Get(t.Context(), o.Version(bucket), 0, o.Size))
		wantSame(t, "object "+key, string(must[[]byte](t)(io.ReadAll(body))), want[key])
		body.Close()
		delete(want, key)
	}
	if len(want) != 0 {
		t.Errorf("lost: %v", want)
	}
}

// TestDirectMapped: what a program writes by a mapping to a file that another one writes past the daemon is sent, after the last close too.
func TestDirectMapped(t *testing.T) {
	m := directMount(t)
	f := m.creating("f")
	say(t, f, strings.Repeat("-", 10000))
	run(t, helper("mmap", "write", m.path("f"), "mapped", "100"))
	m.wantObject("f", strings.Repeat("-", 100)+"mapped"+strings.Repeat("-", 10000-106))
	run(t, helper("mmap", "read", m.path("f"), "mapped", "100"))
	say(t, f, "tail")
	ok(t, f.Close())
	m.idle()
	f = m.creating("g")
	say(t, f, strings.Repeat("-", 10000))
	cmd := helper("mmap", "write-when-told", m.path("g"), "mapped", "100")
	in := must[io.WriteCloser](t)(cmd.StdinPipe())
	out := must[io.ReadCloser](t)(cmd.StdoutPipe())
	ok(t, cmd.Start())
	must[string](t)(bufio.NewReader(out).ReadString('\n')) // it has closed the file
	ok(t, f.Close())
	m.wantFile("g", strings.Repeat("-", 10000))
	fmt.Fprintln(in)
	in.Close()
	ok(t, cmd.Wait())
	want := strings.Repeat("-", 100) + "mapped" + strings.Repeat("-", 10000-106)
	if !eventually(func() bool { got, err := m.object("g"); return err == nil && got == want }) {
		t.Error("what was written after the last close is not sent")
	}
	m.idle()
	m.wantFile("g", want)
	m.wantNoWrites()
}

// TestDirectCut: when the kernel's connection is cut a program may write on to the file that it has open; the cache has none of that.
func TestDirectCut(t *testing.T) {
	m := directMount(t)
	data := string(randomBytes(1 << 20))
	f := m.creating("f")
	say(t, f, data)
	ok(t, f.Sync())
	ok(t, unix.Unmount(m.dir, unix.MNT_FORCE|unix.MNT_DETACH))
	m.server.Wait()
	_, _ = f.WriteAt([]byte("stray"), 0)
	f.Close()
	ok(t, m.fs.Sync(t.Context()))
	m.wantObject("f", data)
	ok(t, filepath.WalkDir(m.cacheDir+"/blocks", func(path string, e iofs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".data") {
			t.Error("the file is in the cache")
		}
		return err
	}))
}
