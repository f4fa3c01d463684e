package profile

import "strings"

// aws adds the sections of ~/.aws/credentials joined with those of ~/.aws/config, and gives the keys of the environment the endpoint that these files
// give them.
func (f *finder) aws() {
	a := awsFiles{}
	var creds, conf []section
	a.credsAt, creds = f.readINI(f.located("AWS_SHARED_CREDENTIALS_FILE", ".aws", "credentials"), fromAWS)
	a.confAt, conf = f.readINI(f.located("AWS_CONFIG_FILE", ".aws", "config"), fromAWS)
	a.sections = conf
	var names []string
	a.creds, names = byProfile(creds, nil)
	a.conf, names = byProfile(conf, names)
	for _, name := range names {
		f.awsEntry(a, name)
	}
	for i := range f.candidates {
		if c := &f.candidates[i]; c.source == fromEnvironment { // as the AWS tools do: the endpoint of the profile in force
			f.settle(c, a.endpoint(first(f.awsProfile(), "default")), true)
		}
	}
}

// awsFiles are the two files of the AWS tools, as far as they could be read.
type awsFiles struct {
	credsAt, confAt *file
	creds, conf     map[string]section // by profile
	sections        []section          // all of the config file
}

// byProfile sorts sections by the profile that they are about, and appends the new profiles to names.
func byProfile(sections []section, names []string) (map[string]section, []string) {
	by := map[string]section{}
	for _, s := range sections {
		if name, ok := configName(s.name); ok {
			name = first(name, "default")
			by[name] = s
			names = addOnce(names, name)
		}
	}
	return by, names
}

// configName is the profile that a section is about: [x] or [profile x], which either file tolerates; ok is false for other kinds of section.
func configName(s string) (name string, ok bool) {
	kind, rest, _ := strings.Cut(s, " ")
	switch kind {
	case "profile":
		return strings.Trim(strings.TrimSpace(rest), `"'`), true
	case "services", "sso-session", "plugins", "preview":
		return "", false
	}
	return s, true
}

// awsEntry adds one profile: its keys from the credentials file, else from the config file.
func (f *finder) awsEntry(a awsFiles, name string) {
	at := a.credsAt
	s, inCreds := a.creds[name]
	if conf, ok := a.conf[name]; ok && !s.hasKeys() && (conf.hasKeys() || !inCreds) {
		at, s = a.confAt, conf
	}
	c := candidate{source: fromAWS, fallback: name == "default", Profile: Profile{Name: name, From: at.entry(s.name)}}
	c.keys(s)
	if c.AccessKey == "" && c.SecretKey == "" {
		c.process = a.conf[name].get("credential_process")
		c.identity = f.identityOf(a.conf[name].get("web_identity_token_file"), a.conf[name].get("role_arn"))
		if c.process != "" || c.identity.tokenFile != "" {
			at = a.confAt
		}
	}
	c.nameProject(name)
	f.settle(&c, first(a.endpoint(name), a.creds[name].get("endpoint_url")), true)
	f.add(c, at)
}

// endpoint is what the config file gives to S3 for a profile: in its section of services, nested below s3, or plainly; or "".
func (a awsFiles) endpoint(profile string) string {
	s := a.conf[profile]
	if services := s.get("services"); services != "" {
		for _, other := range a.sections {
			if other.name == "services "+services && other.get("s3.endpoint_url") != "" {
				return other.get("s3.endpoint_url")
			}
		}
	}
	return s.get("s3.endpoint_url", "endpoint_url")
}

func (f *finder) awsProfile() string {
	return first(f.o.Env("AWS_PROFILE"), f.o.Env("AWS_DEFAULT_PROFILE"))
}
