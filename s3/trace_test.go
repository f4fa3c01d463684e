package s3_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"

	"allasfs/s3"
	"allasfs/s3/s3test"
)

// Each request is traced by what was asked, what became of it and its number, and neither keys nor signatures are told.
func TestTrace(t *testing.T) {
	srv := s3test.New(t, s3test.WithSessionToken("the token"))
	e := s3test.Of(t, srv)
	srv.MakeBucket("data")
	srv.PutObject("data", "k", []byte("0123456789"), nil)
	var log bytes.Buffer
	c, err := s3.New(s3.Config{Endpoint: e.URL, AccessKey: e.AccessKey, SecretKey: e.SecretKey, SessionToken: "the token",
		Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	o, err := c.Head(t.Context(), "data", "k")
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Get(t.Context(), o.Version("data"), 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(r); err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	_, _ = c.Head(t.Context(), "data", "none")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, _ = c.Head(ended, "data", "k")
	text := log.String()
	for _, want := range []string{"op=head bucket=data key=k status=200 request=tx", "op=get bucket=data key=k range=\"bytes=2-4\" status=206 request=tx", "key=none status=404 request=tx"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for _, secret := range []string{e.AccessKey, e.SecretKey, "the token", "Signature", "X-Amz"} {
		if strings.Contains(text, secret) {
			t.Errorf("the log holds %q:\n%s", secret, text)
		}
	}
}
