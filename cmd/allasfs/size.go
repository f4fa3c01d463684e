package main

// This file reads and writes numbers of bytes as people do.

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// sizeType is what help shows as a size's kind.
const sizeType = "SIZE"

// byteSize is a flag value in bytes: "500M", "20G", "1.5TiB". K, M, G, T and KiB… are powers of 1024, kB, MB, GB, TB powers of 1000.
type byteSize int64

// String writes the size so that Set reads the same value back.
func (b *byteSize) String() string {
	for _, u := range []struct {
		n    int64
		name string
	}{{1 << 40, "T"}, {1 << 30, "G"}, {1 << 20, "M"}, {1 << 10, "K"}} {
		if n := int64(*b); n >= u.n && n%u.n == 0 {
			return strconv.FormatInt(n/u.n, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(*b), 10)
}

// Type is what help shows as the value's kind.
func (b *byteSize) Type() string { return sizeType }

// Set reads a size.
func (b *byteSize) Set(s string) error {
	i := strings.IndexFunc(s, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if i < 0 {
		i = len(s)
	}
	unit, ok := unitOf(strings.TrimSpace(s[i:]))
	n, err := strconv.ParseFloat(s[:i], 64)
	if !ok || err != nil || n < 0 || n*unit >= math.MaxInt64 {
		return fmt.Errorf("%q is not a size: write bytes, or a number with K, M, G or T", s)
	}
	*b = byteSize(n * unit)
	return nil
}

func unitOf(s string) (float64, bool) {
	if s == "" || strings.EqualFold(s, "b") {
		return 1, true
	}
	power := strings.Index("KMGT", strings.ToUpper(s[:1])) + 1
	if power == 0 {
		return 0, false
	}
	switch strings.ToLower(s[1:]) {
	case "", "ib":
		return math.Pow(1024, float64(power)), true
	case "b":
		return math.Pow(1000, float64(power)), true
	}
	return 0, false
}

// human writes n bytes for a person: "0 B", "1.5 KiB", "20 GiB".
func human(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	f, i := float64(n)/1024, 0
	for f >= 1023.95 && i < len(units)-1 {
		f, i = f/1024, i+1
	}
	digits := 1
	if f >= 99.95 {
		digits = 0
	}
	return strings.TrimSuffix(strconv.FormatFloat(f, 'f', digits, 64), ".0") + " " + units[i:i+1] + "iB"
}
