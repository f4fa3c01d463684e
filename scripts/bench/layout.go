package main

import "fmt"

// layout says what lies in the bucket, and how much of it the rows touch.
type layout struct {
	big           int64 // bytes of the one big object
	mid, midBytes int   // number and size of the middle ones
	small         int   // number of the small ones, 4 KiB each, all in one directory
	smallFew      int   // so many of them where all would take too long
	tree          int   // files of the tree that find walks, three a directory
	written       int   // small files that write rows make
	random        int   // random reads of 4 KiB in one cold row; a warm row makes ten times as many, 128 KiB rows a quarter
	first         int   // first bytes asked for in the row of that name
}

// fullLayout is what figures are published of; quickLayout shows in minutes that everything runs.
func fullLayout() layout {
	return layout{big: 1 << 30, mid: 200, midBytes: 4 << 20, small: 10000, smallFew: 1000, tree: 3000, written: 1000, random: 2000, first: 20}
}

func quickLayout() layout {
	return layout{big: 128 << 20, mid: 20, midBytes: 4 << 20, small: 1000, smallFew: 100, tree: 300, written: 100, random: 200, first: 10}
}

// object is one of the objects that are made before anything is measured. Its number is its content.
type object struct {
	key  string
	id   uint64
	size int64
}

const (
	bigID  = 1
	midID  = 1000
	smID   = 10000
	treeID = 1000000
	newID  = 2000000 // of what rows write
)

func (l layout) bigObject() object { return object{"big/object.bin", bigID, l.big} }

func (l layout) midObject(i int) object {
	return object{fmt.Sprintf("mid/%04d.bin", i), midID + uint64(i), int64(l.midBytes)}
}

func (l layout) smallObject(i int) object {
	return object{fmt.Sprintf("small/%06d.txt", i), smID + uint64(i), pageSize}
}

func (l layout) treeObject(i int) object {
	return object{fmt.Sprintf("tree/d%02d/e%04d/f%05d", i/3%100, i/3, i), treeID + uint64(i), 64}
}

// objects lists everything but the big one.
func (l layout) objects() []object {
	var all []object
	for i := range l.mid {
		all = append(all, l.midObject(i))
	}
	for i := range l.small {
		all = append(all, l.smallObject(i))
	}
	for i := range l.tree {
		all = append(all, l.treeObject(i))
	}
	return all
}

// mids and smalls give the first n objects of their kind.
func (l layout) mids(n int) []object   { return first(n, l.midObject) }
func (l layout) smalls(n int) []object { return first(n, l.smallObject) }

func first(n int, get func(int) object) []object {
	out := make([]object, n)
	for i := range out {
		out[i] = get(i)
	}
	return out
}
