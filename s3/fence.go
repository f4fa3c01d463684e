package s3

import (
	"context"
	"errors"
	"net/http"
	"os"
)

// Ceph compares If-Match of a write with the ETag as it stands in the header, so that quotes fail; others want the quotes that HTTP asks for.
// Which one the store is, is found out by the first conditional write that fails though HEAD shows that it should not.
const (
	formUnknown int32 = iota // tried bare
	formBare
	formQuoted
)

// fence is the condition of a write.
type fence struct {
	create bool   // only if the key is free
	match  string // only over this ETag
}

func fenceOf(o PutOptions) fence { return fence{create: o.IfNoneMatch, match: o.IfMatch} }

// set puts f's headers on r.
func (f fence) set(r *request, form int32) {
	r.header.Del("If-None-Match")
	r.header.Del("If-Match")
	switch {
	case f.create:
		r.set("If-None-Match", "*")
	case f.match != "" && form == formQuoted:
		r.set("If-Match", `"`+f.match+`"`)
	case f.match != "":
		r.set("If-Match", f.match)
	}
}

// fenced sends the write r under f. mine returns the ETag that the object has if an earlier try of this very request made it, "" if none can have.
// It returns the header of the answer, or what HEAD tells where the answer was lost, with the ETag that it stands for.
func (c *Client) fenced(ctx context.Context, r *request, f fence, mine func() string) (*reply, error) {
	form := c.form.Load()
	f.set(r, form)
	p, err := c.do(ctx, r)
	if err == nil && f.match != "" {
		c.form.CompareAndSwap(formUnknown, formBare)
	}
	if err == nil || !f.refused(err, form) {
		return p, err
	}
	now, headErr := c.Head(ctx, r.bucket, r.key)
	if headErr != nil && !errors.Is(headErr, os.ErrNotExist) {
		return nil, errors.Join(err, headErr)
	}
	switch {
	case headErr == nil && r.tries > 1 && mine() != "" && now.ETag == mine():
		return written(now), nil
	case f.create:
		return nil, as(err, os.ErrExist)
	case headErr != nil:
		return nil, as(err, gone())
	case now.ETag != f.match:
		return nil, as(err, ErrChanged)
	case now.Large != NotLarge:
		// No condition with its own ETag is honoured. The one that its manifest has in the index fences it from any plain object at least.
		f.match = emptyMD5
		return c.fencedAgain(ctx, r, f, form)
	case form == formQuoted:
		return c.fencedAgain(ctx, r, f, formBare)
	}
	return c.fencedAgain(ctx, r, f, formQuoted)
}

// fencedAgain sends r in another form, which is remembered if the store takes it.
func (c *Client) fencedAgain(ctx context.Context, r *request, f fence, form int32) (*reply, error) {
	f.set(r, form)
	p, err := c.do(ctx, r)
	if err == nil && form != formUnknown {
		c.form.Store(form)
	}
	if status(err) == http.StatusPreconditionFailed {
		err = as(err, ErrChanged)
	}
	return p, err
}

// refused reports whether err may mean that the condition did not hold, or was not understood.
func (f fence) refused(err error, form int32) bool {
	switch status(err) {
	case http.StatusPreconditionFailed:
		return f.create || f.match != ""
	case http.StatusNotFound:
		return f.match != "" && code(err) != "NoSuchBucket"
	case http.StatusBadRequest:
		return f.match != "" && form == formUnknown && code(err) == "InvalidArgument"
	}
	return false
}

// written is the reply that was lost, as HEAD shows its effect.
func written(o Object) *reply {
	h := http.Header{}
	h.Set("Etag", o.ETag)
	h.Set("Date", o.Modified.UTC().Format(http.TimeFormat))
	return &reply{header: h, sum: o.ETag}
}
