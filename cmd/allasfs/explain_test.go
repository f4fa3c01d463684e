package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"allasfs/cmd/allasfs/internal/exit"
	"allasfs/s3"
	"allasfs/s3/profile"
)

func uidText() string { return strconv.Itoa(os.Getuid()) }

func TestExplain(t *testing.T) {
	p := &profile.Profile{Endpoint: "https://a3s.fi", From: "~/.aws/credentials"}
	for _, c := range []struct {
		err    error
		bucket string
		code   exit.Code
		text   string
	}{
		{s3.ErrCredentials, "", exit.Credentials, "does not accept the keys from ~/.aws/credentials"},
		{s3.ErrClockSkew, "", exit.Unreachable, "clock"},
		{os.ErrNotExist, "b", exit.Source, `no bucket "b"`},
		{os.ErrPermission, "b", exit.Source, `"b" may not be used`},
		{os.ErrPermission, "", exit.Credentials, "does not show the buckets"},
		{s3.ErrBadName, "b", exit.Source, "can be called"},
		{&net.DNSError{Err: "no such host", Name: "a3s.fi"}, "", exit.Unreachable, "not known"},
		{unix.ECONNREFUSED, "", exit.Unreachable, "connection refused"},
		{unix.EHOSTUNREACH, "", exit.Unreachable, "no route"},
		{s3.ErrTimeout, "", exit.Unreachable, "in time"},
		{context.DeadlineExceeded, "b", exit.Unreachable, "in time"},
		{fmt.Errorf("something odd"), "", exit.Unreachable, "something odd"},
	} {
		e := explain(&s3.Error{Op: "head", Bucket: c.bucket, Err: c.err}, p, c.bucket)
		if e.Code != c.code || !strings.Contains(e.Text, c.text) || e.Hint == "" || strings.Contains(e.Text, "\n") {
			t.Errorf("%v: got code %d, %q, hint %q; want code %d and %q", c.err, e.Code, e.Text, e.Hint, c.code, c.text)
		}
	}
}

func TestCheckEndpoint(t *testing.T) {
	for _, ok := range []string{"https://a3s.fi", "http://127.0.0.1:80", "http://[::1]:80", "http://localhost:9000"} {
		if err := checkEndpoint(ok, false); err != nil {
			t.Errorf("%s: %v", ok, err)
		}
	}
	for _, bad := range []string{"http://a3s.fi", "http://127.0.0.1.example.org", "http://10.0.0.1", "ftp://a3s.fi", "a3s.fi", "://", "https://"} {
		if err := checkEndpoint(bad, false); err == nil {
			t.Errorf("%s is allowed", bad)
		}
	}
	if err := checkEndpoint("http://10.0.0.1", true); err != nil {
		t.Errorf("--insecure-http: %v", err)
	}
}
