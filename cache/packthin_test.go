package cache

import "testing"

// TestPacksHeldByFewVersions: small versions that stay, each the last one of its pack, do not keep ever more packs. Those that give way, open ones among
// them, are read right all the same, and what is counted is what is there.
func TestPacksHeldByFewVersions(t *testing.T) {
	o := testOptions(t)
	o.Size = mib
	c := mustOpen(t, o)
	c.packs.full = 64 * kib
	const rounds, size = 100, 20_000
	most := c.packs.most(o.Size)
	if most >= rounds {
		t.Fatalf("%d packs may be there, and the test makes %d", most, rounds)
	}
	s, stays := newSource(size), newSource(1000)
	var open []*File
	for i := range rounds {
		f := fillOne(t, c, keyID(i), stays)
		if i%10 == 0 {
			defer f.Close()
			open = append(open, f)
		} else {
			f.Close()
		}
		for j := range 4 {
			id := keyID(1000 + 4*i + j)
			fillOne(t, c, id, s).Close()
			c.Drop(id)
		}
		settled(t, c)
		if got := len(packFiles(t, o.Dir)); got > most {
			t.Fatalf("round %d: %d packs, %d may be there", i, got, most)
		}
	}
	checkUsed(t, c)
	for _, f := range open {
		readRange(t, f, stays, 0, 1000)
	}
	for i := range rounds {
		f := c.File(keyID(i), 1000, stays)
		readRange(t, f, stays, 0, 1000)
		f.Close()
	}
	settled(t, c)
	checkUsed(t, c)
}
