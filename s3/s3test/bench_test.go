package s3test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/minio/minio-go/v7"
)

func BenchmarkServer(b *testing.B) {
	e := Of(b, New(b))
	e.Server.MakeBucket("bkt")
	core := minio.Core{Client: e.Client(b)}
	small := bytes.Repeat([]byte("x"), 100)
	b.Run("put", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			if _, err := core.PutObject(b.Context(), "bkt", fmt.Sprint("k", i), bytes.NewReader(small), 100, "", "", minio.PutObjectOptions{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	e.Server.PutObject("big", "k", make([]byte, 64<<20), nil)
	b.Run("get64MiB", func(b *testing.B) {
		b.SetBytes(64 << 20)
		for b.Loop() {
			o, _, _, err := core.GetObject(b.Context(), "big", "k", minio.GetObjectOptions{})
			if err != nil {
				b.Fatal(err)
			}
			var sink bytes.Buffer
			sink.Grow(65 << 20)
			if n, err := sink.ReadFrom(o); n != 64<<20 || err != nil {
				b.Fatal(n, err)
			}
			_ = o.Close()
		}
	})
	for i := range 1000 {
		e.Server.PutObject("list", fmt.Sprint("k", i), small, nil)
	}
	b.Run("list1000", func(b *testing.B) {
		c := newRaw(b, e)
		for b.Loop() {
			c.must(200, "GET", "list", q("list-type", "2"), nil)
		}
	})
}
