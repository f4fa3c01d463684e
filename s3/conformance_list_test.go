package s3_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"allasfs/s3"
)

// fill puts keys side by side.
func (b bench) fill(t *testing.T, keys []string) {
	t.Helper()
	var wg sync.WaitGroup
	work := make(chan string)
	for range 16 {
		wg.Go(func() {
			for key := range work {
				if _, err := b.Put(t.Context(), b.bucket, key, strings.NewReader(key), int64(len(key)), s3.PutOptions{}); err != nil {
					t.Errorf("put %q: %v", key, err)
				}
			}
		})
	}
	for _, key := range keys {
		work <- key
	}
	close(work)
	wg.Wait()
}

// pages lists all pages; names are keys and prefixes in the order that they came.
func (b bench) pages(t *testing.T, o s3.ListOptions) (objects []s3.Object, prefixes []string, pages int) {
	t.Helper()
	for {
		page, err := b.List(t.Context(), b.bucket, o)
		if err != nil {
			t.Fatalf("list %+v: %v", o, err)
		}
		pages++
		objects = append(objects, page.Objects...)
		prefixes = append(prefixes, page.Prefixes...)
		if o.Token = page.Token; o.Token == "" {
			return objects, prefixes, pages
		}
	}
}

func keysOf(objects []s3.Object) []string {
	var keys []string
	for _, o := range objects {
		keys = append(keys, o.Key)
	}
	return keys
}

func testListing(t *testing.T, b bench) {
	var want []string
	for i := range 2500 {
		want = append(want, fmt.Sprintf("many/%04d key+%%.txt", i))
	}
	want = append(want, oddKeys()...)
	b.fill(t, want)
	slices.Sort(want)

	objects, prefixes, pages := b.pages(t, s3.ListOptions{})
	if got := keysOf(objects); !slices.Equal(got, want) || len(prefixes) != 0 || pages != 3 {
		t.Errorf("flat: %d keys, %d prefixes, %d pages; want %d keys in 3", len(got), len(prefixes), pages, len(want))
	}
	for _, o := range objects {
		if o.Size != int64(len(o.Key)) || len(o.ETag) != 32 || o.Modified.IsZero() || o.MaybeLarge() {
			t.Fatalf("entry %+v", o)
		}
	}
	for _, max := range []int{0, 7} {
		objects, prefixes, _ = b.pages(t, s3.ListOptions{Delimiter: "/", MaxKeys: max})
		wantKeys, wantPrefixes := grouped(want, "", "/")
		if got := keysOf(objects); !slices.Equal(got, wantKeys) {
			t.Errorf("top: keys %q, want %q", got, wantKeys)
		}
		if !slices.Equal(prefixes, wantPrefixes) {
			t.Errorf("top: prefixes %q, want %q", prefixes, wantPrefixes)
		}
	}
	for _, prefix := range []string{"many/", "many/24", "a/", "a//", "/", "//", "ünïcödé/", "c\x01", "none/", "file", "file/", "per%"} {
		objects, prefixes, _ := b.pages(t, s3.ListOptions{Prefix: prefix, Delimiter: "/"})
		wantKeys, wantPrefixes := grouped(want, prefix, "/")
		if got := keysOf(objects); !slices.Equal(got, wantKeys) || !slices.Equal(prefixes, wantPrefixes) {
			t.Errorf("prefix %q: %q and %q, want %q and %q", prefix, got, prefixes, wantKeys, wantPrefixes)
		}
	}
	for _, after := range []string{"many/1234 key+%.txt", "many/1234", "many/12.\U0010FFFF", "c\x01\x02\x1fd", "zzzz", "A"} {
		objects, _, _ := b.pages(t, s3.ListOptions{StartAfter: after})
		i, found := slices.BinarySearch(want, after)
		if found {
			i++
		}
		if got := keysOf(objects); !slices.Equal(got, want[i:]) {
			t.Errorf("after %q: %d keys, want %d", after, len(got), len(want)-i)
		}
	}
	// as key ranges of a directory are cut: after all keys that begin so, never within a common prefix
	for _, after := range []string{"a\U0010FFFF", "many\U0010FFFF", "c\x01\U0010FFFF", "fi\U0010FFFF", "zzz\U0010FFFF"} {
		objects, prefixes, _ := b.pages(t, s3.ListOptions{Delimiter: "/", StartAfter: after})
		wantKeys, wantPrefixes := grouped(want, "", "/")
		past := func(names []string) []string {
			i, _ := slices.BinarySearch(names, after)
			return names[i:]
		}
		if got := keysOf(objects); !slices.Equal(got, past(wantKeys)) || !slices.Equal(prefixes, past(wantPrefixes)) {
			t.Errorf("after %q: %q and %q, want %q and %q", after, got, prefixes, past(wantKeys), past(wantPrefixes))
		}
	}
}

// grouped is what a listing with a delimiter shows of sorted keys.
func grouped(keys []string, prefix, delimiter string) (objects, prefixes []string) {
	for _, key := range keys {
		rest, ok := strings.CutPrefix(key, prefix)
		if !ok {
			continue
		}
		if i := strings.Index(rest, delimiter); i >= 0 {
			p := prefix + rest[:i+len(delimiter)]
			if n := len(prefixes); n == 0 || prefixes[n-1] != p {
				prefixes = append(prefixes, p)
			}
			continue
		}
		objects = append(objects, key)
	}
	return objects, prefixes
}

func testOddPages(t *testing.T, b bench) {
	want := oddKeys()
	b.fill(t, want)
	slices.Sort(want)
	objects, _, pages := b.pages(t, s3.ListOptions{MaxKeys: 1})
	if got := keysOf(objects); !slices.Equal(got, want) || pages < len(want) {
		t.Errorf("%d pages: %q, want %q", pages, got, want)
	}
}

func testDelete(t *testing.T, b bench) {
	b.put(t, "file", []byte("x"), s3.PutOptions{})
	b.put(t, "file/child", []byte("x"), s3.PutOptions{})
	for range 2 {
		if err := b.Delete(t.Context(), b.bucket, "file"); err != nil {
			t.Fatal(err)
		}
	}
	if objects, _, _ := b.pages(t, s3.ListOptions{}); !slices.Equal(keysOf(objects), []string{"file/child"}) {
		t.Errorf("left: %q", keysOf(objects))
	}
}

func testDeleteMany(t *testing.T, b bench) {
	var keys []string
	for i := range 1100 {
		keys = append(keys, fmt.Sprintf("d/%04d", i))
	}
	b.fill(t, append(keys, "stays"))
	failed, err := b.DeleteMany(t.Context(), b.bucket, append(keys, "missing"))
	if err != nil || len(failed) != 0 {
		t.Errorf("%v, %v", failed, err)
	}
	if objects, _, _ := b.pages(t, s3.ListOptions{}); !slices.Equal(keysOf(objects), []string{"stays"}) {
		t.Errorf("left: %d keys", len(objects))
	}
	failed, err = b.DeleteMany(t.Context(), b.bucket+"-none", []string{"a", "b"})
	if err == nil || len(failed) != 2 {
		t.Errorf("in a missing bucket: %v, %v", failed, err)
	}
}
