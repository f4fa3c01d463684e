package name

import (
	"fmt"
	"strings"
)

// Lengths of a bucket's name, in bytes.
const (
	minBucket = 3
	maxBucket = 63
)

// CheckBucket returns nil when a bucket of that name may be made, else an error that wraps ErrInvalid and tells the rule. The rules are S3's for new
// buckets, and underscores as Allas has them. Older buckets may break them: their names are shown and opened all the same.
func CheckBucket(name string) error {
	if rule := brokenRule(name); rule != "" {
		return fmt.Errorf("%w: bucket %q: %s", ErrInvalid, name, rule)
	}
	return nil
}

func brokenRule(name string) string {
	switch {
	case len(name) < minBucket || len(name) > maxBucket:
		return fmt.Sprintf("a bucket's name has %d to %d characters, not %d", minBucket, maxBucket, len(name))
	case strings.IndexFunc(name, notBucketRune) >= 0:
		return "a bucket's name holds only lower-case letters a-z, digits, '.', '-' and '_'"
	case !alphanumeric(name[0]) || !alphanumeric(name[len(name)-1]):
		return "a bucket's name starts and ends with a lower-case letter or a digit"
	case strings.Contains(name, ".."):
		return "a bucket's name holds no two dots in a row"
	case looksLikeAddress(name):
		return "a bucket's name does not look like an IP address"
	}
	return ""
}

func notBucketRune(r rune) bool {
	return r > 'z' || !alphanumeric(byte(r)) && !strings.ContainsRune(".-_", r)
}

func alphanumeric(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }

// looksLikeAddress tells four groups of digits between dots, whatever their values.
func looksLikeAddress(name string) bool {
	return strings.Count(name, ".") == 3 && strings.Trim(name, "0123456789.") == ""
}
