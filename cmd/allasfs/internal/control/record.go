package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"allasfs/cmd/allasfs/internal/mountpoint"
)

// Record is what the registry holds of a mount, in a file named after the daemon's process.
type Record struct {
	PID        int       `json:"pid"`
	Mountpoint string    `json:"mountpoint"`
	Source     string    `json:"source"`
	Socket     string    `json:"socket"`
	Since      time.Time `json:"since"`
	Version    string    `json:"version"`
	CacheDir   string    `json:"cache_dir"`
	LogFile    string    `json:"log_file,omitempty"`    // "" = standard error
	Mode       string    `json:"mode,omitempty"`        // what the kernel granted
	Memory     int64     `json:"memory,omitempty"`      // bytes that the daemon may take, 0 = no limit
	Dev        string    `json:"dev"`                   // the mount's device number, major:minor; "" = not known
	HandedOver bool      `json:"handed_over,omitempty"` // another program made the mount, perhaps in another namespace

	file string
}

// paths returns where the socket and the record of process pid lie in the registry dir.
func paths(dir string, pid int) (socket, file string) {
	base := filepath.Join(dir, strconv.Itoa(pid))
	return base + ".sock", base + ".json"
}

// write stores the record in its file, all or nothing.
func (r Record) write() error {
	data, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	if err := os.WriteFile(r.file+".new", data, 0o600); err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	if err := os.Rename(r.file+".new", r.file); err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	return nil
}

// Remove takes the record and its socket out of the registry; that they are gone already is no error.
func (r Record) Remove() error {
	var errs []error
	for _, f := range []string{r.Socket, r.file} {
		if err := os.Remove(f); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// alivePatience is how long a daemon has to answer; one that does not is there all the same, stopped perhaps.
const alivePatience = 2 * time.Second

// Alive tells whether the daemon of the record is there. That its socket takes a connection does not say so: while a killed process ends, the kernel goes on
// taking them. So it is asked something, whatever it answers; a connection that is closed instead tells that it has ended.
func (r Record) Alive() bool {
	client := Dial(r).http
	client.Timeout = alivePatience
	resp, err := client.Head("http://allasfs/")
	if err != nil {
		return os.IsTimeout(err)
	}
	return resp.Body.Close() == nil
}

// Records returns the records in dirs. Those whose daemon is gone and whose mount is gone too are removed; of the dead ones that remain,
// Alive is false. Folders that are not private to this user are passed over.
func Records(dirs []string) ([]Record, error) {
	mounts, err := mountpoint.Ours()
	if err != nil {
		return nil, err
	}
	var records []Record
	for _, dir := range dirs {
		if private(dir) != nil {
			continue
		}
		files, _ := filepath.Glob(filepath.Join(dir, "*.json")) // a folder that is not there has none
		for _, f := range files {
			r, err := read(f)
			if err != nil {
				continue // being removed, or not ours
			}
			if !mounted(r, mounts) && !r.Alive() {
				_ = r.Remove() // somebody else removes it too
				continue
			}
			records = append(records, r)
		}
	}
	return records, nil
}

// mounted tells whether the record's mount is there, alive or dead.
func mounted(r Record, mounts []mountpoint.Mount) bool {
	return slices.ContainsFunc(mounts, func(m mountpoint.Mount) bool { return m.Dir == r.Mountpoint && m.Dev == r.Dev })
}

func read(file string) (Record, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return Record{}, err
	}
	var r Record
	if err := json.Unmarshal(data, &r); err != nil {
		return Record{}, fmt.Errorf("registry %s: %w", file, err)
	}
	r.file = file
	return r, nil
}
