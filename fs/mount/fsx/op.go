package fsx

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
)

// Kind is what an operation does, as its lines spell it.
type Kind string

// The operations. Offsets and lengths are bent to what the file's size allows when the operation is done.
const (
	Read         Kind = "read"         // pread
	Write        Kind = "write"        // pwrite, beyond the end too
	MapRead      Kind = "mapread"      // a shared mapping that is read, and the zeros behind the end in its last page
	MapWrite     Kind = "mapwrite"     // a shared mapping that is written, with msync; the file is made longer first where needed
	MapDirty     Kind = "mapdirty"     // the same without msync: the pages stay dirty
	Truncate     Kind = "truncate"     // ftruncate to Off bytes, up or down
	TruncatePath Kind = "truncatepath" // truncate by path
	Punch        Kind = "punch"        // FALLOC_FL_PUNCH_HOLE
	Zero         Kind = "zero"         // FALLOC_FL_ZERO_RANGE
	ZeroKeep     Kind = "zerokeep"     // with FALLOC_FL_KEEP_SIZE
	Allocate     Kind = "allocate"     // fallocate
	AllocateKeep Kind = "allocatekeep" // with FALLOC_FL_KEEP_SIZE
	Copy         Kind = "copy"         // copy_file_range within the file, to Dest, where the ranges do not overlap
	CopyIn       Kind = "copyin"       // copy_file_range from another file, which never changes, to Dest
	Append       Kind = "append"       // write by the O_APPEND handle
	DirectRead   Kind = "directread"   // pread by the O_DIRECT handle, whole pages
	DirectWrite  Kind = "directwrite"  // pwrite by the O_DIRECT handle, whole pages
	Seek         Kind = "seek"         // SEEK_HOLE and SEEK_DATA through the file: holes must be zeros
	Sync         Kind = "fsync"        // fsync
	Drop         Kind = "invalidate"   // fsync, then the kernel forgets the pages
	DupClose     Kind = "dupclose"     // dup and close of the copy: a flush while the file stays open
	Reopen       Kind = "reopen"       // close all, compare, open
	Empty        Kind = "empty"        // the same, opened with O_TRUNC
)

// Kinds are all operations with how often they come: share of the sum of all.
func Kinds() []Share {
	return []Share{
		{Read, 100}, {Write, 100}, {MapRead, 60}, {MapWrite, 50}, {MapDirty, 50}, {Truncate, 50}, {TruncatePath, 10}, {Punch, 40}, {Zero, 20},
		{ZeroKeep, 20}, {Allocate, 20}, {AllocateKeep, 20}, {Copy, 40}, {CopyIn, 20}, {Append, 40}, {DirectRead, 40}, {DirectWrite, 40}, {Seek, 20}, {Sync, 20},
		{Drop, 20}, {DupClose, 10}, {Reopen, 25}, {Empty, 2},
	}
}

// Share is how often a kind comes.
type Share struct {
	Kind  Kind
	Times int
}

// Op is one operation: bytes [Off, Off+Len) of the file, Dest where a copy goes, and Mark, of which the bytes that are written are made.
type Op struct {
	Kind           Kind
	Off, Len, Dest int64
	Mark           uint32
}

// String is the line of an operation.
func (o Op) String() string {
	return fmt.Sprintf("%s %d %d %d %d", o.Kind, o.Off, o.Len, o.Dest, o.Mark)
}

// ParseOps reads lines of operations; empty ones and those that begin with # say nothing.
func ParseOps(r io.Reader) ([]Op, error) {
	var ops []Op
	in := bufio.NewScanner(r)
	for n := 1; in.Scan(); n++ {
		line := strings.TrimSpace(in.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		var o Op
		if _, err := fmt.Sscan(line, &o.Kind, &o.Off, &o.Len, &o.Dest, &o.Mark); err != nil {
			return nil, fmt.Errorf("fsx: line %d: %w", n, err)
		}
		if !slices.ContainsFunc(Kinds(), func(s Share) bool { return s.Kind == o.Kind }) {
			return nil, fmt.Errorf("fsx: line %d: no operation %q", n, o.Kind)
		}
		ops = append(ops, o)
	}
	return ops, in.Err()
}

// Generate draws n operations on a file of up to size bytes, each on up to most bytes. The same arguments give the same operations.
func Generate(seed uint64, n int, size, most int64) []Op {
	r := rand.New(rand.NewPCG(seed, 0))
	shares, sum := Kinds(), 0
	for _, s := range shares {
		sum += s.Times
	}
	ops := make([]Op, n)
	for i := range ops {
		at := r.IntN(sum)
		k := 0
		for ; at >= shares[k].Times; k++ {
			at -= shares[k].Times
		}
		ops[i] = Op{Kind: shares[k].Kind, Off: r.Int64N(size), Len: 1 + r.Int64N(most), Dest: r.Int64N(size), Mark: r.Uint32()}
	}
	return ops
}

// fill makes p the bytes that an operation writes at off: they differ from place to place and from operation to operation, and none is zero.
func fill(p []byte, off int64, mark uint32) {
	for i := range p {
		x := uint64(off+int64(i))*0x9e3779b97f4a7c15 + uint64(mark)*0xd1342543de82ef95
		p[i] = byte(x>>56) | 1
	}
}
