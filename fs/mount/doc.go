// Package mount is the face of a file system of package fs to the Linux kernel, by FUSE. It unpacks requests, calls one method of fs each, and
// maps errors to errnos in one table. It holds no state of files: node numbers are those of fs, so that there is one inode table.
//
// # What the kernel keeps
//
// Names (also those that do not exist) and attributes are trusted by the kernel for [allasfs/fs.FS.TTL]; 0 makes it ask each time. Pages of a file are
// kept over opens while the version is the same (fs.Handle.KeepCache), and dropped when its size or modification time changes. What package
// fs learns earlier than the TTL's end, it tells by the notifier: a queue, emptied by one goroutine, because the kernel answers a notification
// only when it can lock the inode, which a request in progress may hold. Directories are not cached by the kernel: their entries come with attributes
// (READDIRPLUS, always), which saves a LOOKUP a file to all that reads names and then looks at them.
//
// write(2) goes to the draft at once, in requests of up to 1 MiB, and a stat shows the draft's size. Shared writable mappings work; their pages come
// when the kernel writes them out, at msync(2), close(2) or munmap(2), and by any handle that may write. One that cannot be kept is an error of the call that
// the kernel makes known to one caller only: package fs remembers it.
//
// A handle that was opened for writing alone writes past the kernel's pages (FOPEN_DIRECT_IO): these would have to be allocated, filled, and dropped again, since what is written moves the
// modification time. Dropped between the filling and the sending, for a write of somebody else, they would be read as they were before, and stay so until the next change (TestWritersBesideReaders
// without it, as an ordinary user on a busy machine: one run in eight). That saves a new file the question for security.capability, too. The kernel drops the pages of the range before it passes a write on, and newer ones once more after
// it; what older ones read again in between, while another handle was open, they are told to drop. A page that a mapping changes in between would come
// back whole, with what was there before the write: beside a handle to read and write, by which mappings write, all writes go through the pages. (One that is opened
// later, with a mapping that writes to the page of a write that is under way, can still undo that.) Kernels that have no DIRECT_IO_ALLOW_MMAP, those before
// Linux 6.6, do not drop them: there all writes go through the pages.
//
// # Writes that the kernel collects
//
// A request costs a program that writes 4 KiB at a time more than the writing itself: on 2 cores a new file of 128 MiB, sent and all, takes 3.4 times as
// long as with writes of 1 MiB. With [allasfs/fs.Options.KernelWrites] the kernel collects them (FUSE_WRITEBACK_CACHE), and it takes as long. The
// price, all seen on Linux 6.18:
//
//   - it believes no size and no time that it is told of a file that it knows. So what another client has changed is another node, open or not;
//   - it does not pass on what it has collected before it asks for holes, which would then be told where data is. So LSEEK is ENOSYS: the kernel
//     answers by itself, and knows no holes;
//   - it reads a page before it changes a part of it, though the program asked for no byte. So a file that has bytes in the store is opened for writing
//     with FOPEN_DIRECT_IO, where writes come at once as ever, unless another handle to read and write, and so perhaps a mapping, is there. These do not move the mtime that the kernel shows: stat(2) tells the new one once the kernel
//     forgot the file, and what the kernel tells of the old one meanwhile, at a rename say, is no change (allasfs/fs);
//   - it reads by handles that are open for writing alone, and knows itself where appended bytes go: files are opened O_RDWR, without O_APPEND;
//   - it sends the time of the last write when it writes pages out, and with each change of size: one that is but its idea of a change that is stored
//     already is no change of attributes;
//   - an error, ENOSPC say, comes at close(2) or fsync(2): of what could not be kept nothing is stored, not what came before it either (allasfs/fs, tear);
//   - what has not been passed on is lost when the daemon is killed;
//   - who closes a file that another process is sending just then waits for that in the kernel, and cannot be killed before it is sent or has failed;
//   - there is no passthrough beside it: the kernel does not allow both. A read-only mount does not ask for it.
//
// # Kernel settings
//
//	max_write, max_read   1 MiB: more gives nothing (the pages of a request are limited to 256), less costs throughput
//	max_background        64 requests of readahead in flight, against the kernel's 12
//	read_ahead_kb         1024 as root, by /sys/class/bdi; else the kernel's 128, which a file system cannot raise by itself
//	HANDLE_KILLPRIV_V2    else the kernel asks for security.capability before every single write; in return the set-user and set-group bits are taken
//	                      away here (fs.FS.DropSetID) where a write, a truncation or a change of owner has to
//	ATOMIC_O_TRUNC        else a file that is about to be emptied is opened, perhaps fetched, and then truncated
//	default_permissions   always: the kernel checks the permission bits that stat(2) shows, so that access(2), test -x and open(2) agree and
//	                      allow_other cannot show a file of mode 0600 to everybody
//	                      A new file is its maker's where that is another user than the daemon's (fs.WithCreator)
//	nosuid, nodev         always, unless the options say suid or dev (as root): objects are written by other people
//	st_blksize            128 KiB: stdio and Python buffer that much, where 4 KiB would cost a request for every page written
//	splice                off: replies are copied from memory, where the bytes are; see below for those that are on disk
//	FOPEN_CACHE_DIR       the kernel keeps a directory's names, and is told by KEEP_CACHE that they are right while the listing is the one that they are
//	                      of and nothing was changed by this mount since (fs.DirHandle.Cache); its own changes it knows
//
// # Passthrough
//
// On a mount by root, the kernel reads a file of 256 KiB or more that is whole in the cache from the cache's own file, without the daemon
// (FOPEN_PASSTHROUGH; Linux 6.9). The version is lent by [allasfs/cache.File.Backing]: each block was compared with its checksum before, and none is
// taken out from then on. The kernel allows one mode an inode, and answers EIO to an open in another while a handle or
// mapping lives: so the first opener decides (see backings). Smaller files are served by the kernel's pages, which outlive the close.
//
// On 2 cores, 192 MiB in the page cache of the disk: 1 MiB reads at 0.86 to 1.28 of the speed of the cache's file itself, by the daemon 0.09 to 0.19;
// random 4 KiB reads at 0.68 to 0.82, by the daemon 0.03 to 0.05.
//
// Who opens such an inode for writing meanwhile opens it with FOPEN_DIRECT_IO beside FOPEN_PASSTHROUGH: his reads and writes come to the daemon. At the first
// write the lent file leaves the cache, and what goes to the draft goes to it too, so that readers see it at once (allasfs/fs, loan).
// A shared mapping of a handle for reading and writing goes to the lent file by itself, and nothing tells of that: no request comes at msync(2), and
// RELEASE comes at close(2), though the mapping is written on. So from the open of such a handle on the file is watched:
//
//   - what changed in it, found by time and by the checksum of each block, goes into the draft at each close(2) and fsync(2) of the inode, before
//     that is sent, and every second. On ext4, xfs and btrfs fsync(2), by a descriptor for reading too, makes the next write by a mapping move the time of
//     change, which is set to a constant in between; elsewhere, as on tmpfs, every block is looked at each time;
//   - that a mapping may live can be asked for: meanwhile the lent file refuses a read lease (F_SETLEASE), provided that the daemon has it open for
//     reading only. It refuses as well while any writable handle is open, or any mapping made by an O_RDWR handle lives, be it private, or for reading:
//     mprotect(2) may make that one writable. Once a lease is given, and the file compared, the watch ends, and what came after the last close is sent.
//
// The price is that such a handle's close(2) reads all of the file once anything was written to it, and that its file is not lent again while the
// kernel knows it. msync(2) of such a mapping is on the local disk when it returns, and in the journal up to a second later. All this was seen on Linux 6.18; the tests in
// beside_test.go hold what a mount promises to readers and writers of one file.
//
// The kernel refuses without CAP_SYS_ADMIN (EPERM), and when the cache folder is on a stacked file system as overlayfs (ELOOP): then the first refusal
// is logged, and the daemon reads from there on. A lack of descriptors or memory sends that one open to the daemon. Mode tells how it was at the start,
// [Server.Passthrough] how it went on: how many opens of large files went past the daemon and how many did not. Options.NoPassthrough switches it off.
//
// A file that package fs lets the kernel write (fs.Handle.BackingToWrite) is in passthrough for all its handles, without FOPEN_DIRECT_IO, until the last is released: 65536 writes of 4 KiB cost no request, and
// a sixth of the daemon's processor time. A small file costs three times as long so, for its data file, marks and registration: it is for files that are expected to be large.
// It takes what passthrough takes, and that the file can be guarded (allasfs/cache, Draft.Direct): Linux 6.14, the cache folder on ext4, xfs or btrfs. What is missing is known at the start, logged then, and told by
// [Server.Passthrough]. The kernel keeps no write out while close(2) of another descriptor sends the file, as the daemon would; fsync(2) it does.
//
// # Warm reads by the daemon
//
// Where there is no passthrough, a READ of what is cached is one pread(2) into the reply's buffer, which no READ allocates. The other way, the descriptor of the
// cache's file and splice(2), was measured beside it with go-fuse alone: a file of 256 MiB in the disk's page cache, none of it in the mount's, read-ahead
// of 128 KiB as an ordinary user has it, on 2 busy cores, 3 times 7 runs in turns. Best run, and the median of the daemon's processor time:
//
//	                      copied                         spliced
//	in order by 128 KiB   1527 MiB/s, 0.40 s a GiB       1512 MiB/s, 0.35 s a GiB
//	in order by 1 MiB     1966 MiB/s, 0.32 s a GiB       1921 MiB/s, 0.29 s a GiB
//	random 4 KiB          23 us, 19 us of the daemon     33 us, 31 us of the daemon
//
// So copying is as fast in order, at a tenth more processor time, and faster at random, where filling and emptying a pipe costs more than 4 KiB of copying. And
// it can be checked: the cache looks after its pread whether the block was evicted meanwhile, while a spliced reply leaves after the answer to the request
// is decided, and would need a file that is lent (cache.File.Backing) and is never punched. BenchmarkReadThroughKernel measures what is.
//
// # Interrupts
//
// The kernel interrupts a request at any signal to the waiting thread, SIGCHLD or a profiler's timer included, and does not say which. A program does
// not expect EINTR from a file, and a request given up for nothing is work lost. So an interrupted request looks at the caller's signals in /proc:
//
//   - the caller is being killed: the wait ends at once, so that nothing hangs that cannot be killed;
//   - SIGINT, SIGTERM, SIGHUP or SIGQUIT wait for a handler of the program: the wait ends with EINTR after a second;
//   - anything else: the request goes on, as on a local disk;
//   - the signals cannot be seen (another PID namespace): EINTR after a second.
//
// Behind another program's call in the same directory, or its lookup of the same name, a program may wait in the kernel itself, for a lock that no signal
// ends; it goes when that call does, killed or at its end. The same holds for what the daemon has read when it is stopped (SIGSTOP): that waits for SIGCONT
// or SIGKILL to the daemon; what it has not read yet can be killed.
//
// What ends is the waiting. Uploads, renames and removals that have begun go on in package fs. A close(2) that belongs to the exit of a killed
// program does not wait for the upload.
//
// # Locks
//
// flock(2) and fcntl(2) locks are the kernel's own: they work between the programs of this mount, not between mounts.
//
// # Errors
//
// See errno.go for the table. ENOSYS is never returned for a request that package fs serves: the kernel remembers it, and a flush that is
// never asked for again is data lost. An error that its errno does not explain, and every failed upload, is logged once with operation and path. A
// panic becomes EIO, with its stack in the log.
//
// # Several file systems
//
// [MountSeveral] shows several file systems of package fs as the directories of one top directory: the projects of a user, stores side by side. A layer
// above them does it (union), which finds by the upper bits of a node's number whom a request is for; node ids of package fs leave these free
// ([allasfs/fs.IDBits]). So nothing in package fs asks whose store it is about, and no lock and no turn is shared by two stores; the other way, a
// store in each node, would have put that question into every path from lookup to recover. What would touch two parts is EXDEV, the top itself cannot be
// changed, and neither it nor the attributes of the parts' directories cost a request. A part is asked nothing while its store is known to be out of use
// (Part.Down). The kernel's queue of read-ahead is one for the whole mount.
//
// # Mounting
//
// mount(2) is called directly where the kernel allows it (root, or a user namespace of its own), else fusermount3 does it; a directory /dev/fd/N stands for a FUSE connection that the caller has opened and
// mounted (as apptainer --fusemount does). A dead mountpoint, whose daemon was killed, is cleared first.
package mount
