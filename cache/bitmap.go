package cache

import (
	"math/bits"
	"sync/atomic"
)

// wordBlocks is how many blocks share a word of a bitmap, and are evicted from an open file together.
const wordBlocks = 64

// bitmap is one bit a block. Reading it needs no lock; who changes it holds Cache.mu.
type bitmap []atomic.Uint64

func newBitmap(n int64) bitmap { return make(bitmap, (n+wordBlocks-1)/wordBlocks) }

func (b bitmap) get(i int64) bool { return b[i/wordBlocks].Load()&(1<<(i%wordBlocks)) != 0 }

// set sets bit i and tells whether it was clear.
func (b bitmap) set(i int64) bool {
	m := uint64(1) << (i % wordBlocks)
	return b[i/wordBlocks].Or(m)&m == 0
}

// clear clears bit i and tells whether it was set.
func (b bitmap) clear(i int64) bool {
	m := uint64(1) << (i % wordBlocks)
	return b[i/wordBlocks].And(^m)&m != 0
}

func (b bitmap) reset() {
	for i := range b {
		b[i].Store(0)
	}
}

// count is the number of bits set.
func (b bitmap) count() (n int64) {
	for i := range b {
		n += int64(bits.OnesCount64(b[i].Load()))
	}
	return n
}

// end is the number after the last bit set, 0 when none is.
func (b bitmap) end() int64 {
	for i := len(b) - 1; i >= 0; i-- {
		if w := b[i].Load(); w != 0 {
			return int64(i*wordBlocks + bits.Len64(w))
		}
	}
	return 0
}
