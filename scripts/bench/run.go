package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
)

// run is one run of the program.
type run struct {
	o      options
	dir    string // everything on the disk, removed at the end
	begun  time.Time
	l      layout
	c      *content
	at     access // the gateway, over the link that is on
	raw    *store
	log    gatewayLog
	mounts map[string]*mounted
	rep    int
	res    *results
}

func newRun(o options) (*run, error) {
	dir, err := os.MkdirTemp(o.dir, "allasfs-bench.")
	if err != nil {
		return nil, err
	}
	r := &run{o: o, dir: dir, begun: time.Now(), l: fullLayout(), c: newContent(), at: o.at}
	if o.quick {
		r.l = quickLayout()
	}
	bucket := "bench-" + strings.ToLower(rand.Text()[:12])
	if o.kept != nil {
		bucket = o.kept.bucket()
	}
	r.raw, err = newStore(o.at, bucket)
	r.log = gatewayLog{path: o.log, bucket: bucket}
	r.mounts = map[string]*mounted{}
	for _, d := range []string{r.nativeDir(), filepath.Join(dir, "home")} {
		err = errors.Join(err, os.MkdirAll(d, 0o700))
	}
	return r, err
}

// connect makes the raw client and the mounts use the address of the link that is on.
func (r *run) connect() error {
	var err error
	if r.raw, err = newStore(r.at, r.raw.bucket); err != nil {
		return err
	}
	for _, name := range []string{"native", "allasfs", "s3fs", "rclone"} {
		r.mounts[name] = r.mountOf(name)
	}
	return nil
}

// load makes the bucket and what is in it, and the same as files.
func (r *run) load(ctx context.Context) error {
	r.say("building the data in bucket %s and in %s", r.raw.bucket, r.nativeDir())
	if err := r.raw.core.MakeBucket(ctx, r.raw.bucket, minio.MakeBucketOptions{Region: region}); err != nil {
		return err
	}
	big := r.l.bigObject()
	if err := r.raw.upload(ctx, big.key, r.c.reader(big.id, big.size), big.size, 4); err != nil {
		return err
	}
	list := r.l.objects()
	err := each(ctx, len(list), 16, func(i int) error {
		p := make([]byte, list[i].size)
		r.c.at(list[i].id, p, 0)
		return r.raw.put(ctx, list[i].key, p)
	})
	if err != nil {
		return err
	}
	for _, o := range append(list, big) {
		path := filepath.Join(r.nativeDir(), filepath.FromSlash(o.key))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), ctx.Err()); err != nil {
			return err
		}
		if err := r.writeNative(path, o); err != nil {
			return err
		}
	}
	return nil
}

// record keeps a sample, and tells it.
func (r *run) record(row, system string, s sample) {
	r.res.add(row, system, r.rep, s)
	text := cell(s, true)
	if s.err != nil {
		text = "failed: " + firstLine(s.err.Error())
	}
	r.say("  %-18s %-11s %s", row, system, text)
}

func (r *run) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%6.0f s  %s\n", time.Since(r.begun).Seconds(), fmt.Sprintf(format, args...))
}

// end unmounts, deletes the bucket, and removes the files.
func (r *run) end(ctx context.Context) error {
	var errs []error
	for _, m := range r.mounts {
		errs = append(errs, m.stop())
	}
	err := r.removeData(ctx)
	for _, m := range r.mounts {
		if isMountpoint(m.dir) { // removing what is below would delete in the store
			return errors.Join(append(errs, err, fmt.Errorf("%s is still mounted", m.dir))...)
		}
	}
	return errors.Join(append(errs, err, os.RemoveAll(r.dir))...)
}

// removeData deletes the bucket, unless it is to be kept.
func (r *run) removeData(ctx context.Context) error {
	if r.o.kept != nil {
		return nil
	}
	direct, err := newStore(r.o.at, r.raw.bucket)
	if err == nil {
		err = direct.removeBucket(ctx)
	}
	if minio.ToErrorResponse(err).Code == "NoSuchBucket" {
		return nil // the run ended before it was made
	}
	return err
}

// report keeps the results as a file, and writes the table and the plots of this run.
func (r *run) report(all []*results) error {
	if err := os.MkdirAll(r.o.results, 0o755); err != nil {
		return err
	}
	x, err := r.save(all)
	return errors.Join(err, writeReport(r.o.results, []stored{x}, all))
}
