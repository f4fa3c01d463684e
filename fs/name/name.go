package name

import (
	"errors"
	"fmt"
	"strings"
)

// Limits, in bytes.
const (
	MaxName = 255  // of a file name
	MaxKey  = 1024 // of an S3 key
)

var (
	// ErrInvalid is wrapped by the error for a name that stands for no key, and for a bucket name that is against the rules.
	ErrInvalid = errors.New("invalid name")
	// ErrTooLong is wrapped by the error for a name over MaxName bytes and for a key over MaxKey bytes.
	ErrTooLong = errors.New("name too long")
)

// Part is what one name stands for.
type Part struct {
	Elem      string // raw key bytes
	Continued bool   // no slash follows: names below go on with the same element
	Object    bool   // the object of the key, beside a prefix of the same name
}

// Encode returns the names under which the key element elem is reached from its directory: one, and for an element whose name would be over MaxName
// bytes several, all but the last being continuation directories. object asks for the name of the object beside a prefix of the same name.
// elem must hold no slash.
func Encode(elem string, object bool) []string {
	if plain(elem) && !object {
		return []string{elem}
	}
	atoms := atomize(elem, object)
	rest := totalLen(atoms)
	var names []string
	for rest > MaxName {
		var chunk string
		chunk, atoms = cut(atoms)
		rest -= len(chunk)
		names = append(names, chunk+continuation)
	}
	return append(names, strings.Join(atoms, ""))
}

// Decode returns what a name in an ordinary directory stands for. It accepts exactly the names that Encode makes, and the names of continuation
// directories that can hold some: an error wraps ErrTooLong for a name over MaxName bytes, else ErrInvalid.
func Decode(name string) (Part, error) { return DecodeAfter("", name) }

// DecodeAfter is Decode below the continuation directories whose bytes are head; an empty head means an ordinary directory. Part.Elem holds the
// bytes of this name only: the element is head + Part.Elem.
func DecodeAfter(head, name string) (Part, error) {
	if len(name) > MaxName {
		return Part{}, fmt.Errorf("%w: %d bytes of at most %d", ErrTooLong, len(name), MaxName)
	}
	if head == "" && plain(name) && strings.IndexByte(name, '/') < 0 {
		return Part{Elem: name}, nil
	}
	p, ok := parse(name)
	if !ok || !canonical(head, name, p) {
		return Part{}, fmt.Errorf("%w: %q", ErrInvalid, name)
	}
	return p, nil
}

// Child returns the name that shows the element elem in its directory (empty head), or below the continuation directories whose bytes are head;
// continued tells that the name is a continuation directory itself. ok is false when elem is not reached through head.
func Child(head, elem string, object bool) (name string, continued, ok bool) {
	if head == "" && !object && plain(elem) {
		return elem, false, true
	}
	if !strings.HasPrefix(elem, head) {
		return "", false, false
	}
	names := Encode(elem, object)
	i, ok := skip(names, head)
	if !ok {
		return "", false, false
	}
	return names[i], i < len(names)-1, true
}

// CheckKey returns an error that wraps ErrTooLong for a key over MaxKey bytes, and one that wraps ErrInvalid for the empty key.
func CheckKey(key string) error {
	switch {
	case key == "":
		return fmt.Errorf("%w: a key has at least one byte", ErrInvalid)
	case len(key) > MaxKey:
		return fmt.Errorf("%w: key of %d bytes, S3 allows %d", ErrTooLong, len(key), MaxKey)
	}
	return nil
}
