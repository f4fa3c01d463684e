package fs

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"syscall"
	"testing"

	"allasfs/s3"
)

// TestSegmentsStay: whoever removes, replaces, empties or writes to a Swift large object does so to its front object; the segments stay, and the log says where. A renamed
// one goes on with them.
func TestSegmentsStay(t *testing.T) {
	for what, do := range map[string]func(w *world) error{
		"unlink":      func(w *world) error { return w.unlink("d/large") },
		"rename over": func(w *world) error { return w.rename("d/other", "d/large") },
		"empty":       func(w *world) error { return w.write("d/large", nil, 0, syscall.O_TRUNC) },
		"append":      func(w *world) error { return w.write("d/large", []byte("more"), 0, syscall.O_APPEND) },
		"rename":      func(w *world) error { return w.rename("d/large", "d/moved") },
	} {
		for _, kind := range []s3.LargeKind{s3.DLO, s3.SLO} {
			t.Run(fmt.Sprint(what, kind), func(t *testing.T) {
				var log bytes.Buffer
				w := newWorld(t, func(o *Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
				w.srv.MakeBucket("data_segments")
				put := w.srv.PutDLO
				if kind == s3.SLO {
					put = w.srv.PutSLO
				}
				put("data", "d/large", "data_segments", "large/", filled(5000, 1), filled(4000, 2))
				w.srv.PutObject("data", "d/other", []byte("other"), nil)
				segments := w.srv.Keys("data_segments")
				w.sizes(w.hold("d").ID)
				w.ok(do(w))
				w.stop()
				if got := w.srv.Keys("data_segments"); !slices.Equal(got, segments) {
					t.Errorf("segments %q, want %q", got, segments)
				}
				want := map[s3.LargeKind]string{s3.DLO: "segments=data_segments/large/", s3.SLO: "segments=data_segments\n"}[kind]
				if told := strings.Contains(log.String(), want); told != (what != "rename") {
					t.Errorf("the log has %q: %t\n%s", want, told, log.String())
				}
			})
		}
	}
}
