package s3_test

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"allasfs/s3"
)

const partSize = 5 << 20

// upload sends data in parts and returns them with the upload.
func (b bench) upload(t *testing.T, key string, data []byte, o s3.PutOptions) (string, []s3.Part) {
	t.Helper()
	id, err := b.CreateMultipart(t.Context(), b.bucket, key, o)
	if err != nil {
		t.Fatal(err)
	}
	var parts []s3.Part
	for off := 0; off < len(data); off += partSize {
		piece := data[off:min(off+partSize, len(data))]
		p, err := b.PutPart(t.Context(), b.bucket, key, id, len(parts)+1, bytes.NewReader(piece), int64(len(piece)))
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, p)
	}
	return id, parts
}

func testMultipart(t *testing.T, b bench) {
	ctx := t.Context()
	data := random(2*partSize + 12345)
	id, parts := b.upload(t, "big", data, s3.PutOptions{ContentType: "a/b", Meta: map[string]string{"mtime": "1.5"}})
	second := random(partSize) // a part that is written again: the later one counts
	var err error
	if parts[1], err = b.PutPart(ctx, b.bucket, "big", id, 2, bytes.NewReader(second), partSize); err != nil {
		t.Fatal(err)
	}
	copy(data[partSize:], second)
	stored, err := b.Parts(ctx, b.bucket, "big", id)
	if err != nil || len(stored) != 3 || stored[0] != parts[0] || stored[1] != parts[1] || stored[2] != parts[2] {
		t.Errorf("parts %+v, %v; want %+v", stored, err, parts)
	}
	o, err := b.Complete(ctx, b.bucket, "big", id, []s3.Part{parts[2], parts[0], parts[1]}, s3.PutOptions{IfNoneMatch: true})
	if err != nil {
		t.Fatal(err)
	}
	if o.Size != int64(len(data)) || o.ContentType != "a/b" || o.Meta["mtime"] != "1.5" || o.ETag != b.head(t, "big").ETag {
		t.Errorf("completed: %+v", o)
	}
	if got := b.read(t, o.Version(b.bucket), 0, o.Size); !bytes.Equal(got, data) {
		t.Error("other bytes come back")
	}
	again, err := b.Complete(ctx, b.bucket, "big", id, parts, s3.PutOptions{IfNoneMatch: true})
	if err != nil || again.ETag != o.ETag {
		t.Errorf("the same completion again: %+v, %v", again, err)
	}
	again, err = b.Complete(ctx, b.bucket, "big", id, parts, s3.PutOptions{})
	if err != nil || again.ETag != o.ETag {
		t.Errorf("the same completion again, without a condition: %+v, %v", again, err)
	}
	if _, err = b.Complete(ctx, b.bucket, "other", "2~0000000000000000000000000000000", parts, s3.PutOptions{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("completing an unknown upload: %v", err)
	}
}

func testMultipartConditions(t *testing.T, b bench) {
	ctx := t.Context()
	first := b.put(t, "c", []byte("first"), s3.PutOptions{})
	id, parts := b.upload(t, "c", random(partSize+1), s3.PutOptions{})
	_, err := b.Complete(ctx, b.bucket, "c", id, parts, s3.PutOptions{IfNoneMatch: true})
	wantIs(t, err, os.ErrExist)
	_, err = b.Complete(ctx, b.bucket, "c", id, parts, s3.PutOptions{IfMatch: "0123456789abcdef0123456789abcdef"})
	wantIs(t, err, s3.ErrChanged)
	if b.head(t, "c").ETag != first.ETag {
		t.Error("a refused completion changed the object")
	}
	o, err := b.Complete(ctx, b.bucket, "c", id, parts, s3.PutOptions{IfMatch: first.ETag})
	if err != nil || o.Size != partSize+1 {
		t.Errorf("%+v, %v", o, err)
	}
	id, parts = b.upload(t, "none", random(100), s3.PutOptions{})
	_, err = b.Complete(ctx, b.bucket, "none", id, parts, s3.PutOptions{IfMatch: first.ETag})
	wantIs(t, err, s3.ErrChanged, os.ErrNotExist)
	if err := b.Abort(ctx, b.bucket, "none", id); err != nil {
		t.Fatal(err)
	}
	_, err = b.Complete(ctx, b.bucket, "none", id, parts, s3.PutOptions{})
	wantIs(t, err, os.ErrNotExist)
}

func testCopyPart(t *testing.T, b bench) {
	ctx := t.Context()
	data := random(3 * partSize)
	srcID, srcParts := b.upload(t, "src +?/ü", data, s3.PutOptions{})
	o, err := b.Complete(ctx, b.bucket, "src +?/ü", srcID, srcParts, s3.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	src := o.Version(b.bucket)
	id, err := b.CreateMultipart(ctx, b.bucket, "dst", s3.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	one, err := b.CopyPart(ctx, b.bucket, "dst", id, 1, src, 1000, 2*partSize)
	if err != nil {
		t.Fatal(err)
	}
	two, err := b.PutPart(ctx, b.bucket, "dst", id, 2, bytes.NewReader([]byte("tail")), 4)
	if err != nil {
		t.Fatal(err)
	}
	done, err := b.Complete(ctx, b.bucket, "dst", id, []s3.Part{one, two}, s3.PutOptions{IfNoneMatch: true})
	if err != nil {
		t.Fatal(err)
	}
	want := append(bytes.Clone(data[1000:1000+2*partSize]), "tail"...)
	if got := b.read(t, done.Version(b.bucket), 0, done.Size); !bytes.Equal(got, want) {
		t.Error("other bytes in the object of a copied part")
	}

	id, err = b.CreateMultipart(ctx, b.bucket, "dst2", s3.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	stale := src
	stale.ETag = "0123456789abcdef0123456789abcdef-3"
	_, err = b.CopyPart(ctx, b.bucket, "dst2", id, 1, stale, 0, partSize)
	wantIs(t, err, s3.ErrChanged)
	large := src
	large.Large = true
	_, err = b.CopyPart(ctx, b.bucket, "dst2", id, 1, large, 0, partSize)
	wantIs(t, err, errors.ErrUnsupported)
	for _, key := range []string{"per%41cent", "per%", "k?versionId=x"} {
		odd := src
		odd.Key = key
		_, err = b.CopyPart(ctx, b.bucket, "dst2", id, 1, odd, 0, partSize)
		wantIs(t, err, errors.ErrUnsupported)
	}
	none := s3.Version{Bucket: b.bucket, Key: "nothing", ETag: src.ETag, Size: 10}
	_, err = b.CopyPart(ctx, b.bucket, "dst2", id, 1, none, 0, 10)
	wantIs(t, err, os.ErrNotExist)
	if err := b.Abort(ctx, b.bucket, "dst2", id); err != nil {
		t.Error(err)
	}
}

func testUploads(t *testing.T, b bench) {
	ctx := t.Context()
	want := map[string]string{}
	for _, key := range oddKeys() {
		id, err := b.CreateMultipart(ctx, b.bucket, key, s3.PutOptions{})
		if err != nil {
			t.Fatalf("%q: %v", key, err)
		}
		want[key] = id
	}
	uploads, err := b.Uploads(ctx, b.bucket, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(uploads) != len(want) {
		t.Errorf("%d uploads are listed, want %d", len(uploads), len(want))
	}
	for _, u := range uploads {
		if want[u.Key] != u.ID || u.Started.IsZero() || u.Bucket != b.bucket {
			t.Errorf("upload %+v, want ID %q", u, want[u.Key])
		}
		if err := b.Abort(ctx, u.Bucket, u.Key, u.ID); err != nil {
			t.Error(err)
		}
	}
	if uploads, err = b.Uploads(ctx, b.bucket, ""); err != nil || len(uploads) != 0 {
		t.Errorf("after aborting all: %v, %v", uploads, err)
	}
	id, err := b.CreateMultipart(ctx, b.bucket, "p/x", s3.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	other, err := b.CreateMultipart(ctx, b.bucket, "q/x", s3.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if uploads, err = b.Uploads(ctx, b.bucket, "p/"); err != nil || len(uploads) != 1 || uploads[0].ID != id {
		t.Errorf("with a prefix: %+v, %v", uploads, err)
	}
	for key, id := range map[string]string{"p/x": id, "q/x": other} {
		if err := b.Abort(ctx, b.bucket, key, id); err != nil {
			t.Error(err)
		}
	}
}
