package mount

import (
	"bufio"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"allasfs/fs/mount/fsx"
)

// Longer runs are asked for by the environment, as scripts/soak does; a failing run prints its seed, and the operations that are left of it.
const (
	fsxOpsEnv  = "ALLASFS_TEST_FSX_OPS"  // operations of each run
	fsxSeedEnv = "ALLASFS_TEST_FSX_SEED" // added to each run's own seed
)

func helperFsx(args []string) error { return fsx.Main(args, os.Stdin, os.Stdout) }

// exercise is one run of fsx on a file of a mount.
type exercise struct {
	m, second *mounted // the second mount of the same bucket trusts nothing that it knows
	reader    *os.File // of a program that keeps the file open, or nil
	writer    *os.File // the same, for writing
	name      string
	args      []string
}

// fromEnv is a number of the environment, or what it is without.
func fromEnv(t testing.TB, name string, without int) int {
	t.Helper()
	s := os.Getenv(name)
	if s == "" {
		return without
	}
	n, err := strconv.Atoi(s)
	ok(t, err)
	return n
}

// TestFsx does random operations on a file, a process of its own being the program, and compares after each close with what is stored, and with
// what a second mount of the bucket shows. It begins without the file, with a small one, and with one that is partly copied by the server when it changes.
func TestFsx(t *testing.T) {
	for _, c := range []struct {
		name          string
		size          int // of the file at the beginning; -1 = there is none
		ops           int // embedded server; a quarter of it on a gateway
		max, most     int
		seed          int
		cacheSize     int64
		embeddedAlone bool
		beside        bool // of a program that has the file open, and reads it past the daemon where that can be
		direct        bool // of a program that has it open for writing alone, past the daemon where that can be
	}{
		{name: "new", size: -1, ops: 2000, max: 256 << 10, most: 64 << 10, seed: 1, cacheSize: 256 << 20},
		{name: "existing", size: 200_001, ops: 2000, max: 256 << 10, most: 64 << 10, seed: 2, cacheSize: 256 << 20},
		{name: "no cache", size: 200_001, ops: 1000, max: 256 << 10, most: 64 << 10, seed: 3, cacheSize: 0, embeddedAlone: true},
		{name: "beside", size: 400_001, ops: 2000, max: 1 << 20, most: 256 << 10, seed: 5, cacheSize: 256 << 20, beside: true},
		{name: "direct", size: -1, ops: 1000, max: 256 << 10, most: 64 << 10, seed: 6, cacheSize: 256 << 20, embeddedAlone: true, direct: true},
		{name: "large", size: 24 << 20, ops: 100, max: 40 << 20, most: 4 << 20, seed: 4, cacheSize: 256 << 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			run := func(t *testing.T, m *mounted) {
				ops := fromEnv(t, fsxOpsEnv, c.ops)
				if m.s3 == nil {
					ops /= 4
				}
				x := &exercise{m: m, name: "fsx", args: []string{
					"-seed", fmt.Sprint(c.seed + fromEnv(t, fsxSeedEnv, 0)), "-ops", fmt.Sprint(ops), "-max", fmt.Sprint(c.max), "-len", fmt.Sprint(c.most),
				}}
				x.begin(t, c.size)
				if c.direct {
					x.writer = m.creating(x.name)
					if m.server.bridge.backings.writes.Load() == 0 {
						t.Skip("no passthrough here")
					}
					t.Cleanup(func() { x.writer.Close() })
				}
				if c.beside {
					x.openBeside(t, c.size)
				}
				x.run(t)
			}
			change := func(o *setup) {
				o.cache.Size = c.cacheSize
				if c.direct {
					o.fs.DirectFrom = -1
				}
			}
			if c.embeddedAlone {
				run(t, newMount(t, change))
				return
			}
			each(t, run, change)
		})
	}
}

// begin stores what there is at the beginning, and mounts the second time.
func (x *exercise) begin(t *testing.T, size int) {
	t.Helper()
	if size >= 0 {
		x.m.put(x.name, string(randomBytes(size)))
	}
	x.m.put("source", string(randomBytes(150_000)))
	x.second = mountOn(t, x.m.e, func(o *setup) {
		o.bucket, o.fs.TTL, o.fs.ReadOnly, o.mount.ReadOnly = x.m.bucket, 0, true, true
	})
}

// openBeside opens the file, which comes to be cached, for reading.
func (x *exercise) openBeside(t *testing.T, size int) {
	t.Helper()
	must[[]byte](t)(os.ReadFile(x.m.path(x.name)))
	x.m.onDisk(size)
	x.m.idle()
	x.reader = must[*os.File](t)(os.Open(x.m.path(x.name)))
	t.Cleanup(func() { x.reader.Close() })
	x.m.passesBy()
}

// run starts the program and answers its questions.
func (x *exercise) run(t *testing.T) {
	t.Helper()
	args := append(x.args, "-ask", "-failing", filepath.Join(t.ArtifactDir(), "fsx.ops"), "-source", x.m.path("source"), x.m.path(x.name))
	cmd := helper("fsx", args...)
	var said strings.Builder
	cmd.Stderr = &said
	in := must[io.WriteCloser](t)(cmd.StdinPipe())
	out := must[io.ReadCloser](t)(cmd.StdoutPipe())
	ok(t, cmd.Start())
	for lines := bufio.NewScanner(out); lines.Scan(); {
		line := lines.Text()
		var path, sum string
		var size int
		if n, _ := fmt.Sscanf(line, "closed %s %d %s", &path, &size, &sum); n != 3 {
			t.Log(line)
			continue
		}
		answer := "ok"
		if err := x.compare(filepath.Base(path), size, sum); err != nil {
			answer = err.Error()
		}
		fmt.Fprintln(in, strings.ReplaceAll(answer, "\n", " "))
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("fsx %q: %v\n%s", args, err, said.String())
	}
}

// compare compares what is stored, and what the second mount shows, with a size and an MD5.
func (x *exercise) compare(name string, size int, sum string) error {
	data, err := x.m.stored(name)
	if err != nil {
		return fmt.Errorf("the object: %w", err)
	}
	if err := sameSum(data, size, sum); err != nil {
		return fmt.Errorf("the object: %w", err)
	}
	if data, err = os.ReadFile(x.second.path(name)); err == nil {
		err = sameSum(data, size, sum)
	}
	if err != nil {
		return fmt.Errorf("the second mount: %w", err)
	}
	if x.reader != nil {
		if data, err = io.ReadAll(io.NewSectionReader(x.reader, 0, 1<<30)); err == nil {
			err = sameSum(data, size, sum)
		}
	}
	if err != nil {
		return fmt.Errorf("the program beside: %w", err)
	}
	return nil
}

// stored is what the store holds, by no code of the file system where that can be had.
func (m *mounted) stored(key string) ([]byte, error) {
	if m.s3 != nil {
		o, err := m.s3.Object(m.bucket, key)
		return o.Data, err
	}
	data, err := m.object(key)
	return []byte(data), err
}

func sameSum(data []byte, size int, sum string) error {
	if got := md5.Sum(data); hex.EncodeToString(got[:]) != sum {
		return fmt.Errorf("%d bytes of MD5 %x, want %d of %s", len(data), got, size, sum)
	}
	return nil
}
