package fs

import (
	"context"
	"errors"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"allasfs/s3"
)

// described makes the objects of a listed page fit to be shown. With Options.FullStat each gets its true size and the attributes that only HEAD tells, asked for
// side by side and kept while ETag and date stand, over mounts too. So who reads a directory waits for those of the pages that he comes to, in their order.
func (f *FS) described(ctx context.Context, p place, page *s3.Page) error {
	if !f.o.FullStat {
		return f.namesOf(ctx, p, page)
	}
	objects := page.Objects
	if err := f.trueSizes(ctx, p, objects); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, o := range objects {
		if _, ok := f.describedBefore(p.bucket, o); ok || strings.HasSuffix(o.Key, "/") {
			continue
		}
		if err := f.requests.Acquire(ctx, 1); err != nil {
			break
		}
		g.Go(func() error {
			defer f.requests.Release(1)
			return f.describe(ctx, p.bucket, o.Key)
		})
	}
	err := g.Wait()
	f.warnKeep(f.attrFile.save())
	return err
}

// warnKeep logs that what HEAD told could not be kept on the local disk for the next mount, which has to ask again.
func (f *FS) warnKeep(err error) {
	if err != nil {
		f.log.Warn("keep attributes on the local disk", "err", err)
	}
}

// describe asks for the attributes of one object. One that is gone, or that the key may not read, is shown as listed.
func (f *FS) describe(ctx context.Context, bucket, key string) error {
	h, err := f.o.Store.Head(ctx, bucket, key)
	switch {
	case isNotExist(err), errors.Is(err, os.ErrPermission):
		return nil
	case err != nil:
		return err
	}
	f.learn(bucket, h)
	f.attrFile.add(bucket, h)
	return nil
}

// describedBefore returns the attributes of a listed object if HEAD told them already, and they are to be shown.
func (f *FS) describedBefore(bucket string, o s3.Object) (a knownAttrs, ok bool) {
	if !f.o.FullStat {
		return knownAttrs{}, false
	}
	v := o.Version(bucket)
	v.Modified = time.Unix(0, toSecond(o.Modified)) // as the entry's
	a = f.recall(v)
	return a, a.known
}

// lookCloser asks for the attributes of a file that was found by its name, where they are to be true and are not known. What it cannot learn it leaves:
// the file shows as it was found. It is false when the name is another file's, or nobody's, by now.
func (f *FS) lookCloser(ctx context.Context, n *node) bool {
	f.mu.Lock()
	ask := f.o.FullStat && n.kind != kindDir && n.obj.exists && !n.at.known && !n.unsent() && !n.attrsUnsent && n.parent != nil
	f.mu.Unlock()
	if !ask {
		return true
	}
	if _, err := f.refresh(ctx, n, true); err != nil && !isNotExist(err) {
		f.log.Debug("ask for attributes", "path", n.name, "err", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return n.parent != nil
}

// isKnownLink tells whether the attributes of an entry are known, and it is a symbolic link.
func (f *FS) isKnownLink(p place, e entry) bool {
	if !f.o.FullStat || e.dir {
		return false
	}
	part, err := decode(p, e.name)
	return err == nil && f.recall(e.object().version(p.bucket, p.list()+part.Elem)).link
}

// loadAttrs takes over what earlier mounts learned.
func (f *FS) loadAttrs(file string, known int) {
	if file == "" || !f.o.FullStat {
		return
	}
	f.attrFile = &attrFile{path: file}
	err := f.attrFile.load(known, f.learn)
	if err != nil {
		f.log.Warn("read the attributes that are kept on the local disk", "err", err)
	}
}

// loadEmpties takes over which empty objects earlier mounts asked about.
func (f *FS) loadEmpties(file string) {
	f.empties = newEmpties(file, f.o.Group.share(emptiesMost, emptiesLeast))
	if err := f.empties.load(); err != nil {
		f.log.Warn("read what is kept of empty objects on the local disk", "err", err)
	}
}
