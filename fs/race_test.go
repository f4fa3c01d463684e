//go:build race

package fs

// hugeDir is a tenth of what it is without the race detector, which would take minutes.
const hugeDir = 50_000
