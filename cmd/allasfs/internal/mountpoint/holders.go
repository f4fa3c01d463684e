package mountpoint

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Holder is a process that keeps a mount from being unmounted.
type Holder struct {
	PID  int
	Name string // short name of the program, as ps(1) shows it
	How  string // "works in DIR", "has FILE open", "has FILE mapped"
}

// String is one line for a person.
func (h Holder) String() string { return fmt.Sprintf("%s (pid %d) %s", h.Name, h.PID, h.How) }

// Holders returns the processes that have their working directory, root, an open file or a mapping on or below dir; those of other
// users are seen by root only. It reads /proc and never the mount itself.
func Holders(dir string) []Holder {
	procs, _ := filepath.Glob("/proc/[0-9]*") // the pattern is good: no error
	var holders []Holder
	for _, p := range procs {
		how := use(p, dir)
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

// use says how the process with the folder proc uses something on or below dir; "" = not at all, or it cannot be seen.
func use(proc, dir string) string {
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
	maps, _ := os.ReadFile(proc + "/maps")
	for line := range strings.Lines(string(maps)) {
		if i := strings.IndexByte(line, '/'); i >= 0 && Within(strings.TrimSpace(line[i:]), dir) {
			return "has " + strings.TrimSpace(line[i:]) + " mapped"
		}
	}
	return ""
}
