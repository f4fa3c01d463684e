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
		for _, e := range elems[:len(elems)-1] {
			dir = join(dir, name.Encode(e, false)[0])
			t[dir] = isDir
		}
		if strings.HasSuffix(key, "/") && len(data) == 0 {
			continue // a marker
		}
		beside := m.hasPrefix(key + "/")
		if beside && len(data) == 0 {
			continue // a marker of the other kind
		}
		t[join(dir, name.Encode(elems[len(elems)-1], beside)[0])] = "file " + string(data)
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
	_, had := m.keys[marker]
	delete(m.keys, marker)
	switch {
	case m.hasPrefix(marker):
	case had:
		m.keys[marker] = nil
	default:
		m.keys[marker] = nil
		above, _ := split(dir)
		m.stored(above)
	}
}

func (m *model) stored(dir string) {
	for ; dir != ""; dir, _ = split(dir) {
		delete(m.keys, keyOf(dir)+"/")
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
