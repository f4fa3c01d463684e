package fs

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"allasfs/fs/name"
	"allasfs/s3"
)

const (
	guessAfter = 4  // names asked for one by one before the whole directory is listed
	guessPages = 10 // pages of such a listing at the most, which somebody waits for

	requestsOfLook = 2 // of askOne
)

// ask asks the store about one name, and tells of when the answer is, at the earliest. After a few such questions the whole directory is listed, as one that
// is walked will be.
func (f *FS) ask(ctx context.Context, d *node, p place, nm string, part name.Part) (e entry, asked time.Time, err error) {
	asked = time.Now()
	if p.bucket == "" {
		e, err := f.askBucket(ctx, nm)
		return e, asked, err
	}
	f.mu.Lock()
	d.misses++
	beside := part.Object && d.unsentDir(name.Encode(part.Elem, false)[0])
	guess, again := f.guesses(d)
	f.mu.Unlock()
	if again {
		f.listAgain(d)
	}
	if guess && !beside {
		if l := f.askListing(ctx, d); l != nil {
			e, ok, err := f.findSized(ctx, l, nm)
			if err == nil && !ok {
				err = os.ErrNotExist
			}
			return e, l.started, err
		}
	}
	if part.Continued {
		e, err = f.askContinued(ctx, p, nm, part)
	} else {
		e, err = f.askOne(ctx, p, nm, part, beside)
	}
	return e, asked, err
}

// askBucket asks for a bucket. One that the store lets nobody here look into is there all the same, so that its name is taken; the reason is told.
func (f *FS) askBucket(ctx context.Context, nm string) (entry, error) {
	_, err := f.o.Store.HeadBucket(ctx, nm)
	f.rememberBucket(nm, err)
	e := entry{name: nm, dir: true}
	if errors.Is(err, os.ErrPermission) {
		f.Report("look into", nm, err)
		e.refused, err = true, nil
	}
	return e, err
}

// guesses tells whether the whole directory d is to be listed since some of its names were asked for one by one: before the next is answered, or again, beside
// that, when it is known to be so large that nobody should wait for it, and as many were asked for as that costs. Needs f.mu.
func (f *FS) guesses(d *node) (now, again bool) {
	l := d.listing
	if d.misses <= guessAfter || f.o.TTL <= 0 || l != nil && f.fresh(l.started) {
		return false, false
	}
	if l == nil || !l.complete() || len(l.entries) <= guessPages*readAhead {
		return true, false
	}
	return false, d.misses*requestsOfLook > len(l.entries)/readAhead
}

// listAgain lists a directory in the background, so that a walk of it that lasts longer than its listing may be trusted goes on by the next.
func (f *FS) listAgain(d *node) {
	l := f.list(d, 0)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.spawn(func() {
		defer l.leave()
		for i := 0; ; i += readAhead / 2 {
			if _, more, err := l.at(f.ctx, i); err != nil || !more {
				return
			}
		}
	})
}

// askListing lists the whole directory for one name, or waits for the end of a listing that is under way; nil when that took too long, or failed.
func (f *FS) askListing(ctx context.Context, d *node) *listing {
	l := f.list(d, guessPages)
	for i := 0; ; i++ {
		if i > guessPages*readAhead { // a larger one, that somebody else reads
			return nil
		}
		_, more, err := l.at(ctx, i)
		if err != nil {
			return nil
		}
		if !more {
			break
		}
	}
	if !l.complete() {
		return nil
	}
	return l
}

// askContinued asks whether elements over 255 bytes begin so.
func (f *FS) askContinued(ctx context.Context, p place, nm string, part name.Part) (entry, error) {
	sub := p.child(part)
	m := &merger{place: sub}
	o := s3.ListOptions{Prefix: sub.list(), Delimiter: "/"}
	for {
		page, err := f.o.Store.List(ctx, p.bucket, o)
		if err != nil {
			return entry{}, err
		}
		if len(m.page(page)) > 0 || page.Token == "" && len(m.end()) > 0 {
			return entry{name: nm, dir: true}, nil
		}
		if page.Token == "" {
			return entry{}, os.ErrNotExist
		}
		o.Token = page.Token
	}
}

// askOne asks for the object and for the directory side by side. beside: the directory of that name is there, whatever the store says.
func (f *FS) askOne(ctx context.Context, p place, nm string, part name.Part, beside bool) (entry, error) {
	key := p.list() + part.Elem
	var object s3.Object
	var objectErr error
	var near nearby
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		if key == "" { // no object has that key, yet others may begin with a slash
			objectErr = os.ErrNotExist
			return nil
		}
		object, objectErr = f.o.Store.Head(gctx, p.bucket, key)
		if objectErr != nil && !isNotExist(objectErr) && !errors.Is(objectErr, os.ErrPermission) {
			return objectErr
		}
		return nil
	})
	g.Go(func() (err error) {
		near, err = f.nearby(gctx, p.bucket, key)
		return err
	})
	if err := g.Wait(); err != nil {
		return entry{}, err
	}
	prefix := beside || near.marker || near.child
	plain := false
	if objectErr == nil {
		f.learn(p.bucket, object)
		switch {
		case object.Size > 0:
		case key == p.prefix: // the directory's own marker
			objectErr = os.ErrNotExist
		case prefix || isDirType(object.ContentType): // a marker of the name
			objectErr, prefix, plain = os.ErrNotExist, true, true
		default:
			marker, err := f.isFolder(ctx, p, part.Elem, object.Size)
			if err != nil {
				return entry{}, err
			}
			if marker {
				objectErr = os.ErrNotExist
			}
		}
	}
	switch {
	case prefix && !part.Object:
		return entry{name: nm, dir: true, marker: plain}, nil
	case objectErr == nil && prefix == part.Object:
		return entry{name: nm, etag: object.ETag, size: object.Size, modified: toSecond(object.Modified), large: object.Large != s3.NotLarge}, nil
	case objectErr == nil:
		return entry{}, os.ErrNotExist
	case isNotExist(objectErr):
		return f.askFolder(ctx, p, nm, part, near)
	}
	return entry{}, objectErr
}

func isNotExist(err error) bool { return errors.Is(err, os.ErrNotExist) }
