package mount

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestLink: who has the link gets the object, whatever its key, without credentials, and not for longer than it says.
func TestLink(t *testing.T) {
	each(t, func(t *testing.T, m *mounted) {
		client := m.plainClient(t)
		link := func(path, attr string) string {
			p := make([]byte, 4096)
			n := must[int](t)(unix.Getxattr(m.path(path), attr, p))
			return string(p[:n])
		}
		for _, key := range []string{"f", "dir/ä b+c%41&d=e?f#g", "dir/~'()*!,;:@"} {
			m.put(key, "the bytes of "+key)
			if status, body := client.get(t, link(key, "user.allasfs.link")); status != http.StatusOK || body != "the bytes of "+key {
				t.Errorf("%s: %d %q", key, status, body)
			}
		}
		short := link("f", "user.allasfs.link.1")
		time.Sleep(2100 * time.Millisecond)
		if status, body := client.get(t, short); status != http.StatusForbidden {
			t.Errorf("after its time: %d %q", status, body)
		}
		for _, attr := range []string{"user.allasfs.link.0", "user.allasfs.link.604801", "user.allasfs.link.x", "user.allasfs.linked"} {
			_, err := unix.Getxattr(m.path("f"), attr, nil)
			wantErrno(t, err, syscall.ENODATA)
		}
		_, err := unix.Getxattr(m.path("dir"), "user.allasfs.link", nil)
		wantErrno(t, err, syscall.ENODATA)
	})
}

// anonymous is a client without credentials.
type anonymous struct{ http.Client }

func (m *mounted) plainClient(t *testing.T) *anonymous {
	t.Helper()
	p := &anonymous{}
	if m.e.CAFile != "" {
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(must[[]byte](t)(os.ReadFile(m.e.CAFile)))
		p.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	}
	t.Cleanup(p.CloseIdleConnections)
	return p
}

func (p *anonymous) get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	r, err := p.Get(url)
	ok(t, err)
	defer r.Body.Close()
	return r.StatusCode, string(must[[]byte](t)(io.ReadAll(r.Body)))
}
