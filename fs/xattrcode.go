package fs

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
)

const (
	xattrPrefix = "user."
	metaXattr   = "xattr" // as s3fs writes it: a JSON object of name to base64 value, percent-encoded
	maxMeta     = 2048    // bytes of names and values an object, which is S3's documented limit
)

// edit is a user attribute that was set, or removed, here.
type edit struct {
	value string
	gone  bool
}

// reservedMeta are the metadata that mean something else than a user attribute: those of the file's own attributes and of directory markers.
func reservedMeta(name string) bool {
	return strings.HasPrefix(name, "allasfs.") || slices.Contains([]string{metaMtime, metaMode, metaUID, metaGID, metaS3cmd, metaMarker, metaXattr, "atime", "ctime"}, name)
}

// user returns the user attributes by their names, user.… : each piece of metadata that has no other meaning, and what s3fs keeps in one of its own,
// which goes first; over them what was set here.
func (a knownAttrs) user() map[string]string {
	m := make(map[string]string)
	for name, value := range a.meta {
		if !reservedMeta(name) {
			m[xattrPrefix+name] = value
		}
	}
	for name, value := range parseXattrs(a.meta[metaXattr]) {
		if strings.HasPrefix(name, xattrPrefix) {
			m[name] = value
		}
	}
	for name, e := range a.edits {
		if e.gone {
			delete(m, name)
		} else {
			m[name] = e.value
		}
	}
	return m
}

// edited returns a with one more edit; a itself stays as it is.
func (a knownAttrs) edited(name string, e edit) knownAttrs {
	edits := maps.Clone(a.edits)
	if edits == nil {
		edits = make(map[string]edit)
	}
	edits[name] = e
	a.edits = edits
	return a
}

// encodeUser brings the edits into the metadata m. An attribute becomes metadata of its own name where that and the value survive as a header
// everywhere, so that rclone and the Swift client show it; else it goes to s3fs' collection, which holds any bytes. What nobody edited stays as it is written.
func (a knownAttrs) encodeUser(m map[string]string) {
	if len(a.edits) == 0 {
		return
	}
	odd := parseXattrs(m[metaXattr])
	for name, e := range a.edits {
		short := strings.TrimPrefix(name, xattrPrefix)
		if !reservedMeta(short) {
			delete(m, short)
		}
		delete(odd, name)
		switch {
		case e.gone:
		case plainName(short) && plainValue(e.value):
			m[short] = e.value
		default:
			odd[name] = e.value
		}
	}
	delete(m, metaXattr)
	if len(odd) > 0 {
		m[metaXattr] = formatXattrs(odd)
	}
}

// plainName tells names that every server keeps in a header's name as they are: Ceph makes a hyphen of an underscore, all make capitals small.
func plainName(s string) bool {
	return s != "" && !reservedMeta(s) && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-.") == ""
}

// plainValue tells values that a header holds as they are: printable ASCII, no spaces that are trimmed or joined, not empty, nothing that looks encoded (RFC 2047).
func plainValue(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return s != "" && s == strings.TrimSpace(s) && !strings.Contains(s, "  ") && !strings.HasPrefix(s, "=?")
}

// parseXattrs reads s3fs' collection, attributes of other kinds too; never nil, and without what cannot be read.
func parseXattrs(s string) map[string]string {
	m := make(map[string]string)
	text, err := url.PathUnescape(s)
	if err != nil {
		return m
	}
	var coded map[string]string
	if json.Unmarshal([]byte(text), &coded) != nil {
		return m
	}
	for name, value := range coded {
		if data, err := base64.StdEncoding.DecodeString(value); err == nil {
			m[name] = string(data)
		}
	}
	return m
}

// formatXattrs is parseXattrs' inverse, in one order.
func formatXattrs(m map[string]string) string {
	coded := make(map[string]string, len(m))
	for name, value := range m {
		coded[name] = base64.StdEncoding.EncodeToString([]byte(value))
	}
	text, err := json.Marshal(coded)
	if err != nil {
		return "" // not for strings
	}
	return strings.ReplaceAll(url.QueryEscape(string(text)), "+", "%20")
}

// metaSize is what S3 counts of user metadata.
func metaSize(m map[string]string) (n int) {
	for name, value := range m {
		n += len(name) + len(value)
	}
	return n
}
