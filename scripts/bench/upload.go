package main

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"strings"

	"github.com/minio/minio-go/v7"
)

const partSize = 16 << 20

// upload sends size bytes of src in parts of 16 MiB, parallel at a time, each checked by its MD5 while it is sent.
func (s *store) upload(ctx context.Context, key string, src io.ReaderAt, size int64, parallel int) error {
	id, err := s.core.NewMultipartUpload(ctx, s.bucket, key, minio.PutObjectOptions{})
	if err != nil {
		return err
	}
	parts := make([]minio.CompletePart, (size+partSize-1)/partSize)
	err = each(ctx, len(parts), parallel, func(i int) error {
		off := int64(i) * partSize
		parts[i], err = s.part(ctx, key, id, i+1, io.NewSectionReader(src, off, min(partSize, size-off)))
		return err
	})
	return s.finish(ctx, key, id, parts, err)
}

// part sends one part and compares its ETag with the MD5 of what was sent.
func (s *store) part(ctx context.Context, key, id string, number int, src *io.SectionReader) (minio.CompletePart, error) {
	h := &hashing{r: src, h: md5.New()}
	p, err := s.core.PutObjectPart(ctx, s.bucket, key, id, number, h, src.Size(), minio.PutObjectPartOptions{DisableContentSha256: true})
	if err != nil {
		return minio.CompletePart{}, err
	}
	if want := hex.EncodeToString(h.h.Sum(nil)); strings.Trim(p.ETag, `"`) != want {
		return minio.CompletePart{}, fmt.Errorf("part %d of %s: ETag %s, not %s", number, key, p.ETag, want)
	}
	return minio.CompletePart{PartNumber: number, ETag: p.ETag}, nil
}

// finish completes an upload, or aborts it after err.
func (s *store) finish(ctx context.Context, key, id string, parts []minio.CompletePart, err error) error {
	if err == nil {
		_, err = s.core.CompleteMultipartUpload(ctx, s.bucket, key, id, parts, minio.PutObjectOptions{})
	}
	if err != nil {
		_ = s.core.AbortMultipartUpload(context.WithoutCancel(ctx), s.bucket, key, id) // the first error tells more
	}
	return err
}

// replace makes a new version of key, size bytes long, in which p stands at off and the rest is copied by the gateway: the least that a
// change inside a big object can cost. off is a multiple of the part size or the object's end.
func (s *store) replace(ctx context.Context, key string, size int64, p []byte, off int64) error {
	id, err := s.core.NewMultipartUpload(ctx, s.bucket, key, minio.PutObjectOptions{})
	if err != nil {
		return err
	}
	var parts []minio.CompletePart
	copied := func(from, n int64) {
		if n <= 0 || err != nil {
			return
		}
		var c minio.CompletePart
		c, err = s.core.CopyObjectPart(ctx, s.bucket, key, s.bucket, key, id, len(parts)+1, from, n, nil)
		parts = append(parts, c)
	}
	copied(0, off)
	if err == nil {
		var c minio.CompletePart
		c, err = s.patchPart(ctx, key, id, len(parts)+1, size, p, off)
		parts = append(parts, c)
	}
	copied(off+partSize, size-off-partSize)
	return s.finish(ctx, key, id, parts, err)
}

// patchPart sends the part at off: p, and behind it what the object has there.
func (s *store) patchPart(ctx context.Context, key, id string, number int, size int64, p []byte, off int64) (minio.CompletePart, error) {
	buf := make([]byte, max(int64(len(p)), min(partSize, size-off)))
	if off < size {
		if err := s.get(ctx, key, buf, off); err != nil {
			return minio.CompletePart{}, err
		}
	}
	copy(buf, p)
	return s.part(ctx, key, id, number, io.NewSectionReader(strings.NewReader(string(buf)), 0, int64(len(buf))))
}

// hashing sums what is read through it, from the start again when it is rewound for a second try.
type hashing struct {
	r io.ReadSeeker
	h hash.Hash
}

func (h *hashing) Read(p []byte) (int, error) {
	n, err := h.r.Read(p)
	h.h.Write(p[:n]) // never fails
	return n, err
}

func (h *hashing) Seek(off int64, whence int) (int64, error) {
	if whence == io.SeekStart && off == 0 {
		h.h.Reset()
	}
	return h.r.Seek(off, whence)
}
