package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"time"
)

// gatewayLog counts the requests on one bucket in the gateway's access log. With no log it counts -1.
type gatewayLog struct {
	path   string // "" = none
	bucket string
	off    int64 // where the row began
}

// mark begins a count: what is in the log by now belongs to earlier rows.
func (g *gatewayLog) mark() {
	if g.path == "" {
		return
	}
	g.off = g.settled()
}

// count returns the requests since mark.
func (g *gatewayLog) count() int {
	if g.path == "" {
		return -1
	}
	end := g.settled()
	f, err := os.Open(g.path)
	if err != nil {
		return -1
	}
	defer f.Close()
	b, err := io.ReadAll(io.NewSectionReader(f, g.off, end-g.off))
	if err != nil {
		return -1
	}
	return countRequests(b, g.bucket)
}

// settled returns the size of the log when it has not grown for a moment (2 s are waited at most): the gateway writes it behind its answers.
func (g *gatewayLog) settled() int64 {
	var size int64
	for range 20 {
		time.Sleep(100 * time.Millisecond)
		info, err := os.Stat(g.path)
		if err != nil || info.Size() == size {
			break
		}
		size = info.Size()
	}
	return size
}

// countRequests counts the lines of the access log that name the bucket.
func countRequests(log []byte, bucket string) int {
	n := 0
	for line := range bytes.Lines(log) {
		if !bytes.Contains(line, []byte(" beast: ")) {
			continue
		}
		_, rest, ok := bytes.Cut(line, fmt.Appendf(nil, " /%s", bucket))
		if ok && len(rest) > 0 && bytes.IndexByte([]byte("/? "), rest[0]) >= 0 {
			n++
		}
	}
	return n
}
