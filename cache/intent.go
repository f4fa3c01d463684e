package cache

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// intentsDir holds the intents, a file each.
const intentsDir = "intents"

// Intent is a note of something that was begun in the store and that has to be ended after a crash: a few bytes that mean something to who wrote them.
// Not for concurrent use.
type Intent struct {
	c    *Cache
	name string // of its file
	data []byte
	fast bool // made by NewNote
}

// intentFiles is what the file systems of one cache have to agree on about the files of intents.
type intentFiles struct {
	names sync.RWMutex // whole: none is being made, replaced or removed
	made  sync.Map     // names of those of this daemon
}

// NewIntent keeps data over a crash and a power cut from when it returns until Drop.
func (c *Cache) NewIntent(data []byte) (*Intent, error) {
	return c.newIntent(data, false)
}

// NewNote is NewIntent for what a power cut may lose: data is kept over the end of the daemon, without waiting for the disk.
func (c *Cache) NewNote(data []byte) (*Intent, error) {
	return c.newIntent(data, true)
}

func (c *Cache) newIntent(data []byte, fast bool) (*Intent, error) {
	i := &Intent{c: c, name: c.draftID(), fast: fast}
	c.intents.made.Store(i.name, nil)
	return i, i.Set(data)
}

// Intents are those that an earlier daemon left, the oldest first; those that this one made are not among them. A damaged one, and what is left of one that was
// being written, is removed, and told in the log.
func (c *Cache) Intents() ([]*Intent, error) {
	c.intents.names.Lock()
	defer c.intents.names.Unlock()
	entries, err := os.ReadDir(c.folder.path(intentsDir))
	if err != nil {
		return nil, fmt.Errorf("cache: intents: %w", err)
	}
	var all []*Intent
	for _, e := range entries { // sorted, and so are the names by their time
		if _, ours := c.intents.made.Load(e.Name()); ours {
			continue
		}
		i := &Intent{c: c, name: e.Name()}
		err := fmt.Errorf("%w: not renamed", errDamaged)
		if !strings.HasSuffix(i.name, ".tmp") {
			i.data, err = i.read()
		}
		if err != nil {
			c.log.Warn("an intent is dropped", "file", c.folder.path(i.file()), "err", err)
			if err := i.remove(); err != nil {
				return all, err
			}
			continue
		}
		all = append(all, i)
	}
	return all, nil
}

// Data is what was last set.
func (i *Intent) Data() []byte { return slices.Clone(i.data) }

func (i *Intent) file() string { return filepath.Join(intentsDir, i.name) }

// Set replaces the data, of an intent durably; after an error the data that was there before is kept.
func (i *Intent) Set(data []byte) error {
	i.c.intents.names.RLock()
	defer i.c.intents.names.RUnlock()
	part := i.file() + ".tmp"
	err := i.write(part, data)
	if err == nil {
		err = os.Rename(i.c.folder.path(part), i.c.folder.path(i.file()))
	}
	switch {
	case err == nil && !i.fast:
		err = errors.Join(i.c.folder.syncNames(), syncDir(i.c.folder.path(intentsDir)))
	case err != nil:
		err = errors.Join(err, i.c.folder.remove(part))
	}
	if err != nil {
		return fmt.Errorf("cache: intent: %w", err)
	}
	i.data = slices.Clone(data)
	return nil
}

// write makes a file of a checksum and the data, and brings it to the disk.
func (i *Intent) write(name string, data []byte) error {
	f, err := i.c.folder.open(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	_, err = f.Write(append(binary.LittleEndian.AppendUint32(nil, checksum(data)), data...))
	if err == nil && !i.fast {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func (i *Intent) read() ([]byte, error) {
	b, err := os.ReadFile(i.c.folder.path(i.file()))
	if err != nil {
		return nil, err
	}
	if len(b) < 4 || checksum(b[4:]) != binary.LittleEndian.Uint32(b) {
		return nil, errDamaged
	}
	return b[4:], nil
}

// Drop ends it: what was begun has ended. A power cut may bring it back, so ending it again must do no harm.
func (i *Intent) Drop() error {
	i.c.intents.names.RLock()
	defer i.c.intents.names.RUnlock()
	return i.remove()
}

// remove needs Cache.intents.names.
func (i *Intent) remove() error {
	if err := i.c.folder.remove(i.file()); err != nil {
		return fmt.Errorf("cache: intent: %w", err)
	}
	i.c.intents.made.Delete(i.name)
	return nil
}
