package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"allasfs/cache"
	"allasfs/cmd/allasfs/internal/exit"
	"allasfs/fs"
	"allasfs/s3/profile"
)

func TestCacheBase(t *testing.T) {
	me := "allasfs-cache-" + strings.TrimSpace(uidText())
	for _, c := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"HOME": "/home/u"}, "/home/u/.cache/allasfs"},
		{map[string]string{"HOME": "/home/u", "XDG_CACHE_HOME": "/c"}, "/c/allasfs"},
		{map[string]string{"HOME": "/home/u", "TMPDIR": "/t"}, "/home/u/.cache/allasfs"},
		{map[string]string{"HOME": "/home/u", "TMPDIR": "/t", "SLURM_JOB_ID": "7"}, "/t/" + me},
		{map[string]string{"HOME": "/home/u", "LOCAL_SCRATCH": "/s", "SLURM_JOB_ID": "7"}, "/s/" + me},
		{map[string]string{"HOME": "/home/u", "SLURM_JOB_ID": "7"}, "/tmp/" + me},
		{map[string]string{"HOME": "/home/u", "LOCAL_SCRATCH": "/s"}, "/s/" + me},
	} {
		got, err := cacheBase(func(k string) string { return c.env[k] })
		if err != nil || got != c.want {
			t.Errorf("cacheBase(%v) = %q, %v; want %q", c.env, got, err, c.want)
		}
	}
}

func TestCacheFolderTellsStoresAndSourcesApart(t *testing.T) {
	a := &profile.Profile{Endpoint: "https://a3s.fi", Project: "project_1", AccessKey: "k1"}
	b := &profile.Profile{Endpoint: "https://a3s.fi", Project: "project_2", AccessKey: "k1"}
	unnamed := &profile.Profile{Endpoint: "https://a3s.fi", AccessKey: "k1"}
	seen := map[string]string{}
	for what, folder := range map[string]string{
		"project 1": cacheFolder(storeName(a), source{}),
		"project 2": cacheFolder(storeName(b), source{}),
		"unnamed":   cacheFolder(storeName(unnamed), source{}),
		"bucket":    cacheFolder(storeName(a), source{Bucket: "b"}),
		"prefix":    cacheFolder(storeName(a), source{Bucket: "b", Prefix: "p/"}),
		"strange":   cacheFolder(storeName(a), source{Bucket: "b ö/..", Prefix: "../"}),
	} {
		if other, ok := seen[folder]; ok {
			t.Errorf("%s and %s have the same folder %s", what, other, folder)
		}
		seen[folder] = what
		if strings.ContainsAny(folder, "/ ") || strings.HasPrefix(folder, ".") || len(folder) > 120 {
			t.Errorf("%s: %q is no plain name", what, folder)
		}
	}
	if got := storeName(unnamed); strings.Contains(got, "k1") {
		t.Errorf("the access key is in the store's name %q", got)
	}
	if cacheFolder(storeName(a), source{Project: "project_1", Bucket: "b"}) != cacheFolder(storeName(a), source{Bucket: "b"}) {
		t.Error("naming the project in SOURCE changes the folder")
	}
}

// Mounts of one source at the same time have a folder each; drafts of an ended one are found by the next.
func TestNumberedFolders(t *testing.T) {
	name := filepath.Join(t.TempDir(), "source")
	c := config{CacheSize: 1 << 20, SizeGiven: true}
	log := slog.New(slog.DiscardHandler)
	open := func() caches {
		t.Helper()
		got, err := openNumbered(c, name, log)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	first, second := open(), open()
	if a, b := first.main.Stats().Dir, second.main.Stats().Dir; a != name || b != name+"-2" {
		t.Fatalf("folders %q and %q, want %q and %q", a, b, name, name+"-2")
	}
	draft(t, second.main)
	fatal(t, second.close())
	fatal(t, first.close())

	// Both are free: the one with drafts is taken.
	third := open()
	if got := third.main.Stats().Dir; got != name+"-2" || len(third.left) != 0 {
		t.Fatalf("folder %q and %d beside it, want %q alone", got, len(third.left), name+"-2")
	}
	fatal(t, third.close())

	// Both have drafts: one is worked in, the other one held.
	one, err := openCache(c, name, log)
	fatal(t, err)
	draft(t, one)
	fatal(t, one.Close())
	fourth := open()
	if got := fourth.main.Stats().Dir; got != name || len(fourth.left) != 1 || len(fourth.left[0].Drafts()) != 1 {
		t.Fatalf("folder %q and %d beside it, want %q and one", got, len(fourth.left), name)
	}
	fatal(t, fourth.close())
}

// What else an earlier mount left to be ended counts as drafts do: in the folder to work in, beside it, and under which name.
func TestNumberedFoldersWithIntents(t *testing.T) {
	name := filepath.Join(t.TempDir(), "source")
	c := config{CacheSize: 1 << 20, SizeGiven: true}
	open := func() caches {
		t.Helper()
		got, err := openNumbered(c, name, slog.New(slog.DiscardHandler))
		fatal(t, err)
		return got
	}
	intend := func(c *cache.Cache) {
		t.Helper()
		_, err := c.NewIntent([]byte(`{"store": "s"}`))
		fatal(t, err)
	}
	first, second := open(), open()
	intend(second.main)
	fatal(t, first.close())
	fatal(t, second.close())
	third := open()
	if got := third.main.Stats().Dir; got != name+"-2" || len(third.left) > 0 {
		t.Fatalf("folder %q and %d beside it, want %q alone", got, len(third.left), name+"-2")
	}
	if !fs.Unended(third.main, "s") || fs.Unended(third.main, "other") {
		t.Error("it is another store's")
	}
	beside := open() // the first one
	intend(beside.main)
	fatal(t, third.close())
	fatal(t, beside.close())
	fourth := open()
	defer fourth.close()
	if got := fourth.main.Stats().Dir; got != name || len(fourth.left) != 1 || fourth.left[0].Stats().Dir != name+"-2" {
		t.Fatalf("folder %q and %d beside it, want %q and one", got, len(fourth.left), name)
	}
}

// draft leaves a closed draft in c.
func draft(t *testing.T, c *cache.Cache) {
	t.Helper()
	d, err := c.NewDraft(cache.Target{Store: "s", Bucket: "b", Key: "k"}, cache.Base{}, 0, cache.Attrs{})
	fatal(t, err)
	_, err = d.WriteAt([]byte("data"), 0)
	fatal(t, err)
	fatal(t, d.SetState(cache.StateClosed, ""))
	fatal(t, d.Sync())
}

// A folder given by hand is never exchanged.
func TestCacheDirInUse(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "c")
	c := config{CacheDir: dir, CacheSize: 1 << 20, SizeGiven: true}
	log := slog.New(slog.DiscardHandler)
	one, err := openCaches(c, []string{"store"}, log)
	fatal(t, err)
	defer one.close()
	_, err = openCaches(c, []string{"store"}, log)
	if e := exit.Of(err); e == nil || e.Code != exit.Cache || e.Hint == "" || !strings.Contains(e.Text, dir) {
		t.Errorf("got %v, want an error about the cache folder with a hint", err)
	}
}

func TestOwnFolder(t *testing.T) {
	dir := t.TempDir()
	fatal(t, ownFolder(filepath.Join(dir, "a", "b")))
	open := filepath.Join(dir, "open")
	fatal(t, os.Mkdir(open, 0o777))
	fatal(t, os.Chmod(open, 0o777))
	link := filepath.Join(dir, "link")
	fatal(t, os.Symlink(filepath.Join(dir, "a"), link))
	for _, bad := range []string{open, link} {
		if err := ownFolder(bad); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

func TestDefaultCacheSize(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "c")
	before := defaultCacheSize(dir)
	if before <= 0 || before > maxDefaultCache {
		t.Fatalf("%d bytes", before)
	}
	fatal(t, os.Mkdir(dir, 0o700))
	fatal(t, os.WriteFile(filepath.Join(dir, "x"), make([]byte, 1<<20), 0o600))
	if got := usedBy(dir, 1<<40); got < 1<<20 || got > 2<<20 {
		t.Errorf("a folder with 1 MiB takes %d bytes", got)
	}
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
