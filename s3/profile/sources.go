package profile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// keys copies the keys of a section under the names of all tools: files are edited by hand and copied from one tool to another.
func (c *candidate) keys(s section) {
	c.AccessKey = s.get("aws_access_key_id", "access_key_id", "access_key")
	c.SecretKey = s.get("aws_secret_access_key", "secret_access_key", "secret_key")
	c.SessionToken = s.get("aws_session_token", "session_token", "aws_security_token", "access_token")
}

// hasKeys tells whether a section holds at least half a pair.
func (s section) hasKeys() bool {
	var c candidate
	c.keys(s)
	return c.AccessKey != "" || c.SecretKey != ""
}

// environment adds the keys of the environment, if one of them is set.
func (f *finder) environment() {
	id, secret := f.o.Env("AWS_ACCESS_KEY_ID"), f.o.Env("AWS_SECRET_ACCESS_KEY")
	identity := f.identityOfEnvironment()
	if id == "" && secret == "" && identity.tokenFile == "" {
		if f.o.Profile == "" {
			f.note("environment", "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set", false)
		}
		return
	}
	c := candidate{source: fromEnvironment, fallback: true, Profile: Profile{
		Name: "environment", From: "environment", AccessKey: id, SecretKey: secret, SessionToken: f.o.Env("AWS_SESSION_TOKEN"),
	}}
	switch {
	case id == "" && secret == "":
		c.identity, c.SessionToken = identity, ""
	case id == "":
		c.complain("AWS_SECRET_ACCESS_KEY is set, AWS_ACCESS_KEY_ID is not")
	case secret == "":
		c.complain("AWS_ACCESS_KEY_ID is set, AWS_SECRET_ACCESS_KEY is not")
	}
	f.add(c, nil) // the endpoint follows when the AWS files are read
}

// rclone adds the S3 sections of rclone.conf.
func (f *finder) rclone() {
	at := f.read(f.rclonePath())
	if at == nil {
		return
	}
	if strings.Contains(at.text, "RCLONE_ENCRYPT_V") {
		f.note(at.shown, "encrypted by rclone, which alone can read it", true)
		return
	}
	sections, ok := f.parse(at, fromRclone)
	if !ok {
		return
	}
	found := false
	for _, s := range sections {
		if kind := s.get("type"); kind != "s3" && kind != "" {
			continue
		}
		found = true
		c := candidate{source: fromRclone, fallback: s.name == "s3allas", Profile: Profile{Name: s.name, From: at.entry(s.name)}}
		c.keys(s)
		c.nameProject(s.name)
		if strings.EqualFold(s.get("provider"), "AWS") && s.get("endpoint") == "" {
			c.complain("leads to Amazon")
		}
		f.settle(&c, s.get("endpoint"), true)
		f.add(c, at)
	}
	if !found {
		f.note(at.shown, "no section of type s3", false)
	}
}

// rclonePath is where rclone itself would look.
func (f *finder) rclonePath() string {
	usual := f.inHome(".config", "rclone", "rclone.conf")
	if f.o.Env("RCLONE_CONFIG") != "" {
		return f.located("RCLONE_CONFIG")
	}
	var paths []string
	if xdg := f.o.Env("XDG_CONFIG_HOME"); xdg != "" {
		paths = append(paths, filepath.Join(xdg, "rclone", "rclone.conf"))
	}
	for _, p := range append(paths, usual, f.inHome(".rclone.conf")) {
		if _, err := os.Stat(p); err == nil {
			return p
		}
	}
	return usual
}

// s3cmd adds the sections of ~/.s3cfg and its siblings.
func (f *finder) s3cmd() {
	f.s3cfg(f.located("S3CMD_CONFIG", ".s3cfg"), "")
	if f.o.Home == "" {
		return
	}
	entries, err := os.ReadDir(f.o.Home) // sorted
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		f.note("home directory", "cannot be listed: "+cause(err), true)
	}
	for _, e := range entries {
		suffix, ok := strings.CutPrefix(e.Name(), ".s3cfg")
		if ok && suffix != "" && strings.Contains("_-", suffix[:1]) && !strings.HasSuffix(suffix, "~") && !strings.HasSuffix(suffix, ".bak") {
			f.s3cfg(f.inHome(e.Name()), suffix[1:])
		}
	}
}

// s3cfg adds the sections of one file; suffix is what its name tells, "" for s3cmd's own default.
func (f *finder) s3cfg(path, suffix string) {
	at, sections := f.readINI(path, fromS3cmd)
	if at == nil {
		return
	}
	for i, s := range sections {
		name := s.name
		if name == "" || name == "default" && suffix != "" {
			name = first(suffix, "default")
		}
		c := candidate{source: fromS3cmd, fallback: suffix == "" && i == 0, Profile: Profile{Name: name, From: at.entry(s.name)}}
		c.keys(s)
		c.nameProject(name)
		c.nameProject(suffix)
		if target, err := filepath.EvalSymlinks(path); err == nil {
			c.nameProject(filepath.Base(target))
		}
		f.settle(&c, s.get("host_base"), !strings.EqualFold(s.get("use_https"), "false"))
		f.add(c, at)
	}
	if len(sections) == 0 {
		f.note(at.shown, "empty", false)
	}
}

// s3fs adds the lines of ~/.passwd-s3fs.
func (f *finder) s3fs() {
	at := f.read(f.inHome(".passwd-s3fs"))
	if at == nil {
		return
	}
	f.files = append(f.files, readFile{at.shown, fromS3FS})
	found := false
	for i, line := range strings.Split(at.text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		found = true
		c := candidate{source: fromS3FS, Profile: Profile{Name: "passwd-s3fs", From: at.line(i + 1)}}
		switch parts := strings.Split(line, ":"); len(parts) {
		case 2:
			c.fallback, c.AccessKey, c.SecretKey = true, parts[0], parts[1]
		case 3:
			c.Name, c.AccessKey, c.SecretKey = parts[0], parts[1], parts[2]
			c.nameProject(c.Name)
		default:
			f.note(at.line(i+1), "is neither KEY:SECRET nor bucket:KEY:SECRET", true)
			continue
		}
		f.settle(&c, "", true)
		f.add(c, at)
	}
	if !found {
		f.note(at.shown, "empty", false)
	}
}
