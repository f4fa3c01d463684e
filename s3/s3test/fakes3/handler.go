package fakes3

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{r: r, query: r.URL.Query()}
	c.bucket, c.key = splitPath(r.URL.Path)
	var run operation
	c.op, run = find(r.Method, c.bucket, c.key, c.query, r.Header)
	if s.opts.aws && c.op == "AppendObject" {
		c.op, run = "PutObject", (*Server).putObject // a parameter that AWS does not know
	}
	rec := Record{Time: time.Now(), Op: c.op, Bucket: c.bucket, Key: c.key, Query: c.query, Header: r.Header}
	n := s.begin(c.op)
	c.up = s.newBody(r)
	out := &sender{s: s, w: w, r: r, pacer: s.newPacer(r)}
	defer func() { // also when the connection is cut, by a panic
		rec.Duration, rec.In, rec.Out, rec.Status = time.Since(rec.Time), c.up.n, out.n, out.status
		s.end(rec)
	}()
	f := s.faultOf(Request{Op: c.op, Bucket: c.bucket, Key: c.key, Method: r.Method, Query: c.query, Header: r.Header, N: n})
	a := s.runWithFault(c, run, f)
	a.header.Set("x-amz-request-id", fmt.Sprintf("tx%021x", s.serial.Add(1)))
	a.header.Set("Date", s.now().Format(http.TimeFormat))
	out.send(a, f)
}

// runWithFault carries the operation out and returns the answer to send, an error document in case of an error.
func (s *Server) runWithFault(c *call, run operation, f Fault) *answer {
	s.wait(c.r, time.Duration(s.latency.Load())+f.Before)
	if f.CutBefore {
		cut()
	}
	c.up.cutAt, c.up.stallAt, c.up.flip = limitAt(f.CutUpload), limitAt(f.StallUpload), f.FlipUpload
	c.undeleted, c.whole, c.otherRange = f.Undeleted, f.Whole, f.Range
	var a *answer
	if f.Status == 0 || f.Done {
		var err error
		if a, err = s.run(c, run); err != nil {
			a = s.errorAnswer(c, err)
		}
	}
	s.wait(c.r, f.After)
	if f.CutAfter {
		cut()
	}
	if f.Status != 0 {
		code := f.Code
		if code == "" {
			code = usualCode(f.Status)
		}
		a = s.errorAnswer(c, fail(f.Status, code))
	}
	if f.ETag != "" {
		a.otherETag(f.ETag)
	}
	a.shorten(f.Short)
	return a
}

// run checks who asks and carries the operation out.
func (s *Server) run(c *call, op operation) (*answer, error) {
	var err error
	if c.who, err = s.authenticate(c.r); err != nil {
		return nil, err
	}
	if err := c.up.expect(c.who); err != nil {
		return nil, err
	}
	if !validUTF8Key(c.key) {
		if s.opts.aws && len(c.key) > maxKey {
			return nil, fail(400, "KeyTooLongError")
		}
		return nil, errInvalidKeyName
	}
	return op(s, c)
}

// errorAnswer makes the document of an error, and reads what the client still sends, so that it sees the answer and not a reset.
func (s *Server) errorAnswer(c *call, err error) *answer {
	e := asAPIError(err)
	if c.r.Header.Get("Expect") == "" || c.up.n > 0 {
		_, _ = io.Copy(io.Discard, c.r.Body)
	}
	a := ok()
	a.status = e.status
	if c.r.Method == http.MethodHead || e.status == http.StatusNotModified || e.code == "" {
		return a
	}
	d := &xmlDoc{b: []byte(`<?xml version="1.0" encoding="UTF-8"?>`)}
	d.open("Error").text("Code", e.code).text("Message", e.message)
	if c.bucket != "" {
		d.text("BucketName", c.bucket)
	}
	d.text("RequestId", fmt.Sprintf("tx%021x", s.serial.Load()+1)).text("HostId", "fakes3").close("Error")
	a.doc = d.b
	a.header.Set("Content-Type", "application/xml")
	return a
}

// permit checks that the caller may use the bucket of the call, and that it exists: the owner for anything, everybody for reading a public one.
func (s *Server) permit(c *call, write bool) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, err := s.permitLocked(c, write)
	return err
}

// permitLocked is permit for callers that hold mu; it returns the bucket.
func (s *Server) permitLocked(c *call, write bool) (*bucket, error) {
	return s.permitBucket(c, c.bucket, write)
}

func (s *Server) permitBucket(c *call, name string, write bool) (*bucket, error) {
	b := s.buckets[name]
	switch {
	case b == nil:
		return nil, errNoSuchBucket
	case b.owner == c.who.id, b.public && !write:
		return b, nil
	}
	return nil, errAccessDenied
}

// sender writes an answer out, slowed and spoilt as asked.
type sender struct {
	s      *Server
	w      http.ResponseWriter
	r      *http.Request
	pacer  *pacer
	status int
	n      int64 // body bytes sent

	cutAt, stallAt int64 // bytes; -1 = never
}

// pieceSize is the most that is sent at once under a cap or a fault.
const pieceSize = 64 << 10

func (o *sender) send(a *answer, f Fault) {
	body := a.body
	if a.doc != nil {
		body, a.length = newBlob(a.doc), int64(len(a.doc))
	}
	if f.FlipBody && body.size > 0 {
		last := body.slice(body.size-1, 1).bytes()[0]
		body = join(body.slice(0, body.size-1), newBlob([]byte{last ^ 0xff}))
	}
	h := o.w.Header()
	for name, values := range a.header {
		h[name] = values
	}
	if a.length < 0 {
		a.length = 0
	}
	if a.status != http.StatusNoContent && a.status != http.StatusNotModified {
		h.Set("Content-Length", itoa(a.length))
	}
	o.cutAt, o.stallAt = limitAt(f.CutBody), limitAt(f.StallBody)
	o.status = a.status
	o.w.WriteHeader(a.status)
	if o.r.Method == http.MethodHead {
		return
	}
	if _, err := body.WriteTo(o); err != nil {
		cut()
	}
	if o.cutAt >= 0 || o.stallAt >= 0 {
		o.flushAndEnd()
	}
	if body.size < a.length { // a segment is missing: the body ends early
		o.cutAt = o.n
		o.flushAndEnd()
	}
	if len(a.extra) > 0 {
		o.overrun(a.extra)
	}
}

// Write sends p, slowed by the caps, and ends the connection where a fault says so.
func (o *sender) Write(p []byte) (int, error) {
	if !o.pacer.capped() && o.cutAt < 0 && o.stallAt < 0 {
		n, err := o.w.Write(p)
		o.n += int64(n)
		return n, err
	}
	done := 0
	for done < len(p) {
		n := min(pieceSize, len(p)-done)
		for _, limit := range []int64{o.cutAt, o.stallAt} {
			if limit >= 0 {
				n = min(n, int(limit-o.n))
			}
		}
		if n <= 0 {
			o.flushAndEnd()
		}
		o.pacer.pace(n)
		m, err := o.w.Write(p[done : done+n])
		done, o.n = done+m, o.n+int64(m)
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// flushAndEnd lets out what was written and then cuts or stalls, if the limit is reached.
func (o *sender) flushAndEnd() {
	_ = http.NewResponseController(o.w).Flush()
	switch {
	case o.cutAt >= 0 && o.n >= o.cutAt:
		cut()
	case o.stallAt >= 0 && o.n >= o.stallAt:
		o.s.stall(o.r)
	}
}

// header copies the request headers with these names that are set into a map by lower-case name.
func (c *call) headers(names ...string) map[string]string {
	var m map[string]string
	for _, name := range names {
		if v := c.r.Header.Get(name); v != "" {
			if m == nil {
				m = map[string]string{}
			}
			m[strings.ToLower(name)] = v
		}
	}
	return m
}
