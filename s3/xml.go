package s3

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// The gateway's answers are small, flat documents, but a page of a listing has ten thousand elements, and keys hold characters that no XML document
// may have. So they are read by a scanner of our own: it takes any byte in text and any number in &#…;, knows comments, CDATA and attributes (ignored), and
// does not check what a reader of answers has no use for.

// tokenKind is what a scanner stands on.
type tokenKind uint8

const (
	tokenEnd   tokenKind = iota // of the document
	tokenOpen                   // <name …>, and the first half of <name …/>
	tokenClose                  // </name>, and the second half of <name …/>
	tokenText                   // character data, still escaped unless raw
)

var errXML = errors.New("the answer is no XML document")

// scanner splits a document into tokens. The slices that it returns are parts of the document.
type scanner struct {
	doc   []byte
	pos   int
	empty []byte // name of an element <name/> whose close is due
	raw   bool   // the last text was CDATA
}

// next returns the next token: its local name (open and close) or its text.
func (s *scanner) next() (tokenKind, []byte, error) {
	if s.empty != nil {
		name := s.empty
		s.empty = nil
		return tokenClose, name, nil
	}
	for s.pos < len(s.doc) {
		rest := s.doc[s.pos:]
		if rest[0] != '<' {
			n := bytes.IndexByte(rest, '<')
			if n < 0 {
				n = len(rest)
			}
			s.pos += n
			s.raw = false
			return tokenText, rest[:n], nil
		}
		if len(rest) > 1 && rest[1] != '!' && rest[1] != '?' {
			return s.tag(rest)
		}
		text, found, err := s.special(rest)
		if err != nil || found {
			s.raw = true
			return tokenText, text, err
		}
	}
	return tokenEnd, nil, nil
}

// special passes over what begins with <! or <?, returning the text of CDATA.
func (s *scanner) special(rest []byte) (text []byte, found bool, err error) {
	for _, k := range [...]struct{ begin, end string }{{"<!--", "-->"}, {"<![CDATA[", "]]>"}, {"<?", "?>"}} {
		if len(rest) < len(k.begin) || string(rest[:len(k.begin)]) != k.begin {
			continue
		}
		body := rest[len(k.begin):]
		n := bytes.Index(body, []byte(k.end))
		if n < 0 {
			return nil, false, errXML
		}
		s.pos += len(k.begin) + n + len(k.end)
		return body[:n], k.begin == "<![CDATA[", nil
	}
	return nil, false, errXML // a document type: no answer has one
}

// tag reads <name …>, <name …/> or </name>.
func (s *scanner) tag(rest []byte) (tokenKind, []byte, error) {
	kind, i := tokenOpen, 1
	if rest[1] == '/' {
		kind, i = tokenClose, 2
	}
	begin := i
	for i < len(rest) && !isSpace(rest[i]) && rest[i] != '>' && rest[i] != '/' {
		i++
	}
	name := rest[begin:i]
	if colon := bytes.IndexByte(name, ':'); colon > 0 && colon < len(name)-1 {
		name = name[colon+1:]
	}
	end := tagEnd(rest, i)
	if end < 0 || len(name) == 0 {
		return tokenEnd, nil, errXML
	}
	s.pos += end + 1
	if kind == tokenOpen && rest[end-1] == '/' {
		s.empty = name
	}
	return kind, name, nil
}

// tagEnd returns where the > of a tag is, past quoted attributes, or -1.
func tagEnd(b []byte, i int) int {
	n := bytes.IndexByte(b[i:], '>')
	if n < 0 {
		return -1
	}
	if n <= 1 { // no attributes, as nearly always
		return i + n
	}
	for i < len(b) && b[i] != '>' {
		if q := b[i]; q == '"' || q == '\'' {
			n := bytes.IndexByte(b[i+1:], q)
			if n < 0 {
				return -1
			}
			i += n + 1
		}
		i++
	}
	if i == len(b) {
		return -1
	}
	return i
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// skip passes over the rest of the element that was just opened.
func (s *scanner) skip() error {
	for depth := 1; depth > 0; {
		kind, _, err := s.next()
		switch {
		case err != nil:
			return err
		case kind == tokenEnd:
			return errXML
		case kind == tokenOpen:
			depth++
		case kind == tokenClose:
			depth--
		}
	}
	return nil
}

// text returns the character data of the element that was just opened, decoded, and passes over its end; what is nested in it is left out.
// The result is a part of the document where that is possible.
func (s *scanner) text() ([]byte, error) {
	var all []byte
	for {
		kind, b, err := s.next()
		if err != nil {
			return nil, err
		}
		switch kind {
		case tokenClose:
			return all, nil
		case tokenEnd:
			return nil, errXML
		case tokenOpen:
			if err := s.skip(); err != nil {
				return nil, err
			}
		case tokenText:
			if b, err = unescape(b, s.raw); err != nil {
				return nil, err
			}
			if all == nil {
				all = b[:len(b):len(b)]
			} else {
				all = append(all, b...)
			}
		}
	}
}

// unescape decodes &…; (not in raw text) and line ends, as XML has them. It returns b itself where there is nothing to decode.
func unescape(b []byte, raw bool) ([]byte, error) {
	if bytes.IndexByte(b, '\r') < 0 && (raw || bytes.IndexByte(b, '&') < 0) {
		return b, nil
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		switch {
		case b[i] == '\r':
			out = append(out, '\n')
			if i+1 < len(b) && b[i+1] == '\n' {
				i++
			}
		case b[i] == '&' && !raw:
			n := bytes.IndexByte(b[i:], ';')
			if n < 0 {
				return nil, errXML
			}
			var err error
			if out, err = appendEntity(out, b[i+1:i+n]); err != nil {
				return nil, err
			}
			i += n
		default:
			out = append(out, b[i])
		}
	}
	return out, nil
}

// appendEntity adds the character that &name; stands for.
func appendEntity(out, name []byte) ([]byte, error) {
	switch string(name) {
	case "amp":
		return append(out, '&'), nil
	case "lt":
		return append(out, '<'), nil
	case "gt":
		return append(out, '>'), nil
	case "quot":
		return append(out, '"'), nil
	case "apos":
		return append(out, '\''), nil
	}
	if len(name) < 2 || name[0] != '#' {
		return nil, fmt.Errorf("%w: &%s;", errXML, name)
	}
	digits, base := name[1:], 10
	if digits[0] == 'x' {
		digits, base = digits[1:], 16
	}
	n, err := strconv.ParseUint(string(digits), base, 32)
	if err != nil || n > utf8.MaxRune {
		return nil, fmt.Errorf("%w: &%s;", errXML, name)
	}
	return utf8.AppendRune(out, rune(n)), nil
}

// node is one element of a small document.
type node struct {
	name     string
	data     string // its character data
	children []*node
}

// parseXML reads a document to its root's end.
func parseXML(doc []byte) (*node, error) {
	s := scanner{doc: doc}
	for {
		kind, b, err := s.next()
		switch {
		case err != nil:
			return nil, err
		case kind == tokenOpen:
			return s.element(string(b), 0)
		case kind != tokenText:
			return nil, errXML
		}
	}
}

// element reads the element that was just opened.
func (s *scanner) element(name string, depth int) (*node, error) {
	if depth > 32 {
		return nil, errXML
	}
	n := &node{name: name}
	for {
		kind, b, err := s.next()
		if err != nil {
			return nil, err
		}
		switch kind {
		case tokenEnd:
			return nil, errXML
		case tokenClose:
			return n, nil
		case tokenOpen:
			child, err := s.element(string(b), depth+1)
			if err != nil {
				return nil, err
			}
			n.children = append(n.children, child)
		case tokenText:
			if b, err = unescape(b, s.raw); err != nil {
				return nil, err
			}
			n.data += string(b)
		}
	}
}

// child returns the first child of that name, or an empty node.
func (n *node) child(name string) *node {
	for _, c := range n.children {
		if c.name == name {
			return c
		}
	}
	return &node{name: name}
}

// all returns the children of that name.
func (n *node) all(name string) []*node {
	var found []*node
	for _, c := range n.children {
		if c.name == name {
			found = append(found, c)
		}
	}
	return found
}

// text returns the character data of the first child of that name, "" if there is none.
func (n *node) text(name string) string { return n.child(name).data }
