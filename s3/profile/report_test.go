package profile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestNotFoundText holds the errors word for word: they are what a user with a problem has to go by.
func TestNotFoundText(t *testing.T) {
	const ways = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; or give --anonymous for public data"
	tests := []struct {
		why, home string
		extra     vars
		env       vars
		o         Options
		want      string
	}{
		{"nothing", "", nil, nil, Options{}, `no credentials found
  ~/.allas_default: missing
  environment: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set
  ~/.config/rclone/rclone.conf: missing
  ~/.aws/credentials: missing
  ~/.aws/config: missing
  ~/.s3cfg: missing
  ~/.passwd-s3fs: missing
What to do: run allas-conf (for LUMI-O: lumio-conf with keys from https://auth.lumidata.eu); ` + ways},
		{"broken", "broken", nil, nil, Options{}, `no credentials found
  ~/.allas_default: missing
  environment: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set
  ~/.config/rclone/rclone.conf: encrypted by rclone, which alone can read it
  ~/.aws/credentials: line 3 is neither a section nor a setting
  ~/.aws/config: line 1 has no closing bracket
  ~/.passwd-s3fs line 1: is neither KEY:SECRET nor bucket:KEY:SECRET
  ~/.passwd-s3fs line 2: is neither KEY:SECRET nor bucket:KEY:SECRET
  ~/.s3cfg [default]: no secret key
What to do: run allas-conf (for LUMI-O: lumio-conf with keys from https://auth.lumidata.eu); ` + ways},
		{"half a pair", "", nil, vars{"AWS_ACCESS_KEY_ID": "ek"}, Options{}, `no credentials found
  ~/.allas_default: missing
  ~/.config/rclone/rclone.conf: missing
  ~/.aws/credentials: missing
  ~/.aws/config: missing
  ~/.s3cfg: missing
  ~/.passwd-s3fs: missing
  environment: AWS_ACCESS_KEY_ID is set, AWS_SECRET_ACCESS_KEY is not
What to do: run allas-conf (for LUMI-O: lumio-conf with keys from https://auth.lumidata.eu); ` + ways},
		{"another project", "allas-conf", nil, nil, Options{Project: "2099999"}, `no credentials of project_2099999
  environment: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set
  ~/.passwd-s3fs: missing
  ~/.config/rclone/rclone.conf [s3allas]: of project_2012345
  ~/.config/rclone/rclone.conf [s3allas-project_2012345]: of project_2012345
  ~/.config/rclone/rclone.conf [s3allas-project_2054321]: of project_2054321
  ~/.aws/credentials [default]: of project_2012345
  ~/.s3cfg [allas-project_2012345]: of project_2012345
  ~/.s3cfg_project_2012345 [allas-project_2012345]: of project_2012345
What to do: run allas-conf and choose project_2099999; give --project, of which these are known: project_2012345, project_2054321; ` +
			`give --profile, of which these are known: s3allas, s3allas-project_2012345, s3allas-project_2054321, default, allas-project_2012345; ` + ways},
		{"project in force", "", vars{".allas_default": "os_project_name=project_2012345\n", ".passwd-s3fs": "project_2054321:k:s\n"}, nil, Options{}, `no credentials of project_2012345
  ~/.allas_default: names project_2012345
  environment: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set
  ~/.config/rclone/rclone.conf: missing
  ~/.aws/credentials: missing
  ~/.aws/config: missing
  ~/.s3cfg: missing
  ~/.passwd-s3fs line 1: of project_2054321
What to do: run allas-conf and choose project_2012345; give --project, of which these are known: project_2054321; ` +
			`give --profile, of which these are known: project_2054321; ` + ways},
		{"unknown profile, LUMI project", "lumio-conf", nil, nil, Options{Project: "462000009", Profile: "x"}, `no credentials of project_462000009 in a profile x
  ~/.allas_default: missing
  ~/.aws/credentials: missing
  ~/.aws/config: missing
  ~/.s3cfg: missing
  ~/.passwd-s3fs: missing
  ~/.config/rclone/rclone.conf: no usable profile x
  ~/.s3cfg-lumi-462000002: no usable profile x
What to do: run lumio-conf for project_462000009 with keys from https://auth.lumidata.eu; give --project, of which these are known: project_462000001, project_462000002; ` +
			`give --profile, of which these are known: lumi-o, lumi-462000001-private, lumi-462000001-public, lumi-462000002; ` + ways},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			_, err := findIn(home(t, tt.home, tt.extra), tt.env, tt.o)
			if err == nil || err.Error() != tt.want {
				t.Errorf("got\n%v\nwant\n%s", err, tt.want)
			}
		})
	}
}

func TestNoHome(t *testing.T) {
	_, err := Find(Options{Env: env(nil)})
	want := Look{Where: "home directory", What: "HOME is not set"}
	if nf, ok := errors.AsType[*NotFoundError](err); !ok || !slices.Contains(nf.Looked, want) || len(nf.Looked) != 2 {
		t.Errorf("%v", err)
	}
}

func TestUnreadable(t *testing.T) {
	dir := home(t, "allas-conf", vars{".aws/credentials": ""})
	if err := os.Mkdir(filepath.Join(dir, ".aws/credentials"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, ".passwd-s3fs"), strings.Repeat("#\n", maxFile))
	p, err := findIn(dir, nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"~/.aws/credentials: cannot be read: is a directory; ignored", "~/.passwd-s3fs: cannot be read: too large for a file of settings; ignored"}
	if !slices.Equal(p.Warnings, want) {
		t.Errorf("warnings %q, want %q", p.Warnings, want)
	}
}

func TestOpenToOthers(t *testing.T) {
	dir := home(t, "allas-conf", nil)
	for _, tt := range []struct {
		mode os.FileMode
		want []string
	}{
		{0o600, nil},
		{0o400, nil},
		{0o640, []string{"~/.config/rclone/rclone.conf holds keys and is open to others (mode 0640): run chmod 600 ~/.config/rclone/rclone.conf"}},
		{0o604, []string{"~/.config/rclone/rclone.conf holds keys and is open to others (mode 0604): run chmod 600 ~/.config/rclone/rclone.conf"}},
	} {
		if err := os.Chmod(filepath.Join(dir, ".config/rclone/rclone.conf"), tt.mode); err != nil {
			t.Fatal(err)
		}
		p, err := findIn(dir, nil, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(p.Warnings, tt.want) {
			t.Errorf("mode %o: %q, want %q", tt.mode, p.Warnings, tt.want)
		}
	}
	if p, err := findIn(dir, nil, Options{Profile: "default"}); err != nil || p.Warnings != nil {
		t.Errorf("a file that is not used: %q, %v", p.Warnings, err)
	}
}

func TestBrokenIsWarned(t *testing.T) {
	p, err := findIn(home(t, "broken", vars{".s3cfg_ok": "access_key=k\nsecret_key=s\n"}), nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"rclone.conf: encrypted", "credentials: line 3", "config: line 1", ".passwd-s3fs line 2", ".s3cfg [default]: no secret key"} {
		if !slices.ContainsFunc(p.Warnings, func(w string) bool { return strings.Contains(w, want) && strings.HasSuffix(w, "; ignored") }) {
			t.Errorf("no warning of %q in %q", want, p.Warnings)
		}
	}
}

// TestNoSecretShown prints everything there is in every way that prints.
func TestNoSecretShown(t *testing.T) {
	secrets := []string{"keytwo", "secrettwo", "tokentwo", "secret2012345"}
	p, err := findIn(home(t, "renamed", nil), nil, Options{Profile: "allas project2"})
	if err != nil {
		t.Fatal(err)
	}
	_, broken := findIn(home(t, "broken", nil), nil, Options{})
	_, faults := All(Options{Home: home(t, "broken", vars{".s3cfg_ok": "access_key=k\nsecret_key=s\n"}), Env: env(nil)})
	_, userinfo := Find(Options{Endpoint: "https://keytwo:secrettwo@a3s.fi", Env: env(nil)})
	_, query := Find(Options{Endpoint: "https://a3s.fi/\x7f?secrettwo", Env: env(nil)})
	var out bytes.Buffer
	for _, v := range []any{p, *p, []Profile{*p}, map[string]*Profile{"p": p}, struct{ P Profile }{*p}, broken, faults, userinfo, query} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X", "%t", "%08.3f", "%T"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		for _, h := range []slog.Handler{slog.NewJSONHandler(&out, nil), slog.NewTextHandler(&out, nil)} {
			slog.New(h).Info("x", "v", v)
		}
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(b)
	}
	for _, s := range secrets {
		if strings.Contains(out.String(), s) {
			t.Errorf("%q is shown in\n%s", s, out.String())
		}
	}
	for _, want := range []string{`"endpoint":"http://objects.example.org:8080"`, "allas project2 at http://objects.example.org:8080, from ~/.aws/credentials [allas project2]"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not shown", want)
		}
	}
}

func TestAll(t *testing.T) {
	tests := []struct {
		why, home string
		extra     vars
		env       vars
		o         Options
		want      []string // as describe
		errs      []string
	}{
		{why: "allas-conf", home: "allas-conf", want: []string{
			"key2012345 project_2012345 https://a3s.fi ~/.config/rclone/rclone.conf [s3allas-project_2012345]",
			"key2054321 project_2054321 https://a3s.fi ~/.config/rclone/rclone.conf [s3allas-project_2054321]"}},
		{why: "both services and the environment", home: "lumio-conf", env: vars{"AWS_ACCESS_KEY_ID": "ek", "AWS_SECRET_ACCESS_KEY": "es"},
			extra: vars{".aws/credentials": "[default]\naws_access_key_id=k\naws_secret_access_key=s\n", ".allas_default": "os_project_name=project_2012345\n"}, want: []string{
				"ek - https://a3s.fi environment",
				"key462000001 project_462000001 https://lumidata.eu ~/.config/rclone/rclone.conf [lumi-462000001-private]",
				"k project_2012345 https://a3s.fi ~/.aws/credentials [default]",
				"key462000002 project_462000002 https://lumidata.eu ~/.s3cfg-lumi-462000002 [lumi-462000002]"}},
		{why: "one project", home: "allas-conf", o: Options{Project: "2054321"}, want: []string{
			"key2054321 project_2054321 https://a3s.fi ~/.config/rclone/rclone.conf [s3allas-project_2054321]"}},
		{why: "one server", home: "lumio-conf", o: Options{Endpoint: "a3s.fi"}, extra: vars{".passwd-s3fs": "k:s"}, want: []string{
			"k - https://a3s.fi ~/.passwd-s3fs line 1"}},
		{why: "some broken", home: "broken", extra: vars{".s3cfg_ok": "access_key=k\nsecret_key=s\n"}, want: []string{"k - https://a3s.fi ~/.s3cfg_ok"}, errs: []string{
			"~/.config/rclone/rclone.conf: encrypted by rclone, which alone can read it",
			"~/.aws/credentials: line 3 is neither a section nor a setting",
			"~/.aws/config: line 1 has no closing bracket",
			"~/.passwd-s3fs line 1: is neither KEY:SECRET nor bucket:KEY:SECRET",
			"~/.passwd-s3fs line 2: is neither KEY:SECRET nor bucket:KEY:SECRET",
			"~/.s3cfg [default]: no secret key"}},
		{why: "anonymous", home: "allas-conf", o: Options{Anonymous: true}, want: []string{" - https://a3s.fi flags"}},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			tt.o.Home, tt.o.Env = home(t, tt.home, tt.extra), env(tt.env)
			ps, errs := All(tt.o)
			var got, gotErrs []string
			for _, p := range ps {
				got = append(got, describe(p))
			}
			for _, err := range errs {
				gotErrs = append(gotErrs, err.Error())
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
			if !slices.Equal(gotErrs, tt.errs) {
				t.Errorf("errors %q\nwant   %q", gotErrs, tt.errs)
			}
		})
	}
	ps, errs := All(Options{Home: t.TempDir(), Env: env(nil)})
	if len(ps) != 0 || len(errs) != 1 {
		t.Fatalf("nothing: %v, %v", ps, errs)
	}
	if _, ok := errors.AsType[*NotFoundError](errs[0]); !ok {
		t.Errorf("nothing: %v", errs[0])
	}
}
