package e2e

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// failure is how `allasfs mount` is made to fail.
type failure struct {
	says string // words that are in a heading of docs/troubleshooting.md, too
	root bool   // only root can bring it about
	args func(p *start) []string
	line string // of a shell in a mount namespace of its own, where "$@" is the command; "" = the command alone
	env  []string
}

// start is one attempt.
type start struct {
	t      *testing.T
	w      *world
	b      *between
	dir    string
	bucket string
}

func (p *start) by(endpoint string, more ...string) []string {
	return append([]string{"mount", "--endpoint", endpoint}, more...)
}

// passing gives the proxy some harm to do.
func (p *start) passing(h *harm) []string {
	p.b.harm.Store(h)
	return p.by(p.b.plain.URL)
}

const (
	noNetwork = `exec unshare --net "$@"`
	nobody    = `exec setpriv --reuid 65534 --regid 65534 --clear-groups "$@"`
)

func failures() []failure {
	return []failure{
		{says: "no credentials found", env: []string{"AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=", "HOME=/nowhere"}, args: func(p *start) []string { return p.by(p.w.gw.url) }},
		{says: "does not accept the keys", env: []string{"AWS_ACCESS_KEY_ID=revoked"}, args: func(p *start) []string { return p.by(p.w.gw.url) }},
		{says: "does not show the buckets", args: func(p *start) []string {
			return p.passing(&harm{answer: func(r *http.Response) error { r.StatusCode, r.Status = 403, "403 Forbidden"; return nil }})
		}},
		{says: "the clock of this machine is wrong", args: func(p *start) []string { return p.passing(&harm{request: wrongClock}) }},
		{says: "there is no bucket", args: func(p *start) []string { return p.by(p.w.gw.url, p.bucket+"-none") }},
		{says: "may not be used with the keys from", args: func(p *start) []string {
			bucket, store := p.w.otherBucket(p.t)
			p.t.Cleanup(func() { store("wipe", bucket) })
			store("make", bucket, "private")
			return p.by(p.w.gw.url, bucket)
		}},
		{says: "no bucket can have such a name", args: func(p *start) []string { return p.by(p.w.gw.url, "no bucket") }},
		{says: "the name of the endpoint", root: true, line: noNetwork, args: func(p *start) []string { return p.by("https://nowhere.invalid") }},
		{says: "nothing answers at", args: func(p *start) []string { p.b.gone(); return p.by(p.b.plain.URL) }},
		{says: "there is no route to", root: true, line: noNetwork, args: func(p *start) []string { return p.by(p.w.gw.url) }},
		{says: "is not trusted", args: func(p *start) []string { return p.by(p.b.secret.URL) }},
		{says: "does not answer in time", args: func(p *start) []string { return p.passing(&harm{hold: make(chan struct{})}) }},

		{says: "/dev/fuse is missing", root: true, line: `mount -t tmpfs none /dev && exec "$@"`, args: func(p *start) []string { return p.by(p.w.gw.url) }},
		{says: "/dev/fuse may not be opened", root: true, line: `mount -t tmpfs none /dev && mknod -m 600 /dev/fuse c 10 229 && ` + nobody,
			args: func(p *start) []string { return p.by(p.w.gw.url) }},
		{says: "fusermount3 is not installed", root: true,
			line: `for f in /bin/fusermount /bin/fusermount3; do [ ! -e $f ] || mount --bind /dev/null $f; done && ` + nobody,
			args: func(p *start) []string { return p.by(p.w.gw.url) }},
		{says: "is already an allasfs mount", args: func(p *start) []string {
			p.dir = p.w.mount(p.t).dir
			return p.by(p.w.gw.url)
		}},
		{says: "is not empty: what is in it would be hidden", args: func(p *start) []string {
			writeFile(p.t, filepath.Join(p.dir, "f"), []byte("text"))
			return p.by(p.w.gw.url)
		}},
	}
}

// elsewhere are failures of the page that other tests bring about.
var elsewhere = map[string]string{
	"belongs to a FUSE mount whose daemon has died": "cmd/allasfs/testdata/script/mountpoint.txtar",
	"is in use by": "cmd/allasfs/testdata/script/busy.txtar",
}

// Each way in which a mount does not come about, as the page of troubles has them, is brought about on the gateway or on this machine.
func TestStartTroubles(t *testing.T) {
	w := need(t)
	told := map[string]bool{}
	for says := range elsewhere {
		told[says] = true
	}
	for _, c := range failures() {
		told[c.says] = true
		if c.root && os.Getuid() != 0 {
			continue // as root in another part of the tests
		}
		t.Run(c.says, func(t *testing.T) {
			p := &start{t: t, w: w, b: newBetween(t, w), dir: w.freshDir(t, "m"), bucket: w.bucketName(t, "start")}
			fatal(t, os.Chmod(w.dir, 0o755))
			fatal(t, os.Chmod(p.dir, 0o777))
			args := append(c.args(p), p.dir)
			out, err := p.try(c, args)
			if _, failed := errors.AsType[*exec.ExitError](err); !failed || !strings.Contains(out, c.says) || !strings.Contains(out, "hint: ") {
				t.Errorf("allasfs %s: %v, want %q and a hint:\n%s", strings.Join(args, " "), err, c.says, out)
			}
		})
	}
	page := regexp.MustCompile(`(?m)^\*\*(.*)\*\*$`).FindAllStringSubmatch(section(read("../../docs/troubleshooting.md"), "## When a mount begins", "## While it is mounted"), -1)
	if len(page) < len(told) {
		t.Errorf("the page has %d failures, the test %d", len(page), len(told))
	}
	for _, heading := range page {
		known := false
		for says := range told {
			known = known || strings.Contains(heading[1], says)
		}
		if !known {
			t.Errorf("nobody brings about: %s", heading[1])
		}
	}
}

// try runs allasfs and returns what it printed.
func (p *start) try(c failure, args []string) (string, error) {
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.w.binary, args...)
	if c.line != "" {
		cmd = exec.CommandContext(ctx, "/usr/bin/unshare", append([]string{"--mount", "/bin/sh", "-c", c.line, "sh", p.w.binary}, args...)...)
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Dir = &out, &out, p.w.dir
	cmd.Env = append(p.w.env("AWS_ACCESS_KEY_ID="+p.w.gw.access, "AWS_SECRET_ACCESS_KEY="+p.w.gw.secret), c.env...)
	err := cmd.Run()
	return out.String(), err
}

// section is the part of text from one heading to another.
func section(text, from, to string) string {
	_, text, _ = strings.Cut(text, from)
	text, _, _ = strings.Cut(text, to)
	return text
}
