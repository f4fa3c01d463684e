package mount

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// BenchmarkRead answers READs of what is cached, without the kernel.
func BenchmarkRead(b *testing.B) {
	for _, n := range []int{4 << 10, 128 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("%dKiB", n>>10), func(b *testing.B) {
			r := newReading(b, n)
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				r.next(b)
			}
		})
	}
}

// BenchmarkReadThroughKernel reads a cached file through the mount, by the daemon and past the kernel's pages (O_DIRECT).
func BenchmarkReadThroughKernel(b *testing.B) {
	for _, c := range []struct {
		name   string
		n      int64
		random bool
	}{{"sequential/128KiB", 128 * kib, false}, {"sequential/1MiB", mib, false}, {"random/4KiB", 4 * kib, true}} {
		b.Run(c.name, func(b *testing.B) {
			const size = 64 * mib
			m := newMount(b, func(s *setup) { s.mount.NoPassthrough = true })
			m.put("f", string(randomBytes(int(size))))
			m.read("f")
			f := must[*os.File](b)(os.OpenFile(m.path("f"), os.O_RDONLY|unix.O_DIRECT, 0))
			defer f.Close()
			buf := aligned(c.n)
			rng := rand.New(rand.NewPCG(1, uint64(c.n)))
			b.SetBytes(c.n)
			for off := int64(0); b.Loop(); off = (off + c.n) % size {
				at := off
				if c.random {
					at = rng.Int64N(size/c.n) * c.n
				}
				if got, err := preadFull(f, buf, at); err != nil || len(got) != len(buf) {
					b.Fatalf("%d bytes, %v", len(got), err)
				}
			}
		})
	}
}
