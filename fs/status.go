package fs

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"allasfs/cache"
	"allasfs/s3"
)

// Status is what `allasfs status` shows of a mount.
type Status struct {
	Source   string        `json:"source"`
	Since    time.Time     `json:"since"`
	ReadOnly bool          `json:"read_only"`
	Uploads  []UploadState `json:"uploads"` // running and waiting
	Queue    QueueState    `json:"queue"`   // all that is on its way
	Drafts   []DraftState  `json:"drafts"`  // kept: not sent, or in conflict
	Moves    []MoveState   `json:"moves"`   // directories that are being renamed
	Attrs    []string      `json:"attrs"`   // paths whose mode, owner or time is newer than the store's
	Writing  []string      `json:"writing"` // paths of files that programs have open for writing, or mapped
	Errors   []ErrorRecord `json:"errors"`  // the last ones, newest first
	Warms    []WarmState   `json:"warms"`   // running, and the last that ended
	Cache    cache.Stats   `json:"cache"`
	Nodes    int           `json:"nodes"` // that the kernel knows or that have local state
	Handles  int           `json:"handles"`

	Full []SpaceWarning `json:"full,omitempty"` // limits of the store that are nearly reached, as of the last time that it was asked

	Sources     []SourceState `json:"sources,omitempty"` // filled in by who mounts several file systems as one
	Passthrough Passthrough   `json:"passthrough"`       // filled in by who serves the kernel
	Requests    s3.Stats      `json:"requests"`          // filled in by who made the store's client, which several file systems may share
}

// SourceState is how one of several file systems of a mount is.
type SourceState struct {
	Name     string `json:"name"`            // of its directory
	Source   string `json:"source"`          // PROJECT:BUCKET/PREFIX
	Endpoint string `json:"endpoint"`        // URL
	Error    string `json:"error,omitempty"` // why its store cannot be used, and what to do, "" = it can
}

// UploadState is a file on its way to the store.
type UploadState struct {
	Path string `json:"path"`
	Size int64  `json:"size"` // bytes
	Sent int64  `json:"sent"` // bytes
}

// DraftState is a changed file that is not in the store.
type DraftState struct {
	ID     string `json:"id"`
	Path   string `json:"path"` // bucket/key
	Name   string `json:"name"` // path below the mount's top, "" = the mount does not show it
	Size   int64  `json:"size"`
	State  string `json:"state"` // open (a crash came before its close), closed (could not be sent yet), conflict
	Reason string `json:"reason"`

	Since time.Time `json:"since,omitzero"` // when the change that is not in the store began, before a crash too; zero = not known
}

// ErrorRecord is something that went wrong.
type ErrorRecord struct {
	Time time.Time `json:"time"`
	Op   string    `json:"op"`
	Path string    `json:"path"`
	Text string    `json:"text"` // plain words: what failed, why, what to do
}

// Status returns a picture of the mount.
func (f *FS) Status() Status {
	s := Status{Source: f.source(), Since: f.since, ReadOnly: f.o.ReadOnly, Warms: f.Warms(), Cache: f.o.Cache.Stats()}
	f.mu.Lock()
	defer f.mu.Unlock()
	for up := range f.uploads {
		s.Uploads = append(s.Uploads, UploadState{up.path, up.size, min(up.sent.Load(), up.size)})
	}
	for _, n := range f.nodes {
		if !n.idle || n.refs > 0 {
			s.Nodes++
		}
		if n.attrsUnsent && n.parent != nil {
			s.Attrs = append(s.Attrs, f.pathOf(n))
		}
		if n.writers > 0 && n.parent != nil {
			s.Writing = append(s.Writing, f.pathOf(n))
		}
		if n.draft == nil || n.unlinked {
			continue
		}
		if d := f.draftState(n.draft); d.State != "open" { // else it is being edited now
			s.Drafts = append(s.Drafts, d)
		}
	}
	for _, d := range f.orphans.byID {
		s.Drafts = append(s.Drafts, f.draftState(d))
	}
	slices.SortFunc(s.Uploads, func(a, b UploadState) int { return cmp.Compare(a.Path, b.Path) })
	slices.SortFunc(s.Drafts, func(a, b DraftState) int { return cmp.Compare(a.ID, b.ID) })
	s.Attrs = append(s.Attrs, f.leftPaths()...)
	slices.Sort(s.Attrs)
	slices.Sort(s.Writing)
	s.Attrs = slices.Compact(s.Attrs)
	s.Errors = slices.Clone(f.errors)
	slices.Reverse(s.Errors)
	s.Handles = f.handles
	s.Queue = f.queueState()
	s.Moves = f.moveStates()
	s.Full = slices.Clone(f.space.warnings)
	return s
}

func (f *FS) source() string {
	if f.o.Bucket == "" {
		return f.o.Name
	}
	return f.o.Name + ":" + f.o.Bucket + "/" + f.o.Prefix
}

func (f *FS) draftState(d *cache.Draft) DraftState {
	t := d.Target()
	state, reason := d.State()
	words := map[cache.State]string{cache.StateOpen: "open", cache.StateClosed: "closed", cache.StateConflict: "conflict"}
	name, _ := f.pathOfKey(t.Bucket, t.Key)
	return DraftState{ID: d.ID(), Path: t.Bucket + "/" + t.Key, Name: name, Size: d.Size(), State: words[state], Reason: reason, Since: d.Begun()}
}

// recorded marks an error that status and the log have already.
type recorded struct{ error }

func (r recorded) Unwrap() error { return r.error }

// Report keeps an error that an operation on path ends with for status, the log and the attribute user.allasfs.error, unless it was kept where it arose.
func (f *FS) Report(op, path string, err error) {
	if _, ok := errors.AsType[recorded](err); !ok {
		_ = f.record(op, path, err) // marked for nobody
	}
}

// record keeps an error for status and logs it: the program may never look at what close(2) returned. It returns the error, marked as kept.
func (f *FS) record(op, path string, err error) error {
	text := plain(err)
	f.log.Error(op, "path", path, "err", text)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.errors = append(f.errors, ErrorRecord{time.Now(), op, path, text})
	if len(f.errors) > maxErrors {
		f.errors = slices.Delete(f.errors, 0, len(f.errors)-maxErrors)
	}
	return recorded{err}
}
