package mount

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"allasfs/s3/s3test"
)

// readWay is a way to read that faults are tried on. It returns an error of reading, or one that says which bytes are wrong (wrongBytes).
type readWay struct {
	name string
	read func(m *mounted, name string, data []byte) error
}

// wrongBytes is what no fault may bring about.
type wrongBytes struct{ error }

func readWays() []readWay {
	return []readWay{
		{"sequential", extentsOf(cursors(1, 256*kib))},
		{"random", extentsOf(random(1, 12, 20*kib))},
		{"mapped", readMapped},
	}
}

// extentsOf reads by pread.
func extentsOf(reads func(int64) [][]extent) func(*mounted, string, []byte) error {
	return func(m *mounted, name string, data []byte) error {
		f, err := os.Open(m.path(name))
		if err != nil {
			return err
		}
		defer f.Close()
		for _, list := range reads(int64(len(data))) {
			if err := readExtents(f, list, data); err != nil {
				return wrongIfNoErrno(err)
			}
		}
		return nil
	}
}

func wrongIfNoErrno(err error) error {
	if errno := syscall.Errno(0); errors.As(err, &errno) {
		return err
	}
	return wrongBytes{err}
}

// readMapped reads by a mapping in a process of its own, which is ended by SIGBUS where reading fails.
func readMapped(m *mounted, name string, data []byte) error {
	want := filepath.Join(m.t.TempDir(), "want")
	if err := os.WriteFile(want, data, 0o600); err != nil {
		return err
	}
	cmd := helper("compare-mapped", m.path(name), want, "7", "0")
	cmd.Env = append(cmd.Env, "GODEBUG=asyncpreemptoff=1") // the kernel begins a failed fault anew for ever while signals come in
	out, err := cmd.CombinedOutput()
	switch {
	case err == nil:
		return nil
	case strings.Contains(string(out), "differs"):
		return wrongBytes{fmt.Errorf("mapped: %s", out)}
	case strings.Contains(string(out), "SIGBUS"), strings.Contains(string(out), "unexpected fault address"):
		return syscall.EIO
	}
	return fmt.Errorf("mapped: %w: %.300s", err, out)
}

// everyOther gives every second GET the fault: those that are tried again pass sooner or later.
func everyOther(f s3test.Fault) func(s3test.Request) *s3test.Fault {
	return func(r s3test.Request) *s3test.Fault {
		if r.Op == "GetObject" && r.N%2 == 1 {
			return &f
		}
		return nil
	}
}

func always(f s3test.Fault) func(s3test.Request) *s3test.Fault {
	return func(r s3test.Request) *s3test.Fault {
		if r.Op == "GetObject" {
			return &f
		}
		return nil
	}
}

// quickly makes the client give up in a second, and take 0.3 s without a byte for a stall.
func quickly(o *setup) { o.stall, o.retry = 300*time.Millisecond, time.Second }

// passing are faults that go by: the reader notices nothing but the time.
func passing() map[string]s3test.Fault {
	return map[string]s3test.Fault{
		"cut before the answer": {CutBefore: true},
		"cut at the body":       {CutBody: -1},
		"cut in the middle":     {CutBody: 50_001},
		"stalled":               {StallBody: 40_000},
		"stalled at once":       {StallBody: -1},
		"too little":            {Short: 1000},
		"500":                   {Status: 500},
		"503":                   {Status: 503, Code: "SlowDown"},
	}
}

// TestPassingFaults: the bytes are right, whatever every second request meets.
func TestPassingFaults(t *testing.T) {
	const size = mib + 1234
	for name, fault := range passing() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMount(t, quickly, func(o *setup) { o.retry = 20 * time.Second })
			for i, way := range readWays() {
				key, data := fmt.Sprint(i), randomBytes(int(size)+i)
				m.put(key, string(data))
				m.s3.ResetCounts()
				m.s3.Fault(everyOther(fault))
				if err := way.read(m, key, data); err != nil {
					t.Errorf("%s: %v", way.name, err)
				}
				if m.s3.Count("GetObject") < 2 {
					t.Errorf("%s: the fault was not met", way.name)
				}
				m.s3.Fault(nil)
			}
		})
	}
}

// TestLastingFaults: what does not go by is an error, never other bytes, and leaves nothing wrong behind: when it is over, the bytes are right.
func TestLastingFaults(t *testing.T) {
	const size = mib + 777
	faults := passing()
	faults["too much"] = s3test.Fault{Whole: true}
	faults["other bytes"] = s3test.Fault{Range: "bytes=1-"}
	faults["another version"] = s3test.Fault{ETag: strings.Repeat("0", 32)}
	faults["404"] = s3test.Fault{Status: 404, Code: "NoSuchKey"}
	faults["403"] = s3test.Fault{Status: 403, Code: "AccessDenied"}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMount(t, quickly, ttl(0))
			for i, way := range readWays() {
				key, data := fmt.Sprint(i), randomBytes(int(size)+i)
				m.put(key, string(data))
				m.s3.Fault(always(fault))
				err := way.read(m, key, data)
				if wrong := (wrongBytes{}); errors.As(err, &wrong) {
					t.Errorf("%s: %v", way.name, err)
				}
				if err == nil && !m.harmless(fault) {
					t.Errorf("%s: no error", way.name)
				}
				m.s3.Fault(nil)
				if err := way.read(m, key, data); err != nil {
					t.Errorf("%s, when it is over: %v", way.name, err)
				}
			}
		})
	}
}

// harmless tells whether a client may get everything in spite of a fault of every request: what came before it can be used, piece by piece.
func (m *mounted) harmless(f s3test.Fault) bool { return f.CutBody > 0 || f.StallBody > 0 || f.Whole }

// TestSlowDown: a server that refuses everything for two seconds costs that time, no error.
func TestSlowDown(t *testing.T) {
	m := newMount(t, func(o *setup) { o.retry = 20 * time.Second })
	data := randomBytes(4 << 20)
	m.put("f", string(data))
	must[os.FileInfo](t)(os.Stat(m.path("f")))
	over := time.Now().Add(2 * time.Second)
	m.s3.Fault(func(s3test.Request) *s3test.Fault {
		if time.Now().Before(over) {
			return &s3test.Fault{Status: 503, Code: "SlowDown"}
		}
		return nil
	})
	m.wantFile("f", string(data))
}

// TestChangedWhileRead: when another client replaces or removes the object in the middle of the reading, the reader gets the old bytes to the
// end or an error, never a mix, and the next open has what is there now.
func TestChangedWhileRead(t *testing.T) {
	const size = 8*mib + 99
	for name, change := range map[string]func(m *mounted, other []byte){
		"replaced, same size": func(m *mounted, other []byte) { m.put("f", string(other)) },
		"replaced, longer":    func(m *mounted, other []byte) { m.put("f", string(other)+"more") },
		"replaced, shorter":   func(m *mounted, other []byte) { m.put("f", string(other[:mib])) },
		"removed":             func(m *mounted, _ []byte) { m.remove("f") },
	} {
		for _, way := range readWays() {
			t.Run(name+", "+way.name, func(t *testing.T) {
				t.Parallel()
				m := newMount(t, quickly, ttl(0))
				data, other := randomBytes(int(size)), randomBytes(int(size) + 1)[1:]
				m.put("f", string(data))
				var changed atomic.Bool
				m.s3.Fault(func(r s3test.Request) *s3test.Fault {
					if r.Op == "GetObject" && r.N >= 3 && !changed.Swap(true) {
						change(m, other)
					}
					return nil
				})
				err := way.read(m, "f", data)
				if wrong := (wrongBytes{}); errors.As(err, &wrong) {
					t.Error(err)
				}
				if way.name != "mapped" && err != nil && !errors.Is(err, syscall.ESTALE) {
					t.Errorf("%v, want ESTALE", err)
				}
				m.s3.Fault(nil)
				if !changed.Load() {
					t.Fatal("nothing was changed while reading")
				}
				m.wantCurrent("f")
			})
		}
	}
}

// wantCurrent compares what an open gets now with the object.
func (m *mounted) wantCurrent(name string) {
	m.t.Helper()
	want, gone := m.s3.Object(m.bucket, name)
	got, err := os.ReadFile(m.path(name))
	if gone != nil {
		wantErrno(m.t, err, syscall.ENOENT)
		return
	}
	ok(m.t, err)
	wantSame(m.t, name, string(got), string(want.Data))
}

// TestSmallFilesUnderFaults: a whole file or an error.
func TestSmallFilesUnderFaults(t *testing.T) {
	m := newMount(t, quickly)
	faults := []s3test.Fault{{Status: 500}, {CutBody: 100}, {Short: 7}, {CutBefore: true}, {Status: 503}}
	for i := range 40 {
		m.put(fmt.Sprintf("d/%02d", i), string(randomBytes(3000+i)))
	}
	m.s3.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op == "GetObject" && r.N%2 == 1 {
			return &faults[r.N/2%len(faults)]
		}
		return nil
	})
	for i := range 40 {
		m.wantFile(fmt.Sprintf("d/%02d", i), string(randomBytes(3000+i)))
	}
}
