package s3_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"allasfs/s3"
	"allasfs/s3/s3test"
)

var freshKeys = s3.Keys{Access: "fresh", Secret: "secret of fresh"}

// renewed is a bench whose client asks find for other keys.
func renewed(t *testing.T, find func() (s3.Keys, error)) (bench, *s3test.Server) {
	t.Helper()
	server := s3test.New(t)
	e := s3test.Of(t, server)
	return bench{client(t, e, func(c *s3.Config) { c.Renew = find }), e, e.Bucket(t)}, server
}

// TestKeysThatChange: when the store refuses the keys, and their owner has others by then, whatever was asked is asked with those, and nobody notices; many
// requests at once ask for others once.
func TestKeysThatChange(t *testing.T) {
	data := random(3 << 20)
	for name, ask := range map[string]func(b bench, v s3.Version) error{
		"head": func(b bench, v s3.Version) error { _, err := b.Head(t.Context(), b.bucket, v.Key); return err },
		"list": func(b bench, _ s3.Version) error {
			_, err := b.List(t.Context(), b.bucket, s3.ListOptions{})
			return err
		},
		"put": func(b bench, _ s3.Version) error {
			_, err := b.Put(t.Context(), b.bucket, "new", bytes.NewReader(data), int64(len(data)), s3.PutOptions{})
			return err
		},
		"delete": func(b bench, _ s3.Version) error { return b.Delete(t.Context(), b.bucket, "none") },
		"get": func(b bench, v s3.Version) error {
			if got := b.read(t, v, 0, int64(len(data))); !bytes.Equal(got, data) {
				return errors.New("other bytes")
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			b, server := renewed(t, func() (s3.Keys, error) { asked.Add(1); return freshKeys, nil })
			v := b.put(t, "k", data, s3.PutOptions{}).Version(b.bucket)
			server.SetKeys(freshKeys.Access, freshKeys.Secret)
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					if err := ask(b, v); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			if n := asked.Load(); n != 1 {
				t.Errorf("asked for other keys %d times", n)
			}
			url, err := b.Link(b.bucket, "k", s3.MaxLink)
			if err != nil || !strings.Contains(url, freshKeys.Access) {
				t.Errorf("a link is signed with other keys: %v", err)
			}
		})
	}
}

// TestKeysThatAreGone: where there are no others the refusal is told, and the question for others is not repeated for each request.
func TestKeysThatAreGone(t *testing.T) {
	same := s3.Keys{}
	for name, find := range map[string]func() (s3.Keys, error){
		"none":     func() (s3.Keys, error) { return s3.Keys{}, errors.New("no keys are left") },
		"the same": func() (s3.Keys, error) { return same, nil },
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			b, server := renewed(t, func() (s3.Keys, error) { asked++; return find() })
			same = s3.Keys{Access: b.e.AccessKey, Secret: b.e.SecretKey}
			server.SetKeys("another's", "secret")
			for range 3 {
				if _, err := b.List(t.Context(), b.bucket, s3.ListOptions{}); !errors.Is(err, s3.ErrCredentials) {
					t.Errorf("got %v", err)
				}
			}
			if asked != 1 {
				t.Errorf("asked %d times", asked)
			}
		})
	}
}

// TestKeysAreNotShown: no verb prints a key.
func TestKeysAreNotShown(t *testing.T) {
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if s := fmt.Sprintf(verb, freshKeys); strings.Contains(s, "fresh") {
			t.Errorf("%s shows %s", verb, s)
		}
	}
}
