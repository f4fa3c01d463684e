// Package pjd holds the rules of POSIX for the calls on names, errno by errno, as cases of data that are run on a real mount by several users (the tests are
// all there is in it). What is tested is what pjdfstest tests for open, mkdir, rmdir, unlink, rename, symlink, link, truncate, ftruncate, chmod, chown,
// utimensat, mkfifo and mknod; the cases are written anew. The same cases hold on a local file system, which shows that they are right.
//
// # Limits
//
// These cannot hold on an object store, or not without harm. A step that fails for one of these reasons is marked by it, must fail, and has to lose its mark when
// it holds:
//
//	link      an object has one key: link(2) is EPERM
//	special   an object is a file: mkfifo(2) and mknod(2) of a device are EPERM
//	ctime     the store keeps no time of change, and one that a remount forgot would make git and rsync read everything again: ctime is mtime (where the kernel
//	          collects writes, it keeps one while it knows the file)
//	atime     the store keeps no time of access: atime is mtime
//	collects  where the kernel collects writes, it believes no time but its own, which a write to a file that had bytes in the store does not move, as that goes
//	          past its pages: stat(2) shows the new time once the kernel forgot the file
package pjd
