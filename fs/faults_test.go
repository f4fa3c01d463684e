package fs

import (
	"bytes"
	"context"
	"crypto/md5"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"allasfs/s3"
	"allasfs/s3/s3test"
)

// More runs are asked for by the environment, as scripts/soak does.
const (
	faultRunsEnv = "ALLASFS_TEST_FAULT_RUNS"
	faultSeedEnv = "ALLASFS_TEST_FAULT_SEED" // added to the number of each run
)

// TestFaultsAtRandom: under resets, stalls, errors, half and lost answers, wrong ETags, changed bytes and full quotas, at random, with crashes of the daemon
// between and in the middle, no acknowledged byte is lost: after the last restart the store holds the version that a close acknowledged, or a later
// one, and what was not acknowledged is in the store or kept. Every other run is with write-back, where a close is acknowledged by the journal.
func TestFaultsAtRandom(t *testing.T) {
	runs, seed := fromEnv(t, faultRunsEnv, 40), fromEnv(t, faultSeedEnv, 0)
	for i := range runs {
		t.Run(fmt.Sprint("seed ", seed+i), func(t *testing.T) {
			large := (seed+i)%20 == 0
			if !large { // those take hundreds of megabytes of memory
				t.Parallel()
			}
			r := newFaultRun(t, uint64(seed+i), large)
			for range 4 + r.rnd.IntN(12) {
				r.step()
			}
			r.check()
		})
	}
}

func fromEnv(t testing.TB, name string, without int) int {
	t.Helper()
	s := os.Getenv(name)
	if s == "" {
		return without
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// history is what a file held, in order.
type history struct {
	versions []string // sumOf each
	last     []byte   // the bytes of the last one; nil = it was removed
	acked    int      // the last version that was acknowledged; -1 = none
	sure     bool     // the last version is acknowledged, and by this daemon
	pair     *history // the file that a rename which failed was to or from; neither is touched any more
}

// sumOf tells contents apart; nil is a file that is not there.
func sumOf(p []byte) string {
	if p == nil {
		return "removed"
	}
	return fmt.Sprintf("%d %x", len(p), md5.Sum(p))
}

func (h *history) add(p []byte, acked bool) {
	h.versions, h.last = append(h.versions, sumOf(p)), p
	h.sure = acked
	if acked {
		h.acked = len(h.versions) - 1
	}
}

// faultRun is one run: a file system, a server with faults, and what every file ought to hold.
type faultRun struct {
	*world
	t     *testing.T
	rnd   *rand.Rand // of the steps
	rate  float64    // of requests with a fault
	large bool       // files that go out in parts
	back  bool       // with write-back
	files map[string]*history
	done  []string // the steps, for the log of a failure
}

func newFaultRun(t *testing.T, seed uint64, large bool) *faultRun {
	srv := s3test.New(t)
	srv.MakeBucket("data")
	r := &faultRun{world: &world{t: t, srv: srv, dir: t.TempDir(), bucket: "data"}, t: t, rnd: rand.New(rand.NewPCG(seed, 1)), files: map[string]*history{}}
	r.connect(300*time.Millisecond, 150*time.Millisecond)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("steps: %q", r.done)
		}
		srv.Fault(nil)
		r.stop()
	})
	r.rate = r.rnd.Float64() * 0.4
	r.large, r.back = large, r.rnd.IntN(2) == 0
	for _, name := range []string{"a", "b", "dir/c", "d", "e"} {
		h := &history{acked: -1}
		if r.rnd.IntN(2) == 0 {
			p := r.bytes()
			srv.PutObject("data", name, bytes.Clone(p), nil)
			h.add(p, true)
		} else {
			h.add(nil, false)
		}
		r.files[name] = h
	}
	srv.Fault(faultsAtRandom(seed, r.rate))
	r.start()
	return r
}

// connect makes the client that the next daemon uses.
func (r *faultRun) connect(retry, stall time.Duration) {
	r.t.Helper()
	r.store = must[*s3.Client](r.t)(s3.New(s3.Config{Endpoint: r.srv.URL, AccessKey: r.srv.AccessKey, SecretKey: r.srv.SecretKey,
		RetryFor: retry, StallTimeout: stall}))
	r.t.Cleanup(r.store.Close)
}

// start is world.start for the run's way of closing.
func (r *faultRun) start() {
	r.t.Helper()
	r.world.start(func(o *Options) { o.WriteBack = r.back })
}

// faultsAtRandom gives requests faults. The order of requests that run side by side is chance, so that a seed does not give the same run each time.
func faultsAtRandom(seed uint64, rate float64) func(s3test.Request) *s3test.Fault {
	draw := make(chan *rand.Rand, 1)
	draw <- rand.New(rand.NewPCG(seed, 2))
	return func(req s3test.Request) *s3test.Fault {
		rnd := <-draw
		defer func() { draw <- rnd }()
		if rnd.Float64() >= rate {
			return nil
		}
		cut := 1 + rnd.Int64N(40_000)
		faults := []s3test.Fault{
			{CutBefore: true}, {CutAfter: true}, {CutUpload: cut}, {StallUpload: cut}, {CutBody: cut}, {StallBody: cut}, {StallBody: -1},
			{Status: 500}, {Status: 503, Code: "SlowDown"}, {Status: 502}, {Status: 500, Done: true}, {Status: 503, Done: true}, {Status: 504, Done: true},
			{Before: 50 * time.Millisecond}, // less than StallTimeout: a PUT that is done after it was given up may undo a removal, and nobody can prevent that
			{After: 200 * time.Millisecond}, {After: 20 * time.Millisecond}, {Status: 403, Code: "QuotaExceeded"},
		}
		if req.Op == "PutObject" || req.Op == "UploadPart" {
			flip := s3test.Fault{FlipUpload: true} // often: nothing but the ETag tells of it
			faults = append(faults, s3test.Fault{ETag: "0123456789abcdef0123456789abcdef"}, flip, flip, flip, flip, flip)
		}
		return &faults[rnd.IntN(len(faults))]
	}
}

// bytes are those of a new version, unlike all others.
func (r *faultRun) bytes() []byte {
	n := 1 + r.rnd.IntN(200_000)
	if r.large && r.rnd.IntN(3) == 0 {
		n += 33 << 20
	}
	p := random(n)
	for i := range min(16, n) {
		p[i] = byte(r.rnd.Uint32())
	}
	return p
}

// step does one thing to one file, or crashes.
func (r *faultRun) step() {
	names := []string{"a", "b", "dir/c", "d", "e"}
	name := names[r.rnd.IntN(len(names))]
	h := r.files[name]
	if h.pair != nil {
		return
	}
	switch k := r.rnd.IntN(12); {
	case k < 4:
		r.rewrite(name, h)
	case k < 7:
		r.change(name, h)
	case k < 8:
		r.remove(name, h)
	case k < 10:
		r.move(name, h, names[r.rnd.IntN(len(names))])
	case k < 11:
		r.srv.SetQuota(r.rnd.Int64N(400_000), -1)
	default:
		r.note("crash")
		r.crash()
		for _, h := range r.files {
			h.sure = false
		}
		r.start()
	}
}

func (r *faultRun) note(format string, args ...any) {
	r.done = append(r.done, fmt.Sprintf(format, args...))
}

// rewrite makes a file anew.
func (r *faultRun) rewrite(name string, h *history) {
	p := r.bytes()
	f, err := r.open(name, syscall.O_WRONLY|syscall.O_CREAT|syscall.O_TRUNC)
	if err != nil {
		r.note("open %s: %v", name, err)
		h.sure = false
		return
	}
	r.write(f, name, h, p, 0, p)
}

// change writes within a file, or at its end, when it is known what it holds.
func (r *faultRun) change(name string, h *history) {
	old := h.last
	if old == nil || !h.sure {
		return
	}
	f, err := r.open(name, syscall.O_WRONLY)
	if err != nil {
		r.note("open %s: %v", name, err)
		return
	}
	p := r.bytes()[:1]
	p = append(p, random(1+r.rnd.IntN(100_000))...)
	off := r.rnd.IntN(len(old) + 1)
	now := append(bytes.Clone(old[:off]), p...)
	if len(now) < len(old) {
		now = append(now, old[len(now):]...)
	}
	r.write(f, name, h, now, off, p)
}

// write writes, closes, and notes what came of it. A close may be given up by the program, and the daemon may crash meanwhile.
func (r *faultRun) write(f *Handle, name string, h *history, now []byte, off int, p []byte) {
	defer f.Release()
	for done := 0; done < len(p); {
		n := min(len(p)-done, 1<<20)
		if _, err := f.WriteAt(r.t.Context(), p[done:done+n], int64(off+done)); err != nil {
			r.note("write %s: %v", name, err)
			h.add(now, false)
			r.t.Errorf("write %s: %v", name, err)
			return
		}
		done += n
	}
	ctx, cancel := r.t.Context(), func() {}
	if r.rnd.IntN(8) == 0 {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(r.rnd.IntN(50))*time.Millisecond)
	}
	defer cancel()
	err := f.Flush(ctx)
	r.note("write %s version %d: %v", name, len(h.versions), err)
	h.add(now, err == nil)
}

func (r *faultRun) remove(name string, h *history) {
	err := r.unlink(name)
	r.note("unlink %s: %v", name, err)
	if !isNotExist(err) {
		h.add(nil, err == nil)
	}
	h.sure = false // of the bytes that a file may have left
}

// move renames a file whose bytes are acknowledged. When that fails, they may be at either name or both, and neither is touched any more.
func (r *faultRun) move(name string, h *history, to string) {
	other := r.files[to]
	if to == name || h.last == nil || !h.sure || other.pair != nil || other.last != nil && !other.sure {
		return
	}
	err := r.rename(name, to)
	r.note("rename %s %s: %v", name, to, err)
	if err != nil {
		h.pair, other.pair = other, h
		other.add(h.last, false)
		h.add(nil, false)
		return
	}
	other.add(h.last, true)
	h.add(nil, true)
	h.sure = false
}

// check ends the faults, restarts the daemon, waits until it has sent what it can, and compares.
func (r *faultRun) check() {
	r.t.Helper()
	r.srv.Fault(nil)
	r.srv.SetQuota(-1, -1)
	if r.rnd.IntN(2) == 0 {
		r.crash()
	} else {
		r.stop()
	}
	r.connect(20*time.Second, 10*time.Second) // for a busy machine
	r.start()
	r.eventually(func() bool {
		r.f.mu.Lock()
		defer r.f.mu.Unlock()
		return len(r.f.resends) == 0 && r.f.queueState().Files == 0 // what was left waits for its turn in the queue first
	})
	kept := r.kept()
	for name, h := range r.files {
		r.checkFile(name, h, kept)
	}
}

// kept are the sums of all drafts.
func (r *faultRun) kept() (all []string) {
	r.t.Helper()
	for _, d := range r.f.Status().Drafts {
		file := r.t.TempDir() + "/saved"
		if err := r.f.RecoverSave(r.t.Context(), d.ID, file); err != nil {
			r.t.Logf("draft %+v: %v", d, err)
			continue
		}
		all = append(all, sumOf([]byte(readLocal(r.t, file))))
		_ = os.Remove(file)
	}
	return all
}

// stored is the sum of what the store holds.
func (r *faultRun) stored(name string) string {
	o, err := r.srv.Object("data", name)
	if err != nil {
		return sumOf(nil)
	}
	return sumOf(append([]byte{}, o.Data...))
}

func (r *faultRun) checkFile(name string, h *history, kept []string) {
	r.t.Helper()
	now, newest := r.stored(name), len(h.versions)-1
	at := newest
	for ; at >= 0 && h.versions[at] != now; at-- {
	}
	if at < 0 && (r.back || h.acked < newest) && slices.Contains(kept, h.versions[newest]) {
		return // the store made other bytes of it, and the close said so, or with write-back the conflict after a crash before its answer
	}
	if at < max(h.acked, 0) {
		r.t.Errorf("%s: the store holds version %d of %d (%s), acknowledged is %d", name, at, newest, now, h.acked)
	}
	if h.pair != nil {
		if h.last == nil && at == newest && r.stored(nameOf(r.files, h.pair)) != h.versions[newest-1] {
			r.t.Errorf("%s was renamed, and is at neither name", name)
		}
		return
	}
	if h.last != nil && at != newest && !slices.Contains(kept, h.versions[newest]) {
		r.t.Errorf("%s: version %d, which was not acknowledged, is neither in the store, which has %d, nor kept", name, newest, at)
	}
}

func nameOf(files map[string]*history, h *history) string {
	for name, other := range files {
		if other == h {
			return name
		}
	}
	return ""
}
