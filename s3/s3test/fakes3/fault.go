package fakes3

import (
	"net/http"
	"net/url"
	"regexp"
	"time"
)

// Request is what a fault hook is told of a request, before it is carried out.
type Request struct {
	Op     string // the operation's name as AWS spells it: GetObject, PutObject, ListObjectsV2, …; see Operation
	Bucket string
	Key    string
	Method string
	Query  url.Values
	Header http.Header
	N      int // 1 for the first request of this Op since the start or ResetCounts
}

// Fault is what goes wrong with one request. The zero value lets it pass; fields combine where that makes sense.
type Fault struct {
	Before time.Duration // wait before the operation
	After  time.Duration // wait between the operation and its answer

	// Status answers an error with Code, and the operation is not carried out unless Done is set.
	Status int
	Code   string // e.g. SlowDown; "" = the usual one for Status
	Done   bool

	CutBefore bool // close the connection, nothing carried out, nothing answered
	CutAfter  bool // carry it out, then close the connection: the lost answer

	// Bodies. 0 = no fault, -1 = at once.
	CutBody     int64  // close the connection after so many bytes of the answer's body
	StallBody   int64  // send nothing more after so many bytes, and keep the connection open until the client leaves
	CutUpload   int64  // close the connection after so many bytes of the request's body
	StallUpload int64  // read no more of the request's body after so many bytes
	Short       int64  // the answer's body and its Content-Length lack so many bytes at the end; Content-Range tells the range asked for
	Whole       bool   // the request's Range is not heeded: 200 and the whole object
	Range       string // heeded in place of the request's Range, as a header has it

	Undeleted map[string]string // DeleteObjects: keys that stay, and the error code told for each

	ETag       string // sent in place of the right one, header and body
	FlipBody   bool   // the last byte of the answer's body is another
	FlipUpload bool   // the last byte of the request's body is stored as another (after its hash was checked)
}

// Fault sets the hook that is asked for the fault of each request; nil, or a nil answer of it, for none. The hook is called concurrently.
func (s *Server) Fault(hook func(Request) *Fault) {
	if hook == nil {
		s.hook.Store(nil)
		return
	}
	s.hook.Store(&hook)
}

// FaultOnce gives one request of that operation the fault, the next one that comes, after the hook of Fault had its say.
// Several calls queue up.
func (s *Server) FaultOnce(op string, f Fault) {
	s.observer.mu.Lock()
	defer s.observer.mu.Unlock()
	s.queued[op] = append(s.queued[op], f)
}

func (s *Server) faultOf(r Request) Fault {
	if hook := s.hook.Load(); hook != nil {
		if f := (*hook)(r); f != nil {
			return *f
		}
	}
	s.observer.mu.Lock()
	defer s.observer.mu.Unlock()
	queue := s.queued[r.Op]
	if len(queue) == 0 {
		return Fault{}
	}
	s.queued[r.Op] = queue[1:]
	return queue[0]
}

// limitAt turns the fields' 0 = none, -1 = at once into a count of bytes, -1 = none.
func limitAt(n int64) int64 {
	switch {
	case n == 0:
		return -1
	case n < 0:
		return 0
	}
	return n
}

// wait sleeps for d, or until the server is closed or the client left.
func (s *Server) wait(r *http.Request, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.done:
	case <-r.Context().Done():
	}
}

// stall waits until the server is closed or the client left, and closes the connection.
func (s *Server) stall(r *http.Request) {
	select {
	case <-s.done:
	case <-r.Context().Done():
	}
	cut()
}

// cut ends the connection without a word: net/http takes this panic for it.
func cut() { panic(http.ErrAbortHandler) }

// shorten takes n bytes off the end of the answer's body, and says so in its length alone.
func (a *answer) shorten(n int64) {
	if a.doc == nil && n > 0 {
		a.length = max(0, min(a.length, a.body.size)-n)
		a.body, a.extra = a.body.slice(0, a.length), nil
	}
}

// otherETag replaces the ETags of an answer.
func (a *answer) otherETag(etag string) {
	if a.header.Get("ETag") != "" {
		a.header.Set("ETag", `"`+etag+`"`)
	}
	if len(a.doc) > 0 {
		re := regexp.MustCompile(`<ETag>[^<]*</ETag>`)
		a.doc = re.ReplaceAll(a.doc, []byte("<ETag>"+etag+"</ETag>"))
	}
}
