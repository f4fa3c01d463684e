package main

// This file bounds what unsent files take: bytes on disk, and descriptors.

import (
	"path/filepath"

	"golang.org/x/sys/unix"
)

const maxQueueFiles = 32 << 10 // unsent files that wait for their upload at once

// draftSpace is how many bytes unsent files may take below dir: as asked for, else half of what is free on its disk, counting what dir itself holds as
// free; 0 = no bound, where the disk does not tell.
func draftSpace(c config, dir string) int64 {
	if c.DraftSpace > 0 {
		return int64(c.DraftSpace)
	}
	var st unix.Statfs_t
	if unix.Statfs(filepath.Dir(dir), &st) != nil {
		return 0
	}
	free := int64(st.Bavail) * st.Bsize
	return max(1, (free+usedBy(dir, free))/2)
}

// queueFiles is how many closed files may wait for their upload at once: each holds two descriptors, of which half are left to everything else. What is
// closed beyond that waits for its upload.
func queueFiles() int {
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &l) != nil {
		return 0
	}
	return int(max(1, min(l.Cur/4, maxQueueFiles)))
}
