package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"allasfs/cmd/allasfs/internal/exit"
	"allasfs/fs"
)

// Daemon is the side of a mount that the socket speaks for. Its methods are called from many goroutines; an error that holds an
// *exit.Error reaches the caller as it is.
type Daemon interface {
	Status() fs.Status
	// Sync returns when what lies at and below a path of the mount, "" = everything, is in the store, or with the reason why not.
	Sync(ctx context.Context, path string) error
	// Unmount returns when the mount has ended and every file is in the store, or the reason why not. When lazy it returns once the mount
	// is detached.
	Unmount(ctx context.Context, lazy bool) error
	RecoverSend(ctx context.Context, id string, force bool) error
	RecoverSave(ctx context.Context, id, file string) error
	RecoverDrop(ctx context.Context, id string) error
	CacheDaemon
}

// Report is the answer to a question for status.
type Report struct {
	Record
	Status fs.Status `json:"status"`
}

// Request is the body of the calls that take arguments; each reads the fields it needs.
type Request struct {
	Lazy  bool   `json:"lazy,omitempty"`
	ID    string `json:"id,omitempty"`
	File  string `json:"file,omitempty"`
	Path  string `json:"path,omitempty"`
	Force bool   `json:"force,omitempty"`
}

// Server answers on the socket of one mount.
type Server struct {
	record Record
	http   *http.Server
	done   chan struct{} // closed when serving has ended
}

// Serve takes a place in the registry folder dir for r (PID, Socket are filled in) and answers calls until Close.
func Serve(dir string, r Record, d Daemon, logger *slog.Logger) (*Server, error) {
	r.PID = os.Getpid()
	r.Socket, r.file = paths(dir, r.PID)
	if err := r.Remove(); err != nil { // a record of a dead process with our number
		return nil, fmt.Errorf("control socket: %w", err)
	}
	l, err := net.Listen("unix", r.Socket)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	err = os.Chmod(r.Socket, 0o600)
	if err == nil {
		err = r.write()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("control socket: %w", err), l.Close())
	}
	s := &Server{record: r, done: make(chan struct{})}
	s.http = &http.Server{Handler: handler(r, d), ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelDebug)}
	go func() {
		defer close(s.done)
		if err := s.http.Serve(peers{l.(*net.UnixListener), logger}); !errors.Is(err, http.ErrServerClosed) {
			logger.Error("the control socket has stopped", "err", err)
		}
	}()
	return s, nil
}

// Record returns what the registry holds of the mount.
func (s *Server) Record() Record { return s.record }

// Close lets calls that are being answered end, for a few seconds, and leaves the registry.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	<-s.done
	return errors.Join(err, s.record.Remove())
}

// peers is a listener that lets only its own user and root in.
type peers struct {
	*net.UnixListener
	logger *slog.Logger
}

// Accept waits for the next connection of a permitted user; others are closed.
func (p peers) Accept() (net.Conn, error) {
	for {
		c, err := p.AcceptUnix()
		if err != nil {
			return nil, err
		}
		uid, err := peerUID(c)
		if err == nil && (uid == 0 || uid == os.Geteuid()) {
			return c, nil
		}
		p.logger.Warn("refused a call on the control socket", "uid", uid, "err", err)
		if err := c.Close(); err != nil {
			p.logger.Debug("control socket", "err", err)
		}
	}
}

// peerUID returns the user at the other end, by SO_PEERCRED.
func peerUID(c *net.UnixConn) (int, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return -1, err
	}
	var cred *unix.Ucred
	var soErr error
	if err := raw.Control(func(fd uintptr) { cred, soErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); err != nil {
		return -1, err
	}
	if soErr != nil {
		return -1, soErr
	}
	return int(cred.Uid), nil
}

// handler is the table of calls.
func handler(r Record, d Daemon) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, _ *http.Request) { answer(w, Report{r, d.Status()}, nil) })
	call := func(name string, f func(context.Context, Request) error) {
		mux.HandleFunc("POST /v1/"+name, func(w http.ResponseWriter, req *http.Request) {
			var q Request
			if err := json.NewDecoder(http.MaxBytesReader(w, req.Body, 1<<20)).Decode(&q); err != nil {
				answer(w, nil, fmt.Errorf("control call %s: %w", name, err))
				return
			}
			answer(w, struct{}{}, f(req.Context(), q))
		})
	}
	call("sync", func(ctx context.Context, q Request) error { return d.Sync(ctx, q.Path) })
	call("unmount", func(ctx context.Context, q Request) error { return d.Unmount(ctx, q.Lazy) })
	call("recover/send", func(ctx context.Context, q Request) error { return d.RecoverSend(ctx, q.ID, q.Force) })
	call("recover/save", func(ctx context.Context, q Request) error { return d.RecoverSave(ctx, q.ID, q.File) })
	call("recover/drop", func(ctx context.Context, q Request) error { return d.RecoverDrop(ctx, q.ID) })
	cacheCalls(mux, d)
	return mux
}

// answer writes v, or err as an exit.Error with status 500.
func answer(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		v = exit.Of(err)
	}
	_ = json.NewEncoder(w).Encode(v) // the caller has gone: nobody to tell
}
