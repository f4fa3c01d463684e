// Package fsx is the file system exerciser of Apple and xfstests in Go: it does random operations on one file, keeps in memory what the file must
// hold, and compares. It is for the tests of a mount, and runs in a process of its own there: a mapping that faults inside the daemon's process
// can block both sides of the mount.
//
// An operation is a line of text (Op), drawn from a seed; what it means depends on the file's size when it is done, so that any subset of a failing
// run is a run too. A run that fails is made shorter (Shrink) and told as lines that Replay does again.
//
// Handles of a file: one that reads and writes, one that appends, one with O_DIRECT; all are closed and opened again by a reopen, after
// which the owner of the store is asked to compare (Options.Closed).
package fsx
