package profile

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// Keys that something made tell what, so that the next ones are known to be of the same; permanent ones do not.
func TestMaker(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(tokenService))
	defer srv.Close()
	file, env := newToken(t, "one", srv.URL)
	first, err := findIn(home(t, "", nil), env, Options{})
	if err != nil {
		t.Fatal(err)
	}
	setToken(t, file, "two")
	second, err := findIn(home(t, "", nil), env, Options{})
	if err != nil || second.AccessKey == first.AccessKey || second.Maker != first.Maker || first.Maker == "" {
		t.Errorf("%q, then %q by %q: %v", first.AccessKey, second.AccessKey, second.Maker, err)
	}
	env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"] = "AK", "SK"
	if p, err := findIn(home(t, "", nil), env, Options{}); err != nil || p.Maker != "" {
		t.Errorf("permanent keys: %q, %v", p.Maker, err)
	}
}
