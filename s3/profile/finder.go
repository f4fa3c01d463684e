package profile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxFile bounds what is read of one file, in bytes; real ones have a few thousand.
const maxFile = 1 << 20

// source is a kind of place; the order is that of the search.
type source int

const (
	fromEnvironment source = iota
	fromRclone
	fromAWS
	fromS3cmd
	fromS3FS
)

// candidate is one entry that holds keys, or should.
type candidate struct {
	Profile

	source   source
	fallback bool   // what the source's own tool takes when nothing is named
	named    bool   // its section or file is named after Project
	process  string // command that prints the keys, "" = they are there
	identity webIdentity
	fault    string // why it cannot serve, or ""
	open     string // warning that others can read its file, or ""
}

// complain keeps the first fault.
func (c *candidate) complain(what string) { c.fault = first(c.fault, what) }

// finder is one search.
type finder struct {
	o            Options
	flagEndpoint string // o.Endpoint, clean

	candidates []candidate
	looked     []Look // files, in the order of search
	passed     []Look // candidates that choose passed over
	files      []readFile
	project    string // in force by the environment or .allas_default
	profile    string // in force by AWS_PROFILE
}

// readFile is a file that was read and understood.
type readFile struct {
	shown  string
	source source
}

// gather reads the environment and all files.
func (f *finder) gather() {
	allas := f.allasDefault() // the project that the defaults were last written for
	f.environment()
	f.rclone()
	f.aws()
	f.s3cmd()
	f.s3fs()
	f.assign(allas)
	f.project = first(canonicalProject(f.o.Env("OS_PROJECT_NAME")), allas)
	f.profile = f.awsProfile()
}

// add completes a candidate from the file at and keeps it.
func (f *finder) add(c candidate, at *file) {
	if at != nil {
		c.open, c.File = at.open, at.path
	}
	switch {
	case c.AccessKey == "" && c.SecretKey == "" && (c.process != "" || c.identity.tokenFile != ""):
	case c.AccessKey == "" && c.SecretKey == "":
		f.note(c.From, "no keys", false)
		return
	case c.AccessKey == "":
		c.complain("no access key")
	case c.SecretKey == "":
		c.complain("no secret key")
	}
	f.candidates = append(f.candidates, c)
}

// note records that a place could not be used; fault tells that it is broken rather than absent.
func (f *finder) note(where, what string, fault bool) {
	f.looked = append(f.looked, Look{Where: where, What: what, fault: fault})
}

// file is one file that was read.
type file struct {
	path  string
	shown string // path with ~ for the home directory
	text  string
	open  string // warning that others can read it, or ""
}

// read returns a file's contents, or nil after a note.
func (f *finder) read(path string) *file {
	if path == "" {
		f.looked = slices.DeleteFunc(f.looked, func(l Look) bool { return l.Where == "home directory" })
		f.note("home directory", "HOME is not set", false)
		return nil
	}
	shown := f.shorten(path)
	text, mode, err := readAll(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.note(shown, "missing", false)
		return nil
	case err != nil:
		f.note(shown, "cannot be read: "+cause(err), true)
		return nil
	}
	at := &file{path: path, shown: shown, text: text}
	if mode.Perm()&0o077 != 0 {
		at.open = fmt.Sprintf("%s holds keys and is open to others (mode %04o): run chmod 600 %s", shown, mode.Perm(), shown)
	}
	return at
}

// readINI returns a file and its sections, or a nil file after a note.
func (f *finder) readINI(path string, s source) (*file, []section) {
	at := f.read(path)
	if at == nil {
		return nil, nil
	}
	sections, ok := f.parse(at, s)
	if !ok {
		return nil, nil
	}
	return at, sections
}

// parse returns the sections of a file; ok is false after a note.
func (f *finder) parse(at *file, s source) (sections []section, ok bool) {
	sections, err := parseINI(at.text)
	if err != nil {
		f.note(at.shown, err.Error(), true)
		return nil, false
	}
	f.files = append(f.files, readFile{at.shown, s})
	return sections, true
}

func readAll(path string) (string, fs.FileMode, error) {
	r, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer r.Close()
	info, err := r.Stat()
	if err != nil {
		return "", 0, err
	}
	b, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = errors.New("too large for a file of settings")
	}
	return string(b), info.Mode(), err
}

// cause strips the path, which the note tells already.
func cause(err error) string {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		err = pe.Err
	}
	return err.Error()
}

// inHome is a path below the home directory, or "" when there is none.
func (f *finder) inHome(elem ...string) string {
	if f.o.Home == "" {
		return ""
	}
	return filepath.Join(f.o.Home, filepath.Join(elem...))
}

// located returns the file that the environment variable names, else the usual one in the home directory.
func (f *finder) located(variable string, usual ...string) string {
	path := f.o.Env(variable)
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		return f.inHome(rest)
	}
	if path != "" {
		return path
	}
	return f.inHome(usual...)
}

func (f *finder) shorten(path string) string {
	if rest, ok := strings.CutPrefix(path, f.o.Home+"/"); ok && f.o.Home != "" {
		return "~/" + rest
	}
	return path
}

// addOnce appends s unless it is empty or there.
func addOnce(ss []string, s string) []string {
	if s == "" || slices.Contains(ss, s) {
		return ss
	}
	return append(ss, s)
}

func addSorted(ss []string, s string) []string {
	ss = addOnce(ss, s)
	slices.Sort(ss)
	return ss
}
