package cache

// Span is the bytes [Off, End) of an object.
type Span struct {
	Off int64 `json:"off"`
	End int64 `json:"end"`
}

// Spans returns the first most ranges of bytes that are present, on disk or in memory, in order, and how many more there are.
func (f *File) Spans(most int) (spans []Span, more int) {
	f.v.attach()
	f.c.mu.Lock()
	defer f.c.mu.Unlock()
	size, in := f.c.o.BlockSize, false
	for off := int64(0); off < f.v.size; off += size {
		no := off / size
		if no%wordBlocks == 0 && len(f.v.mem) == 0 && f.v.present[no/wordBlocks].Load() == 0 { // pass over 64 at once
			in = false
			off += (wordBlocks - 1) * size
			continue
		}
		blk := f.v.mem[no]
		was := in
		in = f.v.present.get(no) || blk != nil && blk.complete()
		switch {
		case in && !was && len(spans) == most:
			more++
		case in && !was:
			spans = append(spans, Span{Off: off})
			fallthrough
		case in && more == 0:
			spans[len(spans)-1].End = min(off+size, f.v.size)
		}
	}
	return spans, more
}
