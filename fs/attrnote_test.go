package fs

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"allasfs/s3"
	"allasfs/s3/s3test"
)

// setAll gives a stored file attributes, which do not get to the store.
func (w *world) setAll(path string) {
	w.t.Helper()
	mode, owner, mtime := uint32(0o600), uint32(1234), time.Unix(86400, 5)
	a := w.hold(path)
	must[Attr](w.t)(w.f.Setattr(w.t.Context(), a.ID, nil, Change{Mode: &mode}))
	must[Attr](w.t)(w.f.Setattr(w.t.Context(), a.ID, nil, Change{UID: &owner, GID: &owner, Mtime: &mtime}))
	w.ok(w.f.Setxattr(w.t.Context(), a.ID, "user.odd", []byte("\xff\x00"), 0))
	w.ok(w.f.Removexattr(w.t.Context(), a.ID, "user.was"))
}

// stored makes a file with an attribute, as a mount before this one left it.
func (w *world) stored(path string) {
	w.t.Helper()
	w.ok(w.create(path, []byte("text")))
	w.setXattr(path, "user.was", "here")
	w.ok(w.f.Sync(w.t.Context()))
	w.stop()
	w.start()
}

// journal is what the journal tells of things begun or promised that have not ended, by this mount or an earlier one.
func (w *world) journal() (all []string) {
	w.t.Helper()
	dir := filepath.Join(w.dir, "intents")
	for _, e := range must[[]os.DirEntry](w.t)(os.ReadDir(dir)) {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if len(b) > 4 && err == nil { // else it ends at this moment
			all = append(all, string(b[4:]))
		}
	}
	return all
}

// TestAttrsOutliveCrash: what chmod(2) and the like reported as done gets to the store, though the daemon is killed within the second in which it is sent.
func TestAttrsOutliveCrash(t *testing.T) {
	w := newWorld(t)
	w.stored("f")
	w.setAll("f")
	w.crash()
	if m := w.metaOf("f"); m[metaMode] != "" {
		t.Fatalf("it was sent before the crash: %v", m)
	}
	w.start()
	w.eventually(func() bool { return len(w.f.leftIntents()) == 0 })
	m := w.metaOf("f")
	if m[metaMode] != "33152" || m[metaUID] != "1234" || m[metaGID] != "1234" || m[metaMtime] != "86400.000000005" {
		t.Errorf("metadata %v", m)
	}
	a := must[Attr](t)(w.walk("f"))
	if _, err := w.f.Getxattr(t.Context(), w.hold("f").ID, "user.was"); err == nil {
		t.Error("an attribute that was removed is back")
	}
	if v := must[[]byte](t)(w.f.Getxattr(t.Context(), w.hold("f").ID, "user.odd")); string(v) != "\xff\x00" {
		t.Errorf("user.odd: %q", v)
	}
	if a = must[Attr](t)(w.f.Getattr(t.Context(), w.hold("f").ID)); a.Mode&0o777 != 0o600 || a.UID != 1234 || a.Mtime.Unix() != 86400 {
		t.Errorf("attributes %+v", a)
	}
}

// TestAttrsOfGoneVersion: attributes that were set on a version which another client has replaced meanwhile are not given to that one.
func TestAttrsOfGoneVersion(t *testing.T) {
	w := newWorld(t)
	w.stored("f")
	w.stored("g")
	w.setAll("f")
	w.setAll("g")
	w.crash()
	w.remotePut("f", []byte("another's"))
	w.ok(w.store.Delete(t.Context(), w.bucket, "g"))
	w.start()
	w.eventually(func() bool { return len(w.f.leftIntents()) == 0 })
	if m := w.metaOf("f"); m[metaMode] != "" {
		t.Errorf("metadata %v", m)
	}
	if keys := w.srv.Keys(w.bucket); len(keys) != 1 {
		t.Errorf("keys %q", keys)
	}
}

// TestAttrNotesEnd: the journal forgets attributes when they are stored, by whatever request, and they cost one request whatever was set.
func TestAttrNotesEnd(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(w *world)
		want map[string]int
	}{
		"sent":    {func(w *world) { w.ok(w.f.Sync(w.t.Context())) }, map[string]int{"CopyObject": 1}},
		"renamed": {func(w *world) { w.ok(w.rename("f", "g")) }, map[string]int{"HeadObject": 1, "ListObjectsV2": 1, "CopyObject": 1, "DeleteObject": 1}},
		"removed": {func(w *world) { w.ok(w.unlink("f")) }, map[string]int{"DeleteObject": 1}},
		"written": {func(w *world) { w.ok(w.write("f", []byte("new"), 0, 1)) }, map[string]int{"PutObject": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.stored("f")
			w.setAll("f")
			if j := w.journal(); len(j) != 1 {
				t.Fatalf("the journal has %q", j)
			}
			got := w.counts(func() { c.end(w) })
			w.eventually(func() bool { return len(w.journal()) == 0 })
			if !maps.Equal(got, c.want) {
				t.Errorf("requests %v, want %v", got, c.want)
			}
		})
	}
}

// TestAttrsWhileStoreIsAway: what cannot be sent when the next mount begins stays in the journal.
func TestAttrsWhileStoreIsAway(t *testing.T) {
	w := newWorld(t)
	w.stored("f")
	w.setAll("f")
	w.crash()
	w.srv.Fault(func(s3test.Request) *s3test.Fault { return &s3test.Fault{Status: 503, Code: "ServiceUnavailable"} })
	w.start()
	w.eventually(func() bool { return w.srv.Counts()["HeadObject"] > 0 })
	w.crash()
	w.srv.Fault(nil)
	w.start()
	w.eventually(func() bool { return len(w.f.leftIntents()) == 0 })
	if m := w.metaOf("f"); m[metaMode] != "33152" {
		t.Errorf("metadata %v", m)
	}
}

// The note of every attribute is read back as it was written, and no other.
func TestAttrNoteRoundTrip(t *testing.T) {
	w := newWorld(t)
	w.stored("f")
	w.setAll("f")
	w.f.mu.Lock()
	n := w.f.nodes[RootID].children["f"]
	note, at := w.f.noteOf(n), n.at
	w.f.mu.Unlock()
	b := must[[]byte](t)(json.Marshal(note))
	var back attrNote
	w.ok(json.Unmarshal(b, &back))
	if got := attrsOf(must[s3.Object](t)(w.store.Head(t.Context(), w.bucket, "f"))).with(back.attrs()); !maps.Equal(got.encode(), at.encode()) {
		t.Errorf("%v, want %v", got.encode(), at.encode())
	}
}
