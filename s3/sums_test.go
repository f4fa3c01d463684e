package s3

import (
	"bytes"
	"crypto/md5"
	"hash"
	"math/rand/v2"
	"sync"
	"testing"
)

// TestSums: hashes of many bodies at once, written in pieces of any size, some given up half way and used again, are their MD5s; then nothing is kept.
func TestSums(t *testing.T) {
	var s sums
	for range 3 {
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(uint64(i), 1))
				p := bytes.Repeat([]byte{byte(i), 1, 2, 3, 5, 7, byte(i >> 1)}, 20_000+r.IntN(20_000))
				h, done := s.hashOf(sumFrom)
				defer done()
				all := p
				if i%5 == 0 {
					all = p[:len(p)/2]
				}
				for rest := all; len(rest) > 0; {
					n := min(len(rest), 1+r.IntN(100_000))
					h.Write(rest[:n])
					rest = rest[n:]
				}
				if i%5 == 0 {
					return // the try ended
				}
				if want := md5.Sum(p); !bytes.Equal(h.Sum(nil), want[:]) {
					t.Errorf("body %d: %x, want %x", i, h.Sum(nil), want)
				}
			})
		}
		wg.Wait()
		if s.bodies != 0 || s.server != nil || s.idle != nil {
			t.Fatalf("%d bodies, %d hashes are left", s.bodies, len(s.idle))
		}
	}
}

// TestSumsFew: few bodies, and small ones, are hashed by crypto/md5, without a goroutine beside.
func TestSumsFew(t *testing.T) {
	var s sums
	var ends []func()
	for range sumBeside - 1 {
		_, done := s.hashOf(sumFrom)
		ends = append(ends, done)
	}
	for range 20 {
		_, done := s.hashOf(sumFrom - 1)
		ends = append(ends, done)
	}
	if s.server != nil {
		t.Error("few bodies are hashed side by side")
	}
	for _, done := range ends {
		done()
	}
	if s.bodies != 0 {
		t.Errorf("%d bodies are left", s.bodies)
	}
}

// BenchmarkSums hashes eight bodies at once, 32 KiB at a time as the transport reads them.
func BenchmarkSums(b *testing.B) {
	p := make([]byte, 32<<10)
	for _, c := range []struct {
		name string
		hash func(*sums) (hash.Hash, func())
	}{
		{"side by side", func(s *sums) (hash.Hash, func()) { return s.hashOf(sumFrom) }},
		{"each by itself", func(*sums) (hash.Hash, func()) { return md5.New(), func() {} }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(8 * 16 << 20)
			for b.Loop() {
				var s sums
				var wg sync.WaitGroup
				for range 8 {
					wg.Go(func() {
						h, done := c.hash(&s)
						defer done()
						for range 16 << 20 / len(p) {
							h.Write(p)
						}
						h.Sum(nil)
					})
				}
				wg.Wait()
			}
		})
	}
}
