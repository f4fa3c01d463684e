package mount

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"allasfs/cache"
	"allasfs/s3/s3test"
)

// storm is a server that spoils GETs by chance.
type storm struct {
	mu  sync.Mutex
	rng *rand.Rand
}

// fault spoils about every third GET.
func (s *storm) fault(r s3test.Request) *s3test.Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Op != "GetObject" || s.rng.IntN(3) > 0 {
		return nil
	}
	all := []s3test.Fault{
		{CutBefore: true}, {CutAfter: true}, {CutBody: 1 + s.rng.Int64N(200<<10)}, {StallBody: 1 + s.rng.Int64N(200<<10)}, {Short: 1 + s.rng.Int64N(5000)},
		{Whole: true}, {Status: 500}, {Status: 503, Code: "SlowDown"}, {Before: time.Duration(s.rng.IntN(50)) * time.Millisecond},
	}
	return &all[s.rng.IntN(len(all))]
}

// TestReadStorm: whatever the server does, and while another client replaces the object now and then, a handle gives the bytes of one version
// or an error. Each seed has its own plan of reads and faults; their order in time is the machine's.
func TestReadStorm(t *testing.T) {
	for name, o := range map[string]cache.Options{
		"with a cache": {Size: 64 << 20}, "memory only": {}, "little of both": {Size: 2 << 20, Memory: 4 << 20},
	} {
		for seed := uint64(1); seed <= 2; seed++ {
			t.Run(fmt.Sprintf("%s, seed %d", name, seed), func(t *testing.T) {
				t.Parallel()
				o := o // the other seed runs beside this one
				m := newMount(t, ttl(0), quickly, func(s *setup) { o.Dir = s.cache.Dir; s.cache = o })
				m.weather(t, seed)
			})
		}
	}
}

// weather reads by four threads through three versions of a file.
func (m *mounted) weather(t *testing.T, seed uint64) {
	s := &storm{rng: rand.New(rand.NewPCG(seed, 0))}
	m.s3.Fault(s.fault)
	defer m.s3.Fault(nil)
	var versions [][]byte
	for i := range 3 {
		versions = append(versions, randomBytes(int(2*mib) + i)[i:])
		m.s3.PutObject(m.bucket, "f", versions[i], nil)
		var wg sync.WaitGroup
		for job := range 4 {
			wg.Go(func() { m.readOneVersion(t, rand.New(rand.NewPCG(seed, uint64(10*i+job+1))), versions) })
		}
		wg.Wait()
	}
}

// readOneVersion opens the file and reads here and there: all of it must be of one of the versions.
func (m *mounted) readOneVersion(t *testing.T, rng *rand.Rand, versions [][]byte) {
	f, err := os.Open(m.path("f"))
	if err != nil {
		return // a fault met the lookup
	}
	defer f.Close()
	possible := versions
	for range 6 {
		off := rng.Int64N(int64(2*mib) - 1)
		p := make([]byte, 1+rng.Int64N(300<<10))
		got, err := preadFull(f, p, off)
		if err != nil {
			if errno := syscall.Errno(0); !errors.As(err, &errno) {
				t.Error(err)
			}
			continue
		}
		var left [][]byte
		for _, v := range possible {
			if off <= int64(len(v)) && string(v[off:min(off+int64(len(p)), int64(len(v)))]) == string(got) {
				left = append(left, v)
			}
		}
		if possible = left; len(possible) == 0 {
			t.Errorf("%d of %d bytes at %d are of no version, or of another than those before; the first difference to each: %v", len(got), len(p), off,
				differences(got, versions, off))
			return
		}
	}
}

// differences returns how many bytes at off are as in each version.
func differences(got []byte, versions [][]byte, off int64) []int {
	var out []int
	for _, v := range versions {
		out = append(out, differsAt(got, v[off:]))
	}
	return out
}
