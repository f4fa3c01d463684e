package cache

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func mustDraft(t testing.TB, c *Cache, b Base, size int64) *Draft {
	t.Helper()
	d, err := c.NewDraft(Target{Store: "s", Bucket: "b", Key: "k"}, b, size, Attrs{ContentType: "text/plain", Meta: map[string]string{"a": "1", "b": "\xff"}})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// baseOf reads from bytes, as a File would.
func baseOf(data []byte) func(ctx context.Context, p []byte, off int64) (int, error) {
	return func(_ context.Context, p []byte, off int64) (int, error) {
		return bytes.NewReader(data).ReadAt(p, off)
	}
}

func noBase(context.Context, []byte, int64) (int, error) { return 0, errors.New("base asked for") }

func wantDraft(t rapid.TB, d *Draft, base, want []byte) {
	t.Helper()
	if d.Size() != int64(len(want)) {
		t.Fatalf("size %d, want %d", d.Size(), len(want))
	}
	p := make([]byte, len(want)+1)
	n, err := d.ReadAt(context.Background(), p, 0, baseOf(base))
	if n != len(want) || err != io.EOF || !bytes.Equal(p[:n], want) {
		t.Fatalf("read: %d, %v; want %d bytes", n, err, len(want))
	}
}

func write(t testing.TB, d *Draft, off int64, s string) {
	t.Helper()
	if n, err := d.WriteAt([]byte(s), off); n != len(s) || err != nil {
		t.Fatalf("write: %d, %v", n, err)
	}
}

func TestDraftOverABase(t *testing.T) {
	c := mustOpen(t, testOptions(t))
	base := []byte("0123456789abcdef")
	d := mustDraft(t, c, Base{ETag: "e", Size: 16}, 12)
	wantDraft(t, d, base, base[:12])
	write(t, d, 4, "XY")
	wantDraft(t, d, base, []byte("0123XY6789ab"))
	write(t, d, 14, "Z") // a gap
	wantDraft(t, d, base, []byte("0123XY6789ab\x00\x00Z"))
	if err := d.Truncate(3); err != nil {
		t.Fatal(err)
	}
	if err := d.Truncate(5); err != nil {
		t.Fatal(err)
	}
	wantDraft(t, d, base, []byte("012\x00\x00"))
	if err := d.Punch(1, 100); err != nil {
		t.Fatal(err)
	}
	if err := d.Allocate(4, 4); err != nil {
		t.Fatal(err)
	}
	if err := d.Allocate(0, 2); err != nil {
		t.Fatal(err)
	}
	wantDraft(t, d, base, []byte("0\x00\x00\x00\x00\x00\x00\x00"))
	want := []Piece{{Len: 1, Kind: FromBase}, {Off: 1, Len: 7, Kind: Zero}}
	if got := d.Pieces(); !slices.Equal(got, want) {
		t.Errorf("pieces %v, want %v", got, want)
	}
}

func TestDraftAfterRestart(t *testing.T) {
	o := testOptions(t)
	c := mustOpen(t, o)
	base := []byte("0123456789")
	var ids []string
	b := Base{ETag: "e", Size: 10, Modified: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), Large: true}
	for i := range 3 {
		d := mustDraft(t, c, b, 10)
		ids = append(ids, d.ID())
		write(t, d, int64(i), "X")
	}
	d := c.Drafts()[1]
	to := Target{Store: "s", Bucket: "b", Key: "renamed \xfe"}
	attrs := Attrs{ContentType: "x/y", Meta: map[string]string{"mtime": "1"}}
	if err := errors.Join(d.SetTarget(to), d.SetAttrs(attrs), d.SetState(StateConflict, "why")); err != nil {
		t.Fatal(err)
	}
	crashed := o
	crashed.Dir = o.Dir + "2"
	copyTree(t, o.Dir, crashed.Dir)
	c2 := mustOpen(t, crashed)
	var got []string
	for i, d := range c2.Drafts() {
		got = append(got, d.ID())
		want := slices.Clone(base)
		want[i] = 'X'
		wantDraft(t, d, base, want)
	}
	if !slices.Equal(got, ids) {
		t.Fatalf("drafts %v, want %v", got, ids)
	}
	d = c2.Drafts()[1]
	st, why := d.State()
	if d.Target() != to || d.Base() != b || st != StateConflict || why != "why" || d.Attrs().ContentType != "x/y" || d.Attrs().Meta["mtime"] != "1" {
		t.Errorf("draft: %v %v %v %v %v", d.Target(), d.Base(), d.Attrs(), st, why)
	}
	if m := c2.Drafts()[0].Attrs().Meta; len(m) != 2 || m["b"] != "\xff" {
		t.Errorf("attributes %v", m)
	}
	if n := mustDraft(t, c2, Base{}, 0); n.ID() <= ids[2] {
		t.Errorf("new draft %s sorts before %s", n.ID(), ids[2])
	}
	if err := d.Discard(); err != nil {
		t.Fatal(err)
	}
	if _, err := d.WriteAt([]byte("x"), 0); !errors.Is(err, os.ErrClosed) {
		t.Errorf("write after discard: %v", err)
	}
	c2.Close()
	c2 = mustOpen(t, crashed)
	if n := len(c2.Drafts()); n != 3 {
		t.Errorf("%d drafts after one was discarded and one made", n)
	}
}

func TestRebase(t *testing.T) {
	o := testOptions(t)
	c := mustOpen(t, o)
	d := mustDraft(t, c, Base{ETag: "1", Size: 10}, 10)
	write(t, d, 2, "XX")
	gen := d.Generation()
	sent := []byte("01XX456789")
	if err := d.Rebase(Base{ETag: "2", Size: 9}, gen); err == nil {
		t.Error("a base of another size was taken")
	}
	if err := d.Rebase(Base{ETag: "2", Size: 10}, gen); err != nil {
		t.Fatal(err)
	}
	if !d.Clean() || d.Base().ETag != "2" {
		t.Error("not clean")
	}
	wantDraft(t, d, sent, sent)
	write(t, d, 3, "Y") // splits what is the same
	if d.Clean() {
		t.Error("clean after a write")
	}
	want := []Piece{
		{Len: 2, Kind: FromBase}, {Off: 2, Len: 1, Same: true, BaseOff: 2}, {Off: 3, Len: 1},
		{Off: 4, Len: 6, Kind: FromBase, BaseOff: 4},
	}
	if got := d.Pieces(); !slices.Equal(got, want) {
		t.Errorf("pieces %v, want %v", got, want)
	}
	c.Close()
	c = mustOpen(t, o)
	d = c.Drafts()[0]
	if got := d.Pieces(); !slices.Equal(got, want) || d.Clean() {
		t.Errorf("pieces after restart %v, clean %v", got, d.Clean())
	}
	gen = d.Generation()
	write(t, d, 9, "Z") // while the upload ran
	if err := d.Rebase(Base{ETag: "3", Size: 10}, gen); err != nil {
		t.Fatal(err)
	}
	if d.Clean() {
		t.Error("clean, though written meanwhile")
	}
	wantDraft(t, d, []byte("01XY456789"), []byte("01XY45678Z"))
}

func TestDraftRefusesBadRanges(t *testing.T) {
	c := mustOpen(t, testOptions(t))
	d := mustDraft(t, c, Base{}, 0)
	for _, off := range []int64{-1, 1 << 61, 1<<63 - 2} {
		want := error(syscall.EFBIG)
		if off < 0 {
			want = syscall.EINVAL
		}
		_, werr := d.WriteAt([]byte("xx"), off)
		_, rerr := d.ReadAt(t.Context(), make([]byte, 2), off, noBase)
		for _, err := range []error{werr, rerr, d.Punch(off, 2), d.Allocate(off, 2), d.Truncate(off)} {
			if !errors.Is(err, want) {
				t.Errorf("at %d: %v", off, err)
			}
		}
	}
	if _, err := c.NewDraft(Target{}, Base{Size: 1}, 2, Attrs{}); err == nil {
		t.Error("a draft longer than its base was made")
	}
}

func TestDraftFromManyGoroutines(t *testing.T) {
	o := testOptions(t)
	c := mustOpen(t, o)
	base := bytes.Repeat([]byte("b"), 64*4096)
	d := mustDraft(t, c, Base{ETag: "e", Size: int64(len(base))}, int64(len(base)))
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 1))
			for range 200 {
				at := int64(r.IntN(8)*8+i) * 4096 // pages of its own
				if _, err := d.WriteAt(bytes.Repeat([]byte{byte(i)}, 4096), at); err != nil {
					t.Error(err)
				}
				p := make([]byte, 4096)
				if _, err := d.ReadAt(t.Context(), p, at, baseOf(base)); err != nil || p[0] != byte(i) || p[4095] != byte(i) {
					t.Errorf("own page: %v", err)
				}
				d.LocalReaderAt().ReadAt(p, at)
				d.Pieces()
			}
		})
	}
	wg.Wait()
	checkTable(t, d.Pieces(), d.Size())
	pieces := d.Pieces()
	c.Close()
	c = mustOpen(t, o)
	if got := c.Drafts()[0].Pieces(); !slices.Equal(got, pieces) {
		t.Error("another table after a restart")
	}
}

func TestBaseErrorsComeBack(t *testing.T) {
	c := mustOpen(t, testOptions(t))
	d := mustDraft(t, c, Base{ETag: "e", Size: 100}, 100)
	write(t, d, 0, "local")
	p := make([]byte, 50)
	n, err := d.ReadAt(t.Context(), p, 0, func(context.Context, []byte, int64) (int, error) { return 3, errSource })
	if n != 8 || !errors.Is(err, errSource) {
		t.Errorf("%d, %v", n, err)
	}
	if n, err = d.ReadAt(t.Context(), p, 0, baseOf(make([]byte, 10))); n != 10 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("base too short: %d, %v", n, err)
	}
	if n, err = d.ReadAt(t.Context(), p[:5], 0, noBase); n != 5 || err != nil {
		t.Errorf("local bytes: %d, %v", n, err)
	}
}

// A rename over another file is in the journal as a whole or not at all, wherever the crash cuts it off.
func TestRetargetIsOneRecord(t *testing.T) {
	o := testOptions(t)
	c := mustOpen(t, o)
	d := mustDraft(t, c, Base{}, 0)
	write(t, d, 0, "bytes")
	from, to := d.Target(), Target{Store: "s", Bucket: "b", Key: "over"}
	over := Base{ETag: "theirs", Size: 3, Modified: time.Unix(1, 2).UTC()}
	journal := filepath.Join(o.Dir, "drafts", d.ID()+".log")
	begun := d.j.end
	if err := d.Retarget(to, over); err != nil {
		t.Fatal(err)
	}
	if d.Clean() || d.Base() != over || d.Target() != to {
		t.Errorf("%v of %v, clean: %v", d.Target(), d.Base(), d.Clean())
	}
	for end := begun; end <= d.j.end; end++ {
		crashed := o
		crashed.Dir = filepath.Join(t.TempDir(), "cut")
		copyTree(t, o.Dir, crashed.Dir)
		if err := os.Truncate(strings.Replace(journal, o.Dir, crashed.Dir, 1), end); err != nil {
			t.Fatal(err)
		}
		c2 := mustOpen(t, crashed)
		d2, want, base := c2.Drafts()[0], from, Base{}
		if end == d.j.end {
			want, base = to, over
		}
		if d2.Target() != want || d2.Base() != base {
			t.Fatalf("cut at %d of %d to %d: %v of %v", end, begun, d.j.end, d2.Target(), d2.Base())
		}
		wantDraft(t, d2, nil, []byte("bytes"))
		c2.Close()
	}
	theirs := mustDraft(t, c, Base{ETag: "e", Size: 10}, 10)
	if err := theirs.Retarget(to, over); !errors.Is(err, os.ErrInvalid) || theirs.Target() == to {
		t.Errorf("a draft with bytes of its old base: %v", err)
	}
}
