package fs

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"allasfs/cache"
	"allasfs/s3/s3test"
)

// small is the contents of a file of the tests below.
func small(key string) []byte { return []byte(strings.Repeat(key+"\n", 100)) }

// tree makes objects and returns their directory listed.
func (w *world) tree(dir string, n int, format string) []string {
	w.t.Helper()
	var names []string
	for i := range n {
		nm := fmt.Sprintf(format, i)
		w.srv.PutObject(w.bucket, dir+"/"+nm, small(dir+"/"+nm), nil)
		names = append(names, nm)
	}
	must[[]string](w.t)(w.names(dir))
	return names
}

func (w *world) wantRead(path string) {
	w.t.Helper()
	got, err := w.read(path)
	if err != nil || !bytes.Equal(got, small(path)) {
		w.t.Fatalf("read %s: %d bytes, %v", path, len(got), err)
	}
}

// wantAsked waits until n downloads were begun.
func (w *world) wantAsked(n int) {
	w.t.Helper()
	for end := time.Now().Add(10 * time.Second); w.srv.Count("GetObject") < n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("%d objects asked for, want %d", w.srv.Count("GetObject"), n)
		}
	}
}

// settled waits until all that is fetched ahead is there.
func (w *world) settled() {
	w.t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		w.f.mu.Lock()
		ready := slices.Collect(maps.Values(w.f.ahead.files))
		w.f.mu.Unlock()
		if w.cache.Stats().Requests == 0 && !slices.ContainsFunc(ready, func(a *ahead) bool { return w.held(a.id, a.size) < a.size }) {
			return
		}
		if time.Now().After(end) {
			w.t.Fatal("the downloads do not end")
		}
	}
}

// held is how many bytes of a version the cache has.
func (w *world) held(id cache.ID, size int64) int64 {
	r := w.cache.File(id, size, nil)
	defer r.Close()
	return r.Cached()
}

// TestFetchAhead: who reads files in the order of the listing finds the next ones there, each for one GET.
func TestFetchAhead(t *testing.T) {
	orders := map[string]func(i int) int{
		"forwards":    func(i int) int { return i },
		"backwards":   func(i int) int { return 199 - i },
		"every tenth": func(i int) int { return i * 10 },
	}
	for name, order := range orders {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			names := w.tree("d", 200, "f%03d")
			w.srv.ResetCounts()
			for i := range 3 {
				w.wantRead("d/" + names[order(i)])
			}
			w.wantAsked(5)
			for i := 3; i < 12; i++ {
				w.wantRead("d/" + names[order(i)])
			}
			w.settled()
			if n := w.srv.Count("GetObject"); n < 12+walkerFirst || n > 12+24 {
				t.Errorf("12 files read, %d fetched", n)
			}
			for i := 12; i < 20; i++ {
				w.wantRead("d/" + names[order(i)])
			}
			w.settled()
			w.wantCounts(w.srv.Counts(), map[string]int{"GetObject": w.srv.Count("GetObject")})
		})
	}
}

// TestFetchAheadWhole: all files of a directory are one GET each for one program, and hardly more for eight that share them.
func TestFetchAheadWhole(t *testing.T) {
	for _, readers := range []int{1, 8} {
		t.Run(fmt.Sprint(readers), func(t *testing.T) {
			w := newWorld(t)
			names := w.tree("d", 300, "f%03d")
			w.srv.ResetCounts()
			next := make(chan string)
			var wg sync.WaitGroup
			for range readers {
				wg.Go(func() {
					for nm := range next {
						if got, err := w.read("d/" + nm); err != nil || !bytes.Equal(got, small("d/"+nm)) {
							t.Errorf("read %s: %d bytes, %v", nm, len(got), err)
						}
					}
				})
			}
			for _, nm := range names {
				next <- nm
			}
			close(next)
			wg.Wait()
			w.settled()
			few := len(names) / 10 * min(readers-1, 1) // of several readers one may come so late that its file was given up
			if n := w.srv.Count("GetObject"); n < len(names) || n > len(names)+few {
				t.Errorf("%d downloads of %d files", n, len(names))
			}
		})
	}
}

// TestFetchAheadOneExtension: of a directory with two kinds of files, who reads one kind gets only that ahead.
func TestFetchAheadOneExtension(t *testing.T) {
	w := newWorld(t)
	for i := range 100 {
		for j, ext := range []string{"bam", "txt"} {
			if j == 0 || i%3 == 0 { // no fixed distance
				key := fmt.Sprintf("d/f%03d.%s", i, ext)
				w.srv.PutObject("data", key, small(key), nil)
			}
		}
	}
	must[[]string](t)(w.names("d"))
	w.srv.ResetCounts()
	for i := range 50 {
		w.wantRead(fmt.Sprintf("d/f%03d.bam", i))
	}
	w.settled()
	if n := w.srv.Count("GetObject"); n < 50+walkerFirst {
		t.Errorf("%d files fetched of which 50 were read", n)
	}
	for _, r := range w.srv.Log() {
		if strings.HasSuffix(r.Key, ".txt") {
			t.Errorf("asked for %s", r.Key)
		}
	}
}

// TestFetchAheadNextDirectory: in a tree that is walked the next directory's files come as far ahead as the last one's, from its first file on.
func TestFetchAheadNextDirectory(t *testing.T) {
	w := newWorld(t)
	for _, nm := range w.tree("a", 20, "f%03d") {
		w.wantRead("a/" + nm)
	}
	names := w.tree("b", 40, "f%03d")
	w.settled()
	w.srv.ResetCounts()
	w.f.mu.Lock()
	if len(w.f.finished) != 1 {
		t.Fatalf("%d walkers came to the end", len(w.f.finished))
	}
	w.f.finished[0].want = 14
	w.f.mu.Unlock()
	w.wantRead("b/" + names[0])
	w.wantAsked(15)
}

// TestWindowOfWalker: it grows while files are asked for too late, stays when they are there in time, and shrinks by what nobody read.
func TestWindowOfWalker(t *testing.T) {
	w := &walker{step: 1, need: 1, want: walkerFirst}
	for range 2 * walkerMost {
		w.hit(&ahead{})
	}
	if w.want != walkerMost {
		t.Errorf("window of %d after late files, want %d", w.want, walkerMost)
	}
	w.waste()
	there := &ahead{}
	there.there.Store(true)
	w.hit(there)
	if w.want != walkerMost/2 {
		t.Errorf("window of %d after a wasted file and one in time, want %d", w.want, walkerMost/2)
	}
}

// TestFetchAheadRandom: no order, no fetch-ahead to speak of.
func TestFetchAheadRandom(t *testing.T) {
	w := newWorld(t)
	names := w.tree("d", 1000, "f%04d")
	w.srv.ResetCounts()
	r := rand.New(rand.NewPCG(1, 2))
	const read = 200
	for _, i := range r.Perm(len(names))[:read] {
		w.wantRead("d/" + names[i])
	}
	w.settled()
	if n := w.srv.Count("GetObject"); n > read+read/10 { // a download that was given up may be asked for again
		t.Errorf("%d downloads, %d files read", n, read)
	}
}

// TestFetchAheadFails: a file that cannot be had disturbs nobody but its reader, who is told; the others come.
func TestFetchAheadFails(t *testing.T) {
	w := newWorld(t)
	names := w.tree("d", 30, "f%03d")
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		switch {
		case r.Op == "GetObject" && strings.HasSuffix(r.Key, "f010"):
			return &s3test.Fault{Status: http.StatusForbidden, Code: "AccessDenied"}
		case r.Op == "GetObject" && strings.HasSuffix(r.Key, "f011"):
			return &s3test.Fault{Status: http.StatusNotFound, Code: "NoSuchKey"}
		}
		return nil
	})
	for i, nm := range names {
		switch _, err := w.read("d/" + nm); i {
		case 10:
			w.wantErr(err, os.ErrPermission)
		case 11:
			w.wantErr(err, syscall.ESTALE)
		default:
			w.ok(err)
		}
	}
	if e := w.f.Status().Errors; len(e) != 1 {
		t.Errorf("%d errors for the user, want the one of f010: %v", len(e), e)
	}
}

// TestFetchAheadOfReplaced: what was fetched before another client replaced it is never shown as the new version.
func TestFetchAheadOfReplaced(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.TTL = 0 })
	names := w.tree("d", 30, "f%03d")
	for _, nm := range names[:10] {
		w.wantRead("d/" + nm)
	}
	w.settled()
	w.srv.PutObject("data", "d/f010", []byte("new"), nil)
	if got, err := w.read("d/f010"); err != nil || string(got) != "new" {
		t.Errorf("read %q, %v", got, err)
	}
	w.wantRead("d/f011")
}

// TestFetchAheadEnds: downloads that nobody waits for do not hold up the end of the mount.
func TestFetchAheadEnds(t *testing.T) {
	w := newWorld(t)
	names := w.tree("d", 30, "f%03d")
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op == "GetObject" && r.Key > "d/f002" {
			return &s3test.Fault{Before: time.Minute}
		}
		return nil
	})
	for _, nm := range names[:3] {
		w.wantRead("d/" + nm)
	}
	w.f.mu.Lock()
	ready := len(w.f.ahead.files)
	w.f.mu.Unlock()
	if ready == 0 {
		t.Error("nothing is fetched ahead")
	}
	began := time.Now()
	w.stop()
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("the end took %v", took)
	}
}

// TestFetchAheadBounded: files that nobody comes to read are few, however many programs begin to read directories.
func TestFetchAheadBounded(t *testing.T) {
	w := newWorld(t)
	const dirs = 40
	for i := range dirs * 30 {
		key := fmt.Sprintf("d%02d/f%02d", i/30, i%30)
		w.srv.PutObject("data", key, small(key), nil)
	}
	for i := range dirs {
		dir := fmt.Sprintf("d%02d", i)
		must[[]string](t)(w.names(dir))
		for j := range 12 {
			w.wantRead(fmt.Sprintf("%s/f%02d", dir, j))
		}
	}
	w.f.mu.Lock()
	defer w.f.mu.Unlock()
	if n := len(w.f.ahead.files); n == 0 || n > aheadFiles || w.f.ahead.bytes > aheadBytes {
		t.Errorf("%d files of %d bytes are ready", n, w.f.ahead.bytes)
	}
}
