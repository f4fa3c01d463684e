package fs

import (
	"strings"

	"allasfs/fs/name"
)

// model is what a bucket holds: the one definition of what the mount shows.
type model struct {
	keys map[string][]byte
}

const isDir = "/"

// tree is every path that the keys make: contents of files, isDir for directories.
func (m *model) tree() map[string]string {
	t := map[string]string{}
	for key, data := range m.keys {
		elems := strings.Split(key, "/")
		dir := ""
		below := func(names []string) {
			for _, nm := range names {
				dir = join(dir, nm)
				t[dir] = isDir
			}
		}
		for _, e := range elems[:len(elems)-1] {
			below(name.Encode(e, false))
		}
		if strings.HasSuffix(key, "/") && len(data) == 0 {
			continue // a marker
		}
		beside := m.hasPrefix(key + "/")
		if beside && len(data) == 0 {
			continue // a marker of the other kind
		}
		names := name.Encode(elems[len(elems)-1], beside)
		below(names[:len(names)-1])
		t[join(dir, names[len(names)-1])] = "file " + string(data)
	}
	return t
}

func join(dir, nm string) string {
	if dir == "" {
		return nm
	}
	return dir + "/" + nm
}

func (m *model) hasPrefix(p string) bool {
	for k := range m.keys {
		if strings.HasPrefix(k, p) {
			return true
		}
	}
	return false
}

// kept gives a directory that lost its last child its marker, and takes one beside a child away; stored takes the markers above a new key away.
func (m *model) kept(dir string) {
	if dir == "" {
		return
	}
	marker := keyOf(dir) + "/"
	data, had := m.keys[marker]
	if len(data) > 0 {
		return // a child with an empty name
	}
	delete(m.keys, marker)
	switch {
	case m.hasPrefix(marker):
	case had:
		m.keys[marker] = nil
	default:
		m.keys[marker] = nil
		m.stored(above(dir))
	}
}

func (m *model) stored(dir string) {
	for ; dir != ""; dir = above(dir) {
		if marker := keyOf(dir) + "/"; len(m.keys[marker]) == 0 {
			delete(m.keys, marker)
		}
	}
}

// keyOf is the key of a path whose names are in the tree.
func keyOf(path string) string {
	k, _, err := name.Key(path)
	if err != nil {
		panic(err)
	}
	return k
}

// above is the directory that a path lies in; a continuation of a long name is none.
func above(path string) string {
	dir, _ := split(path)
	for isContinuation(dir) {
		dir, _ = split(dir)
	}
	return dir
}

func isContinuation(path string) bool { return strings.HasSuffix(path, "%{+}") }

// noName tells of the path of a key that ends in a slash: with nothing in it, it is a directory's marker.
func noName(path string) bool {
	_, nm := split(path)
	return nm == "%{}" || nm == "%{}%{object}"
}
