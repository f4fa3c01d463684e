package main

import (
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// heading says what the figures are of.
func (r *run) heading(w io.Writer) {
	fmt.Fprintf(w, "# Benchmark\n\n")
	if r.o.quick {
		fmt.Fprintf(w, "**A quick run: it shows that everything works, its figures say little.**\n\n")
	}
	fmt.Fprintf(w, "%s, %d processors (the gateway uses them too), Linux %s. Medians of %d repetitions (rivals: %d), the systems in turn.\n",
		r.begun.UTC().Format("2006-01-02"), runtime.NumCPU(), kernel(), r.o.repeat, min(r.o.repeat, r.o.rivals))
	fmt.Fprintf(w, "The big file has %d MiB; %d files of %d MiB, %d of 4 KiB, a tree of %d; %d small files are written; %d random reads of 4 KiB cold.\n",
		r.l.big>>20, r.l.mid, r.l.midBytes>>20, r.l.small, r.l.tree, r.l.written, r.l.random)
	fmt.Fprintf(w, "A cell: seconds (in brackets: until the store has it, where that is later) · CPU seconds of the daemon or client · its peak MiB · requests.\n\n")
	for _, v := range [][]string{{r.o.binary, "version"}, {"s3fs", "--version"}, {"rclone", "version"}, {"radosgw", "--version"}} {
		fmt.Fprintf(w, "- %s\n", version(v))
	}
	if r.o.mountFlags != "" {
		fmt.Fprintf(w, "- allasfs mount %s\n", r.o.mountFlags)
	}
}

func version(command []string) string {
	out, err := exec.Command(command[0], command[1:]...).Output()
	if err != nil {
		return command[0] + ": " + err.Error()
	}
	return firstLine(string(out))
}

func kernel() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "?"
	}
	release, _, _ := strings.Cut(string(u.Release[:]), "\x00")
	return release
}
