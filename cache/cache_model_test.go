package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"allasfs/scripts/rapidtest"
)

// copyTree copies a folder as a crash would leave it: as it is, while a daemon writes in it and removes from it.
func copyTree(t testing.TB, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return ignoreGone(err)
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if e.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return ignoreGone(err)
		}
		return os.WriteFile(filepath.Join(to, rel), b, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// blockModel drives a cache against objects in memory.
type blockModel struct {
	tb      testing.TB
	o       Options
	root    string
	n       int // folders so far
	c       *Cache
	sources []*source
	ids     []ID // of each object, changed by renames
	files   []*File
	renamed int
}

func (m *blockModel) open(rt *rapid.T) {
	c, err := Open(m.o)
	if err != nil {
		rt.Fatal(err)
	}
	m.c = c
	for i := range m.files {
		m.files[i] = c.File(m.ids[i], int64(len(m.sources[i].data)), m.sources[i])
	}
}

// close leaves the cache, which may not end in an error.
func (m *blockModel) close(rt *rapid.T) {
	for _, f := range m.files {
		f.Close()
	}
	if err := m.c.Close(); err != nil {
		rt.Fatal(err)
	}
	for i, s := range m.sources {
		if s.open != 0 {
			rt.Fatalf("object %d: %d bodies open", i, s.open)
		}
	}
}

// newFolder continues with a copy of the folder.
func (m *blockModel) newFolder() (old string) {
	old = m.o.Dir
	m.n++
	m.o.Dir = filepath.Join(m.root, fmt.Sprint(m.n))
	copyTree(m.tb, old, m.o.Dir)
	return old
}

func (m *blockModel) object(rt *rapid.T) int {
	return rapid.IntRange(0, len(m.files)-1).Draw(rt, "object")
}

func (m *blockModel) read(rt *rapid.T, i int, off, n int64) {
	data := m.sources[i].data
	p := make([]byte, n)
	got, err := m.files[i].ReadAt(context.Background(), p, off)
	want := data[min(off, int64(len(data))):min(off+n, int64(len(data)))]
	if !bytes.Equal(p[:got], want[:min(got, len(want))]) {
		rt.Errorf("object %d: wrong bytes in %d at %d", i, n, off)
	}
	if errors.Is(err, errSource) || errors.Is(err, ErrSource) {
		return
	}
	if err != nil && err != io.EOF || got != len(want) || n > 0 && (err == io.EOF) != (got < int(n)) {
		rt.Errorf("object %d: read %d at %d: %d, %v; want %d", i, n, off, got, err, len(want))
	}
}

func (m *blockModel) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"read": func(rt *rapid.T) {
			i := m.object(rt)
			m.read(rt, i, rapid.Int64Range(0, 140_000).Draw(rt, "off"), rapid.Int64Range(0, 70_000).Draw(rt, "n"))
		},
		"readers": func(rt *rapid.T) {
			var wg sync.WaitGroup
			for range 6 {
				i, off := m.object(rt), rapid.Int64Range(0, 100_000).Draw(rt, "off")
				wg.Go(func() {
					for k := range int64(6) {
						m.read(rt, i, off+k*5000, 5000)
					}
				})
			}
			wg.Wait()
		},
		"fill": func(rt *rapid.T) {
			f := m.files[m.object(rt)]
			err := f.Fill(context.Background(), rapid.Int64Range(0, 100_000).Draw(rt, "off"), rapid.Int64Range(0, 100_000).Draw(rt, "n"))
			if err != nil && !errors.Is(err, errSource) && !errors.Is(err, ErrSource) && !errors.Is(err, errFull) {
				rt.Errorf("fill: %v", err)
			}
		},
		"faults": func(rt *rapid.T) {
			i, after, kind := m.object(rt), rapid.IntRange(0, 40_000).Draw(rt, "after"), rapid.IntRange(0, 3).Draw(rt, "kind")
			m.sources[i].setHook(func(_ context.Context, c call, b io.Reader) (io.Reader, error) {
				switch kind {
				case 1:
					return &faultyReader{b, after, errSource}, nil
				case 2:
					return io.LimitReader(b, int64(after)), nil
				case 3:
					return nil, errSource
				}
				return b, nil
			})
		},
		"drop": func(rt *rapid.T) { m.c.Drop(m.ids[m.object(rt)]) },
		"rename": func(rt *rapid.T) {
			i := m.object(rt)
			m.renamed++
			to := keyID(1000 + m.renamed)
			m.c.Rename(m.ids[i], to)
			m.ids[i] = to
		},
		"reopen a file": func(rt *rapid.T) {
			i := m.object(rt)
			m.files[i].Close()
			m.files[i] = m.c.File(m.ids[i], int64(len(m.sources[i].data)), m.sources[i])
		},
		"restart": func(rt *rapid.T) {
			m.close(rt)
			m.open(rt)
		},
		"crash": func(rt *rapid.T) {
			m.newFolder()
			m.close(rt)
			m.open(rt)
		},
		"crash and damage": func(rt *rapid.T) {
			m.newFolder()
			m.close(rt)
			damageFiles(m.tb, rt, filepath.Join(m.o.Dir, blocksDir))
			m.open(rt)
		},
		"": func(rt *rapid.T) {
			if st := m.c.Stats(); st.Used > m.o.Size {
				rt.Errorf("%d bytes used of %d", st.Used, m.o.Size)
			}
		},
	}
}

// damageFiles flips a byte, or cuts, in some of the files below dir.
func damageFiles(tb testing.TB, rt *rapid.T, dir string) {
	names, err := filepath.Glob(filepath.Join(dir, "v1", "*", "*"))
	if err != nil {
		tb.Fatal(err)
	}
	packs, err := filepath.Glob(filepath.Join(dir, "packs1", "*"))
	if err != nil {
		tb.Fatal(err)
	}
	names = append(names, packs...)
	for _, name := range names {
		if !rapid.Bool().Draw(rt, "damage") {
			continue
		}
		b, err := os.ReadFile(name)
		if err != nil || len(b) == 0 {
			continue
		}
		at := rapid.IntRange(0, len(b)-1).Draw(rt, "at")
		if rapid.Bool().Draw(rt, "flip") {
			b[at] ^= 1
		} else {
			b = b[:at]
		}
		if err := os.WriteFile(name, b, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
}

func TestBlockModel(t *testing.T) {
	rapidtest.Check(t, 100, func(rt *rapid.T) {
		root, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(root)
		m := &blockModel{tb: t, root: root}
		m.o = Options{
			Dir: filepath.Join(root, "0"), BlockSize: 4096, Parallel: 3,
			Size: rapid.SampledFrom([]int64{0, 60_000, 200_000, 1 << 30}).Draw(rt, "size"),
		}
		for i, n := range []int{1, 4096, 30_001, 131_072, 100, 2000, 3999} {
			m.sources = append(m.sources, newSource(n))
			m.ids = append(m.ids, keyID(i))
			m.files = append(m.files, nil)
		}
		m.open(rt)
		rt.Repeat(m.actions())
		checkSettled(t, m.c)
		m.close(rt)
	})
}

// checkSettled looks at the counts of a cache at rest.
func checkSettled(t testing.TB, c *Cache) {
	settled(t, c)
	checkMemory(t, c)
	checkUsed(t, c)
}
