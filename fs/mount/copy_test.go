package mount

import (
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// TestCopyIsDoneByTheStore: cp moves no data, for a new file, a small one and over an old one.
func TestCopyIsDoneByTheStore(t *testing.T) {
	each(t, func(t *testing.T, m *mounted) {
		files := map[string]string{"small": "few bytes", "large": string(randomBytes(70 << 20))}
		for nm, data := range files {
			m.put("d/"+nm, data)
		}
		for nm, data := range files {
			run(t, exec.Command("ls", "-l", m.path("d")))
			for _, args := range [][]string{{}, {"--reflink=auto"}, {"-p"}} { // the second and the third over what is there
				if m.s3 != nil {
					m.s3.ResetCounts()
				}
				run(t, exec.Command("cp", append(args, m.path("d", nm), m.path("d", nm+" copy"))...))
				if m.s3 != nil {
					wantNoData(t, m.s3.Counts())
				}
				m.wantObject("d/"+nm+" copy", data)
			}
			m.wantFile("d/"+nm+" copy", data)
		}
	})
}

func wantNoData(t *testing.T, requests map[string]int) {
	t.Helper()
	for _, op := range []string{"GetObject", "PutObject", "UploadPart", "UploadPartCopy"} {
		if requests[op] > 0 {
			t.Errorf("cp moved data: %v", requests)
		}
	}
	if requests["CopyObject"] == 0 {
		t.Errorf("cp copied nothing: %v", requests)
	}
}

// TestCopyFileRange by a program: ranges anywhere, read before the close, and where the kernel has to copy by itself.
func TestCopyFileRange(t *testing.T) {
	each(t, func(t *testing.T, m *mounted) {
		data := string(randomBytes(3 << 20))
		m.put("from", data)
		in := must[*os.File](t)(os.Open(m.path("from")))
		defer in.Close()
		out := must[*os.File](t)(os.Create(m.path("to")))
		must[int](t)(out.WriteString("head"))
		copyRange(t, in, 1<<20, out, 4, 1<<20)
		copyRange(t, out, 2, out, 2<<20, 4096) // a file with changes, and the same one
		must[int](t)(out.WriteAt([]byte("changed"), 1<<20))
		want := ("head" + data[1<<20:])[:1<<20] + "changed"
		want += string(make([]byte, 2<<20-len(want))) + ("head" + data[1<<20:])[2:4098]
		m.wantFile("to", want)
		ok(t, out.Close())
		m.wantObject("to", want)
	})
}

func copyRange(t *testing.T, in *os.File, from int64, out *os.File, to int64, n int) {
	t.Helper()
	for n > 0 {
		got, err := unix.CopyFileRange(int(in.Fd()), &from, int(out.Fd()), &to, n, 0)
		if err != nil || got == 0 {
			t.Fatalf("copy_file_range at %d: %d, %v", from, got, err)
		}
		n -= got
	}
}
