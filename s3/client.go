package s3

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7/pkg/signer"
)

// Config says which store is spoken to, as whom, and with what patience. It is read by [New] only.
type Config struct {
	Endpoint     string // URL with scheme, e.g. https://a3s.fi
	AccessKey    string // with SecretKey; all three empty: anonymous (unsigned) requests
	SecretKey    string
	SessionToken string
	Region       string        // part of the signature, never asked for; "" = "regionOne"
	CAFile       string        // PEM roots trusted beside the system's, "" = none
	Requests     int           // connections kept alive for as many requests side by side, 0 = 64
	StallTimeout time.Duration // a request whose bytes stop for so long is cut and tried again, 0 = 30 s
	RetryFor     time.Duration // how long a failing request is tried again before it is given up, 0 = 2 min
	Logger       *slog.Logger  // nil = none

	// Renew is asked for other keys when the store has refused these, every five seconds at most; requests that were refused are sent again if it returns
	// any. It must not block for long. nil = there are never others.
	Renew func() (Keys, error)

	// Wrap puts a RoundTripper around the transport: tests count requests and cause faults there. nil = none.
	Wrap func(http.RoundTripper) http.RoundTripper
}

// String shows c without its secrets.
func (c Config) String() string {
	return fmt.Sprintf("s3.Config{Endpoint: %q, Region: %q, anonymous: %t}", c.Endpoint, c.Region, c.AccessKey == "")
}

// GoString is String: no verb prints a secret.
func (c Config) GoString() string { return c.String() }

// LogValue is what slog shows of c.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// withDefaults returns c with every zero field set to what it stands for.
func (c Config) withDefaults() Config {
	if c.Region == "" {
		c.Region = "regionOne"
	}
	if c.Requests <= 0 {
		c.Requests = 64
	}
	if c.StallTimeout <= 0 {
		c.StallTimeout = 30 * time.Second
	}
	if c.RetryFor <= 0 {
		c.RetryFor = 2 * time.Minute
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Client speaks to one store as one user. Safe for concurrent use.
type Client struct {
	base     *url.URL
	keys     keyring
	region   string
	rt       http.RoundTripper
	idle     interface{ CloseIdleConnections() }
	stall    time.Duration
	retryFor time.Duration
	log      *slog.Logger

	reached   atomic.Bool  // the store has answered once
	form      atomic.Int32 // how the store wants If-Match: an etagForm
	busy      busy
	writeNews writeNews
	sums      sums
	hedge     hedge
	later     deletions
	meter     meter
}

// New returns a client. No request is sent. It fails on an endpoint that is no plain http or https URL, half a key pair, or an unreadable CAFile.
func New(c Config) (*Client, error) {
	c = c.withDefaults()
	base, err := parseEndpoint(c.Endpoint)
	if err != nil {
		return nil, err
	}
	if (c.AccessKey == "") != (c.SecretKey == "") {
		return nil, errors.New("s3: an access key and its secret are needed both, or neither")
	}
	t, err := newTransport(c)
	if err != nil {
		return nil, err
	}
	cl := &Client{base: base, rt: t, idle: t, stall: c.StallTimeout, retryFor: c.RetryFor, log: c.Logger, region: c.Region}
	cl.keys.now.Store(&Keys{c.AccessKey, c.SecretKey, c.SessionToken})
	cl.keys.renew = c.Renew
	if c.Wrap != nil {
		cl.rt = c.Wrap(t)
	}
	return cl, nil
}

// Close closes the idle connections. Requests under way go on.
func (c *Client) Close() { c.idle.CloseIdleConnections() }

// Endpoint returns the store's URL without a slash at its end.
func (c *Client) Endpoint() string { return c.base.String() }

func parseEndpoint(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, fmt.Errorf("s3: endpoint: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("s3: endpoint %q: want a URL such as https://a3s.fi", s)
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Path != "" && u.Path != "/" {
		return nil, fmt.Errorf("s3: endpoint of host %q: want nothing after and no user before the host", u.Host)
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

// sign signs a request with the keys in force, which it returns, if there are any. Payloads are not hashed: MD5 and the answer's ETag check them, and TLS
// protects them on the way.
func (c *Client) sign(r *http.Request) (*http.Request, *Keys) {
	k := c.keys.now.Load()
	if k.Access == "" {
		return r, k
	}
	r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
	return signer.SignV4(*r, k.Access, k.Secret, k.Token, c.region), k
}

// newTransport returns HTTP/1.1 over connections that acknowledge at once. HTTP/2 would share one connection and costs twice the CPU.
// It has no time limits on answers: those are the watchdog's.
func newTransport(c Config) (*http.Transport, error) {
	t := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer(min(c.StallTimeout, 15*time.Second)),
		MaxIdleConnsPerHost:   c.Requests,
		IdleConnTimeout:       55 * time.Second, // the gateway closes after 65
		TLSHandshakeTimeout:   c.StallTimeout,
		ExpectContinueTimeout: time.Second,
		DisableCompression:    true, // bytes are wanted as they are stored
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
	}
	if c.CAFile == "" {
		return t, nil
	}
	pem, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, fmt.Errorf("s3: CA file: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("s3: CA file %s holds no certificate", c.CAFile)
	}
	t.TLSClientConfig.RootCAs = pool
	return t, nil
}
