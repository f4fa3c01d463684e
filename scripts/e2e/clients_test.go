package e2e

import (
	"path/filepath"
	"sort"
	"strings"
	"testing"
)

// client is another program's view of the same store; every method fails the test when the program fails.
type client interface {
	makeBucket(t *testing.T, bucket string)
	buckets(t *testing.T) []string
	keys(t *testing.T, bucket string) []string // sorted
	upload(t *testing.T, file, bucket, key string)
	download(t *testing.T, bucket, key, file string)
	remove(t *testing.T, bucket, key string)
	removeAll(t *testing.T, bucket string)
	removeBucket(t *testing.T, bucket string)
}

func (w *world) clients() map[string]client {
	return map[string]client{
		"boto3": boto3{w}, "awscli": awscli{w}, "s3cmd": s3cmd{w}, "rclone": rclone{w}, "swift": swift{w},
	}
}

// lines splits what a program printed into sorted lines, without empty ones.
func lines(out string) []string {
	var list []string
	for _, l := range strings.Split(out, "\n") {
		if l = strings.TrimRight(l, "\r"); l != "" {
			list = append(list, l)
		}
	}
	sort.Strings(list)
	return list
}

// boto3 runs the workflow that Allas' documentation shows to Python users (testdata/boto3_client.py).
type boto3 struct{ w *world }

func (c boto3) do(t *testing.T, args ...string) string {
	t.Helper()
	return c.w.run(t, c.w.dir, "python3", append([]string{filepath.Join(c.w.tools, "boto3_client.py")}, args...)...)
}
func (c boto3) makeBucket(t *testing.T, b string)     { c.do(t, "make-bucket", b) }
func (c boto3) buckets(t *testing.T) []string         { return lines(c.do(t, "list-buckets")) }
func (c boto3) keys(t *testing.T, b string) []string  { return lines(c.do(t, "list-objects", b)) }
func (c boto3) upload(t *testing.T, f, b, k string)   { c.do(t, "upload", f, b, k) }
func (c boto3) download(t *testing.T, b, k, f string) { c.do(t, "download", b, k, f) }
func (c boto3) remove(t *testing.T, b, k string)      { c.do(t, "delete", b, k) }
func (c boto3) removeAll(t *testing.T, b string)      { c.do(t, "delete-all", b) }
func (c boto3) removeBucket(t *testing.T, b string)   { c.do(t, "delete-bucket", b) }

// awscli is Amazon's command line. Without a region it asks for a bucket in "aws-global", which no gateway has.
type awscli struct{ w *world }

func (c awscli) do(t *testing.T, args ...string) string {
	t.Helper()
	return c.w.run(t, c.w.dir, "aws", append([]string{"--endpoint-url", c.w.gw.url, "--region", "us-east-1"}, args...)...)
}
func (c awscli) makeBucket(t *testing.T, b string) { c.do(t, "s3", "mb", "s3://"+b) }
func (c awscli) buckets(t *testing.T) []string {
	return c.text(t, "s3api", "list-buckets", "--query", "Buckets[].[Name]", "--output", "text")
}
func (c awscli) keys(t *testing.T, b string) []string {
	return c.text(t, "s3api", "list-objects-v2", "--bucket", b, "--query", "Contents[].[Key]", "--output", "text")
}
func (c awscli) upload(t *testing.T, f, b, k string) {
	c.do(t, "s3", "cp", "--only-show-errors", f, "s3://"+b+"/"+k)
}
func (c awscli) download(t *testing.T, b, k, f string) {
	c.do(t, "s3", "cp", "--only-show-errors", "s3://"+b+"/"+k, f)
}
func (c awscli) remove(t *testing.T, b, k string)    { c.do(t, "s3", "rm", "s3://"+b+"/"+k) }
func (c awscli) removeAll(t *testing.T, b string)    { c.do(t, "s3", "rm", "--recursive", "s3://"+b) }
func (c awscli) removeBucket(t *testing.T, b string) { c.do(t, "s3", "rb", "s3://"+b) }

// text is one column of a listing; the command line prints None for a listing of nothing.
func (c awscli) text(t *testing.T, args ...string) []string {
	t.Helper()
	list := lines(c.do(t, args...))
	if len(list) == 1 && list[0] == "None" {
		return nil
	}
	return list
}

type s3cmd struct{ w *world }

func (c s3cmd) do(t *testing.T, args ...string) string {
	t.Helper()
	return c.w.run(t, c.w.dir, "s3cmd", append([]string{"--no-progress"}, args...)...)
}
func (c s3cmd) makeBucket(t *testing.T, b string) { c.do(t, "mb", "s3://"+b) }
func (c s3cmd) buckets(t *testing.T) []string     { return urls(c.do(t, "ls"), "s3://") }
func (c s3cmd) keys(t *testing.T, b string) []string {
	return urls(c.do(t, "ls", "--recursive", "s3://"+b), "s3://"+b+"/")
}
func (c s3cmd) upload(t *testing.T, f, b, k string)   { c.do(t, "put", f, "s3://"+b+"/"+k) }
func (c s3cmd) download(t *testing.T, b, k, f string) { c.do(t, "get", "--force", "s3://"+b+"/"+k, f) }
func (c s3cmd) remove(t *testing.T, b, k string)      { c.do(t, "del", "s3://"+b+"/"+k) }
func (c s3cmd) removeAll(t *testing.T, b string)      { c.do(t, "del", "--recursive", "--force", "s3://"+b) }
func (c s3cmd) removeBucket(t *testing.T, b string)   { c.do(t, "rb", "s3://"+b) }

// urls takes what follows prefix in each line.
func urls(out, prefix string) []string {
	var list []string
	for _, l := range lines(out) {
		if _, rest, ok := strings.Cut(l, prefix); ok {
			list = append(list, rest)
		}
	}
	sort.Strings(list)
	return list
}

type rclone struct{ w *world }

func (c rclone) do(t *testing.T, args ...string) string {
	t.Helper()
	return c.w.run(t, c.w.dir, "rclone", append([]string{"--s3-upload-cutoff=8M", "--s3-chunk-size=5M", "--retries=1"}, args...)...)
}
func (c rclone) makeBucket(t *testing.T, b string) { c.do(t, "mkdir", "s3allas:"+b) }
func (c rclone) buckets(t *testing.T) []string {
	var list []string
	for _, l := range lines(c.do(t, "lsf", "s3allas:")) {
		list = append(list, strings.TrimSuffix(l, "/"))
	}
	return list
}
func (c rclone) keys(t *testing.T, b string) []string {
	return lines(c.do(t, "lsf", "--recursive", "--files-only", "s3allas:"+b))
}
func (c rclone) upload(t *testing.T, f, b, k string)   { c.do(t, "copyto", f, "s3allas:"+b+"/"+k) }
func (c rclone) download(t *testing.T, b, k, f string) { c.do(t, "copyto", "s3allas:"+b+"/"+k, f) }
func (c rclone) remove(t *testing.T, b, k string)      { c.do(t, "deletefile", "s3allas:"+b+"/"+k) }
func (c rclone) removeAll(t *testing.T, b string)      { c.do(t, "delete", "s3allas:"+b) }
func (c rclone) removeBucket(t *testing.T, b string)   { c.do(t, "rmdir", "s3allas:"+b) }

// swift is OpenStack's client; its login is the same project's.
type swift struct{ w *world }

func (c swift) do(t *testing.T, args ...string) string {
	t.Helper()
	return c.w.run(t, c.w.dir, "swift", args...)
}
func (c swift) makeBucket(t *testing.T, b string)    { c.do(t, "post", b) }
func (c swift) buckets(t *testing.T) []string        { return lines(c.do(t, "list")) }
func (c swift) keys(t *testing.T, b string) []string { return lines(c.do(t, "list", b)) }
func (c swift) upload(t *testing.T, f, b, k string) {
	c.do(t, "upload", "--quiet", "--object-name", k, b, f)
}
func (c swift) download(t *testing.T, b, k, f string) { c.do(t, "download", "--output", f, b, k) }
func (c swift) remove(t *testing.T, b, k string)      { c.do(t, "delete", b, k) }
func (c swift) removeAll(t *testing.T, b string) {
	if keys := c.keys(t, b); len(keys) > 0 {
		c.do(t, append([]string{"delete", b}, keys...)...)
	}
}
func (c swift) removeBucket(t *testing.T, b string) { c.do(t, "delete", b) }
