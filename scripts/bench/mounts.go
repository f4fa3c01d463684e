package main

import (
	"os"
	"path/filepath"
	"strings"
)

// mountOf returns the system of that name with everything below dir. Each rival has the settings that make it fastest.
func (r *run) mountOf(name string) *mounted {
	base := filepath.Join(r.dir, name)
	m := &mounted{name: name, dir: filepath.Join(base, "mnt"), cache: filepath.Join(base, "cache"), log: filepath.Join(base, "log"), env: r.env()}
	switch name {
	case "native":
		m.dir = r.nativeDir()
	case "allasfs":
		m.command = r.allasfsCommand
	case "s3fs":
		m.command, m.prepare = r.s3fsCommand, r.s3fsPassword
	case "rclone":
		m.command = r.rcloneCommand
	}
	return m
}

// nativeDir holds the same files as the bucket, on the disk that the caches are on.
func (r *run) nativeDir() string { return filepath.Join(r.dir, "native", "files") }

func (r *run) allasfsCommand(m *mounted) []string {
	args := []string{r.o.binary, "mount", "--foreground", "--endpoint", r.at.url, "--cache-dir", m.cache}
	args = append(append(args, strings.Fields(r.o.mountFlags)...), m.extra...)
	return append(args, r.raw.bucket, m.dir)
}

func (r *run) s3fsPassword(m *mounted) error {
	return os.WriteFile(s3fsPasswd(m), []byte(r.at.key+":"+r.at.secret+"\n"), 0o600)
}

func s3fsPasswd(m *mounted) string { return filepath.Join(filepath.Dir(m.cache), "passwd") }

func (r *run) s3fsCommand(m *mounted) []string {
	return []string{"s3fs", r.raw.bucket, m.dir, "-f",
		"-o", "url=" + r.at.url, "-o", "use_path_request_style", "-o", "endpoint=" + region, "-o", "passwd_file=" + s3fsPasswd(m),
		"-o", "use_cache=" + m.cache, "-o", "parallel_count=16", "-o", "multipart_size=16", "-o", "max_stat_cache_size=200000",
		"-o", "multireq_max=64", "-o", "dbglevel=err"}
}

func (r *run) rcloneCommand(m *mounted) []string {
	return []string{"rclone", "mount", "bench:" + r.raw.bucket, m.dir, "--vfs-cache-mode", "full", "--cache-dir", m.cache,
		"--transfers", "16", "--dir-cache-time", "5m", "--use-server-modtime", "--vfs-write-back", "0s", "--vfs-read-ahead", "64M", "--buffer-size", "16M",
		"--s3-upload-concurrency", "8", "--s3-chunk-size", "16M"}
}

// env is the environment of everything that is started: no home of the user's, no proxies, credentials where each program looks for them.
func (r *run) env() []string {
	home := filepath.Join(r.dir, "home")
	return []string{
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + home, "LC_ALL=C.UTF-8", "TMPDIR=" + r.dir,
		"XDG_RUNTIME_DIR=" + home, "XDG_CACHE_HOME=" + home + "/cache", "XDG_STATE_HOME=" + home + "/state",
		"AWS_ACCESS_KEY_ID=" + r.at.key, "AWS_SECRET_ACCESS_KEY=" + r.at.secret, "AWS_DEFAULT_REGION=" + region,
		"RCLONE_CONFIG_BENCH_TYPE=s3", "RCLONE_CONFIG_BENCH_PROVIDER=Ceph", "RCLONE_CONFIG_BENCH_ENDPOINT=" + r.at.url,
		"RCLONE_CONFIG_BENCH_REGION=" + region, "RCLONE_CONFIG_BENCH_ENV_AUTH=true", "RCLONE_CONFIG=" + home + "/no-rclone.conf",
		"BENCH_ENDPOINT=" + r.at.url, "BENCH_BUCKET=" + r.raw.bucket, "ALLASFS_TEST_RUN=" + os.Getenv("ALLASFS_TEST_RUN"),
	}
}
