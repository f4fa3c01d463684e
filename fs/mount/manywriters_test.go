package mount

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
)

// manyWriters are 64 at once.
const manyWriters = 64

// TestManyWriters: 64 programs' descriptors that write at once, each to a file of its own, or all to different parts of one, store just what was written.
func TestManyWriters(t *testing.T) {
	const piece, pieces = 10_000, 8
	data := func(writer int) []byte { return randomBytes(pieces*piece + writer)[:pieces*piece] }
	for _, tt := range []struct {
		name string
		file func(writer int) string
		at   func(writer, no int) int64 // where piece no goes
	}{
		{"a file each", func(w int) string { return fmt.Sprint("f", w) }, func(_, no int) int64 { return int64(no) * piece }},
		{"one file", func(int) string { return "f" }, func(w, no int) int64 { return int64(no*manyWriters+w) * piece }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newMount(t)
			var all sync.WaitGroup
			errs := make([]error, manyWriters)
			for w := range manyWriters {
				all.Go(func() {
					errs[w] = writePieces(m.path(tt.file(w)), data(w), piece, func(no int) int64 { return tt.at(w, no) })
				})
			}
			all.Wait()
			want := map[string][]byte{}
			for w := range manyWriters {
				ok(t, errs[w])
				f := tt.file(w)
				for no, p := range slices.Collect(slices.Chunk(data(w), piece)) {
					end := tt.at(w, no) + piece
					want[f] = append(want[f], make([]byte, max(0, int(end)-len(want[f])))...)
					copy(want[f][end-piece:], p)
				}
			}
			for f, b := range want {
				m.wantObject(f, string(b))
				m.wantFile(f, string(b))
			}
		})
	}
}

// writePieces writes data to a file in pieces of n bytes, of which at tells the place, and closes it.
func writePieces(file string, data []byte, n int, at func(no int) int64) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	for no, p := range slices.Collect(slices.Chunk(data, n)) {
		if _, err := f.WriteAt(p, at(no)); err != nil {
			return err
		}
	}
	got := make([]byte, n)
	if _, err := f.ReadAt(got, at(0)); err != nil {
		return err
	}
	if !bytes.Equal(got, data[:n]) {
		return fmt.Errorf("%s: its first piece reads as something else", file)
	}
	return f.Close()
}
