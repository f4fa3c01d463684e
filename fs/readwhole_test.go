package fs

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
)

const middling = 2 << 20 // bytes of a file that mayBeWhole

// middlings makes a listed directory of n such files.
func (w *world) middlings(dir string, n int) (names []string, data []byte) {
	w.t.Helper()
	data = bytes.Repeat([]byte("0123456789abcdef"), middling/16)
	for i := range n {
		names = append(names, fmt.Sprintf("f%03d", i))
		w.srv.PutObject(w.bucket, dir+"/"+names[i], data, nil)
	}
	must[[]string](w.t)(w.names(dir))
	w.srv.ResetCounts()
	return names, data
}

// wantWhole reads a file from its start to its end.
func (w *world) wantWhole(path string, data []byte) {
	w.t.Helper()
	if got, err := w.read(path); err != nil || !bytes.Equal(got, data) {
		w.t.Fatalf("read %s: %d bytes, %v", path, len(got), err)
	}
}

// wantHeader reads the first 4 KiB of a file.
func (w *world) wantHeader(path string, data []byte) {
	w.t.Helper()
	h := must[*Handle](w.t)(w.open(path, syscall.O_RDONLY))
	defer h.Release()
	p := make([]byte, 4<<10)
	if n, err := h.ReadAt(w.t.Context(), p, 0); err != nil || !bytes.Equal(p[:n], data[:len(p)]) {
		w.t.Fatalf("read the header of %s: %d bytes, %v", path, n, err)
	}
}

// sent is how many GETs of objects from a key on there were since the last reset, and the bytes that they brought. The server
// writes one down when it is over, which may be after its client has it all; the log may hold some from before the reset, too.
func (w *world) sent(from string) (gets int, bytes int64) {
	w.t.Helper()
	w.eventually(func() bool { return len(w.srv.Log()) >= w.srv.Count() })
	for _, r := range w.srv.Log() {
		if r.Op == "GetObject" && r.Key >= from {
			gets, bytes = gets+1, bytes+r.Out
		}
	}
	return gets, bytes
}

// TestWholeInAnyOrder: who reads middling files whole, in no order, pays one GET a file from the third on.
func TestWholeInAnyOrder(t *testing.T) {
	w := newWorld(t)
	names, data := w.middlings("d", 24)
	for _, i := range rand.New(rand.NewPCG(5, 6)).Perm(len(names)) {
		w.wantWhole("d/"+names[i], data)
	}
	if n, most := w.srv.Count("GetObject"), len(names)+2*wholeFrom; n > most {
		t.Errorf("%d GETs of %d files, want at most %d", n, len(names), most)
	}
}

// TestWholeInOrder: who reads them in order finds the next ones fetched ahead, within the bound of what is.
func TestWholeInOrder(t *testing.T) {
	w := newWorld(t)
	names, data := w.middlings("d", 40)
	for i, nm := range names[:20] {
		w.wantWhole("d/"+nm, data)
		w.f.mu.Lock()
		ready, bytes := len(w.f.ahead.files), w.f.ahead.bytes
		w.f.mu.Unlock()
		if i > walkerFirst+wholeFrom && ready == 0 || bytes > aheadBytes {
			t.Fatalf("%d files of %d bytes are ready after %d were read", ready, bytes, i+1)
		}
	}
}

// TestHeadersOnly: who reads the beginnings of middling files pays for these alone, from the second on where the files before were read whole.
func TestHeadersOnly(t *testing.T) {
	w := newWorld(t)
	names, data := w.middlings("d", 60)
	headers := func(names []string) {
		t.Helper()
		w.srv.ResetCounts()
		for _, nm := range names {
			w.wantHeader("d/"+nm, data)
		}
		w.settled()
		// What was given up before may reach the server late.
		if n, bytes := w.sent("d/" + names[0]); n != len(names) || bytes != int64(n)*128<<10 {
			t.Errorf("%d GETs of %d KiB for %d headers", n, bytes>>10, len(names))
		}
	}
	headers(names[:10])
	for _, nm := range names[10:20] {
		w.wantWhole("d/"+nm, data)
	}
	w.f.mu.Lock()
	ready := len(w.f.ahead.files)
	w.f.mu.Unlock()
	if ready == 0 {
		t.Error("nothing is fetched ahead of who reads whole files")
	}
	w.wantHeader("d/"+names[20], data)
	w.f.mu.Lock()
	ready = len(w.f.ahead.files)
	w.f.mu.Unlock()
	if ready > 0 {
		t.Errorf("%d files are still fetched ahead after a file was read in part", ready)
	}
	w.settled()
	headers(names[50:]) // beyond what was fetched ahead
	if len(w.f.reading) > 0 {
		t.Errorf("%d files that nobody has open are still counted", len(w.f.reading))
	}
}
