package cache

import (
	"os"
	"sync"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// togetherFrom is how many drafts are made durable by one syncfs(2) in place of three fsync(2) each: with fewer, what other programs have not written
// out yet on the same disk would cost more than is saved.
const togetherFrom = 4

// persists gathers drafts that are to be durable: who comes while a group is under way waits for the next one, so that many files that are closed at
// the same time cost the disk one flush and not one each.
type persists struct {
	mu      sync.Mutex // guards the rest; nothing is done under it but memory
	next    *group     // gathers; nil = none
	running bool
}

// group is drafts that are made durable together.
type group struct {
	drafts []*Draft
	errs   []error // of each, once done
	done   chan struct{}
}

// Persist is Sync that shares the disk's flush with other drafts that are persisted at the same time.
func (d *Draft) Persist() error {
	p := &d.c.persists
	p.mu.Lock()
	if p.next == nil {
		p.next = &group{done: make(chan struct{})}
	}
	g := p.next
	at := len(g.drafts)
	g.drafts = append(g.drafts, d)
	lead := !p.running
	p.running = true
	p.mu.Unlock()
	if lead {
		d.c.persistAll(g)
	}
	<-g.done
	return g.errs[at]
}

// persistAll makes g durable; the groups that gather meanwhile get a goroutine, so that nobody works for others for long.
func (c *Cache) persistAll(g *group) {
	p := &c.persists
	p.mu.Lock()
	p.next = nil
	p.mu.Unlock()
	c.persistGroup(g)
	close(g.done)
	p.mu.Lock()
	next := p.next
	p.running = next != nil
	p.mu.Unlock()
	if next != nil {
		go c.persistAll(next) // whoever is in it waits for it
	}
}

func (c *Cache) persistGroup(g *group) {
	g.errs = make([]error, len(g.drafts))
	if len(g.drafts) == 1 {
		g.errs[0] = g.drafts[0].Sync()
		return
	}
	together := len(g.drafts) >= togetherFrom
	was := make([]draftFiles, len(g.drafts))
	if together {
		for i, d := range g.drafts {
			was[i] = d.files()
		}
		together = c.syncAll() == nil
	}
	var all errgroup.Group
	for i, d := range g.drafts {
		if together && d.persisted(was[i]) {
			continue
		}
		all.Go(func() error {
			g.errs[i] = d.Sync()
			return nil
		})
	}
	_ = all.Wait() // the errors are each draft's own
}

// syncAll makes all of the disk durable.
func (c *Cache) syncAll() error {
	dir, err := c.folder.open(draftsDir, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer dir.Close()
	return os.NewSyscallError("syncfs", unix.Syncfs(int(dir.Fd())))
}

// draftFiles are the files that a draft consists of.
type draftFiles struct{ journal, data *os.File }

func (d *Draft) files() draftFiles {
	d.mu.Lock()
	defer d.mu.Unlock()
	return draftFiles{d.j.f, d.data}
}

// reached tells whether all of a file that was written is on the disk: what went wrong with it, syncfs(2) may have told somebody else.
func reached(f *os.File) bool {
	return f == nil || control(f, func(fd int) error { return unix.SyncFileRange(fd, 0, 0, unix.SYNC_FILE_RANGE_WAIT_BEFORE) }) == nil
}

// persisted notes that the names of the draft's files are durable; false when they are other files now, the disk lost some of them, or the draft is gone.
func (d *Draft) persisted(was draftFiles) bool {
	if !reached(was.journal) || !reached(was.data) {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.alive() != nil || was != (draftFiles{d.j.f, d.data}) {
		return false
	}
	d.dirSynced, d.named, d.durable = true, true, true
	return true
}
