package fs

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/semaphore"

	"allasfs/cache"
	"allasfs/s3"
)

// RootID is the node of the mount's top directory.
const RootID uint64 = 1

// IDBits is how many bits a node id takes at the most, so that who shows several file systems as one has room to tell them apart.
const IDBits = 56

// whole is the weight that excludes everybody else from a gate.
const whole = 1 << 30

// Options of a mount; read only after New.
type Options struct {
	Store    *s3.Client
	Name     string // the store's name in cache identities: endpoint and project
	Bucket   string // "" = the top directory lists the project's buckets
	Prefix   string // within Bucket, "" or ending in a slash
	Cache    *cache.Cache
	Group    *Group // of the file systems of one mount with one cache; nil = this is the only one
	ReadOnly bool
	Segments bool   // buckets whose names end in _segments may be changed
	Buckets  string // local file in which buckets that opened by name and are not listed are remembered; "" = for this mount only

	WriteBack  bool          // close answers when the file is safe on the local disk; it is sent in the background
	QueueFiles int           // of such files that may wait at once: each holds two descriptors; 0 = 4096
	QueueAfter time.Duration // for which such a file waits for what often follows at once, a rename, a time, more bytes; 0 = 200 ms

	ResumeAfter time.Duration // for which what a crash cut short waits when it could not be ended, twice as long each time; 0 = 30 s

	DirectFrom int64 // the kernel writes a new file past the daemon, where it can, unless it is expected to have less bytes: see direct; 0 = none. Not with WriteBack or KernelWrites
	DirectRoom int64 // bytes of room among the drafts with which that may begin; with half of it each write asks for room. 0 = 512 MiB

	KernelWrites bool // the kernel collects writes and then decides sizes and times: another version of a file that it knows is another node

	FullStat     bool   // listings come with the attributes that only a HEAD for each file tells
	AttrFile     string // local file that keeps those attributes for the next mount; "" = they are not kept; no other FS may use it
	EmptiesFile  string // local file that keeps for the next mount which objects are plain empty files; "" = they are not kept; no other FS may use it
	WatchSpace   bool   // the store is asked every hour how full it is, not only when statfs(2) is called
	HideSidecars bool   // directories do not show X_ameta, which CSC's a-put writes, while the file X is beside it: it opens by its name, and goes with X

	Overwrite bool // who closes last wins; else his close fails with ESTALE when another client changed the object meanwhile

	TTL      time.Duration // how long metadata is trusted; 0 asks each time
	UID, GID uint32        // owner of what stores none
	Umask    uint32        // taken from 0666 and 0777 where an object stores no mode
	Logger   *slog.Logger  // nil = discard
	Notifier Notifier      // told of what the kernel must forget; nil = nobody
}

// Notifier is the kernel's side of coherence. Its methods may be called from any goroutine, never with a lock of fs held.
type Notifier interface {
	EntryChanged(parent uint64, name string) // drop the cached entry, negative ones too
	ContentChanged(id uint64)                // drop cached attributes and pages
}

// FS is one mount. Safe for concurrent use.
type FS struct {
	o     Options
	log   *slog.Logger
	since time.Time

	ctx    context.Context // ends when the mount gives up; uploads run on it, never on a caller's
	cancel context.CancelFunc
	wg     sync.WaitGroup // every goroutine of the mount

	tree     *semaphore.Weighted // shared by changes of the namespace, whole for the rename of a directory
	settling *semaphore.Weighted // held by whoever does the work of later
	requests *semaphore.Weighted // metadata requests side by side that nobody waits for one by one
	parts    *semaphore.Weighted // bodies on their way up at once, all uploads together
	smalls   *semaphore.Weighted // of files of up to smallFile bytes, which parts does not count

	unlisted  unlisted
	stopWrote func() // of Store.OnWrite

	attrs *cache.LRU[versionKey, knownAttrs]   // attributes of versions, as HEAD or an own upload told them
	heads *cache.LRU[objectName, headOfListed] // true sizes of entries that a listing lies about

	wholes *cache.LRU[uint64, int] // by a directory's id: files in a row that were read whole, of those that mayBeWhole

	attrFile *attrFile // keeps attrs over mounts; nil = nothing does
	empties  *empties  // entries that a listing does not lie about

	mu       sync.Mutex // guards all below and every field of a node; never held over I/O
	notifier Notifier
	nodes    map[uint64]*node
	nextID   uint64
	seq      uint64 // grows with each own change of the namespace
	handles  int
	later    map[*node]time.Time // directories and files with work left to do, and when
	wake     chan struct{}
	uploads  map[*upload]struct{}
	orphans  orphans
	resends  map[string]*sendOp       // sendings of such drafts that are under way
	behind   map[*cache.Draft]*node   // such drafts, and the file that is being changed over the same key: they wait for what becomes of it
	leftSent map[objectName]time.Time // when such a draft was stored
	earlies  map[string]*early        // uploads of files that are still being written, by draft id
	loans    map[*cache.Draft]*loan   // lent files by the draft that changed them last
	watching map[*node]struct{}       // files that programs may write past the daemon, see loan and direct
	looking  bool                     // lookAtDirect runs
	byDaemon string                   // why files cannot be written past the daemon here, in words; "" = they can
	torn     map[*node]*tear          // files that lost a write and are not sent
	copies   map[string]*copying      // drafts that hold ranges of another object, and some that no longer do, by id
	errors   []ErrorRecord
	warms    []*warming // running, and the last that ended
	space    spaceCache
	rights   rights
	ahead    aheads
	unlinks  unlinkRun
	aborts   aborts
	visits   uint64                  // files read for the first time since they were opened
	idle     []*node                 // that the kernel forgot, in that order; see keepIdle
	finished []*walker               // that looked ahead to the end of a directory, the latest last
	reading  map[*node]int64         // bytes asked for of open files that mayBeWhole
	moves    map[*dirMove]struct{}   // directories that are being renamed
	notes    map[*node]*noted        // files of whose attributes the journal tells
	movingTo map[*node]objectName    // files that are being renamed, whose attributes a crash may have to look for there
	left     map[*leftAttrs]struct{} // attributes that an earlier mount had no time to send, until they are stored or given up
	sweeps   []*sweep                // tree walks that are followed, the newest last
	sweepMax int                     // bytes that may lie ready in one of them; read only after New
	steps    map[uint64]steps        // of readers of child directories, by the directory's node, lest a walk in any order is not recognised
	closed   bool                    // no new work is taken
	ended    bool                    // Close waits for the last goroutines: none may be added to wg

	queue                uploadQueue
	sendings             map[*sendOp]struct{} // of files, that are under way or wait for their gate
	vainly               uint64               // sendings that failed
	closings             int                  // files that are being made durable, and are about to be in the queue
	room                 chan struct{}        // closed when there may be room for more drafts
	unseen               map[string]struct{}  // ids of drafts in conflict that no close was told of
	sentFiles, sentBytes int64                // that got to the store
}

// complete checks options and sets what is to be set of those that were left out.
func (o *Options) complete() error {
	if o.Store == nil || o.Cache == nil {
		return errors.New("fs: a store and a cache are needed")
	}
	if o.Prefix != "" && o.Bucket == "" {
		return errors.New("fs: a prefix needs a bucket")
	}
	if o.Prefix != "" && !strings.HasSuffix(o.Prefix, "/") {
		o.Prefix += "/"
	}
	if o.QueueFiles <= 0 {
		o.QueueFiles = maxQueued
	}
	if o.QueueAfter <= 0 {
		o.QueueAfter = queueAfter
	}
	if o.DirectRoom <= 0 {
		o.DirectRoom = directRoom
	}
	if o.ResumeAfter <= 0 {
		o.ResumeAfter = resumeAfter
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

// New makes the file system of one mount. Drafts that a crash left are taken up: what was closed is sent in the background, the rest
// waits for `allasfs recover`. A prefix that does not end in a slash gets one.
func New(o Options) (*FS, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	known := o.Group.share(maxKnown, leastKnown)
	f := &FS{
		o: o, log: o.Logger, since: time.Now(), notifier: o.Notifier,
		tree:     semaphore.NewWeighted(whole),
		settling: semaphore.NewWeighted(1),
		requests: semaphore.NewWeighted(maxRequests),
		parts:    semaphore.NewWeighted(maxParts),
		smalls:   semaphore.NewWeighted(queueSmall),
		attrs:    cache.NewLRU[versionKey, knownAttrs](known),
		heads:    cache.NewLRU[objectName, headOfListed](known),
		wholes:   cache.NewLRU[uint64, int](wholeDirs),
		nodes:    make(map[uint64]*node),
		reading:  make(map[*node]int64),
		nextID:   1 << (IDBits - 1),
		later:    make(map[*node]time.Time),
		wake:     make(chan struct{}, 1),
		uploads:  make(map[*upload]struct{}),
		orphans:  newOrphans(),
		resends:  make(map[string]*sendOp),
		behind:   make(map[*cache.Draft]*node),
		leftSent: make(map[objectName]time.Time),
		earlies:  make(map[string]*early),
		loans:    make(map[*cache.Draft]*loan),
		watching: make(map[*node]struct{}),
		sendings: make(map[*sendOp]struct{}),
		torn:     make(map[*node]*tear),
		copies:   make(map[string]*copying),
		moves:    make(map[*dirMove]struct{}),
		notes:    make(map[*node]*noted),
		left:     make(map[*leftAttrs]struct{}),
		steps:    make(map[uint64]steps),
		sweepMax: sweepMaxReady,
		movingTo: make(map[*node]objectName),
		queue:    uploadQueue{wake: make(chan struct{}, 1)},
		room:     make(chan struct{}),
		unseen:   make(map[string]struct{}),
		unlisted: unlisted{file: o.Buckets},
		rights:   rights{refused: make(map[string]time.Time), trusted: make(map[string]bool), asking: make(map[string]bool), told: make(map[string]bool)},
	}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	f.nodes[RootID] = f.newRoot()
	o.Group.join(f)
	o.Store.OnBusy(o.Cache.Busy)
	o.Cache.Serve(o.Name)
	f.stopWrote = o.Store.OnWrite(f.wroteTo)
	if err := f.unlisted.load(); err != nil {
		f.log.Warn("read the buckets that opened by name", "err", err)
	}
	f.loadAttrs(o.AttrFile, known)
	f.loadEmpties(o.EmptiesFile)
	f.tryDirect()
	f.begin()
	return f, nil
}

// begin takes up what an earlier mount left, and starts the mount's goroutines.
func (f *FS) begin() {
	f.adoptDrafts()
	f.adoptIntents()
	f.wg.Add(2)
	go f.runLater()
	go f.runQueue()
	if f.o.WatchSpace {
		f.wg.Go(f.watchSpace)
	}
}

const (
	maxRequests = 32     // see FS.requests
	maxParts    = 16     // see FS.parts
	maxKnown    = 100000 // versions whose attributes are remembered, about 20 MB; shared with the file systems beside this one
	leastKnown  = 5000   // of them, at the least
	maxErrors   = 50     // kept for status
	maxQueued   = 4096   // see Options.QueueFiles
)

// SetNotifier names who is told of what the kernel must forget.
func (f *FS) SetNotifier(n Notifier) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.notifier = n
}

// TTL is how long the kernel may trust names and attributes.
func (f *FS) TTL() time.Duration { return f.o.TTL }

// ReadOnly tells whether the mount refuses changes.
func (f *FS) ReadOnly() bool { return f.o.ReadOnly }

// KernelWrites tells whether the kernel is to collect writes: never on a read-only mount.
func (f *FS) KernelWrites() bool { return f.o.KernelWrites && !f.o.ReadOnly }

func (f *FS) writable() error {
	if f.o.ReadOnly {
		return syscall.EROFS
	}
	return nil
}

// fresh tells whether something learned at t may still be trusted.
func (f *FS) fresh(t time.Time) bool { return !t.IsZero() && time.Since(t) < f.o.TTL }

// stamp is a time since the mount began in nanoseconds, 0 = never: a third of a time.Time, for what each of very many nodes holds.
type stamp int64

func (f *FS) stamp(t time.Time) stamp { return max(stamp(t.Sub(f.since)), 1) }

func (f *FS) freshStamp(s stamp) bool { return s != 0 && f.fresh(f.since.Add(time.Duration(s))) }

// Close syncs and ends the mount's goroutines; when ctx ends first, what is not sent stays in the journal. The cache and the store stay open.
func (f *FS) Close(ctx context.Context) error {
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return nil
	}
	f.closed = true
	f.mu.Unlock()
	err := f.Sync(ctx)
	f.dropEarlies(ctx)
	f.mu.Lock()
	f.ended = true
	f.mu.Unlock()
	f.cancel()
	f.wg.Wait()
	f.stopWrote()
	f.warnKeep(f.empties.save())
	f.o.Group.leave(f)
	f.mu.Lock()
	var readers []*cache.File
	for _, n := range f.nodes {
		if n.reader != nil {
			readers = append(readers, n.reader)
			n.reader = nil
		}
	}
	f.mu.Unlock()
	for _, r := range readers {
		r.Close()
	}
	return err
}

func (f *FS) notifyContent(id uint64) {
	f.mu.Lock()
	n := f.notifier
	f.mu.Unlock()
	if n != nil {
		n.ContentChanged(id)
	}
}

func (f *FS) notifyEntry(parent uint64, name string) {
	f.mu.Lock()
	n := f.notifier
	f.mu.Unlock()
	if n != nil {
		n.EntryChanged(parent, name)
	}
}
