package s3_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"allasfs/s3"
	"allasfs/s3/s3test"
)

// later removes keys by DeleteLater and returns where their reasons come in.
func (b bench) later(t *testing.T, ctx context.Context, keys ...string) (why func() map[string]error) {
	t.Helper()
	var mu sync.Mutex
	got := map[string]error{}
	for _, key := range keys {
		if !b.DeleteLater(ctx, b.bucket, key, func(err error) {
			mu.Lock()
			defer mu.Unlock()
			got[key] = err
		}) {
			t.Fatalf("%q is not taken", key)
		}
	}
	return func() map[string]error {
		mu.Lock()
		defer mu.Unlock()
		return got
	}
}

// TestDeleteLaterIsBulk: removals that come one by one are a request a thousand.
func TestDeleteLaterIsBulk(t *testing.T) {
	b, server := faulty(t)
	var keys []string
	for i := range 2500 {
		keys = append(keys, fmt.Sprintf("k%d", i))
		server.PutObject(b.bucket, keys[i], nil, nil)
	}
	keys = append(keys, "no such key")
	server.ResetCounts()
	why := b.later(t, t.Context(), keys...)
	if err := b.FlushDeletes(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := server.Counts()["DeleteObjects"]; n != 3 || len(server.Counts()) != 1 {
		t.Errorf("requests %v", server.Counts())
	}
	if left := server.Keys(b.bucket); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	for key, err := range why() {
		if err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
	if len(why()) != len(keys) {
		t.Errorf("%d of %d told", len(why()), len(keys))
	}
}

// TestDeleteLaterKeepsTheOrder: whatever is asked of the store after a removal was put off sees it done.
func TestDeleteLaterKeepsTheOrder(t *testing.T) {
	for name, then := range map[string]func(ctx context.Context, b bench) error{
		"list": func(ctx context.Context, b bench) error {
			p, err := b.List(ctx, b.bucket, s3.ListOptions{})
			if err == nil && len(p.Objects) != 1 {
				err = fmt.Errorf("%d objects are listed", len(p.Objects))
			}
			return err
		},
		"head": func(ctx context.Context, b bench) error {
			if _, err := b.Head(ctx, b.bucket, "a"); !errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("head: %v", err)
			}
			return nil
		},
		"put": func(ctx context.Context, b bench) error {
			_, err := b.Put(ctx, b.bucket, "a", strings.NewReader("new"), 3, s3.PutOptions{IfNoneMatch: true})
			return err
		},
		"copy": func(ctx context.Context, b bench) error {
			_, err := b.Copy(ctx, s3.Version{Bucket: b.bucket, Key: "other", Size: 3}, b.bucket, "a", s3.CopyOptions{})
			return err
		},
		"delete": func(ctx context.Context, b bench) error { return b.Delete(ctx, b.bucket, "a") },
		"odd":    func(ctx context.Context, b bench) error { return b.FlushDeletes(ctx) },
	} {
		t.Run(name, func(t *testing.T) {
			b, server := faulty(t)
			for _, key := range []string{"a", "odd\x01", "other"} {
				server.PutObject(b.bucket, key, []byte("old"), nil)
			}
			why := b.later(t, t.Context(), "a", "odd\x01")
			if err := then(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			if err := b.FlushDeletes(t.Context()); err != nil {
				t.Fatal(err)
			}
			if w := why(); len(w) != 2 || w["a"] != nil || w["odd\x01"] != nil {
				t.Errorf("told %v", w)
			}
			wantThere := name == "put" || name == "copy"
			if _, err := server.Object(b.bucket, "a"); (err == nil) != wantThere {
				t.Errorf("a: %v", err)
			}
		})
	}
}

// TestDeleteLaterTellsWhatStays: the reason of each object that is still there, also when the context ends.
func TestDeleteLaterTellsWhatStays(t *testing.T) {
	b, server := faulty(t)
	for _, key := range []string{"a", "b"} {
		server.PutObject(b.bucket, key, nil, nil)
	}
	server.FaultOnce("DeleteObjects", s3test.Fault{Undeleted: map[string]string{"a": "AccessDenied"}})
	why := b.later(t, t.Context(), "a", "b")
	if err := b.FlushDeletes(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w := why(); !errors.Is(w["a"], os.ErrPermission) || w["b"] != nil {
		t.Errorf("told %v", w)
	}
	ctx, cancel := context.WithCancel(t.Context())
	why = b.later(t, ctx, "a")
	cancel()
	if err := b.FlushDeletes(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w := why(); !errors.Is(w["a"], context.Canceled) {
		t.Errorf("told %v", w)
	}
	if b.DeleteLater(ctx, b.bucket, "a", nil) {
		t.Error("taken after the end of its context")
	}
}

// TestDeleteLaterIsBounded: while the store is slow, what is too much is not taken.
func TestDeleteLaterIsBounded(t *testing.T) {
	b, server := faulty(t)
	hold := make(chan struct{})
	server.Fault(func(r s3test.Request) *s3test.Fault { <-hold; return nil })
	taken := 0
	for taken < 100_000 && b.DeleteLater(t.Context(), b.bucket, fmt.Sprintf("k%d", taken), func(error) {}) {
		taken++
	}
	close(hold)
	if taken > 10_000 {
		t.Errorf("%d are taken", taken)
	}
	if err := b.FlushDeletes(t.Context()); err != nil {
		t.Fatal(err)
	}
}
