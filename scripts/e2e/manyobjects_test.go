package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"allasfs/s3"
)

// manyObjects is how many objects lie in one prefix: ten pages of a listing, enough for it to be read by key ranges side by side. Making them takes a one-node gateway
// half a minute; package fs tests half a million on the embedded server.
const manyObjects = 10_000

// makeMany stores objects n00000… of one byte below a prefix and returns their names in order.
func makeMany(t *testing.T, c *s3.Client, bucket, prefix string) []string {
	t.Helper()
	g, ctx := errgroup.WithContext(t.Context())
	g.SetLimit(48)
	names := make([]string, manyObjects)
	for i := range names {
		names[i] = fmt.Sprintf("n%05d", i)
		g.Go(func() error {
			_, err := c.Put(ctx, bucket, prefix+names[i], strings.NewReader("x"), 1, s3.PutOptions{})
			return err
		})
	}
	fatal(t, g.Wait())
	return names
}

// removeMany removes them by a request a thousand: the wipe at the end of a test takes one an object.
func removeMany(t *testing.T, c *s3.Client, bucket, prefix string, names []string) {
	t.Helper()
	keys := make([]string, len(names))
	for i, name := range names {
		keys[i] = prefix + name
	}
	failed, err := c.DeleteMany(t.Context(), bucket, keys)
	fatal(t, err)
	if len(failed) > 0 {
		t.Errorf("%d objects stay", len(failed))
	}
}

// TestManyObjects: each program that lists a large directory shows each name once, while another client makes and removes objects beside it.
func TestManyObjects(t *testing.T) {
	w := need(t)
	bucket := w.bucketName(t, "many")
	c, err := s3.New(s3.Config{Endpoint: w.gw.url, AccessKey: w.gw.access, SecretKey: w.gw.secret})
	fatal(t, err)
	defer c.Close()
	fatal(t, c.MakeBucket(t.Context(), bucket))
	names := makeMany(t, c, bucket, "d/")
	defer removeMany(t, c, bucket, "d/", names)
	stop := disturb(t, c, bucket)
	defer stop()
	for what, script := range map[string]string{
		"ls -f":      `ls -f "$1" | grep -vx '\.\.\?'`,
		"ls -l":      `ls -l "$1" | awk 'NR > 1 { if ($5 != 1) print "size " $5; print $NF }'`,
		"find":       `find "$1" -type f -size -2c -printf '%f\n'`,
		"scandir":    `python3 -c 'import os, sys; [print(e.name) for e in os.scandir(sys.argv[1]) if e.is_file() and e.stat().st_size == 1]' "$1"`,
		"completion": `compgen -f "$1/n" | sed 's,.*/,,'`,
		"glob":       `cd "$1"; printf '%s\n' n*`,
	} {
		t.Run(what, func(t *testing.T) {
			m := w.mount(t)
			got := strings.Fields(w.run(t, w.dir, "bash", "-c", script, "list", m.path(bucket, "d")))
			slices.Sort(got)
			if !slices.Equal(got, names) {
				t.Errorf("%d names, %d different ones, want each of %d once", len(got), len(slices.Compact(got)), len(names))
			}
		})
	}
}

// disturb makes and removes objects in other places of a bucket until the function that it returns is called.
func disturb(t *testing.T, c *s3.Client, bucket string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		defer close(done)
		for i := 0; ctx.Err() == nil; i++ {
			for _, key := range []string{fmt.Sprintf("a/%d", i%7), fmt.Sprintf("d%d", i%7), fmt.Sprintf("z/%d/f", i%7)} {
				_, err := c.Put(ctx, bucket, key, strings.NewReader("x"), 1, s3.PutOptions{})
				if err == nil && i%2 == 1 {
					err = c.Delete(ctx, bucket, key)
				}
				if err != nil && ctx.Err() == nil {
					done <- err
					return
				}
			}
		}
	}()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the other client: %v", err)
		}
	}
}
