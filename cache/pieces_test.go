package cache

import (
	"testing"

	"pgregory.net/rapid"

	"allasfs/scripts/rapidtest"
)

// checkTable looks for gaps, overlaps, empty pieces, and neighbours that should be one.
func checkTable(t rapid.TB, ps []Piece, size int64) (local int64) {
	t.Helper()
	var at int64
	for i, p := range ps {
		if p.Off != at || p.Len <= 0 {
			t.Fatalf("piece %d of %v is out of place", i, ps)
		}
		if i > 0 && ps[i-1].joins(p) {
			t.Fatalf("pieces %d and %d of %v are one", i-1, i, ps)
		}
		at = p.end()
		local += p.localLen()
	}
	if at != size {
		t.Fatalf("pieces %v end at %d of %d", ps, at, size)
	}
	return local
}

// cell is one byte of the model of a table.
type cell struct {
	kind    PieceKind
	baseOff int64
	same    bool
}

func TestTableModel(t *testing.T) {
	rapidtest.Check(t, 100, func(rt *rapid.T) {
		var tab table
		var model []cell
		grow := func(size int64) {
			for int64(len(model)) < size {
				model = append(model, cell{kind: Zero})
			}
		}
		offset, length := rapid.Int64Range(0, 60), rapid.Int64Range(0, 30)
		rt.Repeat(map[string]func(*rapid.T){
			"put": func(rt *rapid.T) {
				p := Piece{Off: offset.Draw(rt, "off"), Len: length.Draw(rt, "len"), Kind: PieceKind(rapid.IntRange(0, 2).Draw(rt, "kind"))}
				if p.Kind == FromBase {
					p.BaseOff = p.Off + 100*rapid.Int64Range(0, 1).Draw(rt, "far")
				}
				tab.put(p)
				if p.Len == 0 {
					return
				}
				grow(p.end())
				for i := p.Off; i < p.end(); i++ {
					model[i] = cell{kind: p.Kind}
					if p.Kind == FromBase {
						model[i].baseOff = p.BaseOff + i - p.Off
					}
				}
			},
			"truncate": func(rt *rapid.T) {
				size := offset.Draw(rt, "size")
				tab.truncate(size)
				model = model[:min(size, int64(len(model)))]
				grow(size)
			},
			"rebase": func(rt *rapid.T) {
				clean := rapid.Bool().Draw(rt, "clean")
				tab.rebase(clean)
				for i := range model {
					k := model[i].kind
					model[i] = cell{kind: k, same: k == Local && clean}
					if k == FromBase || model[i].same {
						model[i].baseOff = int64(i)
					}
				}
			},
			"look": func(rt *rapid.T) {
				off, n := offset.Draw(rt, "off"), length.Draw(rt, "len")
				var local int64
				plain := n > 0 && off+n <= int64(len(model))
				for i := off; i < min(off+n, int64(len(model))); i++ {
					if model[i].kind == Local {
						local++
					}
					plain = plain && model[i] == cell{kind: Local}
				}
				if tab.localIn(off, n) != local || n > 0 && tab.is(Local, off, n) != plain {
					rt.Fatalf("range %d+%d of %v: %d local, plain %v", off, n, tab.pieces, local, plain)
				}
				var sum int64
				for _, p := range tab.at(nil, off, n) {
					sum += p.Len
				}
				if sum != max(0, min(off+n, int64(len(model)))-off) {
					rt.Fatalf("range %d+%d of %v: %v", off, n, tab.pieces, tab.at(nil, off, n))
				}
			},
			"": func(rt *rapid.T) {
				if tab.size != int64(len(model)) {
					rt.Fatalf("size %d, want %d", tab.size, len(model))
				}
				if local := checkTable(rt, tab.pieces, tab.size); local != tab.local {
					rt.Fatalf("%d local bytes counted of %d", tab.local, local)
				}
				for _, p := range tab.pieces {
					for i := p.Off; i < p.end(); i++ {
						want := model[i]
						got := cell{kind: p.Kind, same: p.Same}
						if p.Kind == FromBase || p.Same {
							got.baseOff = p.BaseOff + i - p.Off
						}
						if got != want {
							rt.Fatalf("byte %d of %v: %+v, want %+v", i, tab.pieces, got, want)
						}
					}
				}
			},
		})
	})
}

func TestSequentialWritesAreOnePiece(t *testing.T) {
	var tab table
	for i := range int64(1000) {
		tab.put(Piece{Off: i * 4096, Len: 4096, Kind: Local})
	}
	if len(tab.pieces) != 1 || tab.local != 4096000 {
		t.Errorf("%d pieces, %d bytes", len(tab.pieces), tab.local)
	}
}
