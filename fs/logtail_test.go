package fs

import (
	"bytes"
	"log/slog"
	"sync"
	"testing"
)

// logTail keeps what is logged for the test that fails: which requests were tried again, and why.
type logTail struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logTail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.buf.Len() > 64<<10 {
		l.buf.Reset()
	}
	return l.buf.Write(p)
}

// toldIfFailed is a logger whose lines show if the test fails.
func toldIfFailed(t testing.TB) *slog.Logger {
	l := &logTail{}
	t.Cleanup(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if t.Failed() && l.buf.Len() > 0 {
			t.Logf("logged:\n%s", l.buf.String())
		}
	})
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
