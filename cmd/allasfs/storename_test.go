package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"allasfs/s3/profile"
)

// Keys that were found with their project once are of that project when they are found without it.
func TestStoreNamesOfAKey(t *testing.T) {
	base, log := t.TempDir(), slog.New(slog.DiscardHandler)
	named := &profile.Profile{Endpoint: "https://a3s.fi", Project: "project_2012345", AccessKey: "key1"}
	bare := &profile.Profile{Endpoint: "https://a3s.fi", AccessKey: "key1"}
	if got := storeNames(base, bare, log); !slices.Equal(got, []string{keyName(bare)}) {
		t.Errorf("of a key never seen: %q", got)
	}
	want := []string{"https://a3s.fi#project_2012345", keyName(bare)}
	for _, p := range []*profile.Profile{named, bare} {
		if got := storeNames(base, p, log); !slices.Equal(got, want) {
			t.Errorf("of %v: %q, want %q", p, got, want)
		}
	}
	for _, other := range []*profile.Profile{{Endpoint: "https://lumidata.eu", AccessKey: "key1"}, {Endpoint: "https://a3s.fi", AccessKey: "key2"}} {
		if got := storeNames(base, other, log); !slices.Equal(got, []string{keyName(other)}) {
			t.Errorf("of another store or key: %q", got)
		}
	}
	fatal(t, filepath.WalkDir(base, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if strings.Contains(path+string(data), "key1") {
			t.Errorf("%s tells the key", path)
		}
		return err
	}))
}

// The folder of a key's name goes on being used when the project becomes known, and drafts are found in the folders of all names.
func TestCacheFolderOfEitherName(t *testing.T) {
	base, log := t.TempDir(), slog.New(slog.DiscardHandler)
	c := config{CacheSize: 1 << 20, SizeGiven: true}
	names := []string{"https://a3s.fi#project_1", "https://a3s.fi#key-abc"}
	open := func(names []string) caches {
		t.Helper()
		got, err := openNamed(c, base, presentFirst(base, names, c.Source), log)
		fatal(t, err)
		return got
	}
	first := open(names[1:])
	again := func() caches { return open(names) }
	fatal(t, first.close())
	if got := again(); got.name != names[1] {
		t.Errorf("the data is looked for under %q", got.name)
	} else {
		fatal(t, got.close())
	}

	// Both are there, as earlier versions have left them.
	both, err := openCache(c, filepath.Join(base, cacheFolder(names[0], c.Source)), log)
	fatal(t, err)
	fatal(t, both.Close())
	if got := again(); got.name != names[0] || len(got.left) != 0 {
		t.Errorf("name %q and %d folders beside it, want %q and none", got.name, len(got.left), names[0])
	} else {
		fatal(t, got.close())
	}
	old := open(names[1:])
	draft(t, old.main)
	fatal(t, old.close())
	got := again()
	if got.name != names[0] || len(got.left) != 1 || len(got.left[0].Drafts()) != 1 {
		t.Errorf("name %q and %d folders beside it, want %q and one with a draft", got.name, len(got.left), names[0])
	}
	fatal(t, got.close())
}
