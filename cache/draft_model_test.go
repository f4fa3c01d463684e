package cache

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"allasfs/scripts/rapidtest"
)

// draftModel drives one draft against a byte slice.
type draftModel struct {
	tb         testing.TB
	o          Options
	root       string
	n          int
	c          *Cache
	d          *Draft
	base, want []byte
	etag       int
}

func (m *draftModel) reopen(rt *rapid.T) {
	if err := m.c.Close(); err != nil {
		rt.Fatal(err)
	}
	c, err := Open(m.o)
	if err != nil {
		rt.Fatal(err)
	}
	m.c = c
	ds := c.Drafts()
	if len(ds) != 1 || len(c.Stats().Damaged) != 0 {
		rt.Fatalf("%d drafts, damaged: %v", len(ds), c.Stats().Damaged)
	}
	m.d = ds[0]
}

func (m *draftModel) resize(size int) {
	if size <= len(m.want) {
		m.want = m.want[:size:size]
	}
	m.want = append(m.want, make([]byte, size-len(m.want))...)
}

func (m *draftModel) actions() map[string]func(*rapid.T) {
	offset, length := rapid.Int64Range(0, 40_000), rapid.Int64Range(1, 9000)
	return map[string]func(*rapid.T){
		"write": func(rt *rapid.T) {
			off, n, b := offset.Draw(rt, "off"), length.Draw(rt, "n"), rapid.Byte().Draw(rt, "byte")
			p := bytes.Repeat([]byte{b}, int(n))
			if k, err := m.d.WriteAt(p, off); k != len(p) || err != nil {
				rt.Fatal(k, err)
			}
			m.resize(max(len(m.want), int(off+n)))
			copy(m.want[off:], p)
		},
		"append": func(rt *rapid.T) {
			p := bytes.Repeat([]byte{rapid.Byte().Draw(rt, "byte")}, 100)
			if _, err := m.d.WriteAt(p, m.d.Size()); err != nil {
				rt.Fatal(err)
			}
			m.want = append(slices.Clip(m.want), p...)
		},
		"truncate": func(rt *rapid.T) {
			size := offset.Draw(rt, "size")
			if err := m.d.Truncate(size); err != nil {
				rt.Fatal(err)
			}
			m.resize(int(size))
		},
		"punch": func(rt *rapid.T) {
			off, n := offset.Draw(rt, "off"), length.Draw(rt, "n")
			if err := m.d.Punch(off, n); err != nil {
				rt.Fatal(err)
			}
			clear(m.want[min(int(off), len(m.want)):min(int(off+n), len(m.want))])
		},
		"allocate": func(rt *rapid.T) {
			off, n := offset.Draw(rt, "off"), length.Draw(rt, "n")
			if err := m.d.Allocate(off, n); err != nil {
				rt.Fatal(err)
			}
			m.resize(max(len(m.want), int(off+n)))
		},
		"read": func(rt *rapid.T) {
			off, n := offset.Draw(rt, "off"), length.Draw(rt, "n")
			p := make([]byte, n)
			k, err := m.d.ReadAt(context.Background(), p, off, baseOf(m.base))
			want := m.want[min(int(off), len(m.want)):min(int(off+n), len(m.want))]
			if !bytes.Equal(p[:k], want) || (err == io.EOF) != (k < len(p)) || err != nil && err != io.EOF {
				rt.Fatalf("read %d at %d: %d, %v", n, off, k, err)
			}
		},
		"upload": func(rt *rapid.T) { // the draft goes out; perhaps it is written meanwhile
			sent, gen := bytes.Clone(m.want), m.d.Generation()
			if rapid.Bool().Draw(rt, "meanwhile") && len(m.want) > 0 {
				if _, err := m.d.WriteAt([]byte("meanwhile")[:1], 0); err != nil {
					rt.Fatal(err)
				}
				m.want[0] = 'm'
			}
			m.etag++
			if err := m.d.Rebase(Base{ETag: strconv.Itoa(m.etag), Size: int64(len(sent))}, gen); err != nil {
				rt.Fatal(err)
			}
			m.base = sent
			if clean := m.d.Clean(); clean != (m.d.Generation() == gen) {
				rt.Fatalf("clean: %v", clean)
			}
		},
		"state": func(rt *rapid.T) {
			if err := m.d.SetState(State(rapid.IntRange(0, 2).Draw(rt, "state")), "r"); err != nil {
				rt.Fatal(err)
			}
		},
		"rewrite": func(rt *rapid.T) {
			m.d.mu.Lock()
			defer m.d.mu.Unlock()
			j, err := m.d.rewrite()
			if err != nil {
				rt.Fatal(err)
			}
			m.d.j.f.Close()
			m.d.j = j
		},
		"restart": func(rt *rapid.T) { m.reopen(rt) },
		"crash": func(rt *rapid.T) {
			old, s, why := m.o.Dir, State(0), ""
			s, why = m.d.State()
			m.n++
			m.o.Dir = filepath.Join(m.root, strconv.Itoa(m.n))
			copyTree(m.tb, old, m.o.Dir)
			m.reopen(rt)
			if s2, why2 := m.d.State(); s2 != s || why2 != why {
				rt.Fatalf("state %v %q, was %v %q", s2, why2, s, why)
			}
		},
		"": m.check,
	}
}

func (m *draftModel) check(rt *rapid.T) {
	wantDraft(rt, m.d, m.base, m.want)
	ps := m.d.Pieces()
	local := checkTable(rt, ps, int64(len(m.want)))
	if st := m.c.Stats(); st.DraftBytes != local || st.Drafts != 1 {
		rt.Fatalf("%d bytes of drafts counted, %d are", st.DraftBytes, local)
	}
	if m.d.Clean() && !bytes.Equal(m.base, m.want) {
		rt.Fatal("clean, and not what the base is")
	}
	if b := m.d.Base(); b.ETag != strconv.Itoa(m.etag) {
		rt.Fatalf("base %v", b)
	}
	for _, p := range ps {
		want := m.want[p.Off:p.end()]
		got := make([]byte, p.Len)
		if p.Kind == Local {
			if _, err := m.d.LocalReaderAt().ReadAt(got, p.Off); err != nil || !bytes.Equal(got, want) {
				rt.Fatalf("%+v: local bytes are wrong, %v", p, err)
			}
		}
		if (p.Kind == FromBase || p.Same) && !bytes.Equal(m.base[p.BaseOff:p.BaseOff+p.Len], want) {
			rt.Fatalf("%+v: the base holds something else", p)
		}
	}
}

func TestDraftModel(t *testing.T) {
	rapidtest.Check(t, 100, func(rt *rapid.T) {
		root, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(root)
		m := &draftModel{tb: t, root: root, o: Options{Dir: filepath.Join(root, "0"), Size: 1 << 30, BlockSize: 4096}}
		if m.c, err = Open(m.o); err != nil {
			rt.Fatal(err)
		}
		m.base = newSource(rapid.IntRange(0, 30_000).Draw(rt, "base")).data
		size := rapid.IntRange(0, len(m.base)).Draw(rt, "size")
		m.want = bytes.Clone(m.base[:size])
		if m.d, err = m.c.NewDraft(Target{}, Base{ETag: "0", Size: int64(len(m.base))}, int64(size), Attrs{}); err != nil {
			rt.Fatal(err)
		}
		rt.Repeat(m.actions())
		m.commit(rt)
		if err := m.c.Close(); err != nil {
			rt.Fatal(err)
		}
	})
}

// commit ends the draft and reads it back, what is not cached from a source that has it.
func (m *draftModel) commit(rt *rapid.T) {
	if err := m.d.Commit(testID); err != nil {
		rt.Fatal(err)
	}
	for range 2 {
		s := &source{data: m.want}
		f := m.c.File(testID, int64(len(m.want)), s)
		p := make([]byte, len(m.want))
		if n, err := f.ReadAt(context.Background(), p, 0); n != len(p) || err != nil && err != io.EOF || !bytes.Equal(p, m.want) {
			rt.Fatalf("read back: %d of %d, %v", n, len(p), err)
		}
		f.Close()
		settled(m.tb, m.c)
		if err := m.c.Close(); err != nil {
			rt.Fatal(err)
		}
		c, err := Open(m.o)
		if err != nil || len(c.Drafts()) != 0 {
			rt.Fatalf("%v, %d drafts", err, len(c.Drafts()))
		}
		m.c = c
	}
}
