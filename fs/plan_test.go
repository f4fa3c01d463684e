package fs

import (
	"testing"

	"pgregory.net/rapid"

	"allasfs/cache"
	"allasfs/scripts/rapidtest"
)

// TestPlan holds plans to S3's rules and to the pieces that they stand for.
func TestPlan(t *testing.T) {
	rapidtest.Check(t, 100, func(t *rapid.T) {
		var pieces []cache.Piece
		var size int64
		for range rapid.IntRange(0, 12).Draw(t, "pieces") {
			n := rapid.OneOf(rapid.Int64Range(1, 1<<20), rapid.Int64Range(1, 40<<20), rapid.Int64Range(1, 20<<30)).Draw(t, "len")
			k := rapid.SampledFrom([]cache.PieceKind{cache.Local, cache.FromBase, cache.Zero}).Draw(t, "kind")
			pieces = append(pieces, cache.Piece{Off: size, Len: n, Kind: k, BaseOff: size + rapid.SampledFrom([]int64{0, 0, 77}).Draw(t, "shift")})
			size += n
		}
		copyable := rapid.Bool().Draw(t, "copyable")
		checkPlan(t, plan(pieces, size, copyable), pieces, size, copyable)
	})
}

func checkPlan(t *rapid.T, parts []part, pieces []cache.Piece, size int64, copyable bool) {
	if len(parts) > maxPartsAll || len(parts) == 0 {
		t.Fatalf("%d parts", len(parts))
	}
	var at int64
	for i, p := range parts {
		if p.off != at {
			t.Fatalf("part %d starts at %d, the one before ends at %d", i, p.off, at)
		}
		at += p.n
		if i < len(parts)-1 && p.n < minPart || p.n > maxPart {
			t.Fatalf("part %d of %d has %d bytes", i, len(parts), p.n)
		}
		if p.copy && !copyable {
			t.Fatal("a copy of what cannot be copied")
		}
		if p.copy && !fromBase(pieces, p) {
			t.Fatalf("part %+v is not what the base holds", p)
		}
	}
	if at != size {
		t.Fatalf("the parts cover %d of %d bytes", at, size)
	}
}

// fromBase tells whether a copied part is wholly of the base, at the right place.
func fromBase(pieces []cache.Piece, p part) bool {
	for _, q := range pieces {
		from, to := max(p.off, q.Off), min(p.off+p.n, q.Off+q.Len)
		if from < to && (q.Kind != cache.FromBase || q.BaseOff+from-q.Off != p.baseOff+from-p.off) {
			return false
		}
	}
	return true
}

// TestPlanMovesLittle: a small change of a large object sends little.
func TestPlanMovesLittle(t *testing.T) {
	const size = 5 << 30
	for _, tt := range []struct {
		name   string
		pieces []cache.Piece
		size   int64
	}{
		{"a byte in the middle", []cache.Piece{{Len: 1 << 30, Kind: cache.FromBase}, {Off: 1 << 30, Len: 1}, {Off: 1<<30 + 1, Len: size - 1<<30 - 1, Kind: cache.FromBase, BaseOff: 1<<30 + 1}}, size},
		{"the first byte", []cache.Piece{{Len: 1}, {Off: 1, Len: size - 1, Kind: cache.FromBase, BaseOff: 1}}, size},
		{"the last byte", []cache.Piece{{Len: size - 1, Kind: cache.FromBase}, {Off: size - 1, Len: 1}}, size},
		{"appended", []cache.Piece{{Len: size, Kind: cache.FromBase}, {Off: size, Len: 1 << 20}}, size + 1<<20},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var sent int64
			for _, p := range plan(tt.pieces, tt.size, true) {
				if !p.copy {
					sent += p.n
				}
			}
			if sent > 16<<20 {
				t.Errorf("%d bytes sent", sent)
			}
		})
	}
}

// TestPlanOfTheLargest: a file of 5 TiB, the largest that a store takes, fits the parts that an upload may have, whatever it is made of; so do the parts that leave while
// it is being written, of the sizes that plan has.
func TestPlanOfTheLargest(t *testing.T) {
	const most = int64(5) << 40
	for name, pieces := range map[string][]cache.Piece{
		"written": {{Len: most, Kind: cache.Local}},
		"copied":  {{Len: most, Kind: cache.FromBase}},
		"hole":    {{Len: most, Kind: cache.Zero}},
		"changed at the end": {
			{Len: most - 1<<20, Kind: cache.FromBase},
			{Off: most - 1<<20, Len: 1 << 20, Kind: cache.Local},
		},
	} {
		parts := plan(pieces, most, true)
		end := int64(0)
		for i, p := range parts {
			if p.off != end || p.n > 5<<30 || p.n < 5<<20 && i < len(parts)-1 {
				t.Errorf("%s: part %d: %d bytes at %d, the one before ends at %d", name, i, p.n, p.off, end)
			}
			end = p.off + p.n
		}
		if end != most || len(parts) > maxPartsAll {
			t.Errorf("%s: %d parts, the last ends at %d", name, len(parts), end)
		}
	}
	sum := int64(0)
	for i := range maxPartsAll {
		sum += partSize(i)
	}
	if sum < most {
		t.Errorf("parts that leave early come to %d bytes", sum)
	}
}
