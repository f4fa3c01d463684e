package cache

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"testing"
)

// Every fault of a source in the middle of read-ahead, strided reads and random ones: the reader gets the right bytes or an error, and going on
// brings all of them.
func TestFaultsUnderEveryPattern(t *testing.T) {
	faults := []func(b io.Reader, n int) (io.Reader, error){
		func(io.Reader, int) (io.Reader, error) { return nil, errSource },                                         // refused, or changed
		func(b io.Reader, n int) (io.Reader, error) { return &faultyReader{b, n / 2, errSource}, nil },            // cut in the middle
		func(b io.Reader, n int) (io.Reader, error) { return io.LimitReader(b, int64(n)-1), nil },                 // too little
		func(b io.Reader, _ int) (io.Reader, error) { return io.MultiReader(b, bytes.NewReader([]byte{7})), nil }, // too much
		func(b io.Reader, n int) (io.Reader, error) {
			return &faultyReader{b, min(n, 100*kib), context.Canceled}, nil
		}, // stalled and given up
	}
	const size = 24 * mib
	for name, offs := range map[string][]int64{
		"forwards":  steps(0, size, 64*kib),
		"backwards": reversed(steps(0, size, 64*kib)),
		"strided":   append(steps(0, size, 512*kib), steps(64*kib, size, 512*kib)...),
		"random":    shuffled(steps(0, size, 256*kib)),
	} {
		t.Run(name, func(t *testing.T) {
			o := testOptions(t)
			o.Memory = 8 * mib
			c := mustOpen(t, o)
			s := newSource(size)
			var requests atomic.Int64
			s.setHook(func(_ context.Context, call call, b io.Reader) (io.Reader, error) {
				if n := requests.Add(1); n%3 == 0 {
					return faults[int(n/3)%len(faults)](b, int(call.n))
				}
				return b, nil
			})
			f := c.File(testID, size, s)
			defer f.Close()
			p := make([]byte, 64*kib)
			failures := 0
			for _, off := range offs {
				for n := 0; n < len(p); {
					m, err := f.ReadAt(t.Context(), p[n:], off+int64(n))
					if n += m; err != nil {
						failures++
					}
					if failures > 1000 {
						t.Fatalf("no way through: %v", err)
					}
				}
				if !bytes.Equal(p, s.data[off:off+int64(len(p))]) {
					t.Fatalf("wrong bytes at %d", off)
				}
			}
			if requests.Load() < 6 {
				t.Errorf("%d requests: too few for every fault", requests.Load())
			}
			settled(t, c)
			checkMemory(t, c)
		})
	}
}

func shuffled(offs []int64) []int64 {
	rand.New(rand.NewPCG(9, 9)).Shuffle(len(offs), func(i, j int) { offs[i], offs[j] = offs[j], offs[i] })
	return offs
}

// What came before an object changed is read, then the error; nothing of the new object is.
func TestChangedUnderReading(t *testing.T) {
	changed := errors.New("changed")
	c := mustOpen(t, testOptions(t))
	s := newSource(16 * mib)
	f := c.File(testID, 16*mib, s)
	defer f.Close()
	readRange(t, f, s, 0, mib)
	settled(t, c)
	s.setHook(func(context.Context, call, io.Reader) (io.Reader, error) { return nil, changed })
	p := make([]byte, 16*mib)
	n, err := f.ReadAt(t.Context(), p, 0)
	if !errors.Is(err, changed) || n < mib || !bytes.Equal(p[:n], s.data[:n]) {
		t.Errorf("%d bytes, %v", n, err)
	}
}
