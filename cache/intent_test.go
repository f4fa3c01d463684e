package cache

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
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
