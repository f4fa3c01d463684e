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
// # Links
//
// Loopback hides what users have. With -links the programs reach the gateway through a relay that adds a round trip and caps each connection. It
// ends TCP on both sides: new connections cost no round trip, windows do not grow slowly, and small answers are never held back for an
// acknowledgement, which flatters programs that wait for those on a true network.
//
// # What keeps it honest
//
// Every 4 KiB page of every object carries its object's number and its own offset, and every read that is measured looks at them. Before the
// measurements each system reads everything once more in full and all bytes are compared; what the first repetition writes is read back by the raw
// client and compared. A cold row has an empty cache folder, a new daemon, and a dropped page cache. A row that takes longer than -limit is cut
// and shown as ">".
package main
