package main

import (
	"bytes"
	"io"
	"testing"
)

func TestContentIsTheSameHoweverItIsRead(t *testing.T) {
	c := newContent()
	whole, err := io.ReadAll(c.reader(7, tileSize+3*pageSize+5))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range [][2]int64{{0, 1}, {pageSize - 3, 10}, {tileSize - 100, 5000}, {tileSize + 3*pageSize, 5}} {
		p := make([]byte, r[1])
		c.at(7, p, r[0])
		if !bytes.Equal(p, whole[r[0]:r[0]+r[1]]) {
			t.Errorf("%d bytes at %d differ from the whole", r[1], r[0])
		}
	}
}

func TestChecksFindWrongBytes(t *testing.T) {
	c := newContent()
	p := make([]byte, 4*pageSize)
	c.at(7, p, pageSize)
	if !c.stampsOK(7, p, pageSize) || c.check(7, p, pageSize) != nil {
		t.Fatal("right bytes are refused")
	}
	for name, wrong := range map[string]bool{
		"another object": c.stampsOK(8, p, pageSize), "another place": c.stampsOK(7, p, 2*pageSize), "zeros": c.stampsOK(7, make([]byte, pageSize), pageSize),
	} {
		if wrong {
			t.Errorf("stamps pass for %s", name)
		}
	}
	p[2*pageSize+100] ^= 1
	if c.check(7, p, pageSize) == nil {
		t.Error("a flipped bit passes")
	}
}
