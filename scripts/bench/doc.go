// Command bench runs allasfs, its rivals, the raw client and the native disk over the same work, on one gateway, side by side, and writes what
// each took as a table and a plot. scripts/bench/run builds and starts it.
//
// # What is compared
//
// A row is one piece of work ("read 1 GiB in 1 MiB reads, cold"); a system is one way to do it:
//
//	raw          minio-go with quick acknowledgements, the limit of what the gateway gives
//	native       the same files on the local disk
//	allasfs      the mount
//	s3fs         s3fs with use_cache
//	rclone       rclone mount --vfs-cache-mode full
//	boto3        a Python loop as tutorials write it
//	rclone-copy  rclone copy to the disk, then reading there
//
// Rows of one subject form a scene, since later rows want the state that earlier ones leave (a warm cache, a written object). A repetition runs
// every scene on every system in turn before the next repetition begins, so that a slow minute of the machine hits all of them.
//
// # What is measured
//
// Wall time of the work as a program sees it, and until the store holds the result where a mount answers before that; CPU time of the mount's
// daemon (of the client itself where there is no daemon); the daemon's peak resident memory during the row; requests, counted in the gateway's
// access log by bucket, where that log can be read. A figure is the median of the repetitions, a ratio the median of the ratios within each.
//
// CPU time that the kernel spends on its own threads is nobody's. Every run is kept as run-DATE.json with all samples, the machine, the commit and
// the versions; -merge makes one table and plots of several such files, so that a full run may be split by -only. Ratios are within a run.
//
// # Links
//
// Loopback hides what users have. With -links the programs reach the gateway through a relay that adds a round trip and caps each connection. It
// ends TCP on both sides: new connections cost no round trip, windows do not grow slowly, and small answers are never held back for an
// acknowledgement, which flatters programs that wait for those on a true network.
//
// # Micro-benchmarks
//
// What a layer costs by itself is measured beside its code: the READs that fs/mount answers, without the kernel and through it; the cache's warm and cold reads
// and its drafts; GETs, listings and sums of s3. scripts/bench/micro compares a revision with the working tree, run by run in turns:
//
//	scripts/bench/micro -p ./fs/mount -b 'Read' HEAD~1
//	scripts/bench/micro -n 10 -p './s3 ./cache'
//
// Or by hand, on a machine that does nothing else; ten runs of each side make a difference of some per cent plain, and benchstat prints "~" where there is none:
//
//	go test -run '^$' -bench Read -count 10 ./fs/mount >old.txt
//	# change the code
//	go test -run '^$' -bench Read -count 10 ./fs/mount >new.txt
//	go tool benchstat old.txt new.txt
//
// # What keeps it honest
//
// Every 4 KiB page of every object carries its object's number and its own offset, and every read that is measured looks at them. Before the
// measurements each system reads everything once more in full and all bytes are compared; what the first repetition writes is read back by the raw
// client and compared. A cold row has an empty cache folder, a new daemon, and a dropped page cache. A row that takes longer than -limit is cut
// and shown as ">". Memory that a virtual machine has never touched is touched once before, for a gibibyte of it costs its first user a second. What the raw client sends lies in the page cache before, as what programs write to a mount comes from memory.
//
// What flatters: the native file was written in one piece, which is at least as fast to read as a cache file that grew by blocks (against us); the
// raw client of a row "8 at once" reads with more in flight than the program asks for (against us); starting Python or rclone is part of what users
// do today, which counts in short rows (for us); s3fs and rclone are Debian's, older than their latest releases (for us); rows "again" read the
// kernel's page cache on systems that keep it over opens, and s3fs and rclone as set here do not (for us, but what their users have).
package main
