package main

// This file puts the errors of the store and of the network into plain words: what failed, why, and what to do about it.

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/url"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"allasfs/cmd/allasfs/internal/exit"
	"allasfs/s3"
	"allasfs/s3/profile"
)

const (
	hintCredentials = "run allas-conf to get new keys, or choose others with --project or --profile; 'allasfs doctor' shows which are found where"
	hintClock       = "set the clock: timedatectl set-ntp true, or ask the administrator"
)

// findProfile looks for credentials.
func findProfile(a access) (*profile.Profile, error) {
	p, err := profile.Find(a.options())
	if err != nil {
		return nil, noCredentials(err)
	}
	if err := checkEndpoint(p.Endpoint, a.InsecureHTTP); err != nil {
		return nil, err
	}
	return p, nil
}

// noCredentials tells where was looked, and what to do.
func noCredentials(err error) *exit.Error {
	var none *profile.NotFoundError
	if look, ok := errors.AsType[profile.Look](err); ok {
		return exit.New(exit.Credentials, "run the command by hand to see what it says", "%w", look)
	}
	if !errors.As(err, &none) {
		return exit.New(exit.Usage, "", "%w", err)
	}
	text := none.Summary()
	for _, l := range none.Looked {
		text += "\n  " + l.String()
	}
	return exit.New(exit.Credentials, strings.TrimPrefix(none.Hint, "What to do: "), "%s", text).Because(err)
}

// checkEndpoint refuses plain http to another machine: what is read and written could be seen and changed on the way.
func checkEndpoint(endpoint string, insecure bool) error {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return exit.New(exit.Usage, "write it like https://a3s.fi", "the endpoint %q is not an address", endpoint)
	}
	if u.Scheme == "https" || insecure || loopback(u.Hostname()) {
		return nil
	}
	return exit.New(exit.Usage, "use https, or allow it with --insecure-http", "the endpoint %s has no TLS: others on the network could read and change your data", endpoint)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// explain turns the failure of a request to the store of p into an error for a person. bucket is the one that was asked for, "" = the list of buckets.
func explain(err error, p *profile.Profile, bucket string) *exit.Error {
	switch {
	case errors.Is(err, s3.ErrCredentials):
		return exit.New(exit.Credentials, hintCredentials, "%s does not accept the keys from %s", p.Endpoint, p.From).Because(err)
	case errors.Is(err, s3.ErrClockSkew):
		return exit.New(exit.Unreachable, hintClock, "the clock of this machine is wrong: %w", err)
	case bucket != "" && errors.Is(err, os.ErrNotExist):
		return exit.New(exit.Source, "names of buckets are exact to the letter; 'allasfs mount DIR' shows all buckets of the project", "there is no bucket %q at %s", bucket, p.Endpoint).Because(err)
	case bucket != "" && errors.Is(err, os.ErrPermission):
		return exit.New(exit.Source, "it belongs to another project: ask its owner for access, or choose your project with --project", "the bucket %q may not be used with the keys from %s", bucket, from(p)).Because(err)
	case errors.Is(err, os.ErrPermission):
		return exit.New(exit.Credentials, hintCredentials, "%s does not show the buckets to %s", p.Endpoint, from(p)).Because(err)
	case errors.Is(err, s3.ErrBadName):
		return exit.New(exit.Source, "names of buckets have 3 to 63 letters, digits, dots, hyphens and underscores", "no bucket can be called %q", bucket).Because(err)
	}
	return explainNetwork(err, p.Endpoint)
}

// from says whose access is used.
func from(p *profile.Profile) string {
	if p.Anonymous {
		return "nobody (--anonymous)"
	}
	return p.From
}

// explainNetwork is for requests that found no S3 server.
func explainNetwork(err error, endpoint string) *exit.Error {
	const hint = "is the endpoint right, and is there a network? ('allasfs doctor' checks both)"
	var dns *net.DNSError
	var unknownCA x509.UnknownAuthorityError
	var cert *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &dns):
		return exit.New(exit.Unreachable, hint, "the name of the endpoint %s is not known: %w", endpoint, dns)
	case errors.As(err, &unknownCA):
		return exit.New(exit.Unreachable, "name the file of its certificate authority with --ca-file", "the certificate of %s is not trusted: %w", endpoint, unknownCA)
	case errors.As(err, &cert):
		return exit.New(exit.Unreachable, "is it the right endpoint, and is this machine's clock right?", "the certificate of %s is not good: %w", endpoint, cert)
	case errors.As(err, &record):
		return exit.New(exit.Unreachable, "is it an http:// endpoint?", "%s does not speak TLS: %w", endpoint, record)
	case errors.Is(err, unix.ECONNREFUSED):
		return exit.New(exit.Unreachable, hint, "nothing answers at %s: connection refused", endpoint).Because(err)
	case errors.Is(err, unix.ENETUNREACH), errors.Is(err, unix.EHOSTUNREACH):
		return exit.New(exit.Unreachable, hint, "there is no route to %s", endpoint).Because(err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, s3.ErrTimeout), errors.Is(err, os.ErrDeadlineExceeded):
		return exit.New(exit.Unreachable, hint, "%s does not answer in time: %w", endpoint, err)
	}
	return exit.New(exit.Unreachable, hint, "%s does not answer as an object store does: %w", endpoint, err)
}
