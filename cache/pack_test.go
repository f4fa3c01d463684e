package cache

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// packFiles are the packs below dir.
func packFiles(t testing.TB, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, packsDir, "*.pack"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// Small versions make no files of their own, take little more than their bytes, and are there after a clean end and after a crash.
func TestSmallVersionsShareAFile(t *testing.T) {
	o := testOptions(t)
	c := mustOpen(t, o)
	const files, size = 500, 1000
	s := newSource(size)
	for i := range files {
		fillOne(t, c, keyID(i), s).Close()
	}
	settled(t, c)
	if got := packFiles(t, o.Dir); len(got) != 1 {
		t.Fatalf("packs: %v", got)
	}
	if used := c.Stats().Used; used > files*c.Footprint(size) || used > files*size*5/4 {
		t.Errorf("%d files of %d bytes take %d on disk", files, size, used)
	}
	crash := filepath.Join(t.TempDir(), "crash")
	copyTree(t, o.Dir, crash)
	c.Close()
	s.take()
	index := filepath.Join(o.Dir, packIndexName)
	if _, err := os.Stat(index); err != nil {
		t.Errorf("no index after a clean end: %v", err)
	}
	for _, dir := range []string{o.Dir, crash} {
		o.Dir = dir
		c = mustOpen(t, o)
		for i := range files {
			f := c.File(keyID(i), size, s)
			readRange(t, f, s, 0, size)
			f.Close()
		}
		wantCalls(t, s)
		if st := c.Stats(); st.Files != files {
			t.Errorf("%d files", st.Files)
		}
		checkUsed(t, c)
	}
	if _, err := os.Stat(index); !os.IsNotExist(err) {
		t.Errorf("index beside a running daemon: %v", err)
	}
}

// What is read after a clean restart in the same boot is not compared again; after a crash it is.
func TestPackIsTrustedAfterACleanEnd(t *testing.T) {
	o := testOptions(t)
	c := mustOpen(t, o)
	s := newSource(1000)
	fillOne(t, c, testID, s).Close()
	settled(t, c)
	checked := func() bool {
		f := c.File(testID, 1000, s)
		defer f.Close()
		f.v.attach()
		return f.v.present.get(0) && f.v.checked.get(0)
	}
	c.Close()
	c = mustOpen(t, o)
	if !checked() {
		t.Error("not trusted after a clean end")
	}
	crash := filepath.Join(t.TempDir(), "crash")
	copyTree(t, o.Dir, crash)
	o.Dir = crash
	c = mustOpen(t, o)
	if checked() {
		t.Error("trusted after a crash")
	}
}

// The space of what was taken out comes back while neighbours stay, and all of it in the end.
func TestPackSpaceComesBack(t *testing.T) {
	o := testOptions(t)
	c := mustOpen(t, o)
	const files, size = 64, 20_000
	s := newSource(size)
	for i := range files {
		fillOne(t, c, keyID(i), s).Close()
	}
	settled(t, c)
	for i := 0; i < files; i += 2 {
		c.Drop(keyID(i))
	}
	checkUsed(t, c)
	if real, used := diskUse(t, filepath.Join(o.Dir, blocksDir)), c.Stats().Used; real > used || used > files*size*5/8 {
		t.Errorf("half of %d bytes left: %d on disk, %d counted", files*size, real, used)
	}
	s.take()
	for i := 1; i < files; i += 2 {
		f := c.File(keyID(i), size, s)
		readRange(t, f, s, 0, size)
		f.Close()
	}
	wantCalls(t, s)
	for i := 1; i < files; i += 2 {
		c.Drop(keyID(i))
	}
	if left := packFiles(t, o.Dir); len(left) > 0 || c.Stats().Used != 0 {
		t.Errorf("left: %v, %d bytes", left, c.Stats().Used)
	}
}

// A pack of another format, a link and a folder in a pack's place are not read, and hinder nothing.
func TestForeignPacks(t *testing.T) {
	o := testOptions(t)
	c := mustOpen(t, o)
	c.Close()
	precious := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(precious, bytes.Repeat([]byte("precious"), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	at := func(no int64) string { return filepath.Join(o.Dir, packName(no)) }
	other := encodePackHead(7)
	other[8]++ // the format
	for _, err := range []error{
		os.WriteFile(at(1), other, 0o600), os.WriteFile(at(2), nil, 0o600), os.Symlink(precious, at(3)), os.Mkdir(at(4), 0o700),
		os.WriteFile(filepath.Join(o.Dir, packIndexName), []byte("rubbish"), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	c = mustOpen(t, o)
	s := newSource(1000)
	fillOne(t, c, testID, s).Close()
	settled(t, c)
	c.Close()
	c = mustOpen(t, o)
	s.take()
	f := c.File(testID, 1000, s)
	defer f.Close()
	readRange(t, f, s, 0, 1000)
	wantCalls(t, s)
	if b, err := os.ReadFile(precious); err != nil || !bytes.Equal(b, bytes.Repeat([]byte("precious"), 1000)) {
		t.Errorf("a link was followed: %v", err)
	}
	if st, err := os.Stat(at(1)); err == nil {
		t.Errorf("%s is still there", st.Name())
	}
}

// Bytes of an object that look like an entry of the pack are none, unless they know the pack's salt, which nobody is told.
func TestEntryWithinAnEntry(t *testing.T) {
	for _, guess := range []uint64{0, 1} {
		o := testOptions(t)
		c := mustOpen(t, o)
		fillOne(t, c, keyID(1), newSource(100)).Close()
		settled(t, c)
		p, s := c.packs.active, newSource(40*kib)
		inner := &entryHead{id: keyID(2), size: 100, used: 1}
		at := p.end + 4*entryAlign // in the pack
		b, err := inner.encode(p.salt+guess, at)
		if err != nil {
			t.Fatal(err)
		}
		outer := &entryHead{id: keyID(3), size: 40 * kib}
		if _, err := outer.encode(p.salt, p.end); err != nil {
			t.Fatal(err)
		}
		copy(s.data[at-p.end-outer.head:], b)
		damaged := p.end + 12
		fillOne(t, c, keyID(3), s).Close()
		settled(t, c)
		crash := filepath.Join(t.TempDir(), "crash")
		copyTree(t, o.Dir, crash)
		flip(t, filepath.Join(crash, packName(p.no)), damaged) // so that entries are looked for in the bytes of this one
		o.Dir = crash
		c = mustOpen(t, o)
		found := map[ID]bool{}
		for _, h := range c.Held() {
			found[h.ID] = true
		}
		if !found[keyID(1)] || found[keyID(3)] || found[keyID(2)] != (guess == 0) {
			t.Errorf("salt off by %d: held %v", guess, found)
		}
	}
}

// Small versions that an earlier format keeps in files of their own are read from there.
func TestSmallVersionInFiles(t *testing.T) {
	o := testOptions(t)
	c := mustOpen(t, o)
	s := newSource(5000)
	d, err := c.create(testID, testID.name(), 5000)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.data.WriteAt(s.data, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := d.index.WriteAt(appendRecord(nil, d.salt, 0, checksum(s.data)), recordOff(0)); err != nil {
		t.Fatal(err)
	}
	d.close()
	c.Close()
	for range 2 {
		c = mustOpen(t, o)
		f := c.File(testID, 5000, s)
		readRange(t, f, s, 0, 5000)
		f.Close()
		c.Close()
	}
	wantCalls(t, s)
	c = mustOpen(t, o)
	to := ID{Store: "s", Bucket: "b", Key: "new", ETag: "e"}
	c.Rename(testID, to)
	f := c.File(to, 5000, s)
	defer f.Close()
	readRange(t, f, s, 0, 5000)
	wantCalls(t, s)
}

// Open small versions give way as well when nothing else is left, and their readers go on.
func TestOpenSmallVersionsGiveWay(t *testing.T) {
	o := testOptions(t)
	o.Size = 300 * kib
	c := mustOpen(t, o)
	s := newSource(20_000)
	var open []*File
	for i := range 40 {
		f := c.File(keyID(i), 20_000, s)
		defer f.Close()
		open = append(open, f)
		readRange(t, f, s, 0, 20_000)
		settled(t, c)
		if used := c.Stats().Used; used > o.Size {
			t.Fatalf("%d bytes used", used)
		}
	}
	if n := open[39].Cached(); n != 20_000 {
		t.Errorf("%d bytes of the last one cached", n)
	}
	for _, f := range open {
		readRange(t, f, s, 0, 20_000)
	}
	settled(t, c)
	checkUsed(t, c)
}

// Readers, evictions, renames and drops side by side, in a cache that is too small: right bytes, and right counts.
func TestPacksFromManyGoroutines(t *testing.T) {
	o := testOptions(t)
	o.Size = 500 * kib
	c := mustOpen(t, o)
	c.packs.full = 128 * kib
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(g), 1))
			for range 150 {
				i := r.IntN(30)
				want := packBytes(i)
				switch r.IntN(8) {
				case 0:
					c.Drop(keyID(i))
				case 1:
					c.Rename(keyID(i), keyID(i+7*(1+r.IntN(3)))) // other bytes of the same length: see below
					c.Drop(keyID(i + 7))
					c.Drop(keyID(i + 14))
					c.Drop(keyID(i + 21))
				case 2:
					c.Evict(func(id ID) bool { return id == keyID(i) })
				}
				// A renamed version may stand under another number's name, so the ID that is read is one that nobody renames.
				id := ID{Store: "read", Key: keyID(i).Key}
				f := c.File(id, int64(len(want)), &source{data: want})
				p := make([]byte, len(want))
				if n, err := f.ReadAt(t.Context(), p, 0); n != len(p) || err != nil && err != io.EOF || !bytes.Equal(p, want) {
					t.Errorf("version %d: %d bytes, %v", i, n, err)
				}
				f.Close()
				f = c.File(keyID(i), int64(len(want)), &source{data: want})
				if _, err := f.ReadAt(t.Context(), p, 0); err != nil && err != io.EOF {
					t.Error(err)
				}
				f.Close()
			}
		})
	}
	wg.Wait()
	settled(t, c)
	checkUsed(t, c)
	if used := c.Stats().Used; used > o.Size {
		t.Errorf("%d bytes used of %d", used, o.Size)
	}
}

// A reader beside whom the version moves to another place, and what was there goes, never sees the hole.
func TestReadDuringRename(t *testing.T) {
	c := mustOpen(t, testOptions(t))
	s := newSource(100 * kib)
	f := c.File(keyID(0), 100*kib, s)
	defer f.Close()
	fillOne(t, c, keyID(1000), s).Close() // so that the pack stays
	if err := f.Fill(t.Context(), 0, f.Size()); err != nil {
		t.Fatal(err)
	}
	settled(t, c)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 2000 {
			c.Rename(keyID(i%2), keyID((i+1)%2))
		}
	}()
	fromDisk := 0
	for p := make([]byte, 100*kib); ; {
		n := f.v.readDisk(p, 0)
		if fromDisk += n; !bytes.Equal(p[:n], s.data[:n]) {
			t.Error("wrong bytes")
			break
		}
		select {
		case <-done:
			if fromDisk == 0 || f.Cached() != f.Size() {
				t.Errorf("%d bytes read, %d left", fromDisk, f.Cached())
			}
			return
		default:
		}
	}
	<-done
}
