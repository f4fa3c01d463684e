package cache

import (
	"os"
	"path/filepath"
	"testing"
)

// filled makes a cache that holds all of testID, closes it, and returns its options.
func filled(t *testing.T, s *source, size int64) Options {
	t.Helper()
	o := testOptions(t)
	c := mustOpen(t, o)
	f := c.File(testID, size, s)
	if err := f.Fill(t.Context(), 0, size); err != nil {
		t.Fatal(err)
	}
	f.Close()
	c.Close()
	return o
}

// unchecked is how many blocks of testID's file are on disk and would be compared before they are used.
func unchecked(f *File) (n int) {
	f.v.attach()
	for b := range f.v.blocks() {
		if f.v.present.get(b) && !f.v.checked.get(b) {
			n++
		}
	}
	return n
}

// A closed cache is taken up without comparing its blocks anew; what changed meanwhile, or was not closed, is compared.
func TestSeals(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile func(t *testing.T, dir string)
		want      int
	}{
		"closed": {func(*testing.T, string) {}, 0},
		"changed": {func(t *testing.T, dir string) {
			flip(t, filepath.Join(dir, dataName(testID.name())), 100)
			flip(t, filepath.Join(dir, dataName(testID.name())), 100)
		}, 24},
		"killed": {func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, sealsName)); err != nil {
				t.Error(err)
			}
		}, 24},
		"another boot": {func(t *testing.T, dir string) {
			name := filepath.Join(dir, sealsName)
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			b[0] ^= 1
			if err := os.WriteFile(name, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}, 24},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSource(3 * mib)
			o := filled(t, s, 3*mib)
			c.meanwhile(t, o.Dir)
			s.take()
			k := mustOpen(t, o)
			if _, err := os.Stat(filepath.Join(o.Dir, sealsName)); err == nil {
				t.Error("the seals are still there while the cache is in use")
			}
			f := k.File(testID, 3*mib, s)
			defer f.Close()
			if n := unchecked(f); n != c.want {
				t.Errorf("%d blocks to compare, want %d", n, c.want)
			}
			readRange(t, f, s, 0, 3*mib)
			wantCalls(t, s)
		})
	}
}

// Seals outlive a daemon that did not look at the file.
func TestSealsOfUnopenedFiles(t *testing.T) {
	s := newSource(mib)
	o := filled(t, s, mib)
	mustOpen(t, o).Close()
	f := mustOpen(t, o).File(testID, mib, s)
	defer f.Close()
	if n := unchecked(f); n != 0 {
		t.Errorf("%d blocks to compare", n)
	}
}
