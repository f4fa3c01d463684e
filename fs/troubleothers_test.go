package fs

import (
	"os"
	"strings"
	"testing"

	"allasfs/s3"
	"allasfs/s3/s3test"
)

// What belongs to another project is told as such: its bucket may not be listed, and the bucket's name not be taken.
func TestTroublesWithAnotherProject(t *testing.T) {
	both := map[string][2]s3test.Endpoint{}
	srv := s3test.New(t, s3test.WithUser("another", "another-secret"))
	mine := s3test.Of(t, srv)
	other := mine
	other.AccessKey, other.SecretKey = "another", "another-secret"
	both["embedded"] = [2]s3test.Endpoint{mine, other}
	if e, ok := s3test.Gateway(); ok && os.Getenv("ALLASFS_TEST_ACCESS_KEY2") != "" {
		other := e
		other.AccessKey, other.SecretKey = os.Getenv("ALLASFS_TEST_ACCESS_KEY2"), os.Getenv("ALLASFS_TEST_SECRET_KEY2")
		both["gateway"] = [2]s3test.Endpoint{e, other}
	}
	for name, e := range both {
		t.Run(name, func(t *testing.T) {
			bucket := e[0].Bucket(t)
			store := newStore(t, e[1])
			wantTrouble(t, list(t, e[1], bucket), "the store does not allow it")
			wantTrouble(t, store.MakeBucket(t.Context(), bucket), "the name of the bucket is taken")
			_, err := store.Put(t.Context(), bucket, "k", strings.NewReader("x"), 1, s3.PutOptions{})
			wantTrouble(t, err, "the store does not allow it")
		})
	}
}

func wantTrouble(t *testing.T, err error, what string) {
	t.Helper()
	if trouble, ok := TroubleOf(err); !ok || trouble.What != what {
		t.Errorf("%v is %q, want %q", err, trouble.What, what)
	}
}
