package e2e

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"allasfs/fs"
	"allasfs/s3"
)

// place is a mount by way of a proxy, with one bucket.
type place struct {
	*mounted
	t      *testing.T
	b      *between
	bucket string
}

// file stores a file by another client and returns its path on the mount, which has seen it.
func (p *place) file(name string) string {
	p.t.Helper()
	p.put(p.w.gw.access, p.w.gw.secret, p.bucket, name)
	path := p.path(p.bucket, name)
	_, err := os.Stat(path)
	fatal(p.t, err)
	return path
}

// put stores an object by a client in this process: closing inherited descriptors, as a child does, would send what was written to them.
func (p *place) put(access, secret, bucket, name string) {
	p.t.Helper()
	c, err := s3.New(s3.Config{Endpoint: p.w.gw.url, AccessKey: access, SecretKey: secret})
	fatal(p.t, err)
	defer c.Close()
	text := time.Now().String()
	_, err = c.Put(p.t.Context(), bucket, name, strings.NewReader(text), int64(len(text)), s3.PutOptions{})
	fatal(p.t, err)
}

// reads reads a file under harm.
func (p *place) reads(h *harm) (string, error) {
	path := p.file("f")
	p.b.harm.Store(h)
	_, err := os.ReadFile(path)
	return path, err
}

// writes stores a file of n bytes.
func (p *place) writes(n int) (string, error) {
	path := p.path(p.bucket, "new")
	return path, os.WriteFile(path, make([]byte, n), 0o644)
}

// trouble is how a kind of failure is brought about on a mount. do returns the path that has the words in its attribute, "" = none, and what the program got.
type trouble struct {
	what  string // as fs.Troubles says it
	errno syscall.Errno
	root  bool // only root can bring it about
	flags []string
	do    func(p *place) (path string, err error)
}

func troubles() []trouble {
	return []trouble{
		{what: "the store does not accept the keys", errno: syscall.EACCES, do: func(p *place) (string, error) {
			return p.reads(&harm{request: func(r *http.Request) {
				r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "Credential=", "Credential=revoked", 1))
			}})
		}},
		{what: "the clock of this machine is wrong", errno: syscall.EACCES, do: func(p *place) (string, error) { return p.reads(&harm{request: wrongClock}) }},
		{what: "the quota is full", errno: syscall.EDQUOT, root: true, do: func(p *place) (string, error) {
			p.quota("--max-size=1000")
			return p.writes(5000)
		}},
		{what: "the quota is full", errno: syscall.EDQUOT, root: true, do: func(p *place) (string, error) {
			p.file("one")
			p.quota("--max-objects=1")
			return p.writes(1)
		}},
		{what: "the name of the bucket is taken", errno: syscall.EEXIST, do: func(p *place) (string, error) {
			bucket, store := p.w.otherBucket(p.t)
			if _, err := os.Stat(p.path(bucket)); !errors.Is(err, os.ErrNotExist) {
				p.t.Fatal(err)
			}
			p.t.Cleanup(func() { store("wipe", bucket) })
			store("make", bucket, "private")
			return "", os.Mkdir(p.path(bucket), 0o755)
		}},
		{what: "somebody else changed the file meanwhile", errno: syscall.ESTALE, do: func(p *place) (string, error) {
			path := p.file("f")
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			fatal(p.t, err)
			_, err = f.WriteString("mine")
			fatal(p.t, err)
			p.put(p.w.gw.access, p.w.gw.secret, p.bucket, "f")
			return path, f.Close()
		}},
		{what: "the store does not allow it", errno: syscall.EACCES, do: func(p *place) (string, error) {
			path := p.path(p.others("public-read"), "f")
			_, err := os.ReadDir(filepath.Dir(path))
			fatal(p.t, err)
			_, err = os.ReadFile(path)
			return path, err
		}},
		{what: "the store cannot be reached", errno: syscall.ETIMEDOUT, do: func(p *place) (string, error) {
			path := p.file("f")
			p.b.gone()
			_, err := os.ReadFile(path)
			return path, err
		}},
		{what: "the store gave no answer in time", errno: syscall.ETIMEDOUT, do: func(p *place) (string, error) {
			return p.reads(&harm{hold: make(chan struct{})})
		}},
		{what: "the object ends before its end", errno: syscall.EIO, do: func(p *place) (string, error) {
			file := filepath.Join(p.w.freshDir(p.t, "swift"), "large")
			writeFile(p.t, file, make([]byte, 3<<20))
			p.t.Cleanup(func() { p.w.store(p.t, "wipe", p.bucket+"_segments") })
			p.w.run(p.t, p.w.dir, "swift", "upload", "--quiet", "--segment-size", "1048576", "--object-name", "large", p.bucket, file)
			c := swift{p.w}
			c.remove(p.t, p.bucket+"_segments", c.keys(p.t, p.bucket+"_segments")[1])
			_, err := os.ReadFile(p.path(p.bucket, "large"))
			return p.path(p.bucket, "large"), err
		}},
		{what: "the bytes are not those that were sent", errno: syscall.EIO, do: func(p *place) (string, error) {
			p.b.harm.Store(&harm{answer: func(r *http.Response) error {
				if r.Request.URL.Query().Has("partNumber") {
					r.Header.Set("ETag", `"00000000000000000000000000000000"`)
				}
				return nil
			}})
			return p.writes(40 << 20)
		}},
		{what: "the disk of the cache is full", errno: syscall.ENOSPC, flags: []string{"--draft-space", "1M"}, do: func(p *place) (string, error) { return p.writes(64 << 20) }},
		{what: "the file is too large for the store", errno: syscall.EFBIG, do: func(p *place) (string, error) {
			f, err := os.Create(p.path(p.bucket, "huge"))
			fatal(p.t, err)
			return "", errors.Join(f.Truncate(6<<40), f.Close())
		}},
		{what: "the store does not take the name", errno: syscall.EINVAL, do: func(p *place) (string, error) { return "", os.Mkdir(p.path("No Bucket"), 0o755) }},
	}
}

// quota limits the bucket as an administrator does.
func (p *place) quota(limit string) {
	p.t.Helper()
	admin := strings.Fields(os.Getenv("ALLASFS_TEST_ADMIN"))
	if len(admin) == 0 {
		p.t.Fatal("ALLASFS_TEST_ADMIN is not set: scripts/gateway env tells it")
	}
	for _, args := range [][]string{{"quota", "set", limit}, {"quota", "enable"}} {
		p.w.run(p.t, p.w.dir, admin[0], append(append(admin[1:len(admin):len(admin)], args...), "--quota-scope=bucket", "--bucket="+p.bucket)...)
	}
}

// others makes a bucket of another project, with a canned ACL, and an object in it that nobody else may read.
func (p *place) others(acl string) string {
	p.t.Helper()
	bucket, store := p.w.otherBucket(p.t)
	p.t.Cleanup(func() { store("wipe", bucket) })
	store("make", bucket, acl)
	p.put(p.w.gw.otherAccess, p.w.gw.otherSecret, bucket, "f")
	return bucket
}

// Each kind of failure that has words is brought about on a mount of the gateway: the program gets its errno, and status, the log and the file's attribute the words.
func TestTroubles(t *testing.T) {
	w := need(t)
	root := os.Getuid() == 0
	told := map[string]bool{"the certificate of the store is not good": false}
	for _, c := range troubles() {
		told[c.what] = true
		if c.root && !root {
			continue // as root in another part of the tests
		}
		t.Run(c.what, func(t *testing.T) {
			b := newBetween(t, w)
			p := &place{mounted: w.mount(t, append(c.flags, "--endpoint", b.plain.URL, "--timeout", "3s")...), t: t, b: b, bucket: w.bucketName(t, "trouble")}
			w.store(t, "make", p.bucket, "private")
			path, err := c.do(p)
			if !errors.Is(err, c.errno) {
				t.Errorf("the program got %v, want %v", err, c.errno)
			}
			p.tells(path, c.what)
			p.b.harm.Store(&harm{})
			w.try(w.dir, nil, w.binary, "recover", "drop", p.dir, "all") // nothing is kept where nothing was written
		})
	}
	t.Run("the certificate of the store is not good", func(t *testing.T) {
		told["the certificate of the store is not good"] = true
		b := newBetween(t, w)
		p := &place{mounted: w.mount(t, "--endpoint", b.secret.URL, "--ca-file", b.newCertificate(t), "--timeout", "3s"), t: t, b: b, bucket: w.bucketName(t, "trouble")}
		w.store(t, "make", p.bucket, "private")
		path := p.file("f")
		b.newCertificate(t)
		if _, err := os.ReadFile(path); !errors.Is(err, syscall.EIO) {
			t.Errorf("the program got %v, want EIO", err)
		}
		p.tells(path, "the certificate of the store is not good")
	})
	for _, kind := range fs.Troubles() {
		if !told[kind.What] {
			t.Errorf("nobody brings about: %s", kind.What)
		}
	}
}

// tells compares what status, the log and the attribute of path say with the words of the kind of failure.
func (p *place) tells(path, what string) {
	p.t.Helper()
	words := what
	for _, kind := range fs.Troubles() {
		if kind.What == what {
			words += ": " + kind.Do
		}
	}
	told := map[string]string{"status": p.w.run(p.t, p.w.dir, p.w.binary, "status", p.dir), "the log": read(p.log)}
	if path != "" {
		told["the attribute"] = p.w.run(p.t, p.w.dir, "getfattr", "--absolute-names", "-n", "user.allasfs.error", path)
	}
	for where, text := range told {
		if !strings.Contains(text, words) {
			p.t.Errorf("%s does not say %q:\n%s", where, words, tail(text))
		}
	}
}
