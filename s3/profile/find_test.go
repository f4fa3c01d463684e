package profile

import (
	"errors"
	"strings"
	"testing"
)

type vars = map[string]string

// findTests give home, environment and flags, and what is found: "key project endpoint from", or the error's first line.
var findTests = []struct {
	why   string
	home  string
	extra vars
	env   vars
	o     Options
	want  string
	err   string
}{
	// What allas-conf leaves, with nothing said.
	{why: "allas-conf", home: "allas-conf",
		want: "key2012345 project_2012345 https://a3s.fi ~/.config/rclone/rclone.conf [s3allas]"},
	{why: "AWS files only", home: "allas-conf", extra: vars{".config/rclone/rclone.conf": "", ".s3cfg": ""},
		want: "key2012345 project_2012345 https://a3s.fi ~/.aws/credentials [default]"},
	{why: "credentials without config", home: "allas-conf", extra: vars{".config/rclone/rclone.conf": "", ".aws/config": ""},
		want: "key2012345 project_2012345 https://a3s.fi ~/.aws/credentials [default]"},
	{why: "s3cmd only", home: "allas-conf", extra: vars{".config/rclone/rclone.conf": "", ".aws/credentials": ""},
		want: "key2012345 project_2012345 https://a3s.fi ~/.s3cfg [allas-project_2012345]"},
	{why: "s3cmd without the link", home: "allas-conf", extra: vars{".config/rclone/rclone.conf": "", ".aws/credentials": "", ".s3cfg": ""},
		want: "key2012345 project_2012345 https://a3s.fi ~/.s3cfg_project_2012345 [allas-project_2012345]"},
	{why: "s3fs only", extra: vars{".passwd-s3fs": "k:s\n"},
		want: "k - https://a3s.fi ~/.passwd-s3fs line 1"},
	{why: "s3fs, one bucket", extra: vars{".passwd-s3fs": "b:k:s\n"},
		want: "k - https://a3s.fi ~/.passwd-s3fs line 1"},
	{why: "s3fs, plain line after a bucket's", home: "renamed", extra: vars{".aws/credentials": "", ".aws/config": "", ".config/rclone/rclone.conf": "", ".s3cfg_lab": ""},
		want: "keyplain - https://a3s.fi ~/.passwd-s3fs line 3"},

	// Whose keys the defaults are.
	{why: "the default was changed to a project by its key", home: "allas-conf", extra: vars{".allas_default": "os_project_name=project_2054321\n"},
		want: "key2054321 project_2054321 https://a3s.fi ~/.config/rclone/rclone.conf [s3allas-project_2054321]"},
	{why: "default with export and quotes", home: "allas-conf", extra: vars{".allas_default": "# by hand\nexport OS_PROJECT_NAME=\"2054321\"; \nuser='x'\n"},
		want: "key2054321 project_2054321 https://a3s.fi ~/.config/rclone/rclone.conf [s3allas-project_2054321]"},
	{why: "default names a project without keys", home: "allas-conf", extra: vars{".allas_default": "os_project_name=project_2099999\n"},
		err: "no credentials of project_2099999"},
	{why: "default names a project without keys, others are unknown", home: "renamed", extra: vars{".allas_default": "os_project_name=project_2099999\n"},
		want: "keyown - https://a3s.fi ~/.config/rclone/rclone.conf [own-allas]"},
	{why: "no .allas_default", home: "allas-conf", extra: vars{".allas_default": ""},
		want: "key2012345 project_2012345 https://a3s.fi ~/.config/rclone/rclone.conf [s3allas]"},
	{why: "the AWS default is of the project that allas-conf says", home: "allas-conf", o: Options{Project: "2012345"},
		extra: vars{".config/rclone/rclone.conf": "", ".s3cfg": "", ".s3cfg_project_2012345": ""},
		want:  "key2012345 project_2012345 https://a3s.fi ~/.aws/credentials [default]"},
	{why: "the AWS default has another key than the project's own entry", home: "allas-conf", o: Options{Project: "2012345"},
		extra: vars{".config/rclone/rclone.conf": "", ".aws/credentials": "[default]\naws_access_key_id=other\naws_secret_access_key=s\n"},
		want:  "key2012345 project_2012345 https://a3s.fi ~/.s3cfg [allas-project_2012345]"},
	{why: "the AWS default leads elsewhere", home: "allas-conf", o: Options{Project: "2012345"},
		extra: vars{".config/rclone/rclone.conf": "", ".s3cfg": "", ".s3cfg_project_2012345": "", ".aws/config": "[default]\nendpoint_url=https://objects.example.org\n"},
		err:   "no credentials of project_2012345"},
	{why: "s3fs is not of the project that allas-conf says", extra: vars{".passwd-s3fs": "k:s\n", ".allas_default": "os_project_name=project_2012345\n"},
		o: Options{Project: "2012345"}, err: "no credentials of project_2012345"},

	// --project.
	{why: "project", home: "allas-conf", o: Options{Project: "project_2054321"},
		want: "key2054321 project_2054321 https://a3s.fi ~/.config/rclone/rclone.conf [s3allas-project_2054321]"},
	{why: "project by number", home: "allas-conf", o: Options{Project: "2054321"},
		want: "key2054321 project_2054321 https://a3s.fi ~/.config/rclone/rclone.conf [s3allas-project_2054321]"},
	{why: "project without keys", home: "allas-conf", o: Options{Project: "2099999"}, err: "no credentials of project_2099999"},
	{why: "project is no prefix", home: "allas-conf", o: Options{Project: "201234"}, err: "no credentials of project_201234"},
	{why: "project by its s3cmd file", home: "allas-conf", o: Options{Project: "2012345"}, extra: vars{".config/rclone/rclone.conf": "", ".aws/credentials": "", ".allas_default": "", ".s3cfg": ""},
		want: "key2012345 project_2012345 https://a3s.fi ~/.s3cfg_project_2012345 [allas-project_2012345]"},
	{why: "project by the name of its s3cmd file", extra: vars{".s3cfg_project_2012345": "[default]\naccess_key = k\nsecret_key = s\n"}, o: Options{Project: "2012345"},
		want: "k project_2012345 https://a3s.fi ~/.s3cfg_project_2012345 [default]"},
	{why: "project by number in a renamed section", extra: vars{".aws/credentials": "[default]\naws_access_key_id=a\naws_secret_access_key=b\n[allas-2012345-lab]\naws_access_key_id=k\naws_secret_access_key=s\n"},
		o: Options{Project: "2012345"}, want: "k project_2012345 https://a3s.fi ~/.aws/credentials [allas-2012345-lab]"},
	{why: "project, keys in the environment of nobody knows", home: "allas-conf", env: vars{"AWS_ACCESS_KEY_ID": "ek", "AWS_SECRET_ACCESS_KEY": "es"}, o: Options{Project: "2054321"},
		want: "key2054321 project_2054321 https://a3s.fi ~/.config/rclone/rclone.conf [s3allas-project_2054321]"},
	{why: "project, keys in the environment say so", home: "allas-conf", o: Options{Project: "2054321"},
		env:  vars{"AWS_ACCESS_KEY_ID": "ek", "AWS_SECRET_ACCESS_KEY": "es", "OS_PROJECT_NAME": "project_2054321"},
		want: "ek project_2054321 https://a3s.fi environment"},
	{why: "LUMI project", home: "lumio-conf", o: Options{Project: "462000001"},
		want: "key462000001 project_462000001 https://lumidata.eu ~/.config/rclone/rclone.conf [lumi-o]"},
	{why: "LUMI project of s3cmd", home: "lumio-conf", o: Options{Project: "project_462000002"},
		want: "key462000002 project_462000002 https://lumidata.eu ~/.s3cfg-lumi-462000002 [lumi-462000002]"},

	// --profile.
	{why: "profile", home: "allas-conf", o: Options{Profile: "s3allas-project_2054321"},
		want: "key2054321 project_2054321 https://a3s.fi ~/.config/rclone/rclone.conf [s3allas-project_2054321]"},
	{why: "profile as rclone writes it", home: "allas-conf", o: Options{Profile: "s3allas:"},
		want: "key2012345 project_2012345 https://a3s.fi ~/.config/rclone/rclone.conf [s3allas]"},
	{why: "profile beats the environment", home: "allas-conf", o: Options{Profile: "s3allas"}, env: vars{"AWS_ACCESS_KEY_ID": "ek", "AWS_SECRET_ACCESS_KEY": "es"},
		want: "key2012345 project_2012345 https://a3s.fi ~/.config/rclone/rclone.conf [s3allas]"},
	{why: "environment is no profile", home: "allas-conf", o: Options{Profile: "environment"}, env: vars{"AWS_ACCESS_KEY_ID": "ek", "AWS_SECRET_ACCESS_KEY": "es"},
		err: "no credentials in a profile environment"},
	{why: "renamed in the AWS files", home: "renamed", o: Options{Profile: "allas_project1"},
		want: "keyone - https://a3s.fi ~/.aws/credentials [allas_project1]"},
	{why: "services, quotes, comment", home: "renamed", o: Options{Profile: "allas project2"},
		want: "keytwo - http://objects.example.org:8080 ~/.aws/credentials [allas project2]"},
	{why: "keys in the config file", home: "renamed", o: Options{Profile: "only_config"},
		want: "keythree - https://a3s.fi ~/.aws/config [profile only_config]"},
	{why: "role without keys", home: "renamed", o: Options{Profile: "role"}, err: "no credentials in a profile role"},
	{why: "s3cmd file by its name, http", home: "renamed", o: Options{Profile: "lab"},
		want: "keylab - http://objects.example.org ~/.s3cfg_lab [default]"},
	{why: "bucket of s3fs", home: "renamed", o: Options{Profile: "mybucket"}, want: "keybucket - https://a3s.fi ~/.passwd-s3fs line 2"},
	{why: "swift section", home: "allas-conf", o: Options{Profile: "allas"}, err: "no credentials in a profile allas"},
	{why: "unknown profile", home: "allas-conf", o: Options{Profile: "nobody"}, err: "no credentials in a profile nobody"},
	{why: "profile of the project", home: "allas-conf", o: Options{Profile: "default", Project: "2012345"},
		want: "key2012345 project_2012345 https://a3s.fi ~/.aws/credentials [default]"},
	{why: "profile of another project", home: "allas-conf", o: Options{Profile: "default", Project: "2054321"},
		err: "no credentials of project_2054321 in a profile default"},
	{why: "profile leads to Amazon", home: "renamed", o: Options{Profile: "amazon"}, err: "no credentials in a profile amazon"},

	// Environment.
	{why: "environment", home: "allas-conf", env: vars{"AWS_ACCESS_KEY_ID": "ek", "AWS_SECRET_ACCESS_KEY": "es", "AWS_SESSION_TOKEN": "et"},
		want: "ek - https://a3s.fi environment"},
	{why: "environment without a home", env: vars{"AWS_ACCESS_KEY_ID": "ek", "AWS_SECRET_ACCESS_KEY": "es", "AWS_ENDPOINT_URL": "http://127.0.0.1:9000/"},
		want: "ek - http://127.0.0.1:9000 environment"},
	{why: "environment is of the project with that key", home: "allas-conf", env: vars{"AWS_ACCESS_KEY_ID": "key2054321", "AWS_SECRET_ACCESS_KEY": "es", "OS_PROJECT_NAME": "project_2012345"},
		want: "key2054321 project_2054321 https://a3s.fi environment"},
	{why: "environment takes the endpoint of the AWS default", env: vars{"AWS_ACCESS_KEY_ID": "ek", "AWS_SECRET_ACCESS_KEY": "es"}, extra: vars{".aws/config": "[default]\nendpoint_url=lumidata.eu\n"},
		want: "ek - https://lumidata.eu environment"},
	{why: "environment beats AWS_PROFILE", home: "renamed", env: vars{"AWS_ACCESS_KEY_ID": "ek", "AWS_SECRET_ACCESS_KEY": "es", "AWS_PROFILE": "allas project2"},
		want: "ek - http://objects.example.org:8080 environment"},
	{why: "half a pair is not passed over", home: "allas-conf", env: vars{"AWS_ACCESS_KEY_ID": "ek"}, err: "no credentials found"},
	{why: "the other half", home: "allas-conf", env: vars{"AWS_SECRET_ACCESS_KEY": "es"}, err: "no credentials found"},
	{why: "AWS_PROFILE", home: "renamed", env: vars{"AWS_PROFILE": "allas_project1"}, want: "keyone - https://a3s.fi ~/.aws/credentials [allas_project1]"},
	{why: "AWS_DEFAULT_PROFILE", home: "renamed", env: vars{"AWS_DEFAULT_PROFILE": "allas_project1"}, want: "keyone - https://a3s.fi ~/.aws/credentials [allas_project1]"},
	{why: "AWS_PROFILE means AWS files only", home: "allas-conf", env: vars{"AWS_PROFILE": "s3allas"}, err: "no credentials in a profile s3allas"},
	{why: "project beats AWS_PROFILE", home: "allas-conf", env: vars{"AWS_PROFILE": "default"}, o: Options{Project: "2054321"},
		want: "key2054321 project_2054321 https://a3s.fi ~/.config/rclone/rclone.conf [s3allas-project_2054321]"},
	{why: "OS_PROJECT_NAME beats .allas_default", home: "allas-conf", env: vars{"OS_PROJECT_NAME": "project_2054321"},
		want: "key2054321 project_2054321 https://a3s.fi ~/.config/rclone/rclone.conf [s3allas-project_2054321]"},
	{why: "AWS files elsewhere", home: "allas-conf", env: vars{"AWS_SHARED_CREDENTIALS_FILE": "~/elsewhere", "AWS_PROFILE": "x"}, extra: vars{"elsewhere": "[x]\naws_access_key_id:=\naws_access_key_id = k\naws_secret_access_key = s\n"},
		want: "k - https://a3s.fi ~/elsewhere [x]"},
	{why: "AWS config elsewhere", home: "allas-conf", env: vars{"AWS_CONFIG_FILE": "~/c", "AWS_PROFILE": "default"}, extra: vars{"c": "[default]\nendpoint_url = http://objects.example.org\n"},
		want: "key2012345 project_2012345 http://objects.example.org ~/.aws/credentials [default]"},
	{why: "rclone.conf elsewhere", home: "allas-conf", env: vars{"RCLONE_CONFIG": "~/r"}, extra: vars{"r": "[s3allas]\ntype=s3\naccess_key_id=k\nsecret_access_key=s\n", ".allas_default": ""},
		want: "k - https://a3s.fi ~/r [s3allas]"},
	{why: "rclone.conf in XDG_CONFIG_HOME", env: vars{"XDG_CONFIG_HOME": "HOME/xdg"}, extra: vars{"xdg/rclone/rclone.conf": "[s3allas]\ntype=s3\naccess_key_id=k\nsecret_access_key=s\n"},
		want: "k - https://a3s.fi ~/xdg/rclone/rclone.conf [s3allas]"},
	{why: "old rclone.conf", extra: vars{".rclone.conf": "[s3allas]\r\ntype = s3\r\naccess_key_id = k\r\nsecret_access_key = s\r\n"},
		want: "k - https://a3s.fi ~/.rclone.conf [s3allas]"},
	{why: "s3cfg elsewhere", env: vars{"S3CMD_CONFIG": "~/s"}, extra: vars{"s": "access_key = k\nsecret_key = s\nhost_base = http://objects.example.org/\n"},
		want: "k - http://objects.example.org ~/s"},

	// Endpoints.
	{why: "endpoint flag", home: "allas-conf", o: Options{Endpoint: "http://127.0.0.1:8000/"},
		want: "key2012345 project_2012345 http://127.0.0.1:8000 ~/.config/rclone/rclone.conf [s3allas]"},
	{why: "endpoint flag beats the environment", env: vars{"AWS_ACCESS_KEY_ID": "ek", "AWS_SECRET_ACCESS_KEY": "es", "AWS_ENDPOINT_URL": "http://127.0.0.1:9000/"}, o: Options{Endpoint: "A3S.fi"},
		want: "ek - https://a3s.fi environment"},
	{why: "endpoint flag picks who leads there", home: "lumio-conf", o: Options{Endpoint: "lumidata.eu"},
		extra: vars{".aws/credentials": "[default]\naws_access_key_id=k\naws_secret_access_key=s\n", ".allas_default": "os_project_name=project_2012345\n"},
		want:  "key462000001 project_462000001 https://lumidata.eu ~/.config/rclone/rclone.conf [lumi-462000001-private]"},
	{why: "endpoint of Allas is no leave to take another project", home: "allas-conf", o: Options{Endpoint: "a3s.fi"}, extra: vars{".allas_default": "os_project_name=project_2099999\n"},
		err: "no credentials of project_2099999"},
	{why: "AWS_ENDPOINT_URL_S3 beats AWS_ENDPOINT_URL and the AWS files", home: "allas-conf", env: vars{"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1", "AWS_ENDPOINT_URL": "http://127.0.0.1:2"}, o: Options{Profile: "default"},
		want: "key2012345 project_2012345 http://127.0.0.1:1 ~/.aws/credentials [default]"},
	{why: "AWS_ENDPOINT_URL leaves rclone's alone", home: "allas-conf", env: vars{"AWS_ENDPOINT_URL": "http://127.0.0.1:2"},
		want: "key2012345 project_2012345 https://a3s.fi ~/.config/rclone/rclone.conf [s3allas]"},
	{why: "AWS_ENDPOINT_URL where rclone has none", home: "renamed", env: vars{"AWS_ENDPOINT_URL": "http://127.0.0.1:2"}, o: Options{Profile: "own-allas"},
		want: "keyown - http://127.0.0.1:2 ~/.config/rclone/rclone.conf [own-allas]"},
	{why: "lumi in the name", extra: vars{".aws/credentials": "[lumi-462000001]\naws_access_key_id=k\naws_secret_access_key=s\n"},
		want: "k project_462000001 https://lumidata.eu ~/.aws/credentials [lumi-462000001]"},
	{why: "bad endpoint in a file", extra: vars{".aws/credentials": "[default]\naws_access_key_id=k\naws_secret_access_key=s\n", ".aws/config": "[default]\nendpoint_url=ftp://x\n"},
		err: "no credentials found"},

	// Only entries and no default.
	{why: "LUMI only", home: "lumio-conf", want: "key462000001 project_462000001 https://lumidata.eu ~/.config/rclone/rclone.conf [lumi-462000001-private]"},
	{why: "several and no default", extra: vars{".aws/credentials": "[a]\naws_access_key_id=a\naws_secret_access_key=s\n[b]\naws_access_key_id=b\naws_secret_access_key=s\n"},
		err: "no credentials found"},

	// Broken files are passed over when keys are found elsewhere.
	{why: "broken rclone.conf", home: "allas-conf", extra: vars{".config/rclone/rclone.conf": "[s3allas\n"},
		want: "key2012345 project_2012345 https://a3s.fi ~/.aws/credentials [default]"},
	{why: "all broken", home: "broken", err: "no credentials found"},
	{why: "nothing at all", err: "no credentials found"},
}

func TestFind(t *testing.T) {
	for _, tt := range findTests {
		t.Run(tt.why, func(t *testing.T) {
			p, err := findIn(home(t, tt.home, tt.extra), tt.env, tt.o)
			if tt.err != "" {
				nf, ok := errors.AsType[*NotFoundError](err)
				if !ok || nf.Summary() != tt.err {
					t.Fatalf("found %v, %v, want %q", p, err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := describe(*p); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// findIn calls Find with the home directory; HOME in a variable stands for it.
func findIn(dir string, e vars, o Options) (*Profile, error) {
	full := vars{"HOME": dir}
	for k, v := range e {
		full[k] = strings.ReplaceAll(v, "HOME", dir)
	}
	o.Env = env(full)
	return Find(o)
}

func describe(p Profile) string {
	if p.Project == "" {
		p.Project = "-"
	}
	if p.SecretKey == "" && !p.Anonymous {
		p.Project += " (no secret)"
	}
	return strings.Join([]string{p.AccessKey, p.Project, p.Endpoint, p.From}, " ")
}

func TestSecrets(t *testing.T) {
	p, err := findIn(home(t, "renamed", nil), nil, Options{Profile: "allas project2", CAFile: "/roots.pem"})
	if err != nil {
		t.Fatal(err)
	}
	if p.SecretKey != "secrettwo" || p.SessionToken != "tokentwo" || p.CAFile != "/roots.pem" || p.Name != "allas project2" {
		t.Errorf("secret %q, token %q, roots %q, name %q", p.SecretKey, p.SessionToken, p.CAFile, p.Name)
	}
}

func TestAnonymous(t *testing.T) {
	p, err := findIn(home(t, "allas-conf", nil), vars{"AWS_CA_BUNDLE": "/roots.pem"}, Options{Anonymous: true})
	if err != nil {
		t.Fatal(err)
	}
	if !p.Anonymous || p.AccessKey+p.SecretKey != "" || p.Endpoint != "https://a3s.fi" || p.CAFile != "/roots.pem" {
		t.Errorf("%v", p)
	}
	p, err = findIn("", vars{"AWS_ENDPOINT_URL": "lumidata.eu"}, Options{Anonymous: true})
	if err != nil || p.Endpoint != "https://lumidata.eu" {
		t.Errorf("%v, %v", p, err)
	}
}
