package fs

import (
	"context"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"allasfs/cache"
	"allasfs/s3"
)

// earlyParts is how many parts of one file are on their way at once while it is being written; the rest of FS.parts is for those who wait in close.
const earlyParts = 8

// early is the upload of a file that is still being written: its full parts leave while the writer goes on, laid out as plan lays them out at close.
// It is only for drafts that take nothing from a base. A part that is written again after it was claimed is sent again at close, and so is one that failed:
// the writer never hears of it. Nobody sees anything of it before the upload is completed, on the same conditions as without it.
type early struct {
	f     *FS
	d     *cache.Draft
	t     cache.Target // what it goes to; a renamed file begins anew
	seq   uint64       // node.attrsSeq of the attributes that the upload was begun with
	meta  s3.PutOptions
	ctx   context.Context
	end   context.CancelFunc
	begun chan struct{} // closed when the upload has its id, or will have none

	mu     sync.Mutex // guards the rest
	id     string
	parts  []*earlyPart
	busy   int  // parts on their way
	closed bool // nothing more is claimed: the file is being closed or dropped, or a part failed
	used   bool // the object was made of it, or may have been: it is not to be aborted
}

type earlyPart struct {
	part
	done   chan struct{}
	stored s3.Part // once done, with err
	err    error
	dirty  bool // written after it was claimed; guarded by early.mu
	sum    sum  // of what was sent, once done
}

// wrote is called after each change of d's bytes in [off, off+n), whether or not it succeeded, with n's gate shared: it sends what is full by now.
func (f *FS) wrote(n *node, d *cache.Draft, off, size int64) {
	long := d.Leading() > singlePut
	f.mu.Lock()
	a := f.earlies[d.ID()]
	if a == nil && long && n.parent != nil && !n.unlinked && n.draft == d && !f.closed && !takesFromBase(d) {
		a = f.newEarly(n, d)
	}
	f.mu.Unlock()
	if a != nil {
		a.dirty(off, size)
		a.advance()
	}
}

func takesFromBase(d *cache.Draft) bool {
	if d.Base().ETag == "" {
		return false
	}
	for _, p := range d.Pieces() {
		if p.Kind == cache.FromBase {
			return true
		}
	}
	return false
}

// newEarly needs f.mu. The object's mtime will be its own: what the last write makes it is not known yet.
func (f *FS) newEarly(n *node, d *cache.Draft) *early {
	at, o := n.at, n.obj
	bucket, key := f.keyOf(n)
	a := &early{f: f, d: d, t: cache.Target{Store: f.o.Name, Bucket: bucket, Key: key}, seq: n.attrsSeq, begun: make(chan struct{})}
	a.ctx, a.end = context.WithCancel(f.ctx)
	if !at.known && o.exists {
		a.closed = true // what it carries has to be asked for first: close does
		close(a.begun)
	}
	if at.contentType == "" {
		at.contentType = contentType(key)
	}
	a.meta = s3.PutOptions{ContentType: at.contentType, Meta: at.undated().encode()}
	f.earlies[d.ID()] = a
	return a
}

// undated is a without a time of its own: that of the object holds.
func (a knownAttrs) undated() knownAttrs {
	a.meta = maps.Clone(a.meta)
	delete(a.meta, metaMtime)
	a.mtime = time.Time{}
	return a
}

// dirty notes that bytes changed which may have been sent.
func (a *early) dirty(off, n int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := len(a.parts) - 1; i >= 0 && a.parts[i].off+a.parts[i].n > off; i-- {
		if a.parts[i].off < off+n {
			a.parts[i].dirty = true
		}
	}
}

// advance sends the next parts that are full, as far as the budget goes. The first one begins the upload, and the others wait for that.
func (a *early) advance() {
	local := a.d.Leading()
	a.mu.Lock()
	defer a.mu.Unlock()
	for !a.closed && a.busy < earlyParts && (a.id != "" || a.busy == 0) {
		p := part{n: partSize(len(a.parts))}
		if last := len(a.parts) - 1; last >= 0 {
			p.off = a.parts[last].off + a.parts[last].n
		}
		if p.off+p.n > local {
			return
		}
		ap := &earlyPart{part: p, done: make(chan struct{})}
		a.parts = append(a.parts, ap)
		a.busy++
		number := len(a.parts)
		a.f.wg.Go(func() { a.send(ap, number) })
	}
}

// send brings one part to the store; after a failure nothing more is sent before close.
func (a *early) send(ap *earlyPart, number int) {
	ap.err = a.begin()
	if ap.err == nil {
		ap.err = a.put(ap, number)
	}
	close(ap.done)
	a.mu.Lock()
	a.busy--
	if ap.err != nil {
		a.closed = true
	}
	a.mu.Unlock()
	a.advance()
}

// begin makes the upload when there is none; only the first part finds none.
func (a *early) begin() error {
	a.mu.Lock()
	id := a.id
	a.mu.Unlock()
	if id != "" {
		return nil
	}
	defer close(a.begun)
	id, err := a.f.o.Store.CreateMultipart(a.ctx, a.t.Bucket, a.t.Key, a.meta)
	if err != nil {
		return err
	}
	a.f.noteUpload(a.d, cache.Upload{Bucket: a.t.Bucket, Key: a.t.Key, ID: id})
	a.mu.Lock()
	a.id = id
	a.mu.Unlock()
	a.advance()
	return nil
}

func (a *early) put(ap *earlyPart, number int) (err error) {
	if err := a.f.parts.Acquire(a.ctx, 1); err != nil {
		return err
	}
	defer a.f.parts.Release(1)
	body := &draftBody{ctx: a.ctx, d: a.d, up: &upload{}, base: noBase}
	ap.sum.src = io.NewSectionReader(body, ap.off, ap.n)
	var bytes io.ReaderAt = ap.sum.src
	if a.d.IsDirect() { // nobody tells what is written again
		bytes = &ap.sum
	}
	ap.stored, err = a.f.o.Store.PutPart(a.ctx, a.t.Bucket, a.t.Key, a.id, number, bytes, ap.n)
	return err
}

// takeEarly ends the claiming of parts; who takes it completes the upload or drops it. nil when there is none.
func (f *FS) takeEarly(d *cache.Draft) *early {
	f.mu.Lock()
	a := f.earlies[d.ID()]
	delete(f.earlies, d.ID())
	f.mu.Unlock()
	if a != nil {
		a.mu.Lock()
		a.closed = true
		if len(a.parts) == 0 {
			a.end()
		}
		a.mu.Unlock()
	}
	return a
}

// upload waits for the upload's beginning and returns its id, "" when it was not begun, is for another key, or holds more parts than the planned
// ones of what is there now: the store wants all that it was sent to be in the object.
func (a *early) upload(ctx context.Context, t cache.Target, planned int) string {
	if a == nil || len(a.parts) == 0 || len(a.parts) > planned || a.t != t {
		return ""
	}
	select {
	case <-a.begun:
	case <-ctx.Done():
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.id
}

// sent waits for part i of the final plan and returns it when what the store has is just that; nothing is written any more by then.
func (a *early) sent(ctx context.Context, i int, p part) (stored s3.Part, ok bool) {
	if !a.claimed(i, p) {
		return s3.Part{}, false
	}
	ap := a.parts[i]
	select {
	case <-ap.done:
	case <-ctx.Done():
		return s3.Part{}, false
	}
	return ap.stored, ap.err == nil && (!a.d.IsDirect() || ap.sum.holds(io.NewSectionReader(a.d.LocalReaderAt(), p.off, p.n), p.n))
}

// claimed tells whether part i of the final plan was claimed while the file was written and not changed since.
func (a *early) claimed(i int, p part) bool {
	if a == nil || i >= len(a.parts) || p.copy {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return !a.parts[i].dirty && a.parts[i].part == p
}

// drop ends an upload that is not wanted: parts on their way are cut off, then it is aborted. Safe on nil.
func (a *early) drop(ctx context.Context) {
	if a == nil {
		return
	}
	a.cut()
	if a.id != "" {
		a.f.endLeft(ctx, a.d, cache.Upload{Bucket: a.t.Bucket, Key: a.t.Key, ID: a.id})
	}
}

// over waits until the part that left early as number i, which is to be sent anew, is not on its way any more: it must not come in last.
func (a *early) over(ctx context.Context, i int) {
	if a == nil || i >= len(a.parts) {
		return
	}
	select {
	case <-a.parts[i].done:
	case <-ctx.Done():
	}
}

// cut ends the parts that are on their way and waits for that.
func (a *early) cut() {
	a.end()
	for _, ap := range a.parts {
		<-ap.done
	}
}

// dropEarly drops the upload of a draft, if there is one, that will not be sent, in the background.
func (f *FS) dropEarly(d *cache.Draft) {
	if d == nil {
		return
	}
	if a := f.takeEarly(d); a != nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.spawn(func() { a.drop(f.ctx) })
	}
}

// dropEarlies drops the uploads of all drafts that were not sent; the mount ends.
func (f *FS) dropEarlies(ctx context.Context) {
	f.mu.Lock()
	left := slices.Collect(maps.Values(f.earlies))
	f.mu.Unlock()
	for _, a := range left {
		f.takeEarly(a.d).drop(ctx)
	}
}

// noteUpload journals which upload of ours is under way, so that a later mount can abort it. A full disk costs only that. One that was begun before is
// aborted by and by, after long if the store may be completing it.
func (f *FS) noteUpload(d *cache.Draft, u cache.Upload) {
	if old := d.Upload(); old.ID != "" && u.ID != "" && old.ID != u.ID {
		after := time.Duration(0)
		if old.ETag != "" {
			after = abortUnsure
		}
		f.abortLater(cache.Target{Bucket: old.Bucket, Key: old.Key}, old.ID, after)
	}
	if err := d.SetUpload(u); err != nil {
		f.log.Debug("journal of an upload", "bucket", u.Bucket, "key", u.Key, "err", err)
	}
}

// noteWhole journals what ETag the object will have, before the store is asked to make it: it may do so and the answer be lost with the daemon.
func (f *FS) noteWhole(d *cache.Draft, t cache.Target, id string, parts []s3.Part) {
	etag, err := s3.WholeETag(parts)
	if err != nil {
		return // Complete says so
	}
	f.noteUpload(d, cache.Upload{Bucket: t.Bucket, Key: t.Key, ID: id, ETag: etag})
}

// abortLeft aborts the upload that a crash left of a draft that is not sent by itself: at once where nobody can be about to complete it.
func (f *FS) abortLeft(d *cache.Draft) {
	u := d.Upload()
	if u.ID == "" || f.o.ReadOnly {
		return
	}
	if u.ETag != "" {
		f.addPerhaps(d, []cache.Perhaps{{ETag: u.ETag}})
		f.abortLater(cache.Target{Bucket: u.Bucket, Key: u.Key}, u.ID, abortUnsure)
		f.noteUpload(d, cache.Upload{})
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.spawn(func() { f.endLeft(f.ctx, d, u) })
}
