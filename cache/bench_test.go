package cache

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// BenchmarkWarmRead reads blocks that are on disk.
func BenchmarkWarmRead(b *testing.B) {
	for _, n := range []int{4 * kib, 128 * kib, mib} {
		b.Run(fmt.Sprintf("%dKiB", n/kib), func(b *testing.B) {
			c := mustOpen(b, testOptions(b))
			s := &pattern{size: 64 * mib}
			f := c.File(testID, s.size, s)
			defer f.Close()
			if err := f.Fill(b.Context(), 0, s.size); err != nil {
				b.Fatal(err)
			}
			p := make([]byte, n)
			b.SetBytes(int64(n))
			b.ReportAllocs()
			off := int64(0)
			for b.Loop() {
				if _, err := f.ReadAt(b.Context(), p, off); err != nil {
					b.Fatal(err)
				}
				if off += int64(n); off >= s.size {
					off = 0
				}
			}
		})
	}
}

// BenchmarkWarmReadParallel is 4 KiB reads from many goroutines, of a file of which a block is missing, so that sequences are followed.
func BenchmarkWarmReadParallel(b *testing.B) {
	c := mustOpen(b, testOptions(b))
	s := &pattern{size: 64*mib + 1}
	f := c.File(testID, s.size, s)
	defer f.Close()
	if err := f.Fill(b.Context(), 0, 64*mib); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(4 * kib)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		p := make([]byte, 4*kib)
		for off := int64(0); pb.Next(); off = (off + 5*4096) % (64 * mib) {
			if _, err := f.ReadAt(b.Context(), p, off); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkColdSequential reads a new object each time, with a delay before the first byte of each request.
func BenchmarkColdSequential(b *testing.B) {
	for _, disk := range []int64{0, 1 << 30} {
		for _, delay := range []time.Duration{0, 10 * time.Millisecond} {
			b.Run(fmt.Sprintf("disk=%v/delay=%v", disk > 0, delay), func(b *testing.B) {
				o := testOptions(b)
				o.Size = disk
				c := mustOpen(b, o)
				const size = 256 * mib
				p := make([]byte, 128*kib)
				b.SetBytes(size)
				requests, i := 0, 0
				for b.Loop() {
					s := &pattern{size: size, delay: delay}
					f := c.File(keyID(i), size, s)
					i++
					for off := int64(0); off < size; off += int64(len(p)) {
						if _, err := f.ReadAt(b.Context(), p, off); err != nil {
							b.Fatal(err)
						}
					}
					n, _ := s.count()
					requests += n
					f.Close()
				}
				b.ReportMetric(float64(requests)/float64(i), "requests/op")
			})
		}
	}
}

// BenchmarkColdRandom reads 4 KiB where nothing is yet.
func BenchmarkColdRandom(b *testing.B) {
	c := mustOpen(b, testOptions(b))
	s := &pattern{size: 1 << 40}
	f := c.File(testID, s.size, s)
	defer f.Close()
	p := make([]byte, 4*kib)
	b.ReportAllocs()
	off := int64(0)
	for b.Loop() {
		off = (off + 7919*mib) % s.size
		if _, err := f.ReadAt(b.Context(), p, off); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDraftWrite is sequential writes to a new draft.
func BenchmarkDraftWrite(b *testing.B) {
	for _, n := range []int{4 * kib, 128 * kib, mib} {
		b.Run(fmt.Sprintf("%dKiB", n/kib), func(b *testing.B) {
			c := mustOpen(b, testOptions(b))
			d := mustDraft(b, c, Base{}, 0)
			p := make([]byte, n)
			b.SetBytes(int64(n))
			b.ReportAllocs()
			off := int64(0)
			for b.Loop() {
				if _, err := d.WriteAt(p, off); err != nil {
					b.Fatal(err)
				}
				if off += int64(n); off >= 256*mib {
					off = 0
					if err := d.Truncate(0); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// BenchmarkDraftLife is a small file from creation to its place in the cache.
func BenchmarkDraftLife(b *testing.B) {
	c := mustOpen(b, testOptions(b))
	p := make([]byte, 4*kib)
	i := 0
	for b.Loop() {
		d := mustDraft(b, c, Base{}, 0)
		if _, err := d.WriteAt(p, 0); err != nil {
			b.Fatal(err)
		}
		if err := d.Commit(keyID(i)); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

// BenchmarkColdStrided reads 128 KiB of each MiB of a new object each time.
func BenchmarkColdStrided(b *testing.B) {
	c := mustOpen(b, testOptions(b))
	const size = 256 * mib
	p := make([]byte, 128*kib)
	b.SetBytes(size / 8)
	requests, i := 0, 0
	for b.Loop() {
		s := &pattern{size: size, delay: 10 * time.Millisecond}
		f := c.File(keyID(i), size, s)
		i++
		for off := int64(0); off < size; off += mib {
			if _, err := f.ReadAt(b.Context(), p, off); err != nil {
				b.Fatal(err)
			}
		}
		n, _ := s.count()
		requests += n
		f.Close()
	}
	b.ReportMetric(float64(requests)/float64(i), "requests/op")
}

// BenchmarkSmallFill downloads small files into the cache, eight at a time, as a program does that walks them: into one with room, and into a
// full one, which has to let as many go.
func BenchmarkSmallFill(b *testing.B) {
	for _, size := range []int64{1 << 30, 4 * mib} {
		b.Run(fmt.Sprintf("cache=%dMiB", size/mib), func(b *testing.B) {
			o := testOptions(b)
			o.Size = size
			c := mustOpen(b, o)
			s := &pattern{size: 4 * kib}
			i := 0
			for b.Loop() {
				var wg sync.WaitGroup
				for range 8 {
					i++
					f := c.File(keyID(i), s.size, s)
					wg.Go(func() {
						defer f.Close()
						if err := f.Fill(b.Context(), 0, s.size); err != nil {
							b.Error(err)
						}
					})
				}
				wg.Wait()
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(i), "µs/file")
			b.ReportMetric(float64(diskUse(b, c.o.Dir))/float64(c.Stats().Files), "disk-B/file")
		})
	}
}

// BenchmarkSmallWarm opens, reads and closes small files that are on disk, more of them than keep their tables.
func BenchmarkSmallWarm(b *testing.B) {
	const files = 4 * keepTables
	o := testOptions(b)
	c := mustOpen(b, o)
	s := &pattern{size: 4 * kib}
	for i := range files {
		f := c.File(keyID(i), s.size, s)
		if err := f.Fill(b.Context(), 0, s.size); err != nil {
			b.Fatal(err)
		}
		f.Close()
	}
	p := make([]byte, s.size)
	for i := 0; b.Loop(); i++ {
		f := c.File(keyID(i%files), s.size, s)
		if _, err := f.ReadAt(b.Context(), p, 0); err != nil {
			b.Fatal(err)
		}
		f.Close()
	}
	if n, _ := s.count(); n != files {
		b.Errorf("%d requests", n)
	}
}
