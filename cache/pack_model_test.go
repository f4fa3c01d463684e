package cache

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"allasfs/scripts/rapidtest"
)

// packModel drives small versions in packs against a set of what has to be there.
type packModel struct {
	tb    testing.TB
	o     Options
	root  string
	n     int // folders so far
	c     *Cache
	exact bool // nothing has to be evicted, so that all that was kept is there
	have  map[int][]byte
	next  int
}

// version is the bytes of version i; nil after the last download of it failed on purpose.
func packBytes(i int) []byte {
	size := []int{1, 100, 4096, 4000, 20_000, 100_000, 128 * kib}[i%7]
	return bytes.Repeat([]byte(fmt.Sprintf("%07d ", i)), size/8+1)[:size]
}

func (m *packModel) open(rt *rapid.T) {
	c, err := Open(m.o)
	if err != nil {
		rt.Fatal(err)
	}
	c.packs.full = 256 * kib // so that there are many
	m.c = c
}

func (m *packModel) close(rt *rapid.T) {
	if err := m.c.Close(); err != nil {
		rt.Fatal(err)
	}
}

// crash goes on with a copy of the folder as it is.
func (m *packModel) crash(rt *rapid.T) {
	old := m.o.Dir
	m.n++
	m.o.Dir = filepath.Join(m.root, fmt.Sprint(m.n))
	settled(m.tb, m.c)
	copyTree(m.tb, old, m.o.Dir)
	m.close(rt)
	if err := os.RemoveAll(old); err != nil {
		rt.Fatal(err)
	}
}

// one picks a version that was kept; false when there is none.
func (m *packModel) one(rt *rapid.T) (i int, ok bool) {
	if len(m.have) == 0 {
		return 0, false
	}
	return rapid.SampledFrom(slices.Sorted(maps.Keys(m.have))).Draw(rt, "version"), true
}

// held is the IDs that the cache tells.
func (m *packModel) held() map[ID]bool {
	ids := map[ID]bool{}
	for _, h := range m.c.Held() {
		ids[h.ID] = true
	}
	return ids
}

// check reads everything that was kept: nothing else but those bytes, and where exact no download. lost counts those that are not there.
func (m *packModel) check(rt *rapid.T) (lost int) {
	for i, want := range m.have {
		s := &source{data: want}
		f := m.c.File(keyID(i), int64(len(want)), s)
		p := make([]byte, len(want))
		if n, err := f.ReadAt(context.Background(), p, 0); n != len(p) || err != nil && err != io.EOF || !bytes.Equal(p, want) {
			rt.Fatalf("version %d: %d of %d bytes, %v", i, n, len(want), err)
		}
		f.Close()
		if len(s.take()) > 0 {
			lost++
		}
	}
	settled(m.tb, m.c)
	checkUsed(m.tb, m.c)
	return lost
}

func (m *packModel) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"download": func(rt *rapid.T) {
			i := m.next
			m.next++
			m.have[i] = packBytes(i)
			f := m.c.File(keyID(i), int64(len(m.have[i])), &source{data: m.have[i]})
			defer f.Close()
			if err := f.Fill(context.Background(), 0, f.Size()); err != nil {
				rt.Fatal(err)
			}
		},
		"upload": func(rt *rapid.T) {
			i := m.next
			m.next++
			d, err := m.c.NewDraft(Target{}, Base{}, 0, Attrs{})
			if err != nil {
				rt.Fatal(err)
			}
			m.have[i] = packBytes(i)
			if _, err := d.WriteAt(m.have[i], 0); err != nil {
				rt.Fatal(err)
			}
			if err := d.Commit(keyID(i)); err != nil {
				rt.Fatal(err)
			}
		},
		"read all": func(rt *rapid.T) { m.checkAll(rt) },
		"drop or evict": func(rt *rapid.T) {
			i, ok := m.one(rt)
			if !ok {
				return
			}
			settled(m.tb, m.c) // Evict leaves what is being written
			if rapid.Bool().Draw(rt, "drop") {
				m.c.Drop(keyID(i))
			} else {
				m.c.Evict(func(id ID) bool { return id == keyID(i) })
			}
			delete(m.have, i)
			if m.held()[keyID(i)] {
				rt.Fatalf("version %d is still held", i)
			}
		},
		"rename": func(rt *rapid.T) {
			i, ok := m.one(rt)
			if !ok {
				return
			}
			to := m.next
			m.next++
			if rapid.Bool().Draw(rt, "onto another") {
				to, _ = m.one(rt)
			}
			m.c.Rename(keyID(i), keyID(to))
			b := m.have[i]
			delete(m.have, i)
			m.have[to] = b
		},
		"restart": func(rt *rapid.T) {
			settled(m.tb, m.c)
			before := m.held()
			m.close(rt)
			m.open(rt)
			if after := m.held(); !maps.Equal(before, after) {
				rt.Fatalf("held %v, was %v", after, before)
			}
		},
		"crash": func(rt *rapid.T) {
			m.crash(rt)
			m.open(rt)
			m.checkAll(rt)
		},
		"crash in a write": m.tear,
		"damage":           m.damage,
		"":                 m.bound,
	}
}

func (m *packModel) checkAll(rt *rapid.T) {
	if lost := m.check(rt); m.exact && lost > 0 {
		rt.Fatalf("%d of %d had to be downloaded", lost, len(m.have))
	}
}

// tear cuts the newest pack: what stands before the cut is there.
func (m *packModel) tear(rt *rapid.T) {
	p := m.c.packs.active
	if p == nil {
		return
	}
	at := rapid.Int64Range(packHead, p.end).Draw(rt, "cut")
	cut := 0
	m.c.names.Lock()
	for _, s := range m.c.slotsByPack()[p] {
		if s.off+s.head+s.size > at {
			cut++
		}
	}
	m.c.names.Unlock()
	m.crash(rt)
	if err := os.Truncate(filepath.Join(m.o.Dir, packName(p.no)), at); err != nil {
		rt.Fatal(err)
	}
	m.open(rt)
	if lost := m.check(rt); m.exact && lost > cut {
		rt.Fatalf("%d lost, %d cut", lost, cut)
	}
}

// damage changes a byte of an entry, after a crash or a clean end: that costs this entry.
func (m *packModel) damage(rt *rapid.T) {
	p := m.c.packs.active
	if p == nil {
		return
	}
	at := rapid.Int64Range(packHead, p.end-1).Draw(rt, "at")
	if rapid.Bool().Draw(rt, "clean") {
		m.close(rt)
	} else {
		m.crash(rt)
	}
	name := filepath.Join(m.o.Dir, packName(p.no))
	b, err := os.ReadFile(name)
	if err != nil {
		rt.Fatal(err)
	}
	if at < int64(len(b)) {
		b[at]++ // not a flip: one that is made twice would mend what was lost, under a name of before
	}
	if err := os.WriteFile(name, b, 0o600); err != nil {
		rt.Fatal(err)
	}
	m.open(rt)
	if lost := m.check(rt); m.exact && lost > 1 {
		rt.Fatalf("%d lost", lost)
	}
}

func (m *packModel) bound(rt *rapid.T) {
	if st := m.c.Stats(); st.Used > m.o.Size {
		rt.Fatalf("%d bytes used of %d", st.Used, m.o.Size)
	}
	checkUsed(m.tb, m.c)
	if real := diskUse(m.tb, filepath.Join(m.o.Dir, blocksDir)); real > m.c.Stats().Used+64*kib {
		rt.Fatalf("%d bytes on disk, %d counted", real, m.c.Stats().Used)
	}
	if m.exact && len(m.held()) != len(m.have) {
		rt.Fatalf("%d held, %d kept", len(m.held()), len(m.have))
	}
}

func TestPackModel(t *testing.T) {
	rapidtest.Check(t, 100, func(rt *rapid.T) {
		root, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(root)
		m := &packModel{tb: t, root: root, have: map[int][]byte{}, exact: rapid.Bool().Draw(rt, "exact")}
		m.o = Options{Dir: filepath.Join(root, "0"), Size: 1 << 30}
		if !m.exact {
			m.o.Size = 600_000
		}
		m.open(rt)
		rt.Repeat(m.actions())
		m.checkAll(rt)
		if m.c.Evict(func(ID) bool { return true }); m.c.Stats().Used != 0 {
			rt.Errorf("%d bytes used of nothing", m.c.Stats().Used)
		}
		if left, _ := filepath.Glob(filepath.Join(m.o.Dir, packsDir, "*")); len(left) > 0 {
			rt.Errorf("left: %s", strings.Join(left, " "))
		}
		m.close(rt)
	})
}
