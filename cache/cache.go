package cache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Defaults and bounds of Options.
const (
	DefaultBlockSize = 128 << 10
	DefaultMemory    = 128 << 20
	DefaultParallel  = 32
	DefaultWhole     = 1 << 20

	minMemory   = 1 << 20
	maxRequest  = 8 << 20 // bytes of the longest range request
	blocksDir   = "blocks"
	formatDir   = "blocks/v1" // a new on-disk format gets a new folder
	draftsDir   = "drafts"
	maxClosed   = 1 << 30 // entries of the LRU; it is bounded by bytes, not by number
	keepTables  = 1024    // closed versions whose tables stay in memory
	closeWait   = 3 * time.Second
	diskPause   = 5 * time.Second // how long a disk that failed is left alone
	staleUnread = 3 * time.Second // after that, read-ahead that nobody read makes room for other read-ahead
)

// Options of a cache; read only after Open.
type Options struct {
	Dir        string // made with mode 0700; needed even when Size is 0, for drafts
	Size       int64  // bytes on disk that blocks may take, index included; 0 = none, memory only
	BlockSize  int64  // bytes of a block, a multiple of 4096; 0 = DefaultBlockSize
	Memory     int64  // bytes of blocks in memory: being downloaded, waiting for the disk, or waiting to be read; 0 = DefaultMemory
	Parallel   int    // range requests at once over all files; 0 = DefaultParallel
	Whole      int64  // bytes of a file up to which a read of an eighth of it, from the start, asks for all; 0 = DefaultWhole, less = none
	DraftSpace int64  // bytes that drafts may take; 0 = as much as the disk has
	Logger     *slog.Logger
}

func (o *Options) complete() error {
	if o.BlockSize == 0 {
		o.BlockSize = DefaultBlockSize
	}
	if o.BlockSize < 4096 || o.BlockSize%4096 != 0 || o.BlockSize > maxRequest {
		return fmt.Errorf("cache: block size %d: %w", o.BlockSize, os.ErrInvalid)
	}
	if o.Memory == 0 {
		o.Memory = DefaultMemory
	}
	o.Memory = max(o.Memory, minMemory, 8*o.BlockSize)
	if o.Parallel <= 0 {
		o.Parallel = DefaultParallel
	}
	if o.Whole == 0 {
		o.Whole = DefaultWhole
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

// Cache is one cache folder and the memory that serves it. Safe for concurrent use.
type Cache struct {
	o       Options
	request int64 // bytes of the longest range request here
	folder  *folder
	log     *slog.Logger
	ctx     context.Context // ends with Close; downloads run on it, not on a reader's
	cancel  context.CancelFunc
	work    sync.WaitGroup // downloads, writer
	buffers sync.Pool      // *[]byte of one block
	readers sync.Pool      // *reader
	clock   atomic.Uint32  // grows with each use of blocks; what is smaller was used longer ago
	counts  counters

	// names orders changes of the names in the folder: who makes, removes or renames files of versions holds it, who opens them holds it
	// for reading. Local disk I/O happens under it; it comes before mu.
	names sync.RWMutex
	packs packs // guarded by names

	persists persists // drafts that are being made durable
	ends     ends     // of drafts, that are not durable yet
	intents  intentFiles
	guards   guards

	mu        sync.Mutex
	closed    bool
	versions  map[string]*version            // by file name: open ones, and closed ones with blocks in memory
	onDisk    *simplelru.LRU[string, *entry] // closed versions on disk, by last use
	tables    *simplelru.LRU[string, *entry] // those of them that keep their table
	used      int64                          // bytes on disk, reservations included
	mem       memory                         // blocks in memory
	sched     schedule                       // downloads waiting and running
	writes    writeQueue                     // blocks on their way to the disk
	lastErr   error                          // of the disk, until it works again
	diskBad   time.Time                      // no attempt to write before that; zero = healthy
	drafts    map[string]*Draft
	draftNo   int64   // time of the newest draft's ID
	draftUse  int64   // local bytes of all drafts
	inlineUse int64   // bytes in memory of those without a data file
	spares    []spare // journals for later drafts
	spareUse  int64   // bytes of them on disk
	damaged   []string
	seals     map[string]seal // by file name: of closed versions whose blocks are all known to be right
}

// entry is a version that is on disk and not open.
type entry struct {
	bytes int64    // on disk, of files; what is in a pack counts with the pack
	slot  *slot    // in a pack, or nil
	v     *version // with its table, or nil
}

type counters struct {
	hits, misses, hitBytes, missBytes atomic.Int64
}

// Open locks the folder, making it if it is missing, and finds what an earlier daemon left in it. ErrInUse when another daemon holds the
// folder, os.ErrPermission when it is another user's, ErrNotCache when it holds other things.
func Open(o Options) (*Cache, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	fo, err := openFolder(o.Dir)
	if err != nil {
		return nil, err
	}
	c := newCache(o, fo)
	err = errors.Join(c.scan(), c.recoverDrafts())
	c.readSeals()
	if err != nil {
		c.cancel()
		return nil, errors.Join(fmt.Errorf("cache: %w", err), fo.release())
	}
	c.work.Go(c.writer)
	return c, nil
}

func newCache(o Options, fo *folder) *Cache {
	c := &Cache{
		o: o, folder: fo, log: o.Logger,
		request:  max(o.BlockSize, min(maxRequest, o.Memory/8)/o.BlockSize*o.BlockSize),
		versions: map[string]*version{},
		drafts:   map[string]*Draft{},
		seals:    map[string]seal{},
		packs:    newPacks(o.Size),
		onDisk:   newList[string, *entry](maxClosed),
	}
	c.tables, _ = simplelru.NewLRU(keepTables, func(_ string, e *entry) { e.v = nil })
	// Downloads outlive the call that started them, so their context is the cache's own.
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.buffers.New = func() any { b := make([]byte, o.BlockSize); return &b }
	c.readers.New = func() any { return new(reader) }
	c.sched.init(o.Parallel)
	c.writes.init(&c.mu, o.Memory)
	return c
}

// Close ends the downloads, gives blocks that wait for the disk a few seconds to get there, and unlocks the folder. Reads that still wait
// fail with os.ErrClosed. Drafts stay for the next Open.
func (c *Cache) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return fmt.Errorf("cache: close: %w", os.ErrClosed)
	}
	c.closed = true
	c.dropQueued()
	c.writes.close()
	c.mu.Unlock()
	c.cancel()
	c.guards.close()
	t := time.AfterFunc(closeWait, c.writes.abandon)
	c.work.Wait()
	t.Stop()
	err := c.closeDrafts()
	c.closeVersions()
	c.writeSeals()
	return errors.Join(err, c.leavePacks(), c.folder.release())
}

// closeVersions closes the files of versions that their readers left open.
func (c *Cache) closeVersions() {
	c.mu.Lock()
	open := map[*version]*diskFile{}
	for _, v := range c.versions {
		if d := v.disk.Swap(nil); d != nil {
			open[v] = d
		}
	}
	c.mu.Unlock()
	for v, d := range open {
		c.seal(v, d)
		d.close()
	}
}

// Stats is what `allasfs status` shows of the cache.
type Stats struct {
	Dir        string   `json:"dir"`
	Size       int64    `json:"size"`       // bytes that blocks may take on disk
	Used       int64    `json:"used"`       // bytes that they take
	Files      int      `json:"files"`      // versions on disk or open
	Memory     int64    `json:"memory"`     // bytes of blocks in memory
	Requests   int      `json:"requests"`   // downloads running
	Budget     int      `json:"budget"`     // downloads that may run: fewer while the store asks for patience
	Hits       int64    `json:"hits"`       // blocks read that an earlier read, mount or upload had left
	Misses     int64    `json:"misses"`     // blocks downloaded
	HitBytes   int64    `json:"hit_bytes"`  // bytes read from such blocks
	MissBytes  int64    `json:"miss_bytes"` // bytes downloaded
	Drafts     int      `json:"drafts"`
	DraftBytes int64    `json:"draft_bytes"` // local bytes of drafts
	Damaged    []string `json:"damaged"`     // drafts that could not be read, files kept under these paths
	LastError  string   `json:"last_error"`  // of the cache's disk; "" = none since the last success
}

// Stats is a snapshot.
func (c *Cache) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	files := c.onDisk.Len()
	for _, v := range c.versions {
		if v.inUse() {
			files++
		}
	}
	last := ""
	if c.lastErr != nil {
		last = c.lastErr.Error()
	}
	return Stats{
		Dir: c.folder.dir, Size: c.o.Size, Used: c.used, Files: files,
		Memory: c.mem.used, Requests: c.sched.running, Budget: c.sched.budget.allowed(),
		Hits: c.counts.hits.Load(), Misses: c.counts.misses.Load(),
		HitBytes: c.counts.hitBytes.Load(), MissBytes: c.counts.missBytes.Load(),
		Drafts: len(c.drafts), DraftBytes: c.draftUse, Damaged: append([]string{}, c.damaged...),
		LastError: last,
	}
}

// diskFailed remembers an error of the cache's disk, logs the first of a row, and leaves the disk alone for a while.
func (c *Cache) diskFailed(op string, err error) {
	c.mu.Lock()
	first := c.diskBad.IsZero()
	c.diskBad = time.Now().Add(diskPause)
	c.lastErr = fmt.Errorf("%s: %w", op, err)
	c.mu.Unlock()
	if first {
		c.log.Warn("cache disk failed, going on without it", "op", op, "err", err)
	}
}

// diskWorks ends a row of errors.
func (c *Cache) diskWorks() {
	c.mu.Lock()
	again := !c.diskBad.IsZero()
	c.diskBad, c.lastErr = time.Time{}, nil
	c.mu.Unlock()
	if again {
		c.log.Info("cache disk works again")
	}
}
