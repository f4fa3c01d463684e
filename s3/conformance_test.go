package s3_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"allasfs/s3"
	"allasfs/s3/s3test"
)

// bench is a client and a bucket on one of the servers that the tests run on.
type bench struct {
	*s3.Client
	e      s3test.Endpoint
	bucket string
}

// client returns a client with the patience of a test; change may alter its configuration.
func client(t testing.TB, e s3test.Endpoint, change func(*s3.Config)) *s3.Client {
	t.Helper()
	cfg := s3.Config{Endpoint: e.URL, AccessKey: e.AccessKey, SecretKey: e.SecretKey, CAFile: e.CAFile, RetryFor: 20 * time.Second}
	if change != nil {
		change(&cfg)
	}
	c, err := s3.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// each runs f on the embedded server and on the gateway that the environment names.
func each(t *testing.T, f func(t *testing.T, b bench)) {
	t.Helper()
	s3test.Each(t, func(t *testing.T, e s3test.Endpoint) {
		f(t, bench{client(t, e, nil), e, e.Bucket(t)})
	})
}

func (b bench) put(t testing.TB, key string, data []byte, o s3.PutOptions) s3.Object {
	t.Helper()
	obj, err := b.Put(t.Context(), b.bucket, key, bytes.NewReader(data), int64(len(data)), o)
	if err != nil {
		t.Fatalf("put %q: %v", key, err)
	}
	return obj
}

func (b bench) head(t testing.TB, key string) s3.Object {
	t.Helper()
	obj, err := b.Head(t.Context(), b.bucket, key)
	if err != nil {
		t.Fatalf("head %q: %v", key, err)
	}
	return obj
}

func (b bench) read(t testing.TB, v s3.Version, off, n int64) []byte {
	t.Helper()
	data, err := b.tryRead(t.Context(), v, off, n)
	if err != nil {
		t.Fatalf("get %q %d+%d: %v", v.Key, off, n, err)
	}
	return data
}

func (b bench) tryRead(ctx context.Context, v s3.Version, off, n int64) ([]byte, error) {
	rd, err := b.Get(ctx, v, off, n)
	if err != nil {
		return nil, err
	}
	defer rd.Close()
	return io.ReadAll(rd)
}

// random returns n bytes that no compression and no pattern makes equal.
func random(n int) []byte {
	data := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)})
	_, _ = r.Read(data)
	return data
}

func wantIs(t testing.TB, err error, targets ...error) {
	t.Helper()
	for _, target := range targets {
		if !errors.Is(err, target) {
			t.Errorf("error %v, want one that is %q", err, target)
		}
	}
}

func TestConformance(t *testing.T) {
	each(t, func(t *testing.T, b bench) {
		for _, test := range []struct {
			name string
			f    func(*testing.T, bench)
		}{
			{"object", testObject}, {"empty object", testEmptyObject}, {"ranges", testRanges}, {"conditions", testConditions},
			{"names", testNames}, {"bad names", testBadNames}, {"missing", testMissing}, {"metadata", testMetadata},
			{"listing", testListing}, {"odd keys by pages of one", testOddPages}, {"delete", testDelete}, {"delete many", testDeleteMany},
			{"multipart", testMultipart}, {"multipart conditions", testMultipartConditions}, {"part copy", testCopyPart}, {"uploads", testUploads},
			{"copy", testCopy}, {"brief copy", testBriefCopy}, {"copy conditions", testCopyConditions}, {"buckets", testBuckets}, {"usage", testUsage},
			{"credentials", testCredentials},
		} {
			t.Run(test.name, func(t *testing.T) {
				test.f(t, bench{b.Client, b.e, b.e.Bucket(t)})
			})
		}
	})
}

func testObject(t *testing.T, b bench) {
	data := random(300_000)
	put := b.put(t, "dir/a file.bin", data, s3.PutOptions{ContentType: "text/x-test"})
	head := b.head(t, "dir/a file.bin")
	if head.Size != int64(len(data)) || head.ETag != put.ETag || head.ContentType != "text/x-test" || head.Large != s3.NotLarge || head.MaybeLarge() {
		t.Errorf("head shows %+v after put %+v", head, put)
	}
	if d := head.Modified.Sub(put.Modified).Abs(); d > 5*time.Second {
		t.Errorf("head and put differ by %s in the time of modification", d)
	}
	if got := b.read(t, head.Version(b.bucket), 0, head.Size); !bytes.Equal(got, data) {
		t.Error("other bytes come back")
	}
	b.put(t, "dir/a file.bin", data[:10], s3.PutOptions{})
	_, err := b.tryRead(t.Context(), head.Version(b.bucket), 0, 10)
	wantIs(t, err, s3.ErrChanged)
	if errors.Is(err, os.ErrNotExist) {
		t.Errorf("a replaced object is told to be gone: %v", err)
	}
	if err := b.Delete(t.Context(), b.bucket, "dir/a file.bin"); err != nil {
		t.Fatal(err)
	}
	_, err = b.tryRead(t.Context(), head.Version(b.bucket), 0, 10)
	wantIs(t, err, s3.ErrChanged, os.ErrNotExist)
}

func testEmptyObject(t *testing.T, b bench) {
	put := b.put(t, "empty", nil, s3.PutOptions{IfNoneMatch: true})
	head := b.head(t, "empty")
	if head.Size != 0 || head.ETag != put.ETag {
		t.Errorf("head shows %+v after put %+v", head, put)
	}
	if got := b.read(t, head.Version(b.bucket), 0, 0); len(got) != 0 {
		t.Errorf("%d bytes come from nothing", len(got))
	}
}

func testRanges(t *testing.T, b bench) {
	data := random(200_000)
	v := b.put(t, "r", data, s3.PutOptions{}).Version(b.bucket)
	for _, r := range [][2]int64{{0, 1}, {0, 200_000}, {199_999, 1}, {100, 4096}, {65_536, 131_072}, {200_000, 0}} {
		if got := b.read(t, v, r[0], r[1]); !bytes.Equal(got, data[r[0]:r[0]+r[1]]) {
			t.Errorf("range %v: other bytes", r)
		}
	}
	for _, r := range [][2]int64{{199_999, 2}, {200_000, 1}, {0, 200_001}} {
		_, err := b.tryRead(t.Context(), v, r[0], r[1])
		wantIs(t, err, io.ErrUnexpectedEOF)
	}
	if _, err := b.tryRead(t.Context(), v, -1, 2); err == nil {
		t.Error("a negative offset is taken")
	}
}

func testConditions(t *testing.T, b bench) {
	ctx := t.Context()
	put := func(data string, o s3.PutOptions) (s3.Object, error) {
		return b.Put(ctx, b.bucket, "c", strings.NewReader(data), int64(len(data)), o)
	}
	_, err := put("one", s3.PutOptions{IfMatch: "0123456789abcdef0123456789abcdef"})
	wantIs(t, err, s3.ErrChanged, os.ErrNotExist)
	one, err := put("one", s3.PutOptions{IfNoneMatch: true})
	if err != nil {
		t.Fatal(err)
	}
	_, err = put("two", s3.PutOptions{IfNoneMatch: true})
	wantIs(t, err, os.ErrExist)
	two, err := put("two", s3.PutOptions{IfMatch: one.ETag})
	if err != nil {
		t.Fatalf("replacing the right version: %v", err)
	}
	_, err = put("three", s3.PutOptions{IfMatch: one.ETag})
	wantIs(t, err, s3.ErrChanged)
	if now := b.head(t, "c"); now.ETag != two.ETag {
		t.Errorf("ETag %s after refused writes, want %s", now.ETag, two.ETag)
	}
	if _, err = put("two", s3.PutOptions{IfMatch: two.ETag}); err != nil {
		t.Errorf("replacing by the same: %v", err)
	}
}

// oddKeys are the keys that exist in real buckets and that a naive client loses.
func oddKeys() []string {
	return []string{
		"a//b", "a/../b", "./x", "/lead", "//", "trail/", "..", ".", "c\x01\x02\x1fd", "new\nline", "car\rriage", "tab\there", `back\slash`,
		"file", "file/child", "sp ace", "plus+plus", "per%20cent", "per%", "amp&lt;<>\"'", "q?x=1#frag", "ünïcödé/日本語", "e\u0301 beside \u00e9",
		"emoji 🧬", "~tilde-_.!*'();:@&=+$,[]", "replacement \ufffd", "not xml \ufffe", strings.Repeat("k", 1024), strings.Repeat("d/", 511) + "e", "\x7f",
	}
}

func testNames(t *testing.T, b bench) {
	for i, key := range oddKeys() {
		data := random(100 + i)
		o := b.put(t, key, data, s3.PutOptions{IfNoneMatch: true})
		head := b.head(t, key)
		if head.ETag != o.ETag || head.Size != int64(100+i) {
			t.Errorf("head %q: %+v", key, head)
		}
		if got := b.read(t, head.Version(b.bucket), 0, head.Size); !bytes.Equal(got, data) {
			t.Errorf("%q has other bytes", key)
		}
		if _, err := b.Copy(t.Context(), head.Version(b.bucket), b.bucket, key, s3.CopyOptions{Replace: true, Meta: map[string]string{"a": "b"}}); err != nil {
			t.Errorf("copy %q onto itself: %v", key, err)
		}
	}
	failed, err := b.DeleteMany(t.Context(), b.bucket, oddKeys())
	if err != nil || len(failed) != 0 {
		t.Errorf("delete many: %v, %v", failed, err)
	}
	page, err := b.List(t.Context(), b.bucket, s3.ListOptions{})
	if err != nil || len(page.Objects) != 0 {
		t.Errorf("after the deletion: %+v, %v", page, err)
	}
}

func testBadNames(t *testing.T, b bench) {
	ctx := t.Context()
	for _, key := range []string{"", "\xff", "a\xc3(", strings.Repeat("k", 1025)} {
		_, err := b.Put(ctx, b.bucket, key, strings.NewReader("x"), 1, s3.PutOptions{})
		wantIs(t, err, s3.ErrBadName)
	}
	wantIs(t, b.Delete(ctx, b.bucket, ""), s3.ErrBadName)
	wantIs(t, b.Delete(ctx, "", "x"), s3.ErrBadName)
	wantIs(t, b.RemoveBucket(ctx, b.bucket+"/x"), s3.ErrBadName)
	wantIs(t, b.Abort(ctx, b.bucket, "x", ""), os.ErrNotExist)
	wantIs(t, b.MakeBucket(ctx, "ab"), s3.ErrBadName)
	if _, err := b.HeadBucket(ctx, b.bucket); err != nil {
		t.Errorf("the bucket after all that: %v", err)
	}
}

func testMissing(t *testing.T, b bench) {
	ctx := t.Context()
	_, err := b.Head(ctx, b.bucket, "nothing")
	wantIs(t, err, os.ErrNotExist)
	_, err = b.Head(ctx, b.bucket+"-none", "nothing")
	wantIs(t, err, os.ErrNotExist)
	_, err = b.List(ctx, b.bucket+"-none", s3.ListOptions{})
	wantIs(t, err, os.ErrNotExist)
	_, err = b.HeadBucket(ctx, b.bucket+"-none")
	wantIs(t, err, os.ErrNotExist)
	_, err = b.Put(ctx, b.bucket+"-none", "x", strings.NewReader("x"), 1, s3.PutOptions{IfMatch: "0123456789abcdef0123456789abcdef"})
	wantIs(t, err, os.ErrNotExist)
	_, err = b.tryRead(ctx, s3.Version{Bucket: b.bucket + "-none", Key: "x", ETag: "0", Size: 1}, 0, 1)
	wantIs(t, err, os.ErrNotExist)
	_, err = b.Copy(ctx, s3.Version{Bucket: b.bucket, Key: "nothing", ETag: "0123456789abcdef0123456789abcdef", Size: 1}, b.bucket, "x", s3.CopyOptions{})
	wantIs(t, err, os.ErrNotExist)
	wantIs(t, b.RemoveBucket(ctx, b.bucket+"-none"), os.ErrNotExist)
	wantIs(t, b.Delete(ctx, b.bucket+"-none", "x"), os.ErrNotExist)
	if err := b.Delete(ctx, b.bucket, "nothing"); err != nil {
		t.Errorf("deleting nothing: %v", err)
	}
	_, err = b.Parts(ctx, b.bucket, "x", "2~0000000000000000000000000000000")
	wantIs(t, err, os.ErrNotExist)
	if err := b.Abort(ctx, b.bucket, "x", "2~0000000000000000000000000000000"); err != nil {
		t.Errorf("aborting nothing: %v", err)
	}
}

func testMetadata(t *testing.T, b bench) {
	meta := map[string]string{"mtime": "1700000000.123456789", "mode": "33188", "s3cmd-attrs": "mode:33188/md5:x", "two  spaces": "", "spaces": "a  b", "utf": "ä", "empty": ""}
	delete(meta, "two  spaces")
	b.put(t, "m", []byte("x"), s3.PutOptions{ContentType: "application/x-test; charset=utf-8", Meta: meta})
	head := b.head(t, "m")
	delete(meta, "empty")
	if head.ContentType != "application/x-test; charset=utf-8" || !equalMeta(head.Meta, meta) {
		t.Errorf("head shows %q %v, want %v", head.ContentType, head.Meta, meta)
	}
	changed, err := b.Copy(t.Context(), head.Version(b.bucket), b.bucket, "m", s3.CopyOptions{Replace: true, ContentType: "a/b", Meta: map[string]string{"mode": "33261"}})
	if err != nil {
		t.Fatal(err)
	}
	if changed.ETag != head.ETag || changed.ContentType != "a/b" || !equalMeta(changed.Meta, map[string]string{"mode": "33261"}) {
		t.Errorf("after a change of metadata: %+v", changed)
	}
}

func equalMeta(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return true
}

func testCredentials(t *testing.T, b bench) {
	for _, change := range []func(*s3.Config){
		func(c *s3.Config) { c.SecretKey = "wrongsecretvalue" },
		func(c *s3.Config) { c.AccessKey = "nobody" },
	} {
		c := client(t, b.e, change)
		_, err := c.Buckets(t.Context())
		wantIs(t, err, s3.ErrCredentials)
		_, err = c.Owner(t.Context())
		wantIs(t, err, s3.ErrCredentials)
		_, err = c.HeadBucket(t.Context(), b.bucket)
		wantIs(t, err, s3.ErrCredentials)
		if err != nil && strings.Contains(err.Error(), "wrongsecretvalue") {
			t.Errorf("a secret in %q", err)
		}
	}
	if owner, err := b.Owner(t.Context()); err != nil || owner == "" {
		t.Errorf("the owner of the keys: %q, %v", owner, err)
	}
	anonymous := client(t, b.e, func(c *s3.Config) { c.AccessKey, c.SecretKey = "", "" })
	_, err := anonymous.List(t.Context(), b.bucket, s3.ListOptions{})
	wantIs(t, err, os.ErrPermission)
	_, err = anonymous.HeadBucket(t.Context(), b.bucket)
	wantIs(t, err, os.ErrPermission)
}
