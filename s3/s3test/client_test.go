package s3test

import (
	"bytes"
	"io"
	"testing"

	"github.com/minio/minio-go/v7"
)

// TestClient takes a client library through all it can do.
func TestClient(t *testing.T) {
	t.Run("http", func(t *testing.T) { testClient(t, Of(t, New(t))) })
	t.Run("tls", func(t *testing.T) { testClient(t, Of(t, New(t, WithTLS()))) })
	t.Run("aws", func(t *testing.T) { testClient(t, Of(t, New(t, AWS()))) })
	if e, ok := Gateway(); ok {
		t.Run("gateway", func(t *testing.T) { testClient(t, e) })
	}
}

func testClient(t *testing.T, e Endpoint) {
	ctx, c := t.Context(), e.Client(t)
	b := e.Bucket(t)
	buckets, err := c.ListBuckets(ctx)
	check(t, err)
	found := false
	for _, x := range buckets {
		found = found || x.Name == b
	}
	if !found {
		t.Errorf("%s is not in %v", b, buckets)
	}
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
	up, err := c.PutObject(ctx, b, "dir/big", bytes.NewReader(data), int64(len(data)), minio.PutObjectOptions{
		PartSize: 5 << 20, ContentType: "text/b", UserMetadata: map[string]string{"Mtime": "1"},
	})
	check(t, err)
	info, err := c.StatObject(ctx, b, "dir/big", minio.StatObjectOptions{})
	check(t, err)
	if want := multipartETag(data[:5<<20], data[5<<20:10<<20], data[10<<20:15<<20], data[15<<20:]); info.ETag != want || info.Size != int64(len(data)) {
		t.Errorf("stat %+v after %+v, want ETag %s", info, up, want)
	}
	if info.ContentType != "text/b" || info.UserMetadata["Mtime"] != "1" {
		t.Errorf("stat %+v", info)
	}
	_, err = c.CopyObject(ctx, minio.CopyDestOptions{Bucket: b, Object: "copy ä+"}, minio.CopySrcOptions{Bucket: b, Object: "dir/big"})
	check(t, err)
	_, err = c.ComposeObject(ctx, minio.CopyDestOptions{Bucket: b, Object: "composed"},
		minio.CopySrcOptions{Bucket: b, Object: "copy ä+", MatchRange: true, Start: 0, End: 6<<20 - 1},
		minio.CopySrcOptions{Bucket: b, Object: "dir/big", MatchRange: true, Start: 6 << 20, End: 12<<20 - 1})
	check(t, err)
	o, err := c.GetObject(ctx, b, "composed", minio.GetObjectOptions{})
	check(t, err)
	have, err := io.ReadAll(o)
	check(t, err)
	if !bytes.Equal(have, data[:12<<20]) {
		t.Errorf("composed: %d bytes", len(have))
	}
	testUploads(t, e, b)
	var names []string
	for o := range c.ListObjects(ctx, b, minio.ListObjectsOptions{UseV1: true}) {
		check(t, o.Err)
		names = append(names, o.Key)
	}
	if len(names) != 3 {
		t.Errorf("listed %q", names)
	}
	objects := make(chan minio.ObjectInfo, 3)
	for _, k := range []string{"composed", "copy ä+", "dir/big"} {
		objects <- minio.ObjectInfo{Key: k}
	}
	close(objects)
	for e := range c.RemoveObjects(ctx, b, objects, minio.RemoveObjectsOptions{}) {
		t.Error(e.Err)
	}
	check(t, c.RemoveBucket(ctx, b))
}

// testUploads lists and aborts unfinished uploads.
func testUploads(t *testing.T, e Endpoint, b string) {
	ctx, core := t.Context(), minio.Core{Client: e.Client(t)}
	id, err := core.NewMultipartUpload(ctx, b, "up/1", minio.PutObjectOptions{})
	check(t, err)
	_, err = core.NewMultipartUpload(ctx, b, "up/2", minio.PutObjectOptions{})
	check(t, err)
	_, err = core.PutObjectPart(ctx, b, "up/1", id, 3, bytes.NewReader([]byte("abc")), 3, minio.PutObjectPartOptions{})
	check(t, err)
	parts, err := core.ListObjectParts(ctx, b, "up/1", id, 0, 10)
	check(t, err)
	if len(parts.ObjectParts) != 1 || parts.ObjectParts[0].PartNumber != 3 || parts.ObjectParts[0].Size != 3 {
		t.Errorf("parts %+v", parts)
	}
	page, err := core.ListMultipartUploads(ctx, b, "up/", "", "", "", 1)
	check(t, err)
	if len(page.Uploads) != 1 || page.Uploads[0].Key != "up/1" || !page.IsTruncated {
		t.Fatalf("first page %+v", page)
	}
	page, err = core.ListMultipartUploads(ctx, b, "up/", page.NextKeyMarker, page.NextUploadIDMarker, "", 1)
	check(t, err)
	if len(page.Uploads) != 1 || page.Uploads[0].Key != "up/2" {
		t.Fatalf("second page %+v", page)
	}
	check(t, core.AbortMultipartUpload(ctx, b, "up/1", id))
	check(t, core.RemoveIncompleteUpload(ctx, b, "up/2"))
	page, err = core.ListMultipartUploads(ctx, b, "", "", "", "", 10)
	check(t, err)
	if len(page.Uploads) != 0 {
		t.Errorf("left: %+v", page.Uploads)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
