package cache

import "testing"

// A read of what is there allocates nothing, from the disk or from memory, in a sequence or not.
func TestWarmReadAllocatesNothing(t *testing.T) {
	for _, name := range []string{"disk", "memory"} {
		for _, n := range []int{4 * kib, 128 * kib, mib} {
			o := testOptions(t)
			if name == "memory" {
				o.Size = 0
			}
			c := mustOpen(t, o)
			s := &pattern{size: 32*mib + 1} // one block is missing, so that sequences are followed
			f := c.File(testID, s.size, s)
			defer f.Close()
			if err := f.Fill(t.Context(), 0, 32*mib); err != nil {
				t.Fatal(err)
			}
			p := make([]byte, n)
			off := int64(0)
			read := func() {
				checkRead(t, f, off, p)
				off = (off + 5*int64(n)) % (24 * mib)
			}
			for range 100 {
				read()
			}
			if a := testing.AllocsPerRun(200, read); a > 0.5 {
				t.Errorf("%s, %d bytes: %.1f allocations a read", name, n, a)
			}
		}
	}
}
