package main

import (
	"testing"

	"allasfs/fs"
)

// The line says how large files were opened, and a refusal that came after the mount's start, which the mode does not know.
func TestPassthroughLine(t *testing.T) {
	for _, c := range []struct {
		p          fs.Passthrough
		mode, want string
	}{
		{fs.Passthrough{}, "passthrough of cached files", ""},
		{fs.Passthrough{Off: "the kernel collects writes"}, "FUSE 7.45, no passthrough: the kernel collects writes", ""},
		{fs.Passthrough{Opens: 1}, "passthrough of cached files", "1 open read by the kernel alone, 0 by way of the daemon"},
		{fs.Passthrough{ByDaemon: 1, Off: "only root may"}, "passthrough of cached files",
			"0 opens read by the kernel alone, 1 by way of the daemon; no passthrough any more: only root may"},
		{fs.Passthrough{Off: "only root may"}, "passthrough of cached files", "no passthrough any more: only root may"},
	} {
		if got := passthroughLine(c.p, c.mode); got != c.want {
			t.Errorf("passthroughLine(%+v, %q) = %q, want %q", c.p, c.mode, got, c.want)
		}
	}
}

// The line says whether the kernel writes new files where it is to, and why it does not.
func TestWritesLine(t *testing.T) {
	for want, w := range map[string]*fs.DirectWrites{
		"":                                       nil,
		"new files by the kernel alone, 0 opens": {},
		"new files by way of the daemon: a wall": {Off: "a wall"},
		"new files by way of the daemon now: a wall; before that 1 open by the kernel alone": {Opens: 1, Off: "a wall"},
	} {
		if got := writesLine(w); got != want {
			t.Errorf("writesLine(%+v) = %q, want %q", w, got, want)
		}
	}
}

func TestFullLine(t *testing.T) {
	for _, c := range []struct {
		w    fs.SpaceWarning
		want string
	}{
		{fs.SpaceWarning{What: "bytes", Used: 95 << 30, Limit: 100 << 30}, "the project has 95 GiB of 100 GiB, 95 %"},
		{fs.SpaceWarning{Bucket: "p/data", What: "objects", Used: 499_000, Limit: 500_000}, "p/data has 499000 of 500000 objects, 99 %"},
	} {
		if got := fullLine(c.w); got != c.want {
			t.Errorf("fullLine(%+v) = %q, want %q", c.w, got, c.want)
		}
	}
}
