package profile

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tokenService answers AssumeRoleWithWebIdentity as the RADOS Gateway does, with keys that name the token, and refuses the token "old".
func tokenService(w http.ResponseWriter, r *http.Request) {
	token := r.FormValue("WebIdentityToken")
	if r.Method != http.MethodPost || r.FormValue("Action") != "AssumeRoleWithWebIdentity" || r.FormValue("RoleArn") != "arn:aws:iam:::role/reader" || token == "old" {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Code>ExpiredTokenException</Code><Message>`+token+`</Message></Error></ErrorResponse>`)
		return
	}
	fmt.Fprintf(w, `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials>
		<AccessKeyId>AK-%s</AccessKeyId><SecretAccessKey>SK</SecretAccessKey><SessionToken>ST</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>
		</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`, token)
}

// newToken is a file with a token, and what the environment says of it.
func newToken(t *testing.T, token, endpoint string) (file string, env map[string]string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "token")
	setToken(t, file, token)
	return file, map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": file, "AWS_ROLE_ARN": "arn:aws:iam:::role/reader", "AWS_ENDPOINT_URL": endpoint}
}

func setToken(t *testing.T, file, token string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
}

// The token of the environment becomes keys at the store's own address; when they are looked for again, the token that is in the file then.
func TestWebIdentity(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(tokenService))
	defer srv.Close()
	file, env := newToken(t, "one", srv.URL)
	for _, token := range []string{"one", "two"} {
		setToken(t, file, token)
		p, err := findIn(home(t, "", nil), env, Options{})
		if err != nil || p.AccessKey != "AK-"+token || p.SecretKey != "SK" || p.SessionToken != "ST" || p.Endpoint != srv.URL {
			t.Errorf("%+v, %v", p, err)
		}
	}
	env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"] = "AK", "SK"
	if p, err := findIn(home(t, "", nil), env, Options{}); err != nil || p.AccessKey != "AK" {
		t.Errorf("keys beside the token: %+v, %v", p, err)
	}
}

// So does that of a profile, at an address of its own whose certificate a CA file vouches for.
func TestWebIdentityOfProfile(t *testing.T) {
	srv := httptest.NewTLSServer(http.HandlerFunc(tokenService))
	defer srv.Close()
	file, _ := newToken(t, "one", "")
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	config := "[profile reader]\nrole_arn = arn:aws:iam:::role/reader\nweb_identity_token_file = " + file + "\nendpoint_url = https://store.example\n"
	h := home(t, "", map[string]string{".aws/config": config})
	env := map[string]string{"AWS_ENDPOINT_URL_STS": srv.URL}
	p, err := findIn(h, env, Options{Profile: "reader", CAFile: ca})
	if err != nil || p.AccessKey != "AK-one" || p.Endpoint != "https://store.example" || !strings.Contains(p.From, "config") {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := findIn(h, env, Options{Profile: "reader"}); err == nil || !strings.Contains(err.Error(), "cannot be asked") {
		t.Errorf("without the CA: %v", err)
	}
}

// What goes wrong is told, and neither the token nor what the service says of it is.
func TestWebIdentityFails(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(tokenService))
	defer srv.Close()
	for want, change := range map[string]func(env map[string]string){
		"refused the token: ExpiredTokenException":         func(env map[string]string) { setToken(t, env["AWS_WEB_IDENTITY_TOKEN_FILE"], "old") },
		"cannot be read: no such file":                     func(env map[string]string) { os.Remove(env["AWS_WEB_IDENTITY_TOKEN_FILE"]) },
		"by https only":                                    func(env map[string]string) { env["AWS_ENDPOINT_URL_STS"] = "http://store.example" },
		"web identity: http://127.0.0.1:1 cannot be asked": func(env map[string]string) { env["AWS_ENDPOINT_URL_STS"] = "http://127.0.0.1:1" },
	} {
		file, env := newToken(t, "secret-token", srv.URL)
		change(env)
		_, err := findIn(home(t, "", nil), env, Options{})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "environment") {
			t.Errorf("%v, want %s", err, want)
		}
		if err != nil && (strings.Contains(err.Error(), "secret-token") || strings.Contains(err.Error(), "Message")) {
			t.Errorf("the token is told: %v", err)
		}
		os.Remove(file)
	}
}
