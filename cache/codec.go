package cache

import (
	"encoding/binary"
	"maps"
	"slices"
)

// appendString adds s with its length before it; any bytes are kept as they are.
func appendString(b []byte, s string) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(s)))
	return append(b, s...)
}

// appendMap adds a map in the order of its keys.
func appendMap(b []byte, m map[string]string) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(m)))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		b = appendString(appendString(b, k), m[k])
	}
	return b
}

// decoder takes values off the front of b; bad is set, and zero values come, once b is too short.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) take(n int) []byte {
	if n < 0 || n > len(d.b) {
		d.bad, d.b = true, nil
		return make([]byte, min(max(n, 0), 8))
	}
	r := d.b[:n]
	d.b = d.b[n:]
	return r
}

func (d *decoder) byte() byte     { return d.take(1)[0] }
func (d *decoder) uint32() uint32 { return binary.LittleEndian.Uint32(d.take(4)) }
func (d *decoder) uint64() uint64 { return binary.LittleEndian.Uint64(d.take(8)) }
func (d *decoder) int64() int64   { return int64(d.uint64()) }

func (d *decoder) string() string {
	n := d.uint32()
	if int64(n) > int64(len(d.b)) {
		d.bad, d.b = true, nil
		return ""
	}
	return string(d.take(int(n)))
}

func (d *decoder) stringMap() map[string]string {
	n := d.uint32()
	var m map[string]string
	for ; n > 0 && !d.bad; n-- {
		k := d.string()
		if m == nil {
			m = map[string]string{}
		}
		m[k] = d.string()
	}
	return m
}
