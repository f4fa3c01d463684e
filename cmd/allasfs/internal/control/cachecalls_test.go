package control

import (
	"context"
	"fmt"
	"reflect"
	"testing"

	"allasfs/cache"
	"allasfs/cmd/allasfs/internal/exit"
	"allasfs/fs"
)

func (f *fake) Warm(ctx context.Context, id string, paths []string, background bool) (fs.WarmState, error) {
	if f.err == context.Canceled {
		<-ctx.Done()
	}
	return fs.WarmState{ID: id, DoneFiles: 3}, f.call("warm", id, fmt.Sprint(paths), fmt.Sprint(background))
}
func (f *fake) Evict(_ context.Context, paths []string, all bool) (cache.Evicted, error) {
	return cache.Evicted{Bytes: 5}, f.call("evict", fmt.Sprint(paths), fmt.Sprint(all))
}
func (f *fake) Held(_ context.Context, path string, n int) (fs.HeldReport, error) {
	return fs.HeldReport{Files: 2}, f.call("held", path, fmt.Sprint(n))
}

// TestCacheCalls carries arguments there and answers back, refusals with their code.
func TestCacheCalls(t *testing.T) {
	d := &fake{}
	_, c, _ := serve(t, d)
	w, err := c.Warm(t.Context(), "7", []string{"a b", ""}, true)
	fatal(t, err)
	e, err := c.Evict(t.Context(), []string{"x"}, false)
	fatal(t, err)
	h, err := c.Held(t.Context(), "y", 9)
	fatal(t, err)
	if w.DoneFiles != 3 || e.Bytes != 5 || h.Files != 2 {
		t.Errorf("answers: %+v %+v %+v", w, e, h)
	}
	if want := []string{"warm 7 [a b ] true", "evict [x] false", "held y 9"}; !reflect.DeepEqual(d.calls, want) {
		t.Errorf("calls: %q", d.calls)
	}
	d.err = exit.New(exit.Cache, "more", "no cache")
	if _, err := c.Warm(t.Context(), "", nil, false); exit.Of(err).Code != exit.Cache || exit.Of(err).Hint != "more" {
		t.Errorf("refusal: %v", err)
	}
}
