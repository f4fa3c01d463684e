package main

import "slices"

// row is one piece of work that systems are compared in.
type row struct {
	name  string
	title string
	base  string  // system whose time is the measure, "" = none
	of    string  // row of the base that counts, "" = this one
	bar   float64 // base's time / allasfs' time that is wanted at least, 0 = none is set
	rival float64 // best rival's time / allasfs' time that is wanted at least, 0 = none is set
	peak  int64   // MiB that allasfs' daemon may have at the peak, 0 = no bar is set
	cpu   bool    // its CPU time ought to be below that of every rival
	plot  bool
}

// rows returns every row in the order of the table. What a bar "within 1.3 ×" means is 1/1.3 here.
func rows() []row {
	return slices.Concat(readRows(), smallRows(), listRows(), flatRows(), treeRows(), writeRows(), nameRows())
}

func readRows() []row {
	return []row{
		{name: "raw-get-1", title: "raw: 1 stream, not kept"},
		{name: "raw-get-8", title: "raw: 8 ranges of 8 MiB side by side, to the same disk"},
		{name: "raw-get-16", title: "raw: 16 ranges"},
		{name: "raw-get-32", title: "raw: 32 ranges"},
		{name: "first-byte", title: "first 4 KiB inside the big file, nothing known yet", base: "raw"},
		{name: "raw-128k", title: "raw: 128 KiB of each of a few files, one by one: what a cold read asks for"},
		{name: "first-4k", title: "first 4 KiB of each of a few files, names known (ratio: to raw-128k)", base: "raw", of: "raw-128k", bar: 1 / 1.15, plot: true},
		{name: "read-seq-cold", title: "read the big file in 1 MiB reads, cold", base: "raw", bar: 0.9, rival: 1, cpu: true, plot: true},
		{name: "read-seq-nocache", title: "the same with --cache-size 0", base: "raw", of: "read-seq-cold", bar: 0.9},
		{name: "streams-16", title: "16 readers, a part of the big file each, cold", base: "raw", of: "raw-get-16", peak: 256, plot: true},
		{name: "stride-1m", title: "1 MiB of every 8 MiB of it, cold (raw: 8 at once)", base: "raw", plot: true},
		{name: "read-seq-again", title: "read the big file again", base: "native", plot: true},
		{name: "read-seq-dropped", title: "read the big file again, page cache dropped", base: "native", plot: true},
		{name: "read-seq-remount", title: "read the big file again, mounted anew, name known", base: "native", bar: 0.9, plot: true},
		{name: "read-seq-disk", title: "the same with the page cache dropped", base: "native", bar: 0.9},
		{name: "rand-4k-warm-1", title: "random 4 KiB, cached, mounted anew, name known, 1 job", base: "native", bar: 0.85, plot: true},
		{name: "rand-4k-warm-8", title: "random 4 KiB, cached, mounted anew, name known, 8 jobs", base: "native", bar: 0.85},
		{name: "rand-128k-warm-1", title: "random 128 KiB, cached, mounted anew, name known, 1 job", base: "native", bar: 0.85},
		{name: "rand-128k-warm-8", title: "random 128 KiB, cached, mounted anew, name known, 8 jobs", base: "native", bar: 0.85},
		{name: "read-seq-daemon", title: "read the big file again, mounted anew with --passthrough=off, name known", base: "native", of: "read-seq-remount", plot: true},
		{name: "rand-4k-daemon-1", title: "random 4 KiB, cached, with --passthrough=off, 1 job", base: "native", of: "rand-4k-warm-1", plot: true},
		{name: "rand-4k-daemon-8", title: "random 4 KiB, cached, with --passthrough=off, 8 jobs", base: "native", of: "rand-4k-warm-8"},
		{name: "rand-128k-daemon-1", title: "random 128 KiB, cached, with --passthrough=off, 1 job", base: "native", of: "rand-128k-warm-1"},
		{name: "rand-128k-daemon-8", title: "random 128 KiB, cached, with --passthrough=off, 8 jobs", base: "native", of: "rand-128k-warm-8"},
		{name: "rand-4k-cold-1", title: "random 4 KiB, cold, 1 job", base: "raw", plot: true},
		{name: "rand-4k-cold-8", title: "random 4 KiB, cold, 8 jobs", base: "raw", plot: true},
		{name: "rand-128k-cold-1", title: "random 128 KiB, cold, 1 job", base: "raw"},
		{name: "rand-128k-cold-8", title: "random 128 KiB, cold, 8 jobs", base: "raw", plot: true},
	}
}

func smallRows() []row {
	return []row{
		{name: "mid-1", title: "files of 4 MiB, one by one", base: "raw", plot: true},
		{name: "mid-8", title: "files of 4 MiB, 8 at once", base: "raw", plot: true},
		{name: "small-1", title: "a tenth of the 4 KiB files, one by one", base: "raw", plot: true},
		{name: "small-8", title: "a tenth of the 4 KiB files, 8 at once (raw: 16)", base: "raw"},
		{name: "small-all", title: "all 4 KiB files by one process (raw: 16 at once)", base: "raw", bar: 0.7, rival: 3, plot: true},
	}
}

func listRows() []row {
	return []row{
		{name: "ls-f", title: "ls -f of the small files' directory, cold", base: "raw"},
		{name: "ls-f-again", title: "again"},
		{name: "ls-l", title: "ls -l of the small files' directory, cold", base: "raw", plot: true},
		{name: "ls-l-again", title: "again"},
		{name: "find", title: "find through a tree, cold", base: "raw", plot: true},
		{name: "find-again", title: "again"},
	}
}

func writeRows() []row {
	return []row{
		{name: "write-seq", title: "write the big file, 1 MiB writes, close", base: "raw", bar: 0.9, plot: true},
		{name: "write-4k", title: "write the big file, 4 KiB writes, close", base: "raw", of: "write-seq", bar: 0.9 * 0.7, plot: true},
		{name: "write-seq-kernel", title: "write the big file with --kernel-writes, 1 MiB writes", base: "raw", of: "write-seq"},
		{name: "write-4k-kernel", title: "with --kernel-writes, 4 KiB writes", base: "raw", of: "write-seq", bar: 0.9 * 0.7, plot: true},
		{name: "create-1", title: "small files written one after the other", base: "raw", bar: 1 / 1.3, plot: true},
		{name: "create-32", title: "small files written, 32 at once", base: "raw"},
		{name: "create-back", title: "small files written one after the other with --write-back, allasfs sync (raw: 32 at once)", base: "raw", of: "create-32", bar: 0.8, plot: true},
		{name: "change-4k", title: "change 4 KiB inside the big file", base: "raw", plot: true},
		{name: "append-4k", title: "append 4 KiB to the big file", base: "raw", plot: true},
	}
}

func nameRows() []row {
	return []row{
		{name: "rename-big", title: "rename the big file", base: "raw", bar: 1 / 1.2, plot: true},
		{name: "copy-big", title: "cp the big file within the mount", base: "raw", plot: true},
		{name: "rename-dir", title: "rename a directory of small files", base: "raw", bar: 1 / 1.3, plot: true},
		{name: "rm-r", title: "rm -r of a directory of small files", base: "raw", plot: true},
	}
}
