package s3_test

import (
	"fmt"
	"io"
	"testing"

	"allasfs/s3"
	"allasfs/s3/s3test"
)

// BenchmarkGet is a GET with its body, from the embedded server: what the server takes is in it, the same on both sides of a comparison.
func BenchmarkGet(b *testing.B) {
	for name, o := range map[string][]s3test.Option{"http": nil, "https": {s3test.WithTLS()}} {
		for _, n := range []int64{4 << 10, 128 << 10, 4 << 20} {
			b.Run(fmt.Sprintf("%s/%dKiB", name, n>>10), func(b *testing.B) {
				e := s3test.Of(b, s3test.New(b, o...))
				bucket := e.Bucket(b)
				c := client(b, e, nil)
				v := s3.Version{Bucket: bucket, Key: "k", Size: n, ETag: e.Server.PutObject(bucket, "k", random(int(n)), nil)}
				buf := make([]byte, n)
				b.SetBytes(n)
				b.ReportAllocs()
				for b.Loop() {
					body, err := c.Get(b.Context(), v, 0, n)
					if err != nil {
						b.Fatal(err)
					}
					if _, err := io.ReadFull(body, buf); err != nil {
						b.Fatal(err)
					}
					body.Close()
				}
			})
		}
	}
}
