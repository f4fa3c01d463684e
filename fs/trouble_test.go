package fs

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"allasfs/s3"
	"allasfs/s3/s3test"
)

// Each kind of failure is told by its own words, however deep it lies, and the error's own text stays.
func TestTroubleOf(t *testing.T) {
	for _, c := range []struct {
		op   string
		err  error
		what string
	}{
		{"put", s3.ErrCredentials, "keys"}, {"put", s3.ErrClockSkew, "clock"}, {"put", s3.ErrQuota, "quota"}, {"get", s3.ErrChanged, "somebody else"},
		{"get", os.ErrPermission, "allow"}, {"make bucket", os.ErrExist, "taken"}, {"get", x509.UnknownAuthorityError{}, "certificate"},
		{"get", &net.DNSError{}, "reached"}, {"get", syscall.EHOSTUNREACH, "reached"}, {"get", fmt.Errorf("%w: %w", s3.ErrTimeout, syscall.ECONNREFUSED), "reached"},
		{"get", s3.ErrTimeout, "in time"}, {"get", io.ErrUnexpectedEOF, "ends before"}, {"get", s3.ErrCorrupt, "bytes"}, {"put", s3.ErrTooLarge, "large"},
		{"put", s3.ErrBadName, "name"}, {"write", syscall.ENOSPC, "disk"},
	} {
		err := fmt.Errorf("deep: %w", &s3.Error{Op: c.op, Bucket: "b", Err: c.err})
		trouble, ok := TroubleOf(err)
		if !ok || !strings.Contains(trouble.What, c.what) {
			t.Errorf("%v: %q, want %q", err, trouble.What, c.what)
		}
		if text := plain(err); !strings.HasPrefix(text, trouble.What+": "+trouble.Do) || !strings.Contains(text, err.Error()) {
			t.Errorf("%v: told as %q", err, text)
		}
	}
	for _, err := range []error{nil, errors.New("odd"), &os.PathError{Op: "open", Err: syscall.EACCES}, &s3.Error{Op: "put", Err: os.ErrExist}} {
		if trouble, ok := TroubleOf(err); ok {
			t.Errorf("%v is %q", err, trouble.What)
		}
	}
	if got := plain(errors.New("odd")); got != "odd" {
		t.Errorf("told as %q", got)
	}
}

// An upload that the quota refuses is told by the same words in status, as the reason of the draft, and by the attribute of the file.
func TestTroubleToldAlike(t *testing.T) {
	srv := s3test.New(t, s3test.WithQuota(1000, 0))
	srv.MakeBucket("data")
	w := newWorldOn(t, s3test.Of(t, srv), "data")
	h := must[*Handle](t)(w.open("f", syscall.O_CREAT|syscall.O_WRONLY))
	defer h.Release()
	must[int](t)(h.WriteAt(t.Context(), filled(5000, 1), 0))
	if err := h.Flush(t.Context()); !errors.Is(err, s3.ErrQuota) {
		t.Fatal(err)
	}
	s := w.f.Status()
	if len(s.Errors) == 0 || len(s.Drafts) != 1 {
		t.Fatalf("errors %v, drafts %v", s.Errors, s.Drafts)
	}
	attr := string(must[[]byte](t)(w.f.Getxattr(t.Context(), w.hold("f").ID, "user.allasfs.error")))
	for where, text := range map[string]string{"status": s.Errors[0].Text, "draft": s.Drafts[0].Reason, "attribute": attr} {
		if !strings.HasPrefix(text, "the quota is full: remove what is not needed") {
			t.Errorf("%s: %q", where, text)
		}
	}
}
