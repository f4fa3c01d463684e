package fakes3

import (
	"fmt"
	"strings"
	"time"
)

const xmlNamespace = ` xmlns="http://s3.amazonaws.com/doc/2006-03-01/"`

// xmlDoc builds an XML document: listings of a thousand entries are too slow by reflection.
type xmlDoc struct{ b []byte }

func newXML(root string) *xmlDoc {
	d := &xmlDoc{}
	d.b = append(d.b, `<?xml version="1.0" encoding="UTF-8"?>`...)
	return d.open(root + xmlNamespace)
}

func (d *xmlDoc) open(tag string) *xmlDoc {
	d.b = append(append(append(d.b, '<'), tag...), '>')
	return d
}

func (d *xmlDoc) close(tag string) *xmlDoc {
	d.b = append(append(append(d.b, "</"...), tag...), '>')
	return d
}

func (d *xmlDoc) text(tag, value string) *xmlDoc {
	d.open(tag)
	d.b = appendEscaped(d.b, value)
	return d.close(tag)
}

func (d *xmlDoc) number(tag string, n int64) *xmlDoc { return d.text(tag, itoa(n)) }

func (d *xmlDoc) flag(tag string, v bool) *xmlDoc { return d.text(tag, fmt.Sprint(v)) }

func (d *xmlDoc) time(tag string, t time.Time) *xmlDoc {
	return d.text(tag, t.UTC().Format("2006-01-02T15:04:05.000Z"))
}

func (d *xmlDoc) owner(tag, id string) *xmlDoc {
	return d.open(tag).text("ID", id).text("DisplayName", id).close(tag)
}

// appendEscaped escapes as the gateway does: control characters become references, which XML 1.0 forbids and strict parsers refuse.
// Clients that want to see such keys ask for encoding-type=url.
func appendEscaped(b []byte, s string) []byte {
	for i := range len(s) {
		switch c := s[i]; {
		case c == '&':
			b = append(b, "&amp;"...)
		case c == '<':
			b = append(b, "&lt;"...)
		case c == '>':
			b = append(b, "&gt;"...)
		case c == '"':
			b = append(b, "&quot;"...)
		case c < 0x20 || c == 0x7f:
			b = fmt.Appendf(b, "&#x%02x;", c)
		default:
			b = append(b, c)
		}
	}
	return b
}

// escapeURI encodes all bytes but A-Z a-z 0-9 - _ . ~ as %XX, as signatures and encoding-type=url want it; keep names one more byte to leave.
func escapeURI(s string, keep byte) string {
	const hexDigits = "0123456789ABCDEF"
	var b strings.Builder
	b.Grow(len(s))
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.~", c) >= 0 || c == keep && keep != 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hexDigits[c>>4])
		b.WriteByte(hexDigits[c&15])
	}
	return b.String()
}
