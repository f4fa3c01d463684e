package fakes3

import (
	"slices"
	"strings"
)

// maxListed is the most that one page of any listing holds.
const maxListed = 1000

// entry is a key or, with a delimiter, a common prefix.
type entry struct {
	name   string
	prefix bool
}

// from returns the index of the first key that is name or after it.
func (b *bucket) from(name string) int {
	i, _ := slices.BinarySearch(b.keys, name)
	return i
}

// walk returns up to n entries of the bucket after the marker, which is a key or a common prefix, and whether more follow. With roll,
// a marker within a common prefix is after all of that prefix: so the gateway has it for any marker; AWS only for the prefix itself.
func (b *bucket) walk(prefix, delimiter, after string, roll bool, n int) (page []entry, more bool) {
	if n <= 0 {
		return nil, false
	}
	i := b.from(max(prefix, after))
	if common, found := commonPrefix(after, prefix, delimiter); found && (roll || common == after) {
		i = b.from(pastPrefix(common))
	} else if i < len(b.keys) && b.keys[i] == after {
		i++
	}
	for i < len(b.keys) && strings.HasPrefix(b.keys[i], prefix) {
		if len(page) == n {
			return page, true
		}
		common, found := commonPrefix(b.keys[i], prefix, delimiter)
		if !found {
			page = append(page, entry{name: b.keys[i]})
			i++
			continue
		}
		page = append(page, entry{name: common, prefix: true})
		i += b.countTo(i, pastPrefix(common))
	}
	return page, false
}

// countTo returns how many keys there are from index i up to the key end, "" = the end of all.
func (b *bucket) countTo(i int, end string) int {
	if end == "" {
		return len(b.keys) - i
	}
	n, _ := slices.BinarySearch(b.keys[i:], end)
	return n
}

// commonPrefix returns what a key is rolled up to: prefix and all up to and with the next delimiter.
func commonPrefix(key, prefix, delimiter string) (string, bool) {
	if delimiter == "" || !strings.HasPrefix(key, prefix) {
		return "", false
	}
	i := strings.Index(key[len(prefix):], delimiter)
	if i < 0 {
		return "", false
	}
	return key[:len(prefix)+i+len(delimiter)], true
}

// pastPrefix returns the first key that is after all keys that begin with prefix, "" if none can be.
func pastPrefix(prefix string) string {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xff {
			return prefix[:i] + string([]byte{prefix[i] + 1})
		}
	}
	return ""
}
