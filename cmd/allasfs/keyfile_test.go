package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"allasfs/s3"
	"allasfs/s3/profile"
	"allasfs/s3/s3test"
)

// TestKeyFile: what a file of keys holds is taken once, when two looks in a row saw it; what is half written, as before, or gone is not.
func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	var took, told int
	var fail error
	k := &keyFile{path: path, take: func(context.Context) error { took++; return fail }, tell: func(error) { told++ }}
	modified := time.Now().Add(-time.Hour)
	write := func(text string) {
		fatal(t, os.WriteFile(path, []byte(text), 0o600))
		modified = modified.Add(time.Second) // as far apart as a clock tells, whatever this one does
		fatal(t, os.Chtimes(path, modified, modified))
	}
	look := func(why string, wantTook, wantTold int) {
		t.Helper()
		took, told = 0, 0
		k.look(t.Context())
		if took != wantTook || told != wantTold {
			t.Errorf("%s: taken %d times, told %d times; want %d and %d", why, took, told, wantTook, wantTold)
		}
	}
	look("no file", 0, 0)
	write("access=a\n")
	look("the first look", 0, 0)
	look("the second look", 1, 0)
	look("known", 0, 0)
	write("access=b\n")
	look("half written", 0, 0)
	write("access=b\nsecret=b\n")
	look("whole", 0, 0)
	look("whole still", 1, 0)
	write("access=b\nsecret=b\n")
	look("touched", 0, 0)
	look("touched still", 0, 0)
	write("access=c\n")
	look("changed for a moment", 0, 0)
	write("access=b\nsecret=b\n")
	look("as before", 0, 0)
	write("access=c\n")
	look("changed again", 0, 0)
	fatal(t, os.Remove(path))
	look("gone", 0, 0)
	write("access=c\n")
	fail = errKeysLater
	look("back", 1, 0)
	look("the store cannot be asked", 1, 0)
	fail = errOtherOwner
	look("somebody else's", 1, 1)
	look("told once", 0, 0)
}

// TestTakeKeys: keys are taken that the store takes, of the same owner, of which something tells the project; else requests are signed with the old ones.
func TestTakeKeys(t *testing.T) {
	server, err := s3test.Start(s3test.WithUser("othersKey", "othersSecret"))
	fatal(t, err)
	defer server.Close()
	old := s3.Keys{Access: server.AccessKey, Secret: server.SecretKey}
	p := &profile.Profile{Endpoint: server.URL}
	more := s3.Keys{Access: "more", Secret: "secretOfMore"}
	server.AddKeys(more.Access, more.Secret)
	odd := errors.New("odd")
	for name, c := range map[string]struct {
		found  s3.Keys
		find   error
		unsure bool
		want   error // nil = they are taken
	}{
		"newer":         {found: more},
		"not told":      {found: more, unsure: true, want: errUntold},
		"half a secret": {found: s3.Keys{Access: more.Access, Secret: "secret"}, want: s3.ErrCredentials},
		"somebody's":    {found: s3.Keys{Access: "othersKey", Secret: "othersSecret"}, want: errOtherOwner},
		"none":          {find: odd, want: odd},
	} {
		t.Run(name, func(t *testing.T) {
			client, err := s3.New(storeConfig(withKeys(p, old), nil))
			fatal(t, err)
			defer client.Close()
			taken := 0
			k := keyStore{
				store: client, find: func() (s3.Keys, error) { return c.found, c.find }, sure: !c.unsure, taken: func(s3.Keys) { taken++ },
				try: func(ctx context.Context, keys s3.Keys) (string, error) { return ownerOf(ctx, withKeys(p, keys)) },
			}
			if err := k.take(t.Context()); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			want, n := old, 0
			if c.want == nil {
				want, n = c.found, 1
			}
			if client.Keys() != want || taken != n {
				t.Errorf("the new keys are in force: %t; told %d times", client.Keys() == c.found, taken)
			}
			if c.want != nil {
				return
			}
			if err := k.take(t.Context()); err != nil || taken != 1 {
				t.Errorf("once more: %v; taken %d times", err, taken)
			}
		})
	}
	t.Run("no store", func(t *testing.T) {
		client, err := s3.New(storeConfig(withKeys(p, old), nil))
		fatal(t, err)
		defer client.Close()
		k := keyStore{store: client, find: func() (s3.Keys, error) { return more, nil }, sure: true, try: func(context.Context, s3.Keys) (string, error) { return "", s3.ErrTimeout }}
		if err := k.take(t.Context()); !errors.Is(err, errKeysLater) || client.Keys() != old {
			t.Errorf("got %v", err)
		}
	})
}
