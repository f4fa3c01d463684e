package name

import (
	"strings"
	"unicode/utf8"
)

const (
	opening      = "%{"
	emptyElem    = "%{}"
	dotEscape    = "%{2E}"
	nulEscape    = "%{00}"
	openEscape   = "%{25}{"
	objectSuffix = "%{object}"
	continuation = "%{+}"

	// pieceMin is the encoded length at which a piece of a long element ends. The last atom starts below it and has at most len(openEscape) bytes,
	// so that a piece and its continuation suffix fit into MaxName.
	pieceMin = MaxName - len(continuation) - len(openEscape) + 1
)

// plain tells whether elem is its own name.
func plain(elem string) bool {
	return elem != "" && elem != "." && elem != ".." && len(elem) <= MaxName &&
		strings.IndexByte(elem, 0) < 0 && !strings.Contains(elem, opening)
}

// atomize returns the encoded form of elem in units that must not be torn apart: escapes, UTF-8 characters, other bytes, and last the object suffix.
func atomize(elem string, object bool) []string {
	var atoms []string
	switch elem {
	case "":
		atoms = []string{emptyElem}
	case ".":
		atoms = []string{dotEscape}
	case "..":
		atoms = []string{dotEscape, "."}
	default:
		atoms = make([]string, 0, len(elem)+1)
		for elem != "" {
			atom, n := next(elem)
			atoms, elem = append(atoms, atom), elem[n:]
		}
	}
	if object {
		atoms = append(atoms, objectSuffix)
	}
	return atoms
}

// next returns the atom at the start of s, which is not empty, and the number of bytes of s that it stands for.
func next(s string) (atom string, n int) {
	switch {
	case s[0] == 0:
		return nulEscape, 1
	case strings.HasPrefix(s, opening):
		return openEscape, len(opening)
	}
	_, n = utf8.DecodeRuneInString(s)
	return s[:n], n
}

func totalLen(atoms []string) int {
	n := 0
	for _, a := range atoms {
		n += len(a)
	}
	return n
}

// cut takes the first piece off the atoms of an element that is too long for one name. The object suffix never gets into it: a rest over MaxName
// ends after pieceMin by more than its length.
func cut(atoms []string) (piece string, rest []string) {
	n, i := 0, 0
	for n < pieceMin {
		n += len(atoms[i])
		i++
	}
	return strings.Join(atoms[:i], ""), atoms[i:]
}

// parse reads a name leniently: ok is false when it cannot be any part of an element, but a true ok does not make it canonical.
func parse(name string) (p Part, ok bool) {
	body, continued := strings.CutSuffix(name, continuation)
	p.Continued = continued
	if !continued {
		body, p.Object = strings.CutSuffix(body, objectSuffix)
	}
	if body == emptyElem {
		return p, !continued
	}
	p.Elem, ok = unescape(body)
	return p, ok
}

// unescape turns the %{HH} of s into bytes; ok is false at any other %{ and at a byte that no name holds.
func unescape(s string) (elem string, ok bool) {
	if strings.IndexByte(s, 0) >= 0 || strings.IndexByte(s, '/') >= 0 {
		return "", false
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, opening)
		b.WriteString(before)
		if !found {
			return b.String(), true
		}
		if len(after) < 3 || after[2] != '}' {
			return "", false
		}
		hi, lo := digit(after[0]), digit(after[1])
		if hi < 0 || lo < 0 {
			return "", false
		}
		b.WriteByte(byte(hi<<4 | lo))
		s = after[3:]
	}
}

// digit returns the value of an upper-case hexadecimal digit, or -1.
func digit(c byte) int { return strings.IndexByte("0123456789ABCDEF", c) }

// canonical tells whether Encode makes name, as p, for some element that is reached through head.
func canonical(head, name string, p Part) bool {
	elem := head + p.Elem
	if p.Continued {
		// Where a piece ends does not depend on what follows, so any long continuation will do.
		elem += strings.Repeat("a", MaxName)
	}
	got, continued, ok := Child(head, elem, p.Object)
	return ok && got == name && continued == p.Continued
}

// skip returns the index of the name that follows the continuation directories whose bytes are head.
func skip(names []string, head string) (i int, ok bool) {
	for head != "" {
		if i == len(names)-1 {
			return 0, false
		}
		p, valid := parse(names[i])
		if head, ok = strings.CutPrefix(head, p.Elem); !ok || !valid {
			return 0, false
		}
		i++
	}
	return i, true
}
