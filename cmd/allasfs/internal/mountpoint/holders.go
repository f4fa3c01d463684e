package mountpoint

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Holder is a process that keeps a mount from being unmounted.
type Holder struct {
	PID  int
	Name string // short name of the program, as ps(1) shows it
	How  string // "works in DIR", "has FILE open", "has FILE mapped"
}

// String is one line for a person.
func (h Holder) String() string { return fmt.Sprintf("%s (pid %d) %s", h.Name, h.PID, h.How) }

// The kernel tells the mappings of a process only between two calls that change them. One that hangs in such a call, as on a file system that does not
// answer, and cannot be killed, is waited for so long; all of them together for the second time.
const (
	waitForOne = 500 * time.Millisecond
	waitForAll = 2 * time.Second
)

// hangs is what is said of a process that does not let itself be looked at.
const hangs = "hangs in a call of the kernel, so that what it uses cannot be seen"

// Holders returns the processes that have their working directory, root, an open file or a mapping on or below dir; those of other
// users are seen by root only. It reads /proc and never the mount itself. Processes that hang are among them, for they may have mappings; two seconds
// are spent on them at most.
func Holders(dir string) []Holder { return holders("/proc", dir) }

func holders(proc, dir string) []Holder {
	procs, _ := filepath.Glob(proc + "/[0-9]*") // the pattern is good: no error
	var holders []Holder
	left := waitForAll
	for _, p := range procs {
		how := opened(p, dir)
		if how == "" && left > 0 {
			begin := time.Now()
			if how = within(min(waitForOne, left), func() string { return mapped(p, dir) }); how == hangs {
				left -= time.Since(begin)
			}
		}
		if how == "" {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(p))
		if err != nil || pid == os.Getpid() {
			continue
		}
		name, _ := os.ReadFile(p + "/comm") // gone meanwhile: no name
		holders = append(holders, Holder{pid, strings.TrimSpace(string(name)), how})
	}
	return holders
}

// within is what look returns, or hangs when that takes longer; look then ends with the process that is looked at, or with this one.
func within(limit time.Duration, look func() string) string {
	how := make(chan string, 1)
	go func() { how <- look() }()
	select {
	case s := <-how:
		return s
	case <-time.After(limit):
		return hangs
	}
}

// opened says how the process with the folder proc works on or below dir, or has something open there; "" = not at all, or it cannot be seen.
func opened(proc, dir string) string {
	for _, link := range []string{"cwd", "root"} {
		if to, err := os.Readlink(proc + "/" + link); err == nil && Within(to, dir) {
			return "works in " + to
		}
	}
	fds, _ := os.ReadDir(proc + "/fd") // another user's: not seen
	for _, fd := range fds {
		if to, err := os.Readlink(proc + "/fd/" + fd.Name()); err == nil && Within(to, dir) {
			return "has " + strings.TrimSuffix(to, " (deleted)") + " open"
		}
	}
	return ""
}

// mapped says what of dir the process has mapped; "" = nothing, or it cannot be seen.
func mapped(proc, dir string) string {
	maps, _ := os.ReadFile(proc + "/maps")
	for line := range strings.Lines(string(maps)) {
		if i := strings.IndexByte(line, '/'); i >= 0 && Within(strings.TrimSpace(line[i:]), dir) {
			return "has " + strings.TrimSpace(line[i:]) + " mapped"
		}
	}
	return ""
}
