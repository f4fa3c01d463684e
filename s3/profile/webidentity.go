package profile

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"

	"github.com/minio/minio-go/v7/pkg/credentials"
)

// webIdentity is a token of an identity provider in a file, which the store's security token service gives keys for (AssumeRoleWithWebIdentity, which the
// RADOS Gateway has at its own address: https://docs.ceph.com/en/latest/radosgw/STS/).
type webIdentity struct {
	tokenFile string // "" = there is none
	role      string // its ARN
	endpoint  string // of the service, "" = the store's
	ca        string // PEM roots trusted beside the system's, "" = none
}

// exchange gets the keys of an entry that has a token. They end by themselves; whoever finds them refused looks for keys again, and so asks again, with the
// token that is in the file by then. Neither the token nor an answer is quoted.
func (c *candidate) exchange() error {
	fault := func(what string) error { return Look{Where: c.From, What: "web identity: " + what, fault: true} }
	w := c.identity
	endpoint := cmp.Or(w.endpoint, c.Endpoint)
	if err := checkService(endpoint); err != nil {
		return fault(err.Error())
	}
	client, err := w.client()
	if err != nil {
		return fault(err.Error())
	}
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(context.Background(), processLimit) // see run
	defer cancel()
	creds := credentials.New(&credentials.STSWebIdentity{Client: client, STSEndpoint: endpoint, RoleARN: w.role, GetWebIDTokenExpiry: w.token})
	v, err := creds.GetWithContext(&credentials.CredContext{Client: client, Context: ctx})
	switch refused, told := errors.AsType[credentials.ErrorResponse](err); {
	case err == nil && v.AccessKeyID != "" && v.SecretAccessKey != "":
		c.AccessKey, c.SecretKey, c.SessionToken = v.AccessKeyID, v.SecretAccessKey, v.SessionToken
		return nil
	case err == nil:
		return fault("the answer of " + endpoint + " holds no keys")
	case told && refused.STSError.Code != "":
		return fault(endpoint + " refused the token: " + refused.STSError.Code)
	case errors.Is(err, os.ErrNotExist), errors.Is(err, os.ErrPermission):
		return fault("the token in " + w.tokenFile + " cannot be read: " + cause(err))
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		return fault(endpoint + " cannot be asked: " + e.Err.Error())
	}
	return fault(endpoint + " gave an answer that cannot be understood")
}

// checkService refuses a service to which the token would go in clear over a network.
func checkService(endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return errors.New("the address of the token service is no URL")
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme == "http" && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return errors.New("the token is sent by https only, and the address of the token service is " + u.Scheme + "://" + u.Host)
	}
	return nil
}

func (w webIdentity) token() (*credentials.WebIdentityToken, error) {
	text, err := os.ReadFile(w.tokenFile)
	return &credentials.WebIdentityToken{Token: string(text)}, err
}

func (w webIdentity) client() (*http.Client, error) {
	t := &http.Transport{Proxy: http.ProxyFromEnvironment}
	if w.ca == "" {
		return &http.Client{Transport: t}, nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	pem, err := os.ReadFile(w.ca)
	if err != nil || !roots.AppendCertsFromPEM(pem) {
		return nil, errors.New("no certificates can be read from " + w.ca)
	}
	t.TLSClientConfig = &tls.Config{RootCAs: roots}
	return &http.Client{Transport: t}, nil
}

// identityOfEnvironment is the web identity that the environment names, or nothing.
func (f *finder) identityOfEnvironment() webIdentity {
	return f.identityOf(f.o.Env("AWS_WEB_IDENTITY_TOKEN_FILE"), f.o.Env("AWS_ROLE_ARN"))
}

// identityOf is the web identity of a token in a file, and a role.
func (f *finder) identityOf(tokenFile, role string) webIdentity {
	if tokenFile == "" {
		return webIdentity{}
	}
	return webIdentity{tokenFile: tokenFile, role: role, endpoint: f.o.Env("AWS_ENDPOINT_URL_STS"), ca: f.caFile()}
}
