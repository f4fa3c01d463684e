package cache

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
)

var errSource = errors.New("source is broken")

// faultyReader gives n bytes and then an error.
type faultyReader struct {
	r   io.Reader
	n   int
	err error
}

func (r *faultyReader) Read(p []byte) (int, error) {
	if r.n == 0 {
		return 0, r.err
	}
	n, err := r.r.Read(p[:min(len(p), r.n)])
	r.n -= n
	return n, err
}

func TestFaultsOfTheSource(t *testing.T) {
	type hook = func(ctx context.Context, c call, body io.Reader) (io.Reader, error)
	for _, tt := range []struct {
		name string
		hook hook
		want error
		kept int64 // whole blocks that arrived before the fault
	}{
		{"refused", func(context.Context, call, io.Reader) (io.Reader, error) { return nil, errSource }, errSource, 0},
		{"broken", func(_ context.Context, _ call, b io.Reader) (io.Reader, error) {
			return &faultyReader{b, 300 * kib, errSource}, nil
		}, errSource, 256 * kib},
		{"short", func(_ context.Context, _ call, b io.Reader) (io.Reader, error) {
			return io.LimitReader(b, 300*kib), nil
		}, io.ErrUnexpectedEOF, 256 * kib},
		{"short by one", func(_ context.Context, _ call, b io.Reader) (io.Reader, error) {
			return io.LimitReader(b, 512*kib-1), nil
		}, ErrSource, 384 * kib},
		{"long", func(_ context.Context, _ call, b io.Reader) (io.Reader, error) {
			return io.MultiReader(b, bytes.NewReader([]byte{1})), nil
		}, ErrSource, 0},
		{"stuck", func(_ context.Context, _ call, b io.Reader) (io.Reader, error) {
			return &faultyReader{b, 10, nil}, nil
		}, io.ErrNoProgress, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := mustOpen(t, testOptions(t))
			s := newSource(mib)
			s.setHook(tt.hook)
			f := c.File(testID, mib, s)
			defer f.Close()
			p := make([]byte, 512*kib)
			n, err := f.ReadAt(t.Context(), p, 0)
			if !errors.Is(err, tt.want) {
				t.Fatalf("read: %v, want %v", err, tt.want)
			}
			if !bytes.Equal(p[:n], s.data[:n]) {
				t.Fatalf("%d bytes of a failed read are wrong", n)
			}
			settled(t, c)
			if f.Cached() != tt.kept {
				t.Errorf("cached %d, want %d", f.Cached(), tt.kept)
			}
			s.setHook(nil)
			s.take()
			readRange(t, f, s, 0, 512*kib)
			wantCalls(t, s, call{tt.kept, 512*kib - tt.kept})
		})
	}
}

// A reader that joined the download of another, whose source is gone, asks its own.
func TestOwnSourceAfterAnothersFailed(t *testing.T) {
	c := mustOpen(t, testOptions(t))
	bad, good := newSource(mib), newSource(mib)
	hold := make(chan struct{})
	bad.setHook(func(context.Context, call, io.Reader) (io.Reader, error) {
		<-hold
		return nil, errSource
	})
	f, g := c.File(testID, mib, bad), c.File(testID, mib, good)
	defer f.Close()
	defer g.Close()
	p, q := make([]byte, 10), make([]byte, 10)
	one := reading(t.Context(), f, p, 0)
	waiting(t, c, 1)
	two := reading(t.Context(), g, q, 0)
	waiting(t, c, 2)
	close(hold)
	// The first may be late enough to find what the second downloaded.
	if err := <-one; !errors.Is(err, errSource) && (err != nil || !bytes.Equal(p, good.data[:10])) {
		t.Errorf("bad source: %v", err)
	}
	if err := <-two; err != nil || !bytes.Equal(q, good.data[:10]) {
		t.Errorf("good source: %v", err)
	}
}
