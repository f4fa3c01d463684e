package s3

import "time"

// emptyMD5 is the ETag of zero bytes, which the gateway's listing shows for every Swift large object too.
const emptyMD5 = "d41d8cd98f00b204e9800998ecf8427e"

// Bucket is one bucket of the project.
type Bucket struct {
	Name    string
	Created time.Time
}

// Usage is what the gateway tells of a bucket and of the quotas that bind it. -1: no limit, or not told.
type Usage struct {
	Objects            int64 // in this bucket
	Bytes              int64 // in this bucket
	QuotaBytes         int64 // of the project
	QuotaObjects       int64 // of the project
	BucketQuotaBytes   int64
	BucketQuotaObjects int64
}

// LargeKind tells how a Swift large object is held together.
type LargeKind uint8

const (
	NotLarge LargeKind = iota
	DLO                // dynamic: all objects under a prefix, in order
	SLO                // static: a list of segments
)

// Object is what a listing or a HEAD shows of an object. The fields below Modified come by HEAD only.
type Object struct {
	Key      string
	Size     int64  // bytes
	ETag     string // without quotes
	Modified time.Time

	ContentType  string
	Meta         map[string]string // user metadata: lower-case names without x-amz-meta-
	StorageClass string            // "" = the default class
	Large        LargeKind
	Manifest     string // a DLO's container/prefix
	Appendable   bool   // made by the gateway's append

	headed bool // size and ETag are true, for large objects too: they are a HEAD's, or it is none
}

// MaybeLarge reports whether the entry of a listing may be a Swift large object, whose size and ETag in a listing are not its own: true for
// an empty object and for one that has the ETag of nothing without being empty. Ask Head before its size is told. It is false for what Head returned.
func (o Object) MaybeLarge() bool {
	return !o.headed && (o.Size == 0 || o.ETag == emptyMD5)
}

// Plain returns o, the entry of a listing, as one that is known to be no Swift large object, so that its size and ETag are its own.
func (o Object) Plain() Object {
	o.headed = true
	return o
}

// Version returns the version that o shows, to be read by [Client.Get] and copied by [Client.Copy].
func (o Object) Version(bucket string) Version {
	return Version{Bucket: bucket, Key: o.Key, ETag: o.ETag, Size: o.Size, Modified: o.Modified, Large: o.Large != NotLarge}
}

// Version is one state of one object: what a read is bound to. It is comparable; two states of a key differ in ETag, since the time of
// modification is told by the second or by the millisecond, depending on the request that it came with.
type Version struct {
	Bucket, Key string
	ETag        string // without quotes; "" = whatever is there when the read begins
	Size        int64  // bytes
	Modified    time.Time
	Large       bool // a Swift large object: no condition on its ETag is honoured, none of its ranges can be copied
}

// ListOptions choose a page of a listing.
type ListOptions struct {
	Prefix     string
	Delimiter  string // "/" groups keys to prefixes; "" = flat
	StartAfter string // only keys after this one; ignored when Token is set
	Token      string // of the page before
	MaxKeys    int    // entries a page, 0 = 1000, which is the gateway's limit too
}

// Page is one page of a listing, both slices in key order (bytes compared).
type Page struct {
	Objects  []Object
	Prefixes []string
	Token    string // for the next page; "" = this was the last
}

// PutOptions say what the object carries and on what condition it is written.
type PutOptions struct {
	ContentType string
	Meta        map[string]string // user metadata, names without x-amz-meta-
	IfNoneMatch bool              // create only: os.ErrExist when the key is taken
	IfMatch     string            // replace only this ETag: ErrChanged when it is another or gone
}

// CopyOptions say what a copy carries.
type CopyOptions struct {
	Replace     bool // ContentType and Meta of these options instead of the source's
	ContentType string
	Meta        map[string]string
	Brief       bool // the copy as the answer tells it, without content type and metadata, and without a HEAD where the ETag told is the source's

	// Upload is told, if it is not nil, of the multipart upload by which a copy is made in parts: when it is there (open), and when it is no more. One that was
	// not ended, because its abort failed, is left to who is told.
	Upload func(id string, open bool)
}

// Part is one stored part of a multipart upload.
type Part struct {
	Number int    // from 1
	ETag   string // without quotes
	Size   int64  // bytes
}

// Upload is a multipart upload that is neither completed nor aborted.
type Upload struct {
	Bucket, Key, ID string
	Started         time.Time
}
