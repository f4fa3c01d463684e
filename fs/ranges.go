package fs

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"allasfs/s3"
)

const (
	rangesAfter = 4 // pages that come one after the other before a directory is listed by key ranges
	rangesWidth = 8 // requests of one listing at once
)

// afterAll sorts after everything that a key holds at one place: keys are UTF-8.
const afterAll = "\U0010FFFF"

// span is a key range of a directory, listed page by page from its start.
type span struct {
	back    string // an entry some pages back, from four to eight once there were so many
	mid     string // the entry that becomes back next
	at      string // its last entry so far; before one came what it starts after
	end     string // entries after this belong to the next span; "" = none do
	token   string // of the page after at; "" = start after at
	pages   []*s3.Page
	n       int  // pages so far
	busy    bool // its next page is under way
	cutting bool // a cut of it is under way
	done    bool
}

// ranges lists the rest of a directory by several key ranges side by side. Where to cut a range follows from the keys it has shown: its last
// pages begin alike, and a cut is made after all keys that begin so, at a length between what is shared with the range's end already and
// what those pages share. The page that a cut asks for is the first of the new range; when it is empty the old range has a nearer end.
// So each key has one range, whatever their distribution. One goroutine plans, so nothing here is locked.
type ranges struct {
	prefix string
	spans  []*span // in the order of keys
	pages  int     // that brought something
	empty  int     // cuts after which nothing came
}

// request is a page that is to be asked for: the next one of a span, or after cut the first of a new span.
type rangeRequest struct {
	s   *span
	cut string // "" = none
	o   s3.ListOptions
}

type rangeAnswer struct {
	rangeRequest
	page *s3.Page
	err  error
}

func newRanges(prefix, first, at, token string) *ranges {
	return &ranges{prefix: prefix, spans: []*span{{back: first, mid: at, at: at, token: token, n: rangesAfter}}, pages: rangesAfter}
}

// next says what to ask for while so much is under way; ok is false when nothing can be asked for now.
func (r *ranges) next() (q rangeRequest, ok bool) {
	for _, s := range r.spans {
		if !s.busy && !s.done {
			s.busy = true
			q := rangeRequest{s: s, o: s3.ListOptions{Prefix: r.prefix, Delimiter: "/", Token: s.token}}
			if s.token == "" {
				q.o.StartAfter = s.at
			}
			return q, true
		}
	}
	if r.empty > 16+r.pages/8 {
		return rangeRequest{}, false
	}
	best, cut := (*span)(nil), ""
	for _, s := range r.spans {
		if s.done || s.cutting {
			continue
		}
		if c, ok := r.cutOf(s); ok && (best == nil || len(c) < len(cut)) {
			best, cut = s, c
		}
	}
	if best == nil {
		return rangeRequest{}, false
	}
	best.cutting = true
	return rangeRequest{s: best, cut: cut, o: s3.ListOptions{Prefix: r.prefix, Delimiter: "/", StartAfter: cut}}, true
}

// cutOf is where s could be cut; ok is false where it cannot. The result holds no slash after the prefix: within a common prefix the gateway would
// pass over all of that.
func (r *ranges) cutOf(s *span) (cut string, ok bool) {
	if s.n < 2 {
		return "", false
	}
	elem := strings.TrimSuffix(s.at[len(r.prefix):], "/")
	least, most := 1, shared(s.back[len(r.prefix):], elem)
	if s.end != "" {
		least = shared(s.end[len(r.prefix):], elem) + 1
	}
	if least > max(most, 1) { // such ranges are smaller than the pages that were looked back on
		return "", false
	}
	n := max((least+most)/2, least)
	for n < len(elem) && elem[n]&0xC0 == 0x80 { // not within a character
		n++
	}
	if n > len(elem) {
		return "", false
	}
	cut = r.prefix + elem[:n] + afterAll
	return cut, cut > s.at && (s.end == "" || cut < s.end)
}

// shared is how many bytes a and b begin with alike.
func shared(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// take puts an answer in its place.
func (r *ranges) take(a rangeAnswer) {
	s := a.s
	if a.cut == "" {
		s.busy = false
		s.add(a.page)
		r.pages++
		return
	}
	s.cutting = false
	first, _ := bounds(a.page)
	if s.done || s.at >= a.cut || first == "" && a.page.Token != "" {
		r.empty++ // it was faster, or nothing was learned
		return
	}
	n := &span{at: a.cut, end: s.end}
	n.add(a.page)
	s.end = a.cut
	if n.n == 0 {
		r.empty++
		return
	}
	r.pages++
	for i, x := range r.spans {
		if x == s {
			r.spans = append(r.spans[:i+1], append([]*span{n}, r.spans[i+1:]...)...)
			return
		}
	}
}

// add takes the next page of s, as far as it belongs to it.
func (s *span) add(p *s3.Page) {
	s.token = p.Token
	s.done = p.Token == ""
	if _, last := bounds(p); s.end != "" && last > s.end {
		clip(p, s.end)
		s.done = true
	}
	first, last := bounds(p)
	if last == "" {
		return
	}
	if s.n == 0 {
		s.back, s.mid = first, first
	} else if s.n%4 == 0 {
		s.back, s.mid = s.mid, s.at
	}
	s.n++
	s.at = last
	s.pages = append(s.pages, p)
}

// ready takes the pages that follow on those taken before, in the order of keys.
func (r *ranges) ready() (pages []*s3.Page) {
	for len(r.spans) > 0 {
		s := r.spans[0]
		pages = append(pages, s.pages...)
		s.pages = nil
		if !s.done {
			break
		}
		r.spans = r.spans[1:]
	}
	return pages
}

// bounds are the first and the last entry of a page; "" of an empty one.
func bounds(p *s3.Page) (first, last string) {
	if n := len(p.Objects); n > 0 {
		first, last = p.Objects[0].Key, p.Objects[n-1].Key
	}
	if n := len(p.Prefixes); n > 0 {
		if first == "" || p.Prefixes[0] < first {
			first = p.Prefixes[0]
		}
		last = max(last, p.Prefixes[n-1])
	}
	return first, last
}

// clip takes the entries after end off a page.
func clip(p *s3.Page, end string) {
	i, _ := slices.BinarySearchFunc(p.Objects, end, func(o s3.Object, end string) int { return cmp.Or(strings.Compare(o.Key, end), -1) })
	p.Objects = p.Objects[:i]
	i, _ = slices.BinarySearchFunc(p.Prefixes, end, func(x, end string) int { return cmp.Or(strings.Compare(x, end), -1) })
	p.Prefixes = p.Prefixes[:i]
}

// fetchRanges lists the rest of a directory as r plans it.
func (f *FS) fetchRanges(l *listing, m *merger, r *ranges) error {
	answers := make(chan rangeAnswer)
	under := 0
	defer func() {
		for ; under > 0; under-- {
			<-answers
		}
	}()
	ctx, stop := context.WithCancel(l.ctx)
	defer stop()
	for {
		for under < rangesWidth {
			q, ok := r.next()
			if !ok {
				break
			}
			under++
			go func() {
				page, err := f.o.Store.List(ctx, l.place.bucket, q.o)
				if err == nil {
					err = f.described(ctx, l.place, page)
				}
				answers <- rangeAnswer{q, page, err}
			}()
		}
		if under == 0 {
			l.publish(m.end())
			return nil
		}
		a := <-answers
		under--
		if a.err != nil {
			return a.err
		}
		r.take(a)
		for _, p := range r.ready() {
			l.publish(m.page(p))
		}
	}
}
