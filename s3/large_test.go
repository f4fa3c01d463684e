package s3_test

import (
	"bytes"
	"crypto/md5"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"allasfs/s3"
	"allasfs/s3/s3test"
)

// large makes a Swift large object of the segments and returns the bucket that holds these: on the gateway by the Swift API, as users do.
func (b bench) large(t *testing.T, kind s3.LargeKind, key string, segments ...[]byte) (segmentBucket string) {
	t.Helper()
	segmentBucket = b.e.Bucket(t)
	if b.e.Server != nil {
		if kind == s3.DLO {
			b.e.Server.PutDLO(b.bucket, key, segmentBucket, "seg/"+key+"/", segments...)
		} else {
			b.e.Server.PutSLO(b.bucket, key, segmentBucket, "seg/"+key+"/", segments...)
		}
		return segmentBucket
	}
	type segment struct {
		Path string `json:"path"`
		ETag string `json:"etag"`
		Size int    `json:"size_bytes"`
	}
	var list []segment
	there := bench{b.Client, b.e, segmentBucket}
	for i, data := range segments {
		name := fmt.Sprintf("seg/%s/%08d", key, i)
		there.put(t, name, data, s3.PutOptions{})
		list = append(list, segment{"/" + segmentBucket + "/" + name, fmt.Sprintf("%x", md5.Sum(data)), len(data)})
	}
	if kind == s3.DLO {
		b.swift(t, b.bucket+"/"+key, nil, "X-Object-Manifest", segmentBucket+"/seg/"+key+"/")
		return segmentBucket
	}
	manifest, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	b.swift(t, b.bucket+"/"+key+"?multipart-manifest=put", manifest)
	return segmentBucket
}

// swift sends a PUT through the gateway's Swift API.
func (b bench) swift(t *testing.T, path string, body []byte, header ...string) {
	t.Helper()
	auth, err := http.NewRequestWithContext(t.Context(), http.MethodGet, os.Getenv("ALLASFS_TEST_SWIFT_AUTH"), nil)
	if err != nil {
		t.Fatal(err)
	}
	auth.Header.Set("X-Auth-User", os.Getenv("ALLASFS_TEST_SWIFT_USER"))
	auth.Header.Set("X-Auth-Key", os.Getenv("ALLASFS_TEST_SWIFT_KEY"))
	resp, err := http.DefaultClient.Do(auth)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	put, err := http.NewRequestWithContext(t.Context(), http.MethodPut, resp.Header.Get("X-Storage-Url")+"/"+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	put.Header.Set("X-Auth-Token", resp.Header.Get("X-Auth-Token"))
	for i := 0; i+1 < len(header); i += 2 {
		put.Header.Set(header[i], header[i+1])
	}
	resp, err = http.DefaultClient.Do(put)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		t.Fatalf("swift put %s: %s", path, resp.Status)
	}
}

func TestLargeObjects(t *testing.T) {
	each(t, func(t *testing.T, b bench) {
		for name, kind := range map[string]s3.LargeKind{"dlo": s3.DLO, "slo": s3.SLO} {
			t.Run(name, func(t *testing.T) { testLarge(t, b, kind, name+" ü.bin") })
			t.Run(name+" replaced", func(t *testing.T) { testLargeReplaced(t, b, kind, name+"2.bin") })
			t.Run(name+" with a segment missing", func(t *testing.T) { testLargeBroken(t, b, kind, name+"3.bin") })
		}
	})
}

func testLarge(t *testing.T, b bench, kind s3.LargeKind, key string) {
	ctx := t.Context()
	data := random(2_500_000)
	b.large(t, kind, key, data[:1_000_000], data[1_000_000:2_000_000], data[2_000_000:])
	page, err := b.List(ctx, b.bucket, s3.ListOptions{Prefix: key})
	if err != nil || len(page.Objects) != 1 || !page.Objects[0].MaybeLarge() {
		t.Fatalf("listing %+v, %v; want one entry that may be large", page, err)
	}
	o := b.head(t, key)
	if o.Large != kind || o.Size != int64(len(data)) || o.MaybeLarge() || (kind == s3.DLO) != (o.Manifest != "") {
		t.Fatalf("head: %+v", o)
	}
	v := o.Version(b.bucket)
	for _, r := range [][2]int64{{0, o.Size}, {999_990, 20}, {1, 1}, {1_500_000, 1_000_000}} {
		if got := b.read(t, v, r[0], r[1]); !bytes.Equal(got, data[r[0]:r[0]+r[1]]) {
			t.Errorf("range %v: other bytes", r)
		}
	}
	for range 20 { // one connection after the other: an answer must not leave bytes to the next
		if got := b.read(t, v, 7, 100); !bytes.Equal(got, data[7:107]) {
			t.Fatal("other bytes")
		}
		b.head(t, key)
	}
	c, err := b.Copy(ctx, v, b.bucket, "copy of "+key, s3.CopyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if c.Large != kind || c.Size != o.Size {
		t.Errorf("copy: %+v", c)
	}
	if got := b.read(t, c.Version(b.bucket), 0, c.Size); !bytes.Equal(got, data) {
		t.Error("the copy has other bytes")
	}
	_, err = b.Copy(ctx, v, b.bucket, key, s3.CopyOptions{Replace: true})
	wantIs(t, err, errors.ErrUnsupported)
	stale := v
	stale.ETag = "0123456789abcdef0123456789abcdef"
	_, err = b.tryRead(ctx, stale, 0, 10)
	wantIs(t, err, s3.ErrChanged)
	_, err = b.Copy(ctx, stale, b.bucket, "stale", s3.CopyOptions{})
	wantIs(t, err, s3.ErrChanged)
}

func testLargeReplaced(t *testing.T, b bench, kind s3.LargeKind, key string) {
	ctx := t.Context()
	b.large(t, kind, key, random(1000), random(500))
	o := b.head(t, key)
	put := func(ifMatch string) (s3.Object, error) {
		return b.Put(ctx, b.bucket, key, strings.NewReader("plain"), 5, s3.PutOptions{IfMatch: ifMatch})
	}
	_, err := put("0123456789abcdef0123456789abcdef")
	wantIs(t, err, s3.ErrChanged)
	now, err := put(o.ETag)
	if err != nil {
		t.Fatal(err)
	}
	if got := b.head(t, key); got.Large != s3.NotLarge || got.ETag != now.ETag || got.Size != 5 {
		t.Errorf("after the replacement: %+v", got)
	}
	_, err = b.tryRead(ctx, o.Version(b.bucket), 0, 10)
	wantIs(t, err, s3.ErrChanged)
	if _, err = put(now.ETag); err != nil {
		t.Errorf("replacing the plain object: %v", err)
	}
}

func testLargeBroken(t *testing.T, b bench, kind s3.LargeKind, key string) {
	ctx := t.Context()
	data := random(2_500_000)
	segments := b.large(t, kind, key, data[:1_000_000], data[1_000_000:2_000_000], data[2_000_000:])
	o := b.head(t, key)
	if err := b.Delete(ctx, segments, fmt.Sprintf("seg/%s/%08d", key, 1)); err != nil {
		t.Fatal(err)
	}
	// The gateway sends what comes before the segment and then nothing more.
	c := client(t, b.e, func(cfg *s3.Config) { cfg.StallTimeout = 2 * time.Second })
	rd, err := c.Get(ctx, o.Version(b.bucket), 0, o.Size)
	var got []byte
	if err == nil {
		defer rd.Close()
		got, err = io.ReadAll(rd)
	}
	if err == nil {
		t.Error("an object without its middle is read without an error")
	}
	if !bytes.HasPrefix(data, got) {
		t.Error("other bytes than the object's were read before the error")
	}
	if kind == s3.SLO { // a dynamic one is another version without it
		wantIs(t, err, io.ErrUnexpectedEOF)
	}
}

// A dynamic large object whose segment is missing has the size that it ought to have, and cannot be read: what lies behind the gap has moved. The size is in
// the manifest, or follows from the numbers of the segments.
func TestMissingSegment(t *testing.T) {
	ten := []byte("0123456789")
	for _, c := range []struct {
		what, prefix string
		missing      []int
	}{
		{"Swift client", "big file/1700000000.123456/30/10/", []int{0, 1, 2}},
		{"rclone", "big file/1700000000.123456/30", []int{0, 1, 2}},
		{"rclone, from a pipe", "big file/1700000000.123456/-1", []int{0, 1}},
		{"rclone since 1.65", "big file/2024-02-29-235959-aZ_-09", []int{0, 1}},
		{"by hand", "parts/", []int{1}},
	} {
		for _, missing := range c.missing {
			t.Run(fmt.Sprintf("%s, segment %d", c.what, missing), func(t *testing.T) {
				server := s3test.New(t)
				e := s3test.Of(t, server)
				b := bench{client(t, e, nil), e, e.Bucket(t)}
				server.MakeBucket("segments")
				server.PutDLO(b.bucket, "dlo", "segments", c.prefix) // the segments follow
				for i := range 3 {
					server.PutObject("segments", fmt.Sprintf("%s/%08d", strings.TrimSuffix(c.prefix, "/"), i), ten, nil)
				}
				b.wantRead(t, "dlo", 5, "5678901234")
				server.Delete("segments", server.Keys("segments")[missing])
				broken := b.head(t, "dlo")
				if broken.Size != 30 {
					t.Errorf("broken: %+v", broken)
				}
				for _, off := range []int64{0, 25} {
					if _, err := b.tryRead(t.Context(), broken.Version(b.bucket), off, 5); !errors.Is(err, io.ErrUnexpectedEOF) {
						t.Errorf("at %d: %v", off, err)
					}
				}
			})
		}
	}
}

// A dynamic large object to which a segment was added has more bytes than the client that made it wrote down: all of them are read, and a reader that knows of
// fewer is told.
func TestSegmentAdded(t *testing.T) {
	server := s3test.New(t)
	e := s3test.Of(t, server)
	b := bench{client(t, e, nil), e, e.Bucket(t)}
	server.MakeBucket("segments")
	const prefix = "file/1700000000.123456/20/10/"
	server.PutDLO(b.bucket, "dlo", "segments", prefix, []byte("0123456789"), []byte("abcdefghij"))
	before := b.head(t, "dlo")
	server.PutObject("segments", prefix+"00000002", []byte("more"), nil)
	b.wantRead(t, "dlo", 15, "fghijmore")
	after := b.head(t, "dlo")
	if before.Size != 20 || after.Size != 24 {
		t.Errorf("%d bytes, then %d; want 20, then 24", before.Size, after.Size)
	}
	after.Size = before.Size
	for _, o := range []s3.Object{before, after} {
		_, err := b.tryRead(t.Context(), o.Version(b.bucket), 0, 5)
		wantIs(t, err, s3.ErrChanged)
	}
}

// Segments whose names are no numbers in a row are what somebody chose to have: nothing is missing between them.
func TestSegmentsWithoutNumbers(t *testing.T) {
	for _, names := range [][]string{
		{"20190131", "20190201"},
		{"000000", "000200"},
		{"00000000", "00000002.csv"},
		{"b", "d"},
		{"00000001", "00000002"}, // numbered from 1
	} {
		server := s3test.New(t)
		e := s3test.Of(t, server)
		b := bench{client(t, e, nil), e, e.Bucket(t)}
		server.MakeBucket("segments")
		server.PutDLO(b.bucket, "dlo", "segments", "parts/")
		for i, name := range names {
			server.PutObject("segments", "parts/"+name, fmt.Appendf(nil, "part %d", i), nil)
		}
		b.wantRead(t, "dlo", 3, "t 0part")
	}
}

// wantRead reads whole, a large object, from off on.
func (b bench) wantRead(t *testing.T, key string, off int64, want string) {
	t.Helper()
	got, err := b.tryRead(t.Context(), b.head(t, key).Version(b.bucket), off, int64(len(want)))
	if err != nil || string(got) != want {
		t.Errorf("%s from %d: %q, %v; want %q", key, off, got, err, want)
	}
}
