package s3_test

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"testing"

	"allasfs/s3"
)

func testCopy(t *testing.T, b bench) {
	ctx := t.Context()
	other := b.e.Bucket(t)
	data := random(100_000)
	o := b.put(t, "from", data, s3.PutOptions{ContentType: "a/b", Meta: map[string]string{"mode": "33188"}})
	for _, to := range [][2]string{{b.bucket, "to %+?/ü"}, {other, "to"}} {
		c, err := b.Copy(ctx, o.Version(b.bucket), to[0], to[1], s3.CopyOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if c.ETag != o.ETag || c.ContentType != "a/b" || c.Meta["mode"] != "33188" || c.Key != to[1] {
			t.Errorf("copy: %+v of %+v", c, o)
		}
		if got := b.read(t, c.Version(to[0]), 0, c.Size); !bytes.Equal(got, data) {
			t.Error("the copy has other bytes")
		}
	}
	c, err := b.Copy(ctx, o.Version(b.bucket), b.bucket, "replaced", s3.CopyOptions{Replace: true, ContentType: "c/d"})
	if err != nil || c.ContentType != "c/d" || len(c.Meta) != 0 {
		t.Errorf("copy with other metadata: %+v, %v", c, err)
	}
	empty := b.put(t, "empty", nil, s3.PutOptions{})
	if c, err = b.Copy(ctx, empty.Version(b.bucket), b.bucket, "empty2", s3.CopyOptions{}); err != nil || c.Size != 0 {
		t.Errorf("copy of nothing: %+v, %v", c, err)
	}
	id, parts := b.upload(t, "multi", random(partSize+9), s3.PutOptions{})
	m, err := b.Complete(ctx, b.bucket, "multi", id, parts, s3.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if c, err = b.Copy(ctx, m.Version(b.bucket), b.bucket, "multi2", s3.CopyOptions{}); err != nil || c.Size != m.Size {
		t.Errorf("copy of an object in parts: %+v, %v", c, err)
	}
}

// testBriefCopy: what the answer of a copy tells is what HEAD shows, of objects in one and in parts.
func testBriefCopy(t *testing.T, b bench) {
	ctx := t.Context()
	one := b.put(t, "one", []byte("bytes"), s3.PutOptions{ContentType: "a/b"})
	id, parts := b.upload(t, "multi", random(partSize+9), s3.PutOptions{})
	multi, err := b.Complete(ctx, b.bucket, "multi", id, parts, s3.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []s3.Object{one, multi} {
		v := o.Version(b.bucket)
		v.Key = map[bool]string{true: "multi", false: "one"}[o.ETag == multi.ETag]
		v.Size = b.head(t, v.Key).Size
		c, err := b.Copy(ctx, v, b.bucket, v.Key+" copy", s3.CopyOptions{Brief: true})
		if err != nil {
			t.Fatal(err)
		}
		h := b.head(t, v.Key+" copy")
		if c.ETag != h.ETag || c.Size != h.Size || c.Key != h.Key || c.Modified.Unix() != h.Modified.Unix() {
			t.Errorf("the copy is told as %+v, HEAD shows %+v", c, h)
		}
	}
}

func testCopyConditions(t *testing.T, b bench) {
	o := b.put(t, "from", []byte("first"), s3.PutOptions{})
	b.put(t, "from", []byte("other"), s3.PutOptions{})
	_, err := b.Copy(t.Context(), o.Version(b.bucket), b.bucket, "to", s3.CopyOptions{})
	wantIs(t, err, s3.ErrChanged)
	if _, err = b.Head(t.Context(), b.bucket, "to"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the copy of another version is there: %v", err)
	}
}

func testBuckets(t *testing.T, b bench) {
	ctx := t.Context()
	name := b.bucket + "-2"
	if err := b.MakeBucket(ctx, name); err != nil {
		t.Fatal(err)
	}
	wantIs(t, b.MakeBucket(ctx, name), os.ErrExist)
	buckets, err := b.Buckets(ctx)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(buckets, func(x s3.Bucket) bool { return x.Name == name })
	if i < 0 || buckets[i].Created.IsZero() {
		t.Errorf("%s is not among %v", name, buckets)
	}
	mine := bench{b.Client, b.e, name}
	mine.put(t, "x", []byte("x"), s3.PutOptions{})
	wantIs(t, b.RemoveBucket(ctx, name), s3.ErrNotEmpty)
	if err := b.Delete(ctx, name, "x"); err != nil {
		t.Fatal(err)
	}
	if err := b.RemoveBucket(ctx, name); err != nil {
		t.Fatal(err)
	}
	wantIs(t, b.RemoveBucket(ctx, name), os.ErrNotExist)
}

func testUsage(t *testing.T, b bench) {
	b.put(t, "x", random(5000), s3.PutOptions{})
	b.put(t, "y", nil, s3.PutOptions{})
	u, err := b.HeadBucket(t.Context(), b.bucket)
	if err != nil {
		t.Fatal(err)
	}
	if u.Objects != 2 || u.Bytes != 5000 {
		t.Errorf("usage %+v, want 2 objects of 5000 bytes", u)
	}
}
