package mount

import (
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"allasfs/fs"
)

func TestFillStatfs(t *testing.T) {
	const gib, pib = 1 << 30, 1 << 50
	for _, c := range []struct {
		name                    string
		s                       fs.Space
		total, free, files, few uint64
	}{
		{"quota", fs.Space{Bytes: gib, QuotaBytes: 10 * gib, Objects: 5, QuotaObjects: 100}, 10 * gib, 9 * gib, 100, 95},
		{"no quota", fs.Space{Bytes: gib, QuotaBytes: -1, Objects: 5, QuotaObjects: -1}, pib + gib, pib, 1<<30 + 5, 1 << 30},
		{"over quota", fs.Space{Bytes: 3 * gib, QuotaBytes: gib, Objects: 5, QuotaObjects: 5}, 3 * gib, 0, 5, 0},
		{"nothing known", fs.Space{Bytes: -1, QuotaBytes: -1, Objects: -1, QuotaObjects: -1}, pib, pib, 1 << 30, 1 << 30},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out fuse.StatfsOut
			fillStatfs(c.s, &out)
			bs := uint64(out.Frsize)
			if out.Bsize != out.Frsize || bs < 4096 || out.NameLen != 255 {
				t.Errorf("block sizes %d, %d, names of %d", out.Bsize, out.Frsize, out.NameLen)
			}
			if out.Blocks*bs != c.total || out.Bfree*bs != c.free || out.Bavail != out.Bfree {
				t.Errorf("total %d, free %d; want %d, %d", out.Blocks*bs, out.Bfree*bs, c.total, c.free)
			}
			if out.Files != c.files || out.Ffree != c.few {
				t.Errorf("files %d, free %d; want %d, %d", out.Files, out.Ffree, c.files, c.few)
			}
		})
	}
}

func TestChangeOf(t *testing.T) {
	in := &fuse.SetAttrIn{}
	in.Valid = fuse.FATTR_ATIME | fuse.FATTR_ATIME_NOW | fuse.FATTR_CTIME | fuse.FATTR_LOCKOWNER
	if c := changeOf(in); c != (fs.Change{}) {
		t.Errorf("times of access alone are a change: %+v", c)
	}
	in.Valid = fuse.FATTR_SIZE | fuse.FATTR_MODE | fuse.FATTR_UID | fuse.FATTR_GID | fuse.FATTR_MTIME
	in.Size, in.Mode, in.Uid, in.Gid, in.Mtimensec = 9, 0o100640, 3, 4, 5
	before := int64(-86400)
	in.Mtime = uint64(before)
	c := changeOf(in)
	if *c.Size != 9 || *c.Mode != 0o640 || *c.UID != 3 || *c.GID != 4 || !c.Mtime.Equal(time.Unix(-86400, 5)) {
		t.Errorf("got size %d mode %o owner %d:%d mtime %v", *c.Size, *c.Mode, *c.UID, *c.GID, *c.Mtime)
	}
	in.Valid = fuse.FATTR_MTIME | fuse.FATTR_MTIME_NOW
	if c := changeOf(in); c.Mtime == nil || time.Since(*c.Mtime) > time.Minute || c.Size != nil {
		t.Errorf("now: %+v", c)
	}
}
