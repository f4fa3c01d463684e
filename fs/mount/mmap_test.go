package mount

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// helperMmap maps a file and writes or compares it: mmap read|write|fill|write-after-close|write-when-told PATH TEXT OFFSET. fill writes
// TEXT from OFFSET to the end, over and over; write-when-told closes the file, says so, and waits for a line.
func helperMmap(args []string) error {
	var off int
	if _, err := fmt.Sscan(args[3], &off); err != nil {
		return err
	}
	f, err := os.OpenFile(args[1], os.O_RDWR, 0)
	if err != nil {
		return err
	}
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	p, err := unix.Mmap(int(f.Fd()), 0, int(fi.Size()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	switch args[0] {
	case "read":
		if got := string(p[off : off+len(args[2])]); got != args[2] {
			return fmt.Errorf("mapped %q, want %q", got, args[2])
		}
	case "write", "fill":
		text := args[2]
		if args[0] == "fill" {
			text = strings.Repeat(text, (len(p)-off)/len(text))
		}
		copy(p[off:], text)
		if err := unix.Msync(p, unix.MS_SYNC); err != nil {
			return err
		}
	case "write-after-close", "write-when-told":
		if err := f.Close(); err != nil {
			return err
		}
		if args[0] == "write-when-told" {
			fmt.Println("closed")
			_, _ = fmt.Scanln()
		}
		copy(p[off:], args[2])
		return unix.Munmap(p)
	}
	if err := unix.Munmap(p); err != nil {
		return err
	}
	return f.Close()
}

// TestMapping: mapped pages are the file's, and what is written to them comes to the store, also when the file was closed before.
func TestMapping(t *testing.T) {
	each(t, func(t *testing.T, m *mounted) {
		data := randomBytes(3<<20 + 5)
		copy(data[2<<20:], "needle")
		m.put("f", string(data))
		run(t, helper("mmap", "read", m.path("f"), "needle", fmt.Sprint(2<<20)))
		run(t, helper("mmap", "write", m.path("f"), "NEEDLE", fmt.Sprint(2<<20)))
		copy(data[2<<20:], "NEEDLE")
		m.wantObject("f", string(data))
		run(t, helper("mmap", "write-after-close", m.path("f"), "late", "100"))
		copy(data[100:], "late")
		if !eventually(func() bool { got, err := m.object("f"); return err == nil && got == string(data) }) {
			t.Error("what was written after close(2) did not come to the store")
		}
	})
}

// TestRunProgram executes a program that lies in the mount, from within the mount.
func TestRunProgram(t *testing.T) {
	m := newMount(t)
	script := "#!/bin/sh\npwd; echo \"$1\" > result\n"
	m.write("script", script)
	if out, err := m.sh("./script x"); err == nil {
		t.Errorf("a file without x ran: %s", out)
	}
	ok(t, os.Chmod(m.path("script"), 0o755))
	out, err := m.sh("./script argument")
	if err != nil || out != m.dir+"\n" {
		t.Errorf("%q, %v", out, err)
	}
	m.wantObject("result", "argument\n")
}
