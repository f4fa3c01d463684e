package control

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"allasfs/cache"
	"allasfs/fs"
)

// CacheDaemon is the part of [Daemon] that is about what the cache holds. Paths are below the mount's top, "" = all of it.
type CacheDaemon interface {
	// Warm downloads what is not cached at and below paths and returns at the end, in the background at once. It stops when ctx ends first. id is
	// the caller's name for it in the status.
	Warm(ctx context.Context, id string, paths []string, background bool) (fs.WarmState, error)
	// Evict takes what lies at and below paths, or everything, out of the cache.
	Evict(ctx context.Context, paths []string, all bool) (cache.Evicted, error)
	// Held tells what the cache holds at and below a path, and its n largest files.
	Held(ctx context.Context, path string, n int) (fs.HeldReport, error)
}

// CacheRequest is the body of the calls that are about the cache; each reads the fields it needs.
type CacheRequest struct {
	ID         string   `json:"id,omitempty"`
	Paths      []string `json:"paths,omitempty"`
	Background bool     `json:"background,omitempty"`
	All        bool     `json:"all,omitempty"`
	Count      int      `json:"count,omitempty"`
}

// cacheCalls adds the calls of CacheDaemon.
func cacheCalls(mux *http.ServeMux, d CacheDaemon) {
	ask(mux, "warm", func(ctx context.Context, q CacheRequest) (any, error) {
		return d.Warm(ctx, q.ID, q.Paths, q.Background)
	})
	ask(mux, "evict", func(ctx context.Context, q CacheRequest) (any, error) { return d.Evict(ctx, q.Paths, q.All) })
	ask(mux, "held", func(ctx context.Context, q CacheRequest) (any, error) {
		if len(q.Paths) != 1 {
			return nil, fmt.Errorf("control call held: %d paths", len(q.Paths))
		}
		return d.Held(ctx, q.Paths[0], q.Count)
	})
}

// ask adds a call that has an answer. Its context ends when the caller goes away.
func ask(mux *http.ServeMux, name string, f func(context.Context, CacheRequest) (any, error)) {
	mux.HandleFunc("POST /v1/"+name, func(w http.ResponseWriter, req *http.Request) {
		var q CacheRequest
		if err := json.NewDecoder(http.MaxBytesReader(w, req.Body, 16<<20)).Decode(&q); err != nil {
			answer(w, nil, fmt.Errorf("control call %s: %w", name, err))
			return
		}
		v, err := f(req.Context(), q)
		answer(w, v, err)
	})
}

// Warm downloads trees into the cache; see [CacheDaemon]. When ctx ends first, so does the work.
func (c *Client) Warm(ctx context.Context, id string, paths []string, background bool) (s fs.WarmState, err error) {
	err = c.do(ctx, http.MethodPost, "warm", CacheRequest{ID: id, Paths: paths, Background: background}, &s)
	return s, err
}

// Evict takes paths, or everything, out of the cache.
func (c *Client) Evict(ctx context.Context, paths []string, all bool) (e cache.Evicted, err error) {
	err = c.do(ctx, http.MethodPost, "evict", CacheRequest{Paths: paths, All: all}, &e)
	return e, err
}

// Held tells what the cache holds below a path, and its n largest files.
func (c *Client) Held(ctx context.Context, path string, n int) (r fs.HeldReport, err error) {
	err = c.do(ctx, http.MethodPost, "held", CacheRequest{Paths: []string{path}, Count: n}, &r)
	return r, err
}
