package main

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"golang.org/x/sys/unix"
)

// region is part of signatures only. This one makes minio-go ask for no location when it makes a bucket, which the gateway would refuse.
const region = "us-east-1"

// access is how the gateway is reached.
type access struct{ url, key, secret string }

// store is the raw client: minio-go, with connections that acknowledge at once, and nothing between the program and the wire.
type store struct {
	core   *minio.Core
	bucket string
}

func newStore(a access, bucket string) (*store, error) {
	u, err := url.Parse(a.url)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("gateway %q is no URL", a.url)
	}
	core, err := minio.NewCore(u.Host, &minio.Options{
		Creds: credentials.NewStaticV4(a.key, a.secret, ""), Secure: u.Scheme == "https", Region: region,
		BucketLookup: minio.BucketLookupPath, Transport: rawTransport(), MaxRetries: 3,
	})
	if err != nil {
		return nil, err
	}
	return &store{core: core, bucket: bucket}, nil
}

func rawTransport() *http.Transport {
	d := &net.Dialer{Timeout: 10 * time.Second}
	return &http.Transport{
		MaxIdleConnsPerHost: 64, DisableCompression: true, WriteBufferSize: 64 << 10, ReadBufferSize: 64 << 10,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := d.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &ackConn{conn.(*net.TCPConn)}, nil
		},
	}
}

// ackConn keeps TCP_QUICKACK set, which the kernel clears by itself: without it every small answer waits 40 ms for its second segment.
type ackConn struct{ *net.TCPConn }

func (c *ackConn) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	if raw, e := c.SyscallConn(); e == nil && err == nil {
		_ = raw.Control(quickAck) // best effort: without it reads are slower, not wrong
	}
	return n, err
}

func quickAck(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1) }

// get reads exactly len(p) bytes of key from off.
func (s *store) get(ctx context.Context, key string, p []byte, off int64) error {
	o := minio.GetObjectOptions{}
	if err := o.SetRange(off, off+int64(len(p))-1); err != nil {
		return err
	}
	body, _, _, err := s.core.GetObject(ctx, s.bucket, key, o)
	if err != nil {
		return err
	}
	defer body.Close()
	if _, err = io.ReadFull(body, p); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, body) // the end of the body, without which the connection is not used again
	return err
}

// stream gives the whole object to w.
func (s *store) stream(ctx context.Context, key string, w io.Writer) error {
	body, _, _, err := s.core.GetObject(ctx, s.bucket, key, minio.GetObjectOptions{})
	if err != nil {
		return err
	}
	defer body.Close()
	_, err = io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{body}, make([]byte, 1<<20))
	return err
}

// put sends one object by one request, and compares its MD5 with the answer's ETag.
func (s *store) put(ctx context.Context, key string, p []byte) error {
	sum := md5.Sum(p)
	info, err := s.core.PutObject(ctx, s.bucket, key, bytes.NewReader(p), int64(len(p)), "", "",
		minio.PutObjectOptions{DisableContentSha256: true, DisableMultipart: true})
	if err != nil {
		return err
	}
	if want := hex.EncodeToString(sum[:]); info.ETag != want {
		return fmt.Errorf("put %s: ETag %s, not %s", key, info.ETag, want)
	}
	return nil
}

// size returns the size of key, or -1 if there is none.
func (s *store) size(ctx context.Context, key string) (int64, error) {
	info, err := s.core.StatObject(ctx, s.bucket, key, minio.StatObjectOptions{})
	if minio.ToErrorResponse(err).StatusCode == http.StatusNotFound {
		return -1, nil
	}
	return info.Size, err
}

// keys lists the keys below prefix, page after page, without the markers that some mounts keep for directories.
func (s *store) keys(ctx context.Context, prefix string) ([]string, error) {
	var out []string
	for o := range s.core.ListObjectsIter(ctx, s.bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		if o.Err != nil {
			return nil, o.Err
		}
		if o.Key[len(o.Key)-1] != '/' {
			out = append(out, o.Key)
		}
	}
	return out, nil
}

// copy makes to of from by one request, of any size.
func (s *store) copy(ctx context.Context, from, to string) error {
	_, err := s.core.CopyObject(ctx, s.bucket, from, s.bucket, to, nil, minio.CopySrcOptions{}, minio.PutObjectOptions{})
	return err
}

// removeAll deletes everything below prefix, markers too, by bulk deletes.
func (s *store) removeAll(ctx context.Context, prefix string) error {
	list := s.core.Client.ListObjects(ctx, s.bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true})
	for e := range s.core.RemoveObjects(ctx, s.bucket, list, minio.RemoveObjectsOptions{}) {
		if e.Err != nil {
			return fmt.Errorf("delete %s: %w", e.ObjectName, e.Err)
		}
	}
	return nil
}

// removeBucket empties and deletes the bucket, unfinished uploads included.
func (s *store) removeBucket(ctx context.Context) error {
	for u := range s.core.ListIncompleteUploads(ctx, s.bucket, "", true) {
		if u.Err != nil {
			return u.Err
		}
		if err := s.core.AbortMultipartUpload(ctx, s.bucket, u.Key, u.UploadID); err != nil {
			return err
		}
	}
	if err := s.removeAll(ctx, ""); err != nil {
		return err
	}
	return s.core.RemoveBucket(ctx, s.bucket)
}
