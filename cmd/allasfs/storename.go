package main

// This file names the store of a mount in its cache.
//
// Blocks and drafts lie under the name of the project, so that every key of a project finds them. Keys do not always tell whose they are: those from the
// environment are known by themselves alone. What a project's keys were called once is therefore noted beside the cache folders, and used when they are found
// without a project the next time. A cache folder that was made under a name of the key goes on being used; drafts are found under any name of the keys.

import (
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"allasfs/s3/profile"
)

const (
	keyNotes = "keys" // folder beside the cache folders: a file a key, named by its hash, that holds the name of the store
	maxNote  = 4096   // bytes of such a file that are read
)

// storeName identifies a project's data in a store: the same for every way in which its credentials are found, and no secret.
func storeName(p *profile.Profile) string {
	switch {
	case p.Anonymous:
		return p.Endpoint
	case p.Project != "":
		return p.Endpoint + "#" + p.Project
	}
	return keyName(p)
}

// keyName identifies the data by a hash of the key alone.
func keyName(p *profile.Profile) string { return p.Endpoint + "#key-" + keyHash(p.AccessKey) }

func keyHash(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:6])
}

// storeNames are all the names under which the data of p may lie in the cache, the one for what is new first. base, "" = unknown, is where cache folders
// lie: there it is noted which project a key is of, and read where p does not tell.
func storeNames(base string, p *profile.Profile, logger *slog.Logger) []string {
	name := storeName(p)
	if p.Anonymous {
		return []string{name}
	}
	key := keyName(p)
	if p.Project == "" {
		if noted := readKeyNote(base, p); noted != "" {
			return []string{noted, key}
		}
		return []string{key}
	}
	if base != "" && readKeyNote(base, p) != name {
		if err := writeKeyNote(base, p, name); err != nil {
			logger.Warn("the key's project could not be noted: found without its project, it will have a cache folder of its own", "err", err)
		}
	}
	return []string{name, key}
}

// readKeyNote is the name that p's store had when its project was known last, "" when it never was.
func readKeyNote(base string, p *profile.Profile) string {
	if base == "" {
		return ""
	}
	data, err := os.ReadFile(filepath.Join(base, keyNotes, keyHash(p.AccessKey)))
	name := strings.TrimSpace(string(data))
	if err != nil || len(data) > maxNote || !strings.HasPrefix(name, p.Endpoint+"#") {
		return "" // none, or of another store
	}
	return name
}

// writeKeyNote replaces the note of p's key in one step.
func writeKeyNote(base string, p *profile.Profile, name string) error {
	dir := filepath.Join(base, keyNotes)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return replaceFile(filepath.Join(dir, keyHash(p.AccessKey)), []byte(name+"\n"))
}

// bucketsFile is the file in a cache folder that remembers the buckets of a store which no list shows; see fs.Options.Buckets.
func bucketsFile(store string) string {
	sum := sha256.Sum256([]byte(store))
	return "buckets-" + hex.EncodeToString(sum[:6])
}

// attrsFile is the file in a cache folder that keeps what HEAD told of the objects of one source; see fs.Options.AttrFile.
func attrsFile(store string, s source) string { return "attrs-" + ofSource(store, s) }

// emptiesFile is the one that keeps which of them are empty files; see fs.Options.EmptiesFile.
func emptiesFile(store string, s source) string { return "empties-" + ofSource(store, s) }

// ofSource ends the names of files that are about one source.
func ofSource(store string, s source) string {
	sum := sha256.Sum256([]byte(store + "\n" + s.path()))
	return hex.EncodeToString(sum[:6])
}

// replaceFile puts data under a path in one step; nobody sees half of it.
func replaceFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the first error tells
	}
	return err
}
