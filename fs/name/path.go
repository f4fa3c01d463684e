package name

import (
	"fmt"
	"strings"
)

// Path returns the path of key below its bucket. object asks for the object beside the prefix key+"/", where both exist; without it the path is
// that of the object or of the prefix, whichever there is.
func Path(key string, object bool) string {
	elems := strings.Split(key, "/")
	var names []string
	for i, elem := range elems {
		names = append(names, Encode(elem, object && i == len(elems)-1)...)
	}
	return strings.Join(names, "/")
}

// Key is the inverse of Path. The errors are those of Decode; a path that ends in a continuation directory, or leads through the name of an
// object, is invalid.
func Key(path string) (key string, object bool, err error) {
	var b strings.Builder
	head, object := "", false
	names := strings.Split(path, "/")
	for i, n := range names {
		p, err := DecodeAfter(head, n)
		if err != nil {
			return "", false, err
		}
		last := i == len(names)-1
		if p.Continued && last || p.Object && !last {
			return "", false, fmt.Errorf("%w: %q stands for no key here", ErrInvalid, n)
		}
		b.WriteString(p.Elem)
		head += p.Elem
		if !p.Continued && !last {
			b.WriteByte('/')
			head = ""
		}
		object = p.Object
	}
	return b.String(), object, nil
}
