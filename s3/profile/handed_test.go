package profile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Keys are taken in the forms that tools print and people keep; anything else is refused without a word of it.
func TestParseKeys(t *testing.T) {
	for text, want := range map[string]string{
		"AK\nSK\n":     "AK SK  ",
		"AK\r\nSK==\n": "AK SK==  ",
		"AK\nSK\nTK\n": "AK SK TK ",
		`{"Version":1,"AccessKeyId":"AK","SecretAccessKey":"SK","SessionToken":"TK","Expiration":"2026-01-01T00:00:00Z"}`: "AK SK TK ",
		`{"Credentials":{"AccessKeyId":"AK","SecretAccessKey":"SK"}}`:                                                     "AK SK  ",
		"[default]\naws_access_key_id = AK\naws_secret_access_key = SK\n":                                                 "AK SK  ",
		"[s3allas-project_2012345]\ntype = s3\naccess_key_id = AK\nsecret_access_key = SK\nendpoint = a3s.fi\n":           "AK SK  project_2012345",
		"access_key = AK\nsecret_key = S=K\n":                                                                             "AK S=K  ",
	} {
		p, err := ParseKeys([]byte(text), "here")
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := fmt.Sprintf("%s %s %s %s", p.AccessKey, p.SecretKey, p.SessionToken, p.Project); got != want || p.From != "here" {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	for _, text := range []string{"", "AK", "AK SK", "one\ntwo\nthree\nfour", "{", `{"AccessKeyId":"SECRETX"}`, "[a]\naccess_key = SECRETX\n", "[a]\naccess_key=SECRETX\nsecret_key=y\n[b]\nx=y\n", "a\xff\nSECRETX"} {
		if _, err := ParseKeys([]byte(text), "here"); !errors.Is(err, ErrHanded) || strings.Contains(err.Error(), "SECRETX") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Keys that were handed over are used as they are: no file is read, and the flags say the rest.
func TestHanded(t *testing.T) {
	keys, err := ParseKeys([]byte("AK\nSK\n"), "standard input")
	if err != nil {
		t.Fatal(err)
	}
	p, err := findIn(home(t, "allas-conf", nil), vars{"AWS_ACCESS_KEY_ID": "other", "AWS_SECRET_ACCESS_KEY": "other"}, Options{Handed: keys, Project: "2012345", Endpoint: "store.example.org"})
	if err != nil || p.AccessKey != "AK" || p.Project != "project_2012345" || p.Endpoint != "https://store.example.org" || p.From != "standard input" {
		t.Errorf("%v, %v", p, err)
	}
	p, err = findIn("", vars{"OS_PROJECT_NAME": "project_2054321"}, Options{Handed: keys})
	if err != nil || p.Project != "project_2054321" || p.Endpoint != "https://a3s.fi" {
		t.Errorf("%v, %v", p, err)
	}
}

// A credential_process is run for the entry that is taken, and for no other.
func TestCredentialProcess(t *testing.T) {
	dir := t.TempDir()
	config := "[default]\ncredential_process = echo ran >" + dir + "/default; printf 'AK\\nSK\\n'\n[profile other]\ncredential_process = echo ran >" + dir + "/other; echo nothing\n"
	h := home(t, "", map[string]string{".aws/config": config})
	p, err := findIn(h, nil, Options{})
	if err != nil || p.AccessKey != "AK" || p.SecretKey != "SK" || !strings.Contains(p.From, "config") {
		t.Errorf("%v, %v", p, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "other")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the other one: %v", err)
	}
	if _, err := findIn(h, nil, Options{Profile: "other"}); err == nil || !strings.Contains(err.Error(), "credential_process printed no keys") {
		t.Error(err)
	}
	if ps, errs := All(Options{Home: h, Env: func(string) string { return "" }}); len(ps) != 1 || len(errs) != 1 {
		t.Errorf("all: %v, %v", ps, errs)
	}
}
