//go:build !race

package fs

// hugeDir is how many objects Allas allows in a bucket.
const hugeDir = 500_000
