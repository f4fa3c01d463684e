package cache

import (
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// pieceReads is the reads of step bytes that make up a piece of n bytes at each of starts.
func pieceReads(n, step int64, starts []int64) (offs []int64) {
	for _, s := range starts {
		offs = append(offs, steps(s, s+n, step)...)
	}
	return offs
}

func reversed(offs []int64) []int64 {
	slices.Reverse(offs)
	return offs
}

// Strided reads take their pieces and nothing between them, several at once: bytes, requests and time are bounded.
func TestStridedReads(t *testing.T) {
	const size = 512 * mib
	for _, tt := range []struct {
		name     string
		n        int64 // bytes of a read
		offs     []int64
		requests int
		bytes    int64
		trips    int // times the delay that the reader may have to wait for answers
	}{
		{"1 MiB of 4", mib, steps(0, size, 4*mib), 128, 128 * mib, 32},
		{"1 MiB of 4, in small reads", 128 * kib, pieceReads(mib, 128*kib, steps(0, size, 4*mib)), 145, 136 * mib, 45},
		{"128 KiB of each MiB", 128 * kib, steps(0, size, mib), 512, 64 * mib, 40},
		{"4 KiB of each MiB", 4 * kib, steps(0, size, mib), 512, 64 * mib, 40},
		{"4 KiB of 1000 KiB and a bit", 4 * kib, steps(0, size, 1024123), 525, 68 * mib, 60},
		{"backwards, 4 KiB of each MiB", 4 * kib, reversed(steps(0, size, mib)), 512, 64 * mib, 40},
		{"backwards, all of it", 128 * kib, reversed(steps(0, 64*mib, 128*kib)), 64, 64 * mib, 40},
	} {
		t.Run(tt.name, func(t *testing.T) {
			onWire(t, func(t *testing.T, c *Cache) {
				const delay = 50 * time.Millisecond
				s := &wire{pattern: pattern{size: size}, delay: delay}
				f := c.File(testID, size, s)
				defer f.Close()
				begin := time.Now()
				reads(t, f, tt.n, tt.offs...)
				n, bytes := s.count()
				trips := int(time.Since(begin) / delay)
				if n > tt.requests || bytes > tt.bytes || trips > tt.trips || s.twice() {
					t.Errorf("%d requests, %.1f MiB, %d round trips; want %d, %d, %d", n, float64(bytes)/mib, trips, tt.requests, tt.bytes/mib, tt.trips)
				}
			})
		})
	}
}

// Two strided readers of one file do not disturb each other. What they leave unread is what was asked for ahead of them.
func TestStridesSideBySide(t *testing.T) {
	onWire(t, func(t *testing.T, c *Cache) {
		s := &wire{pattern: pattern{size: 1 << 30}, delay: 50 * time.Millisecond}
		f := c.File(testID, s.size, s)
		defer f.Close()
		begin := time.Now()
		for k := range int64(100) {
			reads(t, f, 4*kib, k*3*mib, 1023*mib-k*5*mib)
		}
		if n, _ := s.count(); n > 200+2*maxPieces || time.Since(begin) > 2*time.Second {
			t.Errorf("%d requests, %s for 200 reads", n, time.Since(begin))
		}
	})
}

// A row that ends costs what was under way; the reads after it cost their own blocks.
func TestStrideThatEnds(t *testing.T) {
	onWire(t, func(t *testing.T, c *Cache) {
		s := &wire{pattern: pattern{size: 64 << 30}, delay: 10 * time.Millisecond}
		f := c.File(testID, s.size, s)
		defer f.Close()
		reads(t, f, 4*kib, steps(0, 5*mib, mib)...) // recognised with the fourth
		time.Sleep(time.Second)
		if n, _ := s.count(); n > 5+4 {
			t.Fatalf("%d requests after 5 strided reads", n)
		}
		before, _ := s.count()
		r := rand.New(rand.NewPCG(5, 6))
		for range 50 {
			reads(t, f, 4*kib, 8*mib+r.Int64N(s.size/mib-10)*mib+r.Int64N(200)*4*kib)
		}
		synctest.Wait()
		if n, _ := s.count(); n > before+50 {
			t.Errorf("%d requests for 50 random reads after a strided sequence", n-before)
		}
		if len(f.v.strides) > 0 {
			t.Error("a sequence that was left is still followed")
		}
	})
}
