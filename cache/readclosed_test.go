package cache

import (
	"bytes"
	"context"
	"errors"
	"os"
	"testing"
)

// TestCloseBesideARead: a read goes on, by one request, though its file is closed and its version forgotten meanwhile; one that begins after that fails.
func TestCloseBesideARead(t *testing.T) {
	c := mustOpen(t, testOptions(t))
	data := bytes.Repeat([]byte("bytes"), 1000)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var f, other *File
	asked := 0
	src := &hooked{source{data: data}, func() {
		if asked++; asked > 10 {
			cancel()
		}
		if other == nil {
			other = c.File(testID, int64(len(data))+1, &source{data: append(data, 'x')}) // which makes nothing of what was known of that ID
			f.Close()
		}
	}}
	f = c.File(testID, int64(len(data)), src)
	got := make([]byte, len(data))
	if n, err := f.ReadAt(ctx, got, 0); err != nil || n != len(data) || !bytes.Equal(got, data) {
		t.Errorf("read %d bytes, %v", n, err)
	}
	if asked != 1 {
		t.Errorf("%d requests", asked)
	}
	if _, err := f.ReadAt(ctx, got, 0); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a read of a closed file of a forgotten version: %v", err)
	}
	other.Close()
}
