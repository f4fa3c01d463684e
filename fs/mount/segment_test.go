package mount

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestMissingSegment: of a Swift large object whose segment is gone no byte is read, however its client named the segments, and what is wrong is told in words.
func TestMissingSegment(t *testing.T) {
	const segment = 200_000
	for client, prefix := range map[string]string{
		"swift": "f/1700000000.5/600000/200000/", "rclone": "f/1700000000.12345/600000", "rclone now": "f/2024-02-29-235959-aZ09", "another": "f/",
	} {
		t.Run(client, func(t *testing.T) {
			m := newMount(t, quickly)
			m.s3.MakeBucket("segments")
			m.s3.PutDLO(m.bucket, "f", "segments", prefix)
			for i := range 3 {
				key := fmt.Sprintf("%s/%08d", strings.TrimSuffix(prefix, "/"), i)
				m.s3.PutObject("segments", key, []byte(strings.Repeat(fmt.Sprint(i), segment)), nil)
			}
			m.s3.Delete("segments", m.s3.Keys("segments")[1])
			got, err := os.ReadFile(m.path("f"))
			wantErrno(t, err, syscall.EIO)
			if len(got) > 0 {
				t.Errorf("%d bytes were read", len(got))
			}
			value := make([]byte, 4096)
			n, err := unix.Getxattr(m.path("f"), "user.allasfs.error", value)
			ok(t, err)
			const words = "the object ends before its end"
			told := m.fs.Status().Errors
			for where, text := range map[string]string{"user.allasfs.error": string(value[:n]), "status": fmt.Sprint(told), "log": m.log.String()} {
				if !strings.Contains(text, words) {
					t.Errorf("%s does not tell that %q: %q", where, words, text)
				}
			}
		})
	}
}
