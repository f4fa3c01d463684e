package fs

import (
	"fmt"
	"maps"
	"mime"
	"path"
	"strconv"
	"strings"
	"syscall"
	"time"

	"allasfs/s3"
)

// User metadata that carries attributes, as rclone, the Swift client (mtime: seconds with a fraction) and s3fs (mode as decimal st_mode, uid, gid, mtime) write it.
const (
	metaMtime  = "mtime"
	metaMode   = "mode"
	metaUID    = "uid"
	metaGID    = "gid"
	metaS3cmd  = "s3cmd-attrs" // atime:…/mode:33188/mtime:…: read, never written
	metaMarker = "allasfs"     // on directory markers: written by allasfs, so it may remove them
)

const maxMode = 0o177777 // of st_mode, type and all

// knownAttrs are an object's attributes beyond what a listing shows.
type knownAttrs struct {
	known       bool // the rest was read from the store or set by us; else unknown
	hasMode     bool
	hasOwner    bool
	link        bool // symbolic link
	mode        uint32
	uid, gid    uint32
	mtime       time.Time // zero = the object's own
	modified    time.Time // of the object that these belong to; zero = an own upload whose date was not told
	contentType string
	class       string            // storage class; "" = the default one
	meta        map[string]string // everything, so that a change carries it along; never modified in place
	edits       map[string]edit   // user attributes set here, by name, over those in meta; never modified in place
}

// versionKey names a version in the tables of what is known.
type versionKey struct{ bucket, key, etag string }

// attrsOf reads an object's attributes from its HEAD.
func attrsOf(o s3.Object) knownAttrs {
	a := knownAttrs{known: true, contentType: o.ContentType, class: o.StorageClass, meta: o.Meta, modified: o.Modified}
	for _, pair := range strings.Split(o.Meta[metaS3cmd], "/") {
		switch k, v, _ := strings.Cut(pair, ":"); k {
		case "mtime":
			a.mtime = parseTime(v)
		case "mode":
			a.setMode(v)
		}
	}
	if t := parseTime(o.Meta[metaMtime]); !t.IsZero() {
		a.mtime = t
	}
	if v, ok := o.Meta[metaMode]; ok {
		a.setMode(v)
	}
	uid, errU := strconv.ParseUint(o.Meta[metaUID], 10, 32)
	gid, errG := strconv.ParseUint(o.Meta[metaGID], 10, 32)
	if errU == nil && errG == nil {
		a.hasOwner, a.uid, a.gid = true, uint32(uid), uint32(gid)
	}
	return a
}

// setMode takes an st_mode in decimal, as s3fs writes it, or in octal, as rclone's --metadata does: with its type, a file's or a link's octal digits
// read as more than any st_mode has. What is neither is left.
func (a *knownAttrs) setMode(digits string) {
	m, err := strconv.ParseUint(digits, 10, 32)
	if err == nil && (m > maxMode || strings.HasPrefix(digits, "0")) {
		m, err = strconv.ParseUint(digits, 8, 32)
	}
	if err != nil || m > maxMode {
		return
	}
	a.hasMode, a.mode = true, uint32(m)&0o7777
	a.link = m&syscall.S_IFMT == syscall.S_IFLNK
}

// encode is the metadata that an object with these attributes carries: what it had, with ours over it.
func (a knownAttrs) encode() map[string]string {
	m := maps.Clone(a.meta)
	if m == nil {
		m = make(map[string]string)
	}
	delete(m, metaS3cmd)
	if !a.mtime.IsZero() {
		m[metaMtime] = formatTime(a.mtime)
	}
	if a.hasMode || a.link {
		t := uint32(syscall.S_IFREG)
		if a.link {
			t = syscall.S_IFLNK | 0o777
		}
		m[metaMode] = strconv.FormatUint(uint64(t|a.mode), 10)
	}
	if a.hasOwner {
		m[metaUID], m[metaGID] = strconv.FormatUint(uint64(a.uid), 10), strconv.FormatUint(uint64(a.gid), 10)
	}
	a.encodeUser(m)
	return m
}

// parseTime reads seconds since 1970 with an optional fraction; the zero time for anything else.
func parseTime(s string) time.Time {
	whole, frac, _ := strings.Cut(s, ".")
	sec, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return time.Time{}
	}
	if len(frac) > 9 {
		frac = frac[:9]
	}
	ns, err := strconv.ParseInt((frac + "000000000")[:9], 10, 64)
	if err != nil || ns < 0 {
		return time.Time{}
	}
	return time.Unix(sec, ns)
}

// formatTime is parseTime's inverse, as rclone writes it.
func formatTime(t time.Time) string { return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond()) }

// contentType guesses from a key's extension.
func contentType(key string) string {
	if t := mime.TypeByExtension(strings.ToLower(path.Ext(key))); t != "" {
		return t
	}
	return "application/octet-stream"
}

// isDirType tells the content types of directory markers that Cyberduck, Nextcloud, s3fs and web pages write.
func isDirType(t string) bool {
	return strings.HasPrefix(t, "application/directory") || strings.HasPrefix(t, "application/x-directory")
}
