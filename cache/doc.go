/*
Package cache is the local disk of a mount: blocks of object versions that were read, and drafts of files that are being changed. It knows
neither the store nor the file system: bytes come from a [Source], and who wants what is told by calls.

# Model

A version is one state of an object, named by an [ID]; it never changes, so nothing in the cache is ever invalidated, only evicted. It is cut
into blocks (128 KiB; the last one may be short). A block is absent, on its way (a download has it), in memory, or on disk. A [File] is one
reader's view of a version; all Files of a version share blocks, downloads and read-ahead.

A read takes what is on disk with one pread into the caller's buffer, without a lock or an allocation. For the rest it joins downloads that
are on their way, and starts one for each run of blocks that nobody asked for. It returns as soon as its own bytes are in memory. A download
goes on for those who want it; when the last of them leaves because its context ended, it is cancelled, unless it is about to end or reads
ahead. An error of the source goes to those who wait, wrapped, after what came before it; it is not remembered.

Sequential reads are recognised a cursor at a time, up to 16 in a version: a cursor expects the next read where the last one ended, and
forgives small skips and reads out of order. The first read of a sequence costs its own blocks, or the whole file where that is short
(Options.Whole) and the read takes a good part of it. From the second on the window of read-ahead is at least twice what was read in
sequence (four times from the start of a file), and doubles as long as the reader has to wait for it: up to 8 requests side by side however
slow the network is, beyond that up to what is read in a second, and never over its share of seven eighths of the memory. For a reader that does
not wait it goes down to what the reader takes in the time of two requests. The window is asked for in requests of 4 to 8 MiB, as many as may run: longer ones where the
delay, which is measured, would be more than a tenth of their time. What a sequential reader waits for and what it is going to want is one request. A jump is a new cursor, which starts
with nothing. Four jumps at equal distances, forwards or backwards, make a strided sequence: the pieces that come next are fetched and
nothing between them, two at first and up to 64 as long as the reader has to wait; adjacent ones, as backward reading has them, in one
request. It is given up when the jumps go elsewhere, and asks for nothing without a piece that was read. Random reads do not push out
cursors that have shown themselves to be sequences.

Requests and memory have one budget for all files (Options.Parallel and Options.Memory). What a reader waits for goes first; read-ahead
takes turns among the files and leaves a quarter of the requests free. A store that asks for patience ([Cache.Busy]) halves the requests, and
they come back one by one as requests succeed. When memory runs out, blocks that were read go first; unread ones go for a reader that waits,
or after some seconds. Where blocks that were read still wait for the disk, sequences wait with them as long as the disk keeps up with two thirds of the
network, and for a quarter of a second where it stands still: a file without holes costs no request later. Else these blocks are left out, so a slow or
failing disk costs caching and never a read. What small reads downloaded is written when no reader has begun to wait for 20 ms, or half a second after its download, or when it has
become 2 MiB: until then the next small read has the processors to itself. With Options.Size 0 everything above holds, with memory alone.

A reader whose context ends takes its own request with it, and what was read ahead for its sequence, unless somebody else waits for that.

# Deviations by design

Three things are not as one might expect, on purpose:

  - The window is what is read in a second, not bandwidth times delay: the delay that is measured is that of a network which our own requests fill, and a
    window of so much would follow each stutter of the machine. A second is longer than any delay, and the memory's share bounds it (pace).
  - A slow disk costs caching and never a read, but for sequences, which may lose up to a third of their speed to a disk that nearly keeps up: a file
    without holes costs no request later (backlog).
  - A file that was lent and is closed, but still mapped by a program, is not known to be in use: when it is evicted its name goes and its bytes stay on disk
    until the mapping ends, which Options.Size does not count. Nothing tells of such a mapping.

# On disk

	lock                      locked by the daemon (flock), holds its process number
	blocks/v1/ab/ab….data     the version's bytes, sparse, as long as the object
	blocks/v1/ab/ab….idx      its index
	blocks/packs1/….pack      small versions, one after the other
	blocks/packs1/index       what is in the packs, while no daemon has the folder
	drafts/<id>.data, .log    a draft's bytes and its journal; a small draft has the journal alone
	drafts/*.damaged          drafts that could not be read, for a person to look at
	intents/<id>              what was begun in the store and has to be ended after a crash: see [Intent]

Folders are 0700, files 0600. A folder that another user owns, or that holds something else, is refused and left as it is ([CheckFolder]), symbolic links in it are not followed, and names are hashes, so no
key leads out of it. The folder is for one daemon: the second gets [ErrInUse].

An index is a header of 2 KiB (format, ID, size, block size, a random salt, CRC-32C) and 8 bytes a block: the CRC-32C of its bytes, and a tag
over salt, block number and checksum. The record is written after the bytes. What a crash leaves torn is one of: bytes without a record (the
block is absent), a record whose tag is wrong (absent), a record whose bytes are not there or old (the checksum, which is compared at the
first read after a restart, tells). None of that needs an fsync, and none is made. A header that does not fit its file drops the version.

A version of one block, up to 128 KiB, has no files of its own, which would cost more than its download: it is an entry of a pack, a head (ID, size,
checksum of the bytes, CRC-32C over these, the pack's random salt and the place) and its bytes, written at the pack's end by one call. It is there as a
whole or not at all. What is taken out, by eviction, a new name or a new state, loses its head and, as a hole, the pages that hold nothing else; no place
gets other bytes, and a pack without entries is removed; when there are four times as many as a full cache needs, the one with the fewest is
emptied, so that versions that stay for ever do not keep a file each. A daemon that closes the folder leaves an index of its packs, and the next one takes each pack
for what the index says if file number, size and time of change are still the same; else it looks for heads in the pack, with what is torn or taken out
left aside. Bytes are compared with their checksum at the first read after a restart, but for a clean one in the same boot of the machine. Small
versions that an earlier format left as files are read as such.

# Eviction

Options.Size bounds what the files take (st_blocks, indexes and what is dead in packs included). Room is reserved before each write: closed versions go
first, the least recently used one first and as a whole, over restarts too (the order is that of the index files' times and, in packs, of the last use;
after a crash of the download); when all are open, segments of 64
blocks that were not used for longest are punched out of open files, and small versions out of their packs. What finds no room is not cached. A reader that races with this notices:
the blocks are marked absent and a counter grows before bytes go, and a reader looks at the counter after its pread.

[Cache.Held] lists what is there by reading the headers, and [Cache.Evict] removes versions by name; both leave what is in use.

# Files lent

A [Backing] is the data file of a version that is whole on disk, for the kernel to read without this package. Nobody compares what is read that way,
so a file is lent only after each block was compared with its checksum in this daemon's life: at download, or, of what an earlier daemon left, when it
is first asked for. Up to 128 MiB are compared while the caller waits; for more the answer is no until a goroutine has compared them. What a daemon
knew to be right when it closed the folder it leaves to the next one as seals (file number, size and time of change of each data file, in a file that goes
when it is read): they hold in the same boot of the machine as long as the file looks the same, so neither a crash, nor a power cut, nor a changed
file is trusted. What is in a pack is never lent. A lent file counts as used and is not evicted until it
is given back; and since a mapping of it may live longer, unseen, it is never punched or cut from then on, over restarts too (its sticky bit says so),
only removed whole when no File of it is open.

# Drafts

A [Draft] is a table of pieces (local bytes, a range of the base version or of one other object's, its [Origin], zeros), a sparse data file for the local ones, and a journal. Making
one downloads nothing. Every change of the table is one record of the journal, in its file when the call returns; bytes go to the data file
before their record, and overwriting local bytes needs none. A draft of up to 64 KiB has no data file: its bytes are records of the journal, and in
memory (an eighth of Options.Memory for all such drafts); it gets the file when it outgrows that, and a record says so when the bytes are in it. The
journal of such a draft that is gone, as its last record says, is written anew from the start by a later one, with another salt: so a small file costs
records, where making and removing files would cost most. ID and file name of a draft differ then. So the end of the daemon at any moment loses nothing of what a call reported
written; against a power cut there is [Draft.Sync], and [Draft.Persist] for many at once: from four on one syncfs(2) does for all of them, and
[Cache.PersistEnds] for drafts that were durable and have ended, so that they do not come back; a draft
that has holes afterwards where bytes were written is not sent by itself (doubt). Records carry CRC-32C, a sequence number and the journal's salt: a torn last one is
dropped, and a bad one before good ones makes the journal damaged, which costs its draft only: it is moved aside and told. Room for records
is taken from the disk before bytes are written, and some is kept for the draft's state, so that a full disk gives ENOSPC with the draft as it
was. A journal that is mostly history is rewritten. [Draft.Commit] moves the data file among the versions, or a small draft's bytes into a pack: reading back
what was uploaded costs no download; the checksums of a data file are written in the background, and blocks without one are absent after a restart.

# Drafts lent

[Draft.Direct] lends the data file of an empty draft to be written past this package, by the kernel: from then on the file is the draft, whatever size it has, and the journal says
only that. Nobody tells of a write. [Draft.Arm] sets the file's time of modification to a constant, under the file's lock, so that a write under way is in the file when it returns and each later one shows in
[Draft.Touched]; not so a mapping, and not asynchronous O_DIRECT. Its bytes count against Options.DraftSpace when somebody looks ([Draft.Room]). Before programs get at the file
they can be made to ask (fanotify(7), FAN_PRE_ACCESS; Linux 6.14 as root on ext4, xfs and btrfs), for room, or until what copy_file_range(2) took from an object is in the file. A file that was opened
while it was not guarded never asks. What was sent stays a draft until it is given back ([Draft.Stored]), and is dropped by a later daemon if the file was not touched. After the end of the
daemon programs write on: so a file that an earlier daemon lent, and one whose kernel connection was cut, never becomes a file of the cache.

# Locks

In this order; none is held while a source is asked.

	Draft.io         read: while bytes are written; write: truncate, punch, rebase, commit
	Draft.mu         table and state of a draft, held while its journal is written
	Cache.names      names in blocks/: held by who makes, removes or renames files, read by who opens them; the packs; local disk I/O under it
	version.attaching, version.checking, version.writing
	                 of one version: its files are opened; a block is compared with its checksum; bytes are written or punched
	Cache.mu         everything in memory; nothing is done under it but memory

Cache.intents.names, with which nothing else is held, is of the files of intents: held by who lists them, read by who writes or removes one.
version.attaching comes before Cache.names, the other two after it. Which blocks are present is read without a lock and changed under Cache.mu.
Goroutines: one a running download, one that writes to the disk, one a large version that is compared before it is lent; [Cache.Close] waits for all.
*/
package cache
