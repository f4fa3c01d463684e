package mount

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"allasfs/s3/s3test"
)

// busyServer refuses everything for ten seconds, once it has been asked for some blocks.
type busyServer struct {
	m     *mounted
	asked atomic.Int64
	over  chan struct{} // closed just before the end of the refusals

	mu     sync.Mutex
	begin  time.Time
	second [11]int // refusals, by seconds since the first
	after  int     // most downloads that ran at once since the last
}

func (r *busyServer) fault(s3test.Request) *s3test.Fault {
	if r.asked.Add(1) < 40 {
		return nil
	}
	running := r.m.cache.Stats().Requests
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.begin.IsZero() {
		r.begin = time.Now()
		time.AfterFunc(9800*time.Millisecond, func() { close(r.over) })
	}
	since := time.Since(r.begin)
	if since >= 10*time.Second {
		r.after = max(r.after, running)
		return nil
	}
	r.second[since/time.Second]++
	return &s3test.Fault{Status: 503, Code: "SlowDown"}
}

// TestBusyForTenSeconds: a server that refuses everything for ten seconds costs 16 readers that time and no error. It is asked ever more seldom,
// fewer requests may run, and afterwards more and more again.
func TestBusyForTenSeconds(t *testing.T) {
	t.Parallel()
	const block, readers = 128 << 10, 16
	m := mountOn(t, s3test.Of(t, s3test.New(t, s3test.WithLatency(30*time.Millisecond))), func(o *setup) { o.retry = time.Minute })
	data := randomBytes(32 << 20)
	m.put("f", string(data))
	must[os.FileInfo](t)(os.Stat(m.path("f")))
	r := &busyServer{m: m, over: make(chan struct{})}
	m.s3.Fault(r.fault)

	order := rand.New(rand.NewPCG(1, 2)).Perm(len(data) / block)
	errs := make([]error, readers)
	var wg sync.WaitGroup
	for i := range readers {
		wg.Go(func() {
			errs[i] = readBlocks(m.path("f"), data, block, order[i*len(order)/readers:(i+1)*len(order)/readers])
		})
	}
	<-r.over
	during := m.cache.Stats().Budget
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			t.Errorf("reader %d: %v", i, err)
		}
	}
	after := m.cache.Stats().Budget
	if during > 2 || after < 8 || r.after < 6 {
		t.Errorf("%d requests might run when the refusals ended, %d in the end, and %d did", during, after, r.after)
	}
	if early, late := r.second[0]+r.second[1], r.second[8]+r.second[9]; early < 8 || late > early/2 {
		t.Errorf("%d requests in the first two seconds, %d in the last two", early, late)
	}
}

// readBlocks reads blocks of a file in an order of its own and compares them with data.
func readBlocks(path string, data []byte, size int, order []int) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	p := make([]byte, size)
	for _, b := range order {
		if _, err := f.ReadAt(p, int64(b*size)); err != nil {
			return err
		}
		if !bytes.Equal(p, data[b*size:(b+1)*size]) {
			return fmt.Errorf("block %d differs", b)
		}
	}
	return nil
}
