package fs

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"allasfs/s3"
	"allasfs/s3/s3test"
)

// Failures as the embedded server and, where there is one, a real gateway make them are told by the right words.
func TestTroublesProvoked(t *testing.T) {
	for name, c := range map[string]struct {
		what    string
		provoke func(*testing.T, s3test.Endpoint, string) error
	}{
		"no such key pair": {"does not accept the keys", func(t *testing.T, e s3test.Endpoint, bucket string) error {
			e.AccessKey = "nobody" + e.AccessKey
			return list(t, e, bucket)
		}},
		"another secret": {"does not accept the keys", func(t *testing.T, e s3test.Endpoint, bucket string) error {
			e.SecretKey += "x"
			return list(t, e, bucket)
		}},
		"another version": {"somebody else changed the file", changedWhileRead},
		"nobody listens": {"cannot be reached", func(t *testing.T, e s3test.Endpoint, bucket string) error {
			l := must[net.Listener](t)(new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0"))
			e.URL = "http://" + l.Addr().String()
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			return list(t, e, bucket)
		}},
		"a name that is none": {"does not take the name", func(t *testing.T, e s3test.Endpoint, bucket string) error {
			_, err := newStore(t, e).Put(t.Context(), bucket, strings.Repeat("x", 1025), bytes.NewReader(nil), 0, s3.PutOptions{})
			return err // a HEAD would be a 400 without a word
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s3test.Each(t, func(t *testing.T, e s3test.Endpoint) {
				err := c.provoke(t, e, e.Bucket(t))
				if trouble, ok := TroubleOf(err); !ok || !strings.Contains(trouble.What, c.what) {
					t.Errorf("%v is %q, want %q", err, trouble.What, c.what)
				}
			})
		})
	}
}

func list(t *testing.T, e s3test.Endpoint, bucket string) error {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := newStore(t, e).List(ctx, bucket, s3.ListOptions{})
	return err
}

// changedWhileRead reads a version that another took the place of.
func changedWhileRead(t *testing.T, e s3test.Endpoint, bucket string) error {
	store := newStore(t, e)
	old := must[s3.Object](t)(store.Put(t.Context(), bucket, "k", strings.NewReader("old"), 3, s3.PutOptions{}))
	must[s3.Object](t)(store.Put(t.Context(), bucket, "k", strings.NewReader("other"), 5, s3.PutOptions{}))
	r, err := store.Get(t.Context(), old.Version(bucket), 0, 3)
	if err == nil {
		_, err = io.ReadAll(r)
	}
	return err
}
