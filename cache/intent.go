package cache

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
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

// NewIntent keeps data over a crash and a power cut from when it returns until Drop.
func (c *Cache) NewIntent(data []byte) (*Intent, error) {
	i := &Intent{c: c, name: c.draftID()}
	return i, i.Set(data)
}

// NewNote is NewIntent for what a power cut may lose: data is kept over the end of the daemon, without waiting for the disk.
func (c *Cache) NewNote(data []byte) (*Intent, error) {
	i := &Intent{c: c, name: c.draftID(), fast: true}
	return i, i.Set(data)
}

// Intents are those that an earlier daemon left, the oldest first. A damaged one is removed, and told in the log.
func (c *Cache) Intents() ([]*Intent, error) {
	entries, err := os.ReadDir(c.folder.path(intentsDir))
	if err != nil {
		return nil, fmt.Errorf("cache: intents: %w", err)
	}
	var all []*Intent
	for _, e := range entries { // sorted, and so are the names by their time
		i := &Intent{c: c, name: e.Name()}
		err := fmt.Errorf("%w: not renamed", errDamaged)
		if !strings.HasSuffix(i.name, ".tmp") {
			i.data, err = i.read()
		}
		if err != nil {
			c.log.Warn("an intent is dropped", "file", c.folder.path(i.file()), "err", err)
			if err := i.Drop(); err != nil {
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
	if err := i.c.folder.remove(i.file()); err != nil {
		return fmt.Errorf("cache: intent: %w", err)
	}
	return nil
}
