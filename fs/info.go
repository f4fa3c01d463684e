package fs

import (
	"context"
	"encoding/json"
	"syscall"
	"time"

	"allasfs/cache"
	"allasfs/s3"
)

// Info is what is known of one path, as `allasfs info` shows it: of the store's object as it is now, and of the local copy.
type Info struct {
	Path   string `json:"path"` // below the top of the source, which is the mount's where it has but one
	Kind   string `json:"kind"` // file, link or directory
	Bucket string `json:"bucket,omitempty"`
	Key    string `json:"key,omitempty"` // of a directory the prefix of its keys

	Object *ObjectInfo `json:"object,omitempty"` // nil = the store has none
	Space  *Space      `json:"space,omitempty"`  // of the bucket or the project, for directories

	Cached       int64        `json:"cached"` // bytes on the local disk and in memory
	CachedRanges []cache.Span `json:"cached_ranges,omitempty"`
	MoreRanges   int          `json:"more_ranges,omitempty"` // that were left out

	State string `json:"state,omitempty"` // clean, open, queued, uploading, error or conflict, see FS.StateOf
	Error string `json:"error,omitempty"` // why it could not be sent, in plain words
}

// ObjectInfo is what the store tells of an object.
type ObjectInfo struct {
	Version      string            `json:"version"` // ETag
	Size         int64             `json:"size"`    // bytes
	Modified     time.Time         `json:"modified"`
	ContentType  string            `json:"content_type"`
	StorageClass string            `json:"storage_class"`
	Metadata     map[string]string `json:"metadata,omitempty"` // names without x-amz-meta-
	Large        string            `json:"large,omitempty"`    // dlo or slo: a Swift large object
	Segments     *SegmentInfo      `json:"segments,omitempty"` // of a DLO; S3 does not tell those of an SLO
}

// SegmentInfo is where the bytes of a dynamic large object are.
type SegmentInfo struct {
	Bucket string `json:"bucket"`
	Prefix string `json:"prefix"`
	Count  int    `json:"count"`
	Bytes  int64  `json:"bytes"`
	More   bool   `json:"more,omitempty"` // there are others, which were not counted
	Error  string `json:"error,omitempty"`
}

const (
	infoRanges = 500 // told one by one: the answer has to fit in an extended attribute, of 64 KiB
	infoPages  = 20  // of segments that are counted
)

// InfoOf tells what is known of a node. Of a file it asks the store: a HEAD, and for the segments of a large object a listing.
func (f *FS) InfoOf(ctx context.Context, id uint64) (Info, error) {
	n, err := f.node(id)
	if err != nil {
		return Info{}, err
	}
	f.mu.Lock()
	i := Info{Path: f.pathOf(n), Kind: "file"}
	dir, gone := n.kind == kindDir, n.id != RootID && n.parent == nil
	switch {
	case gone:
	case dir:
		p := f.placeOf(n)
		i.Kind, i.Bucket, i.Key = "directory", p.bucket, p.list()
	default:
		i.Bucket, i.Key = f.keyOf(n)
	}
	if n.kind == kindLink {
		i.Kind = "link"
	}
	f.mu.Unlock()
	if gone {
		return Info{}, syscall.ESTALE
	}
	if dir {
		s, err := f.Statfs(ctx, id)
		i.Space = &s
		return i, err
	}
	i.State, i.Error = f.StateOf(id)
	return i, f.addObject(ctx, &i)
}

// addObject adds what the store tells of i's key, and what is cached of that.
func (f *FS) addObject(ctx context.Context, i *Info) error {
	h, err := f.o.Store.Head(ctx, i.Bucket, i.Key)
	if isNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	o := &ObjectInfo{Version: h.ETag, Size: h.Size, Modified: h.Modified, ContentType: h.ContentType, StorageClass: h.StorageClass, Metadata: h.Meta}
	if o.StorageClass == "" {
		o.StorageClass = defaultClass
	}
	switch h.Large {
	case s3.DLO:
		o.Large, o.Segments = "dlo", f.segmentsOf(ctx, h)
	case s3.SLO:
		o.Large = "slo"
	}
	i.Object = o
	v := h.Version(i.Bucket)
	r := f.o.Cache.File(f.cacheID(v), v.Size, source{f.o.Store, v})
	defer r.Close()
	i.Cached = r.Cached()
	i.CachedRanges, i.MoreRanges = r.Spans(infoRanges)
	return nil
}

// segmentsOf counts what lies under the manifest of a dynamic large object.
func (f *FS) segmentsOf(ctx context.Context, h s3.Object) *SegmentInfo {
	var s SegmentInfo
	s.Bucket, s.Prefix = h.Segments()
	o := s3.ListOptions{Prefix: s.Prefix}
	for range infoPages {
		page, err := f.o.Store.List(ctx, s.Bucket, o)
		if err != nil {
			s.Error = err.Error()
			return &s
		}
		for _, x := range page.Objects {
			s.Count, s.Bytes = s.Count+1, s.Bytes+x.Size
		}
		if o.Token = page.Token; o.Token == "" {
			return &s
		}
	}
	s.More = true
	return &s
}

// infoXattr is InfoOf as JSON.
func (f *FS) infoXattr(ctx context.Context, id uint64) ([]byte, error) {
	i, err := f.InfoOf(ctx, id)
	if err != nil {
		return nil, err
	}
	return json.Marshal(i)
}
