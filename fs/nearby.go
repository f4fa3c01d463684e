package fs

import (
	"context"
	"errors"
	"os"
	"strings"

	"allasfs/fs/name"
	"allasfs/s3"
)

// nearbyKeys is how many keys are asked for to learn of a directory and of the marker of Hadoop's that may mean it: between the two lie the names that begin with the
// directory's and go on with a digit, a capital letter or one of :;<=>?@[\]^.
const nearbyKeys = 8

// nearby is what the keys at a directory's prefix tell.
type nearby struct {
	marker bool   // the directory's own marker, an empty object whose key ends in a slash
	child  bool   // another key below the directory
	folder string // key of the marker of Hadoop's that means the directory; "" when there is none
	unsure bool   // folder is not known: more keys than were asked for come before it
}

// hasFolderKey tells whether a directory, whose key is dir without a slash, can have a marker of Hadoop's, and that marker's key.
func hasFolderKey(dir string) (key string, ok bool) {
	key = dir + folderSuffix
	return key, dir != "" && !strings.HasSuffix(dir, "/") && name.CheckKey(key) == nil
}

// nearby asks, by one request, what lies below a directory, whose key is dir without a slash, and whether a marker of Hadoop's means it. The listing begins
// at the directory's prefix but goes beyond it; who may list no more than the prefix is not told of Hadoop's marker.
func (f *FS) nearby(ctx context.Context, bucket, dir string) (nearby, error) {
	key, ok := hasFolderKey(dir)
	if !ok {
		return f.nearbyPrefix(ctx, bucket, dir)
	}
	page, err := f.o.Store.List(ctx, bucket, s3.ListOptions{Prefix: dir, StartAfter: before(dir + "/"), MaxKeys: nearbyKeys})
	if errors.Is(err, os.ErrPermission) || err == nil && !isPast(page, dir+"/") {
		return f.nearbyPrefix(ctx, bucket, dir)
	}
	if err != nil {
		return nearby{}, err
	}
	var n nearby
	n.unsure = !isPast(page, key)
	for _, o := range page.Objects {
		n.note(o, dir)
	}
	return n, nil
}

// nearbyOf is nearby of a directory's place; a continuation, whose keys no slash ends, has no markers.
func (f *FS) nearbyOf(ctx context.Context, p place) (nearby, error) {
	if p.cont != "" {
		_, child, err := f.below(ctx, p)
		return nearby{child: child}, err
	}
	return f.nearby(ctx, p.bucket, strings.TrimSuffix(p.prefix, "/"))
}

// nearbyPrefix is nearby that asks for the directory's prefix alone, and does not look for the marker of Hadoop's.
func (f *FS) nearbyPrefix(ctx context.Context, bucket, dir string) (n nearby, err error) {
	page, err := f.o.Store.List(ctx, bucket, s3.ListOptions{Prefix: dir + "/", MaxKeys: 2})
	if err != nil {
		return nearby{}, err
	}
	for _, o := range page.Objects {
		n.note(o, dir)
	}
	return n, nil
}

// note takes one key.
func (n *nearby) note(o s3.Object, dir string) {
	switch rest, _ := strings.CutPrefix(o.Key, dir); {
	case rest == "/" && o.Size == 0:
		n.marker = true
	case strings.HasPrefix(rest, "/"):
		n.child = true
	case rest == folderSuffix && o.Size == 0:
		n.folder = o.Key
	}
}

// isPast tells whether a page of a listing shows key if the store has it: the page goes that far, or is the last.
func isPast(page *s3.Page, key string) bool {
	n := len(page.Objects)
	return page.Token == "" || n > 0 && page.Objects[n-1].Key >= key
}
