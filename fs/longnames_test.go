package fs

import (
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"allasfs/fs/name"
	"allasfs/s3"
)

// TestLongNames: a file of a name over 255 bytes is made, its directories with it; they stay when the file goes, until they are removed, by whatever TTL.
func TestLongNames(t *testing.T) {
	for _, ttl := range []time.Duration{0, time.Minute} {
		w := newWorld(t, func(o *Options) { o.TTL = ttl })
		key := "d/" + strings.Repeat("x", 700)
		path := name.Path(key, false)
		pieces := strings.Split(path, "/")
		w.ok(w.mkdir("d"))
		w.ok(w.mkdir(strings.Join(pieces[:2], "/")))
		wantNames(t, w, "d", pieces[1]+"/")
		w.wantErr(w.mkdir(strings.Join(pieces[:2], "/")), os.ErrExist)
		w.wantErr(w.mkdir("d/short%{+}"), name.ErrInvalid)
		w.ok(w.mkdir(strings.Join(pieces[:3], "/")))
		w.ok(w.create(path, []byte("x")))
		w.wantErr(w.rmdir(strings.Join(pieces[:2], "/")), s3.ErrNotEmpty)
		if got, want := w.srv.Keys("data"), []string{key}; !slices.Equal(got, want) {
			t.Errorf("keys %q, want %q", got, want)
		}
		w.forget()
		w.ok(w.rename(path, "plain"))
		w.ok(w.rename("plain", path))
		w.wantErr(w.rename("d/"+pieces[1], "other"), syscall.EXDEV)
		w.ok(w.unlink(path))
		w.ok(w.f.Sync(t.Context()))
		w.forget()
		wantNames(t, w, "d", pieces[1]+"/")
		for i := len(pieces) - 1; i > 0; i-- {
			w.ok(w.rmdir(strings.Join(pieces[:i], "/")))
		}
		w.ok(w.f.Sync(t.Context()))
		if got := w.srv.Keys("data"); len(got) > 0 {
			t.Errorf("left %q", got)
		}
	}
}

// TestLongNamesLetGo: a piece of long names is kept no longer than until a look at the store finds another child in it.
func TestLongNamesLetGo(t *testing.T) {
	w := newWorld(t, ttlZero)
	one, two := strings.Repeat("x", 300), strings.Repeat("x", 300)+"y"
	w.remotePut(one, []byte("1"))
	w.remotePut(two, []byte("2"))
	w.ok(w.unlink(name.Path(one, false)))
	w.ok(w.f.Sync(t.Context()))
	w.remoteDelete(two)
	wantNames(t, w, "")
}

// TestLongNamesKeepNothing: a piece of long names that is empty is nothing to its directory, which another client, or rmdir here, removes.
func TestLongNamesKeepNothing(t *testing.T) {
	w := newWorld(t, ttlZero)
	piece, _ := split(name.Path("d/"+strings.Repeat("x", 300), false))
	for _, remove := range []func(){func() { w.ok(w.rmdir("d")) }, func() { w.remoteDelete("d/") }} {
		w.ok(w.mkdir("d"))
		w.ok(w.mkdir(piece))
		w.ok(w.f.Sync(t.Context()))
		remove()
		wantNames(t, w, "")
		_, err := w.walk(piece)
		w.wantErr(err, os.ErrNotExist)
	}
}

// TestRootOfSlashes: the directory of the keys that begin with a slash is made, moved away and back, and removed.
func TestRootOfSlashes(t *testing.T) {
	w := newWorld(t, ttlZero)
	w.ok(w.mkdir("%{}"))
	w.ok(w.f.Sync(t.Context()))
	if got, want := w.srv.Keys("data"), []string{"/"}; !slices.Equal(got, want) {
		t.Errorf("keys %q, want %q", got, want)
	}
	w.ok(w.create("%{}/lead", []byte("x")))
	w.ok(w.rename("%{}", "plain"))
	w.ok(w.rename("plain", "%{}"))
	if got := string(w.object("/lead")); got != "x" {
		t.Errorf("/lead is %q", got)
	}
	w.wantErr(w.create("%{}%{object}", []byte("x")), name.ErrInvalid)
	w.wantErr(w.mkdir("%{}/d%{object}"), name.ErrInvalid)
	w.ok(w.unlink("%{}/lead"))
	w.ok(w.rmdir("%{}"))
	if got := w.srv.Keys("data"); len(got) > 0 {
		t.Errorf("left %q", got)
	}
}

// TestDirectoryOntoAPiece: a directory does not take the place of a piece of long names, whose prefix is that of the directory that it lies in.
func TestDirectoryOntoAPiece(t *testing.T) {
	w := newWorld(t)
	w.srv.PutObject("data", "src/x", []byte("from src"), nil)
	piece := strings.Split(name.Path("d/"+strings.Repeat("x", 700), false), "/")[1]
	w.ok(w.mkdir("d"))
	w.ok(w.mkdir("d/" + piece))
	w.wantErr(w.rename("src", "d/"+piece), syscall.EXDEV)
	if got := w.object("src/x"); string(got) != "from src" {
		t.Errorf("src/x is %q", got)
	}
}
