package fs

import (
	"os"
	"strings"
	"testing"

	"allasfs/s3"
	"allasfs/s3/s3test"
)

// twoProjects runs do on the embedded server and, where there is one, on a real gateway, as two projects see it.
func twoProjects(t *testing.T, do func(t *testing.T, mine, others s3test.Endpoint)) {
	t.Helper()
	t.Run("embedded", func(t *testing.T) {
		mine := s3test.Of(t, s3test.New(t, s3test.WithUser("another", "another-secret")))
		others := mine
		others.AccessKey, others.SecretKey = "another", "another-secret"
		do(t, mine, others)
	})
	if mine, ok := s3test.Gateway(); ok && os.Getenv("ALLASFS_TEST_ACCESS_KEY2") != "" {
		t.Run("gateway", func(t *testing.T) {
			others := mine
			others.AccessKey, others.SecretKey = os.Getenv("ALLASFS_TEST_ACCESS_KEY2"), os.Getenv("ALLASFS_TEST_SECRET_KEY2")
			do(t, mine, others)
		})
	}
}

// What belongs to another project is told as such: its bucket may not be listed, and the bucket's name not be taken.
func TestTroublesWithAnotherProject(t *testing.T) {
	twoProjects(t, func(t *testing.T, mine, others s3test.Endpoint) {
		bucket := mine.Bucket(t)
		store := newStore(t, others)
		wantTrouble(t, list(t, others, bucket), "the store does not allow it")
		wantTrouble(t, store.MakeBucket(t.Context(), bucket), "the name of the bucket is taken")
		_, err := store.Put(t.Context(), bucket, "k", strings.NewReader("x"), 1, s3.PutOptions{})
		wantTrouble(t, err, "the store does not allow it")
	})
}

func wantTrouble(t *testing.T, err error, what string) {
	t.Helper()
	if trouble, ok := TroubleOf(err); !ok || trouble.What != what {
		t.Errorf("%v is %q, want %q", err, trouble.What, what)
	}
}
