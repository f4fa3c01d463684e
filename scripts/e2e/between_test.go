package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// between is a proxy before the gateway that a test lets do harm. It has two addresses.
type between struct {
	plain, secret *httptest.Server
	harm          atomic.Pointer[harm]
	certificate   atomic.Pointer[tls.Certificate] // of the secret address
}

// harm is what is done to what passes; each may be nil.
type harm struct {
	request func(*http.Request)        // changes what is asked
	answer  func(*http.Response) error // changes what is answered
	hold    <-chan struct{}            // requests wait until it is closed, or who asked is gone
}

// newBetween starts a proxy that lets everything pass.
func newBetween(t *testing.T, w *world) *between {
	t.Helper()
	target, err := url.Parse(w.gw.url)
	fatal(t, err)
	b := &between{}
	b.harm.Store(&harm{})
	quiet := log.New(os.Stderr, "", 0)
	quiet.SetOutput(nowhere{})
	proxy := &httputil.ReverseProxy{ErrorLog: quiet, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // it is signed
		if f := b.harm.Load().request; f != nil {
			f(r.Out)
		}
	}, ModifyResponse: func(r *http.Response) error {
		if f := b.harm.Load().answer; f != nil {
			return f(r)
		}
		return nil
	}}
	handler := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if hold := b.harm.Load().hold; hold != nil {
			select {
			case <-hold:
			case <-r.Context().Done():
				return
			}
		}
		proxy.ServeHTTP(rw, r)
	})
	b.plain, b.secret = httptest.NewServer(handler), httptest.NewUnstartedServer(handler)
	t.Cleanup(b.plain.Close)
	b.secret.Config.ErrorLog = quiet
	b.secret.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return &tls.Config{Certificates: []tls.Certificate{*b.certificate.Load()}}, nil
	}}
	b.newCertificate(t)
	b.secret.StartTLS()
	t.Cleanup(b.secret.Close)
	return b
}

// nowhere takes what servers say of clients that break off.
type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }

// newCertificate gives the secret address another certificate, signed by itself, ends what connections there are, and returns the file to trust it by.
func (b *between) newCertificate(t *testing.T) (pemFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	fatal(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	fatal(t, err)
	pemFile = filepath.Join(t.TempDir(), "ca.pem")
	fatal(t, os.WriteFile(pemFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644))
	b.certificate.Store(&tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key})
	if b.secret.URL != "" {
		b.secret.CloseClientConnections()
	}
	return pemFile
}

// gone closes the plain address: nothing listens there any more.
func (b *between) gone() {
	b.plain.CloseClientConnections()
	b.plain.Close()
}

// wrongClock dates a request as a machine does whose clock is slow: the store looks at the date before it looks at the signature.
func wrongClock(r *http.Request) {
	r.Header.Set("X-Amz-Date", time.Now().Add(-time.Hour).UTC().Format("20060102T150405Z"))
}
