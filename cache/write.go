package cache

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// checksumPart is how many blocks of a committed draft are checksummed before other writes get their turn.
const checksumPart = 256

// sumPart is how many bytes are checksummed before they are written: they are in the processor's cache then.
const sumPart = 512 << 10

// errFull tells that the cache has no room that may be taken: what was to be kept is not.
var errFull = errors.New("cache full")

// writeQueue is what waits for the cache's disk, in order. Guarded by Cache.mu.
type writeQueue struct {
	mu      *sync.Mutex
	more    *sync.Cond
	jobs    []*job
	closed  bool
	drop    bool // nothing is written any more
	linger  linger
	backlog backlog
}

// job is blocks of one version to be written, or a range of blocks whose checksums are to be.
type job struct {
	v      *version
	blocks []*block
	next   int64         // of a committed draft: the first block whose checksum is not written
	done   chan struct{} // closed when the blocks are on disk, or will not be
	bytes  int64         // of the blocks
	queued time.Time
}

func (q *writeQueue) init(mu *sync.Mutex, memory int64) {
	q.mu, q.more = mu, sync.NewCond(mu)
	q.linger.most = min(lingerBytes, memory/lingerShare)
}

// add queues a job; the version has to be held for it. The caller holds Cache.mu.
func (q *writeQueue) add(j *job) {
	for _, b := range j.blocks {
		j.bytes += int64(b.size)
	}
	j.queued = time.Now()
	q.linger.bytes += j.bytes
	q.jobs = append(q.jobs, j)
	q.more.Signal()
}

// take waits for a job whose time has come; nil when the queue is closed and empty. The caller holds Cache.mu.
func (q *writeQueue) take() *job {
	if len(q.jobs) == 0 {
		q.backlog.idle(time.Now())
	}
	for len(q.jobs) == 0 || !q.closed && !q.ripe() {
		if q.closed {
			q.linger.stop()
			return nil
		}
		q.more.Wait()
	}
	j := q.jobs[0]
	q.linger.bytes -= j.bytes
	q.jobs = slices.Delete(q.jobs, 0, 1)
	return j
}

// close lets take end. The caller holds Cache.mu.
func (q *writeQueue) close() {
	q.closed = true
	q.more.Broadcast()
}

// abandon gives up what still waits.
func (q *writeQueue) abandon() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.drop = true
}

// enqueue sends blocks that arrived on their way to the disk. The caller holds Cache.mu.
func (c *Cache) enqueue(v *version, blocks []*block) {
	if len(blocks) == 0 || v.dead || c.o.Size == 0 || c.writes.closed && c.writes.drop {
		return
	}
	j := &job{v: v, blocks: blocks, done: make(chan struct{})}
	for _, b := range blocks {
		b.job = j
	}
	v.holds++
	c.writes.add(j)
}

// writer is the goroutine that writes.
func (c *Cache) writer() {
	for {
		c.mu.Lock()
		j := c.writes.take()
		skip := c.writes.drop || time.Now().Before(c.diskBad)
		c.mu.Unlock()
		switch {
		case j == nil:
			return
		case j.blocks == nil:
			c.writeChecksums(j, skip)
		case skip:
			c.finishJob(j)
		default:
			c.writeBlocks(j)
			c.finishJob(j)
		}
	}
}

func (c *Cache) finishJob(j *job) {
	c.mu.Lock()
	for _, b := range j.blocks {
		b.job = nil
	}
	c.dispatch()
	d := c.letGo(j.v, 0, 1)
	close(j.done)
	c.mu.Unlock()
	c.closeFiles(j.v, d)
}

// writeBlocks writes what is still in memory of the job, each run of blocks at once.
func (c *Cache) writeBlocks(j *job) {
	c.mu.Lock()
	live := j.blocks[:0:0]
	for _, b := range j.blocks {
		if !b.gone && !j.v.dead && !j.v.present.get(b.no) {
			c.pin(b)
			live = append(live, b)
		}
	}
	c.mu.Unlock()
	for rest := live; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].no == rest[n-1].no+1 {
			n++
		}
		c.writeRun(j.v, rest[:n])
		rest = rest[n:]
	}
}

// writeRun writes consecutive blocks; those that are on disk leave memory.
func (c *Cache) writeRun(v *version, run []*block) {
	began := time.Now()
	err := c.store(v, run)
	if errors.Is(err, syscall.ENOSPC) && c.shrink(room(run)) {
		err = c.store(v, run)
	}
	switch {
	case err == nil:
		c.diskWorks()
	case !errors.Is(err, errFull):
		c.diskFailed("write", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var n int64
	for _, b := range run {
		if err == nil && !v.dead {
			n += int64(b.size)
			c.discard(b)
		}
		c.unpin(b)
	}
	if n > 0 {
		now := time.Now()
		c.writes.backlog.wrote(n, now.Sub(began), now)
	}
	c.dispatch()
}

// room is what writing blocks may take on disk.
func room(run []*block) int64 {
	var bytes int64
	for _, b := range run {
		bytes += int64(b.size)
	}
	return (bytes+4095)/4096*4096 + 3*4096 // the index: its start, and a page at either end of the records
}

// store writes blocks and, after them, their records: a block without its record, or with a wrong one, does not count.
func (c *Cache) store(v *version, run []*block) error {
	v.attach()
	if d := v.disk.Load(); c.packable(v.size) && (d == nil || d.slot != nil) {
		return c.storeSmall(v, run[0])
	}
	reserved := room(run)
	d, err := c.reserve(v, reserved)
	if err != nil {
		return err
	}
	defer c.account(v, d, reserved)
	v.writing.Lock()
	defer v.writing.Unlock()
	size, err := v.beforeWrite(d)
	if err != nil {
		return err
	}
	evictions := v.evictions.Load()
	records := make([]byte, 0, len(run)*recordSize)
	for part := range slices.Chunk(run, int(max(1, sumPart/c.o.BlockSize))) {
		vec := make([][]byte, 0, len(part))
		for _, b := range part {
			vec = append(vec, *b.buf)
			records = appendRecord(records, d.salt, b.no, checksum(*b.buf))
		}
		if err := pwritev(d.data, vec, part[0].no*c.o.BlockSize); err != nil {
			return err
		}
	}
	last := run[len(run)-1]
	if err := v.afterWrite(d, size, last.no*c.o.BlockSize+int64(last.size)); err != nil {
		return err
	}
	if _, err = d.index.WriteAt(records, recordOff(run[0].no)); err != nil {
		return err
	}
	v.add(run, evictions)
	return nil
}

// add marks blocks present that were written. They need no check, unless the version is distrusted since evictions was read: then the file may have been cut after
// they were written.
func (v *version) add(run []*block, evictions uint64) {
	v.c.mu.Lock()
	defer v.c.mu.Unlock()
	now := v.c.clock.Add(1)
	for _, b := range run {
		if v.dead {
			return
		}
		if v.evictions.Load() == evictions {
			v.checked.set(b.no)
		}
		if !b.used {
			v.unread.set(b.no)
		}
		v.ticks[b.no/wordBlocks].Store(now)
		if v.present.set(b.no) {
			v.held.Add(v.blockLen(b.no))
		}
	}
}

// pwritev writes all of vec at off.
func pwritev(f *os.File, vec [][]byte, off int64) error {
	for len(vec) > 0 {
		n, err := unix.Pwritev(int(f.Fd()), vec[:min(len(vec), 1024)], off)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return &os.PathError{Op: "write", Path: f.Name(), Err: err}
		case n == 0:
			return &os.PathError{Op: "write", Path: f.Name(), Err: syscall.EIO}
		}
		off += int64(n)
		for len(vec) > 0 && n >= len(vec[0]) {
			n -= len(vec[0])
			vec = vec[1:]
		}
		if n > 0 {
			vec = slices.Clone(vec)
			vec[0] = vec[0][n:]
		}
	}
	return nil
}

// reserve makes room for bytes on disk and returns the files to write to, making them when they are missing.
func (c *Cache) reserve(v *version, bytes int64) (*diskFile, error) {
	c.names.Lock()
	defer c.names.Unlock()
	if !c.makeRoom(bytes) {
		return nil, errFull
	}
	if d := v.disk.Load(); d != nil {
		return d, nil
	}
	c.mu.Lock()
	id, name, dead := v.id, v.name, v.dead
	c.mu.Unlock()
	err := errFull
	if !dead {
		var d *diskFile
		if d, err = c.create(id, name, v.size); err == nil {
			v.disk.Store(d)
			c.mu.Lock()
			old := v.slot
			v.stored, v.loaded, v.slot = true, true, nil
			c.mu.Unlock()
			if old != nil { // of another size
				c.kill(old)
			}
			return d, nil
		}
	}
	c.mu.Lock()
	c.used -= bytes
	c.mu.Unlock()
	return nil, err
}

// account replaces a reservation by what the files take.
func (c *Cache) account(v *version, d *diskFile, reserved int64) {
	var bytes int64
	var err error
	if d != nil && d.slot == nil {
		bytes, err = d.bytes()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used -= reserved
	if v.dead {
		return
	}
	if err != nil {
		bytes = v.bytes + reserved
	}
	c.used += bytes - v.bytes
	v.bytes = bytes
}

// bytes is what both files take on disk.
func (d *diskFile) bytes() (int64, error) {
	a, err := onDisk(d.data)
	b, err2 := onDisk(d.index)
	return a + b, errors.Join(err, err2)
}

// create makes the files of a version, in the place of any that are there. The caller holds Cache.names.
func (c *Cache) create(id ID, name string, size int64) (*diskFile, error) {
	index, salt, err := c.createIndex(id, name, size)
	if err != nil {
		return nil, err
	}
	data, err := c.createFile(dataName(name))
	if err == nil {
		if err = data.Truncate(size); err != nil {
			data.Close()
		}
	}
	if err != nil {
		index.Close()
		return nil, errors.Join(err, c.folder.remove(dataName(name)), c.folder.remove(indexName(name)))
	}
	return &diskFile{data: data, index: index, salt: salt}, nil
}

func (c *Cache) createIndex(id ID, name string, size int64) (*os.File, uint64, error) {
	var salt [8]byte
	if _, err := rand.Read(salt[:]); err != nil {
		return nil, 0, err
	}
	h := header{id: id, size: size, blockSize: c.o.BlockSize, salt: binary.LittleEndian.Uint64(salt[:])}
	b, err := h.encode()
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", errFull, err)
	}
	if err := c.folder.mkdir(filepath.Dir(indexName(name))); err != nil {
		return nil, 0, err
	}
	index, err := c.createFile(indexName(name))
	if err != nil {
		return nil, 0, err
	}
	if _, err := index.WriteAt(b, 0); err != nil {
		index.Close()
		return nil, 0, errors.Join(err, c.folder.remove(indexName(name)))
	}
	return index, h.salt, nil
}

func (c *Cache) createFile(name string) (*os.File, error) {
	if err := c.folder.remove(name); err != nil {
		return nil, err
	}
	return c.folder.open(name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
}
