// Package fs is the file system in plain Go: directories, files, handles, listings and the way of changed files to the store. No type of FUSE is in
// it; package fs/mount is its face to the kernel, packages cache and s3 are what it stands on.
//
// # Mapping
//
// The top of a mount shows a project's buckets, one bucket, or one prefix of a bucket. A directory is a prefix of keys, a file is a plain object;
// package fs/name maps keys to names and back. A directory needs no object of its own. Markers of other clients (an empty `x/`, an empty `x` beside
// `x/…`, an empty object of a directory's content type, Hadoop's empty `x_$folder$`) read as the directory that they mean: the request that looks for keys
// below a name looks for Hadoop's marker too, a few keys farther on (nearby). mkdir writes a marker only when nothing comes
// to lie below the directory within a second, and a marker that allasfs wrote goes when something does; a directory whose last child is removed
// stays, by a marker again. At the top of a project mkdir makes a bucket and rmdir removes an empty one; a bucket that is not listed opens by its name.
// Such a one is remembered in Options.Buckets and listed with the others, until the store does not know it (unlisted).
//
// Whether another project's bucket may be written to is learned: the first change that the store refuses makes it show read-only, for some minutes, unless
// it took another change before (rights). A bucket whose name ends in _segments holds the parts of Swift large objects, and changes of it
// end in EROFS unless Options.Segments is set.
//
// Modification time, mode and owner live in user metadata as rclone, the Swift client and s3fs write them; symbolic links are objects whose mode says
// so, as s3fs has them. A file that another user than the mount's makes carries that owner (WithCreator); a directory's time is that of the last change of
// its names here, which like its mode is kept while its node is. A listing tells none of this: until a file is looked up by itself it shows the object's
// date, and a link of another mount shows as a file. With Options.FullStat a HEAD for each file tells it before a page is shown, once while ETag and date
// stand: what they tell outlives the mount in Options.AttrFile (attrFile). Swift large objects show their true size. Any empty
// entry of a listing may be one, or mean a directory, which only HEAD tells: it is asked when a program looks at the entry, and then for others ahead, as many as
// were looked at before (sizing), until when names are told without a type. What turned out to be empty is kept in Options.EmptiesFile for the next mount (empties).
//
// # Consistency
//
// A version is (bucket, key, ETag). A file's node stands for one version or for local changes of it, never for two versions: when another client
// replaces an object while it is open here, its name gets a new node and the open handles keep the old version, or get ESTALE when its bytes are gone.
// Metadata is trusted for Options.TTL, so another client's change is seen at the first open after that (close-to-open); own changes show at once: they
// are laid over listings that began earlier (FS.note). Nodes that the kernel forgets stay, some thousands of them, while they are trusted (keepIdle).
//
// # Files in order
//
// Who reads the files of a listed directory in the order of the listing (walker: forwards, backwards, every n-th, those of one extension), one
// program or several that share them, gets the next ones fetched ahead: files of up to 1 MiB, whole, one GET each, behind what readers wait for.
// Of a directory whose last files of 1 to 8 MiB were read whole, two at least, such files are fetched ahead as well, and one that is opened is asked for in one
// request; the first of them that is read in part ends that (readWhole).
// Two files in a row begin it; the window grows by one with each file that is not there some steps before its reader, halves with each that nobody
// read, and ends with the reading. The next directory of a tree goes on with the window of the last. What is fetched is a version in the cache, so
// nothing old can be shown by it.
//
// # Listings
//
// A directory is listed page by page as it is read, a page ahead of the reader; it stops when the last reader leaves. After some pages the rest is listed
// by several key ranges side by side (ranges). A complete listing answers lookups, the negative ones too, until its TTL ends. A program that walks
// a tree (find, du, grep -r) is recognised by the second directory that it reads in another one it has read, in order; from there on a flat listing
// runs just ahead of it (sweep), and the listings of the directories are made of that (flattener): a request a thousand objects in place of one a
// directory. It moves by what the walk takes, one page ahead, so that a walk which stops, or looks at one level only, costs a page or two. A directory
// that two pages do not get past lists itself. Some steps backwards among the directories of one show a walk in an order of its own, as GNU fts takes those of more
// than 10 000: then a flat listing goes through all that is below, and keeps what it passes until the walk comes to it. Own changes take the directory out of what the flat listing saw (FS.spoil).
// With Options.HideSidecars what a-put writes beside a file is left out when a directory is read (DirHandle), and goes with the file when that is removed or renamed (withSidecar).
//
// # Writing
//
// The first write to a file makes a draft (package cache), a table of local bytes, ranges of the version that was there, and zeros; nothing is
// downloaded. close(2) and fsync(2) send it and return when the object is in the store: one PUT, or a multipart upload in which the server copies the
// ranges of 5 MiB and more that nobody touched (plan). A new file goes out on the condition that its key is free, a changed one on the condition that the
// version is still the one that was opened; else close fails with ESTALE, the other's version keeps the name, and the draft is kept for
// `allasfs recover`. A draft that could not be sent for any other reason stays in place and is tried again at the next close, at Sync and at Close.
// Attributes that are changed after the close follow within seconds by a copy of the object onto itself, are tried again until the store takes or refuses
// them, and are told by Status until then. Until then they are in the journal, too (attrNote): after a crash the next mount sends them, if the version that
// they were set on is still there. A power cut within that time may lose them, never bytes; fsync(2) sends them.
// Those of a file that is being renamed, or below a directory that is, go where it is then, after a crash too: to the old name, the new one, or both (leftAttrs).
// What a crash cut short and the store does not take is tried again after 30 s, then after twice the time, at most ten minutes, and told once. A rename is given
// up a day after it was begun, attributes a day after the first try that failed, or when the store will never take them: then the error tells what they were.
// Who sets others on such a file meanwhile, or writes to it, takes them along (takeLeft).
// Nobody waits for such a try while the store is away: it is asked first, without a gate (resumeLater).
// Those that are set while the bytes are on their way follow them in the same way, whatever becomes of the answer: the bytes are not sent again for them (attrsAfter).
//
// Pages of a mapping, and writes that the kernel collects, come when the program was told that they are written. A file of which some could not be kept is torn: it
// is not sent by itself, each close, fsync and Sync ends in ENOSPC or EIO, the version in the store stays, and the draft waits for `allasfs recover`, over a
// crash too, until what was lost is written again or cut off (tear).
//
// Full parts of a new or emptied file of more than 32 MiB, written from its start, leave while it is being written; close sends the rest and what was
// written again, and completes the upload. One that is not wanted any more is aborted, if need be by a later mount (abortNote). Such an object has no mtime of its own in its metadata unless one is set: its date is the store's.
//
// With Options.DirectFrom the kernel writes a new or emptied file past the daemon while it is open for writing alone (direct), unless it is expected to be small: by the old file of that name, else by
// the last one that was stored in its directory; of the first one there nothing is known. [FS.DirectWrites] tells where that cannot be. close(2) and fsync(2) find what was written by the
// file's time; parts that left early are compared once more by a checksum. What another program writes while the file is being sent may be in the object in part, and is sent by its own close. Once sent, the
// draft is parked, and becomes the node's again when the file is written on; it goes to the cache with the last handle. Which bytes are new nobody knows, so all are sent then. A file that is opened for reading and writing meanwhile counts as written at all times, and is
// watched until no program maps it.
//
// Sending, renaming and removing run on the mount's own context: a signal to the program ends its waiting, never the work.
//
// copy_file_range(2) reads nothing: the draft notes which range of which version of another object it holds, of one such version at most, and a draft that is
// all of it goes out as one copy by the server, after a HEAD of what the copy would replace, since the gateway ignores
// conditions on that; of another the bytes are read and sent. Before that version goes, or is replaced here, its bytes are
// brought to the drafts that hold them; when another client replaces it, the close fails with ESTALE unless the bytes are in the cache.
//
// Renames are done by the server: copy, then delete. A directory's objects are all copied, and a listing of both names has shown every copy, before the
// first source goes; what another client changes below it meanwhile, also while they go, is copied again, what it made under the new name is not replaced. Copies of a rename
// that failed are removed, and the empty directory that it was to replace keeps its markers until it has succeeded (replacedDir). The rename is in the
// journal until it has an answer (dirMove): the next mount ends, within a day, what a crash cut short, before anything else is changed there; what needs a
// choice by then stays under both names. An open file that is removed or replaced by a rename is brought to the local disk first and goes on working.
//
// From the ninth file on that is removed one after the other, as by `rm -r`, unlink(2) answers before the store has: the removals gather for a tenth of a
// second, go a thousand a request (s3.Client.DeleteLater), and every request that could miss them waits for them. A file whose removal the store then
// refuses shows again, and the reason is recorded; of removals that were put off when the daemon was killed the files are still there.
//
// So is the removal of a directory from the ninth on (leafEmpty): one of files alone, whose fresh listing shows nothing that this mount has not removed since,
// goes without a look at the store, its marker with the files. What another client has put there since the listing is not touched: it shows again after
// Options.TTL, or when the directory above is removed, which is always looked at if it holds directories, and is not empty then.
//
// # Write-back
//
// With Options.WriteBack close(2) returns when the file is safe on the local disk: its draft is complete in the journal and both are flushed, those that
// are closed at the same time together (cache.Draft.Persist), so that neither kill -9 nor a power cut loses what was acknowledged. fsync(2) still waits
// for the store. A queue sends such files in the background, 32 small and 6 large ones side by side, each kind with turns of its own, and tries again
// what failed, at most a minute later, until the mount ends; the next mount begins with what is left. A file waits 200 ms for its turn, and while it is
// open for writing up to 5 s: so what follows a close at once (a time, a rename, more bytes, a removal) costs no request of its own. Renaming a file that
// the store never had moves its draft; it may replace another file, on the condition that it is the version that was seen. A directory with queued
// files below it gets no marker. When more files wait than there are descriptors for (Options.QueueFiles), or the disk fails, close waits for
// the upload. A conflict that no close was told of is told by each Sync until a person has decided (FS.untold).
//
// What an earlier mount left for a name goes before the name is opened for writing here (FS.leftFirst). What cannot go by then waits behind the file that is being
// written (FS.stayBehind): it goes when that comes to nothing, also by a crash before its close. Once something newer is closed, or when the name is removed or renamed, it
// never goes by itself again: it is older, and is kept for `allasfs recover` (FS.supersede). Of several closed drafts of one name that a crash left, the newest goes.
// Before the version that a kept draft was made from goes, or is replaced here, what it takes from there is brought to it (FS.beforeGone): without room for that the version stays.
// What the store may have made of a draft, or of an older one, without saying so is in its journal (cache.Perhaps): it is ours, and no conflict.
//
// Drafts together take cache.Options.DraftSpace bytes at the most. A write that finds no room waits while uploads are on their way, those of the file systems beside it too (Group), without a gate, and
// ends in ENOSPC when none is, or only what failed before and has failed again: a file has to fit as a whole, for the parts of it that left early could not be read back.
//
// # Warming
//
// Warm downloads trees before they are read: flat listings of the prefixes (1000 objects a request), files side by side and large ones in ranges, behind
// what readers wait for. It reckons what each file takes on disk and stops where the cache is full, so that it never evicts what it fetched itself. What
// is cached is not fetched again. Held and Evict go by what the cache has, without a request.
//
// # Locks
//
// In this order; none but the gates is held over the network, and nobody waits for a gate while it holds a lock:
//
//   - FS.tree: shared by every change of the namespace, whole for the rename of a directory
//   - node.gate: shared by writes to a file, whole for sending, renaming and removing it, and for a directory's marker and its removal. Reads and stat
//     take none: they never wait for an upload. Who needs two takes that of the lower node id first (FS.together)
//   - node.appending, loan.mu, node.drafting, noted.mu, leftAttrs.mu: over local disk I/O
//   - FS.mu: every field of nodes and the node table, no I/O at all
//   - sweep.mu
//   - listing.mu, warming.mu
//
// # Errors
//
// Errors of the store come wrapped and keep their sentinels (os.ErrNotExist, s3.ErrQuota, …); rules of POSIX are told as syscall.Errno. fs/mount turns both
// into errno by one table. What went wrong with a file's bytes is logged and kept for `allasfs status` as well (FS.record), since many programs never
// look at what close(2) returns.
package fs
