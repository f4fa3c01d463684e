package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// describe says what a run's figures are of.
func (r *run) describe() stored {
	x := stored{
		Date: r.begun.UTC(), Seconds: time.Since(r.begun).Seconds(), Commit: r.o.commit, Flags: r.o.mountFlags, Quick: r.o.quick,
		Repeat: r.o.repeat, Rivals: min(r.o.repeat, r.o.rivals),
		Machine: fmt.Sprintf("%d processors (%s; the gateway uses them too), Linux %s", runtime.NumCPU(), processor(), kernel()),
		Data: fmt.Sprintf("The big file has %d MiB; %d files of %d MiB, %d of 4 KiB, a tree of %d; %d small files are written; %d random reads of 4 KiB cold.",
			r.l.big>>20, r.l.mid, r.l.midBytes>>20, r.l.small, r.l.tree, r.l.written, r.l.random),
	}
	for _, v := range [][]string{{r.o.binary, "version"}, {"s3fs", "--version"}, {"rclone", "version"}, {r.o.interpreter(), "-c", boto3Version},
		{"radosgw", "--version"}} {
		x.Versions = append(x.Versions, version(v))
	}
	return x
}

const boto3Version = "import boto3; print('boto3', boto3.__version__)"

// writeHeading says what the figures of a table are of.
func writeHeading(w io.Writer, runs []stored) {
	fmt.Fprintf(w, "# Benchmark\n\n")
	for i, x := range runs {
		if i == 0 {
			fmt.Fprintf(w, "%s\n", x.Data)
		}
		if x.Quick {
			fmt.Fprintf(w, "\n**A quick run: it shows that everything works, its figures say little.**\n")
		}
		fmt.Fprintf(w, "\nRun of %s: %s. %d repetitions (rivals: %d). allasfs of %s.",
			x.Date.Format("2006-01-02 15:04 UTC"), x.Machine, x.Repeat, x.Rivals, orUnknown(x.Commit))
		if x.Flags != "" {
			fmt.Fprintf(w, " `allasfs mount %s`.", x.Flags)
		}
		fmt.Fprintf(w, " %s.\n", strings.Join(x.Versions, "; "))
	}
	fmt.Fprintf(w, "\nThe systems take turns; figures are medians. A cell: seconds (in brackets: until the store has it, where that is later) ·\n"+
		"CPU seconds of the daemon or client · its peak MiB · requests.\n")
	if len(runs) > 1 {
		fmt.Fprintf(w, "Where several runs have a row, the latest counts; ratios are within a run.\n")
	}
}

func orUnknown(commit string) string {
	if commit == "" {
		return "an unknown commit"
	}
	return "commit " + commit
}

// processor names the first one, as the kernel does.
func processor() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
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
