package cache

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sync/errgroup"
)

// TestIntents: an intent is there for the next daemon as it was last set, until it is dropped; a damaged one, and one that was being written, is dropped
// without harm to the others.
func TestIntents(t *testing.T) {
	o := Options{Dir: t.TempDir()}
	c := mustOpen(t, o)
	var all []*Intent
	for _, data := range []string{"first", "second", "third", "fourth"} {
		i, err := c.NewIntent([]byte(data))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, i)
	}
	if err := all[1].Set([]byte("again")); err != nil {
		t.Fatal(err)
	}
	if err := all[2].Drop(); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	damaged := filepath.Join(o.Dir, all[3].file())
	b, err := os.ReadFile(damaged)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-1] ^= 1
	for name, b := range map[string][]byte{damaged: b, filepath.Join(o.Dir, intentsDir, "0.tmp"): []byte("half")} {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c = mustOpen(t, o)
	left, err := c.Intents()
	if err != nil || len(left) != 2 || !bytes.Equal(left[0].Data(), []byte("first")) || !bytes.Equal(left[1].Data(), []byte("again")) {
		t.Fatalf("left %v, %v", left, err)
	}
	if names, err := os.ReadDir(filepath.Join(o.Dir, intentsDir)); len(names) != 2 || err != nil {
		t.Errorf("files %v, %v", names, err)
	}
}

// TestIntentsOfThisDaemon: what was begun in this daemon, by whichever of its file systems, is not taken for something that an earlier one left, however often
// that is asked for; nor is a file touched that is being written.
func TestIntentsOfThisDaemon(t *testing.T) {
	o := Options{Dir: t.TempDir()}
	c := mustOpen(t, o)
	_, err := c.NewNote([]byte("of the daemon before"))
	try(t, err)
	try(t, c.Close())
	c = mustOpen(t, o)
	look := func() []*Intent {
		left, err := c.Intents()
		if err != nil || len(left) != 1 || string(left[0].Data()) != "of the daemon before" {
			t.Errorf("left %v, %v", left, err)
		}
		return left
	}
	left := look()
	const rounds = 200
	var g errgroup.Group
	for _, make := range []func([]byte) (*Intent, error){c.NewIntent, c.NewNote} {
		g.Go(func() error {
			i, err := make([]byte("0"))
			for n := 0; n < rounds && err == nil; n++ {
				err = i.Set([]byte(strconv.Itoa(n)))
			}
			return err
		})
	}
	g.Go(func() error { // one of the daemon before is being ended
		var err error
		for n := 0; n < rounds && err == nil; n++ {
			err = left[0].Set(left[0].Data())
		}
		return err
	})
	written := make(chan error, 1)
	go func() { written <- g.Wait() }()
	for {
		look()
		select {
		case err := <-written:
			try(t, err)
			look()
			try(t, left[0].Drop())
			if left, err := c.Intents(); err != nil || len(left) > 0 {
				t.Errorf("left %v, %v", left, err)
			}
			if names, err := os.ReadDir(filepath.Join(o.Dir, intentsDir)); err != nil || len(names) != 2 {
				t.Errorf("files %v, %v", names, err)
			}
			return
		default:
		}
	}
}
