package fs

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"

	"allasfs/s3"
	"allasfs/s3/s3test"
)

// user reads all listed attributes of a file.
func (w *world) user(path string) map[string]string {
	w.t.Helper()
	id, m := w.hold(path).ID, make(map[string]string)
	for _, name := range must[[]string](w.t)(w.f.Listxattr(w.t.Context(), id)) {
		m[name] = string(must[[]byte](w.t)(w.f.Getxattr(w.t.Context(), id, name)))
	}
	return m
}

func (w *world) wantUser(path string, want map[string]string) {
	w.t.Helper()
	if got := w.user(path); !maps.Equal(got, want) {
		w.t.Errorf("attributes of %s: %q, want %q", path, got, want)
	}
}

func (w *world) setXattr(path, name, value string) {
	w.t.Helper()
	w.ok(w.f.Setxattr(w.t.Context(), w.hold(path).ID, name, []byte(value), 0))
}

// remoteMeta stores an object with metadata, as another client does.
func (w *world) remoteMeta(key string, data []byte, meta map[string]string) {
	w.t.Helper()
	o := s3.PutOptions{ContentType: "text/x-theirs", Meta: meta}
	must[s3.Object](w.t)(w.store.Put(w.t.Context(), w.bucket, key, bytes.NewReader(data), int64(len(data)), o))
}

func (w *world) metaOf(key string) map[string]string {
	w.t.Helper()
	return must[s3.Object](w.t)(w.store.Head(w.t.Context(), w.bucket, key)).Meta
}

// oddXattrs are attributes of which each would be changed or lost as a header.
var oddXattrs = map[string]string{
	"user.plain": "S1 lane 2", "user.Upper": "x", "user.under_score": "x", "user.empty": "", "user.bytes": "\x00\xff\n", "user.space": " x  y ",
	"user.mtime": "not ours", "user.xattr": "{}", "user.ä ö": "日本", "user.a:b,c\"d": "1,\"2\":3", "user.word": "=?utf-8?q?x?=",
}

// TestUserXattrs: what was set is stored as metadata that others read, comes back byte for byte in another mount, and goes along with a rename, a
// change of bytes and a change of mode; what another client wrote stays.
func TestUserXattrs(t *testing.T) {
	s3test.Each(t, func(t *testing.T, e s3test.Endpoint) {
		w := newWorldOn(t, e, e.Bucket(t))
		w.remoteMeta("a", []byte("hello"), map[string]string{"theirs": "kept", "mtime": "1500000000.5"})
		for name, value := range oddXattrs {
			w.setXattr("a", name, value)
		}
		want := maps.Clone(oddXattrs)
		want["user.theirs"] = "kept"
		w.wantUser("a", want)
		w.ok(w.f.Sync(t.Context()))
		if m := w.metaOf("a"); m["plain"] != "S1 lane 2" || m["theirs"] != "kept" || parseTime(m["mtime"]).Unix() != 1500000000 {
			t.Errorf("metadata %q", m)
		}
		w.forget()
		w.stop()
		w.start()
		w.ok(w.write("a", []byte("J"), 0, syscall.O_WRONLY)) // nothing is known of its metadata before
		w.ok(w.rename("a", "b"))
		w.chmod("b", 0o600)
		w.ok(w.f.Sync(t.Context()))
		w.wantUser("b", want)
		w.stop()
		w.start()
		w.wantUser("b", want)
		if o := must[s3.Object](t)(w.store.Head(t.Context(), w.bucket, "b")); o.ContentType != "text/x-theirs" || o.Meta["mode"] != "33152" {
			t.Errorf("type %q, metadata %q", o.ContentType, o.Meta)
		}
		w.ok(w.f.Removexattr(t.Context(), w.hold("b").ID, "user.theirs"))
		w.ok(w.rename("b", "c")) // before it was sent
		delete(want, "user.theirs")
		w.wantUser("c", want)
		w.ok(w.f.Sync(t.Context()))
		if m := w.metaOf("c"); m["theirs"] != "" || m["plain"] == "" {
			t.Errorf("metadata %q", m)
		}
	})
}

// TestXattrsOfNewFile: attributes of a file that is being written go out with its bytes.
func TestXattrsOfNewFile(t *testing.T) {
	w := newWorld(t)
	h := must[*Handle](t)(w.open("a", syscall.O_WRONLY|syscall.O_CREAT))
	w.setXattr("a", "user.run", "7")
	must[int](t)(h.WriteAt(t.Context(), []byte("x"), 0))
	w.ok(h.Flush(t.Context()))
	h.Release()
	if m := w.metaOf("a"); m["run"] != "7" || w.srv.Count("CopyObject") != 0 {
		t.Errorf("metadata %q, %d copies", m, w.srv.Count("CopyObject"))
	}
}

// TestXattrSetWhileSending: an attribute that is set while the bytes are on their way follows them.
func TestXattrSetWhileSending(t *testing.T) {
	w := newWorld(t)
	h := must[*Handle](t)(w.open("a", syscall.O_WRONLY|syscall.O_CREAT))
	defer h.Release()
	must[int](t)(h.WriteAt(t.Context(), []byte("x"), 0))
	var set error
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op == "PutObject" {
			set = w.f.Setxattr(ctxOf(t), h.Node(), "user.run", []byte("7"), 0)
		}
		return nil
	})
	w.ok(h.Flush(t.Context()))
	w.ok(set)
	w.wantUser("a", map[string]string{"user.run": "7"})
	w.ok(w.f.Sync(t.Context()))
	if m := w.metaOf("a"); m["run"] != "7" {
		t.Errorf("metadata %q", m)
	}
}

// TestXattrsOfS3fs: s3fs' collection is read; what is in it and cannot be set here stays when another is set.
func TestXattrsOfS3fs(t *testing.T) {
	w := newWorld(t)
	w.remoteMeta("a", nil, map[string]string{"xattr": "%7B%22user.one%22%3A%22YQ%3D%3D%22%2C%22security.x%22%3A%22Yg%3D%3D%22%7D"})
	w.wantUser("a", map[string]string{"user.one": "a"})
	w.setXattr("a", "user.Two", "b")
	w.ok(w.f.Sync(t.Context()))
	if got := parseXattrs(w.metaOf("a")["xattr"]); !maps.Equal(got, map[string]string{"user.one": "a", "user.Two": "b", "security.x": "b"}) {
		t.Errorf("collection %q", got)
	}
}

// TestXattrRequests: a listed file costs one HEAD for its attributes, however many are asked for; stat costs none, and the list of attributes, for
// which ls asks, shows then what is known.
func TestXattrRequests(t *testing.T) {
	w := newWorld(t)
	w.remoteMeta("a", []byte("x"), map[string]string{"k": "v"})
	must[[]string](t)(w.names(""))
	id := w.hold("a").ID
	before := w.srv.Count("HeadObject")
	must[Attr](t)(w.f.Getattr(t.Context(), id))
	w.wantUser("a", map[string]string{})
	if n := w.srv.Count("HeadObject") - before; n != 0 {
		t.Errorf("%d HEADs for a stat and a list", n)
	}
	if got := must[[]byte](t)(w.f.Getxattr(t.Context(), id, "user.k")); string(got) != "v" {
		t.Errorf("user.k is %q", got)
	}
	w.wantUser("a", map[string]string{"user.k": "v"})
	w.wantErr(w.f.Removexattr(t.Context(), id, "user.none"), syscall.ENODATA)
	if n := w.srv.Count("HeadObject") - before; n != 1 {
		t.Errorf("%d HEADs for the attributes", n)
	}
}

// TestOwnXattrs: the attributes that tell about a file are there by name, and not listed.
func TestOwnXattrs(t *testing.T) {
	w := newWorld(t)
	w.remoteMeta("a", []byte("hello"), nil)
	id := w.hold("a").ID
	for name, want := range map[string]string{
		"etag": "5d41402abc4b2a76b9719d911017c592", "content-type": "text/x-theirs", "storage-class": "STANDARD", "state": "clean", "cached": "0",
	} {
		if got, err := w.f.Getxattr(t.Context(), id, xattrOwn+name); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
	w.wantUser("a", map[string]string{})
	_, err := w.f.Getxattr(t.Context(), id, xattrError)
	w.wantErr(err, syscall.ENODATA)
	h := must[*Handle](t)(w.open("a", syscall.O_RDWR))
	defer h.Release()
	must[int](t)(h.WriteAt(t.Context(), []byte("J"), 0))
	refuse(w, "PutObject", 403, "AccessDenied")
	if err := h.Flush(t.Context()); err == nil {
		t.Fatal("the upload was refused, and Flush said nothing")
	}
	if state, reason := w.f.StateOf(id); state != "error" || reason == "" {
		t.Errorf("state %q, reason %q", state, reason)
	}
}

// A file or a directory that nothing is to be sent of tells what failed last with it.
func TestErrorXattr(t *testing.T) {
	w := newWorld(t)
	w.srv.PutObject("data", "d/a", []byte("hello"), nil)
	file, dir := w.hold("d/a").ID, w.hold("d").ID
	w.f.Report("read", "d/a", s3.ErrTimeout)
	w.f.Report("list", "d", s3.ErrClockSkew)
	for id, want := range map[uint64]string{file: "the store gave no answer in time: ", dir: "the clock of this machine is wrong: "} {
		if got, err := w.f.Getxattr(t.Context(), id, xattrError); err != nil || !strings.HasPrefix(string(got), want) {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
}

// FuzzXattr: any attribute comes back from the metadata that it makes, and its headers are plain.
func FuzzXattr(f *testing.F) {
	for name, value := range oddXattrs {
		f.Add(strings.TrimPrefix(name, xattrPrefix), value)
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		if checkXattr(xattrPrefix+name) != nil {
			t.Skip()
		}
		a := knownAttrs{meta: map[string]string{"other": "1"}}.edited(xattrPrefix+name, edit{value: value})
		m := a.encode()
		if got, ok := (knownAttrs{meta: m}).user()[xattrPrefix+name]; !ok || got != value {
			t.Errorf("%q = %q came back as %q, %v, from %q", name, value, got, ok, m)
		}
		for k, v := range m {
			if strings.ContainsFunc(k+v, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("header %q: %q", k, v)
			}
		}
		gone := (knownAttrs{meta: m}).edited(xattrPrefix+name, edit{gone: true}).encode()
		if left := slices.Collect(maps.Keys((knownAttrs{meta: gone}).user())); slices.Contains(left, xattrPrefix+name) {
			t.Errorf("%q stays after its removal: %q", name, gone)
		}
	})
}
