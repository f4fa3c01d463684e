// Package pjd holds the rules of POSIX for the calls on names, errno by errno, as cases of data that are run on a real mount by several users (the tests are
// all there is in it). What is tested is what pjdfstest tests for open, mkdir, rmdir, unlink, rename, symlink, link, truncate, ftruncate, chmod, chown,
// utimensat, mkfifo and mknod; the cases are written anew. The same cases hold on a local file system, which shows that they are right.
//
// # Limits
//
// These cannot hold on an object store, or not without harm. A step that fails for one of these reasons is marked by it, must fail, and has to lose its mark when
// it holds:
//
//	link    an object has one key: link(2) is EPERM
//	special an object is a file: mkfifo(2) and mknod(2) of a device are EPERM
//	ctime   the store keeps no time of change, and one that a remount forgot would make git and rsync read everything again: ctime is mtime
//	atime   the store keeps no time of access: atime is mtime
package pjd
