package main

// This file serves metrics, and profiles on request, to this machine alone.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sys/unix"

	"allasfs/cmd/allasfs/internal/exit"
)

const metricsPatience = 10 * time.Second // for the head of a request

// checkMetrics refuses an address that others than this machine could reach, and one that is none. "" is no address, which is well.
func checkMetrics(addr string, profiles bool) error {
	const hint = "write 127.0.0.1:9419, localhost:9419 or unix:/path/of/a/socket"
	if addr == "" {
		if profiles {
			return exit.New(exit.Usage, hint, "--pprof needs --metrics, whose address it shares")
		}
		return nil
	}
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		if !strings.HasPrefix(path, "/") {
			return exit.New(exit.Usage, hint, "--metrics %s: the path of the socket must begin with a slash", addr)
		}
		return nil
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return exit.New(exit.Usage, hint, "--metrics %q is no address: %w", addr, err)
	}
	if !loopback(host) {
		return exit.New(exit.Usage, hint, "--metrics %s: others on the network could read them, and names of buckets are among them", addr)
	}
	return nil
}

// metricsServer answers at /metrics and, if wanted, below /debug/pprof/.
type metricsServer struct {
	http *http.Server
	addr net.Addr
	done chan struct{} // closed when serving has ended
}

// serveMetrics listens at an address that checkMetrics has let pass, until close. A socket is its owner's alone.
func serveMetrics(ctx context.Context, addr string, profiles bool, from prometheus.Gatherer, log *slog.Logger) (*metricsServer, error) {
	l, err := listenMetrics(ctx, addr)
	if err != nil {
		return nil, exit.New(exit.Failed, "is the address in use by another mount? each needs its own", "metrics cannot be served at %s: %w", addr, err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(from, promhttp.HandlerOpts{ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelError)}))
	if profiles {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	s := &metricsServer{http: &http.Server{Handler: mux, ReadHeaderTimeout: metricsPatience}, addr: l.Addr(), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("metrics are not served any more", "addr", addr, "err", err)
		}
	}()
	return s, nil
}

// listenMetrics opens the listener; a socket that a dead daemon left is replaced.
func listenMetrics(ctx context.Context, addr string) (net.Listener, error) {
	var lc net.ListenConfig
	path, ok := strings.CutPrefix(addr, "unix:")
	if !ok {
		return lc.Listen(ctx, "tcp", addr)
	}
	if err := removeDeadSocket(ctx, path); err != nil {
		return nil, err
	}
	old := unix.Umask(0o177) // else others could connect before a chmod
	defer unix.Umask(old)
	return lc.Listen(ctx, "unix", path)
}

// removeDeadSocket removes a socket at which nobody listens. Anything else at path is left alone, and the listener will say so.
func removeDeadSocket(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Type() != os.ModeSocket {
		return nil
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", path)
	if err == nil {
		return errors.Join(fmt.Errorf("another program listens there"), c.Close())
	}
	if errors.Is(err, unix.ECONNREFUSED) {
		return os.Remove(path)
	}
	return err
}

// close ends what is being answered and removes the socket.
func (s *metricsServer) close() error {
	err := s.http.Close()
	<-s.done
	return err
}
