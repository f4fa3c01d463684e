package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"allasfs/cmd/allasfs/internal/exit"
)

// Client speaks to the daemon of one mount. Safe for concurrent use.
type Client struct {
	record Record
	http   *http.Client
}

// Dial makes a client for the mount of r; the connection is made by the first call.
func Dial(r Record) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", r.Socket)
	}
	return &Client{r, &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}}
}

// Status returns the state of the mount.
func (c *Client) Status(ctx context.Context) (Report, error) {
	var r Report
	err := c.do(ctx, http.MethodGet, "status", nil, &r)
	return r, err
}

// Sync returns when every file at and below a path of the mount, "" = everything, is in the store, or with the reason why not.
func (c *Client) Sync(ctx context.Context, path string) error {
	return c.call(ctx, "sync", Request{Path: path})
}

// Unmount ends the mount; see [Daemon].
func (c *Client) Unmount(ctx context.Context, lazy bool) error {
	return c.call(ctx, "unmount", Request{Lazy: lazy})
}

// RecoverSend uploads the kept file id; force overwrites what is in the store.
func (c *Client) RecoverSend(ctx context.Context, id string, force bool) error {
	return c.call(ctx, "recover/send", Request{ID: id, Force: force})
}

// RecoverSave copies the kept file id to the local file, an absolute path that does not exist yet.
func (c *Client) RecoverSave(ctx context.Context, id, file string) error {
	return c.call(ctx, "recover/save", Request{ID: id, File: file})
}

// RecoverDrop discards the kept file id.
func (c *Client) RecoverDrop(ctx context.Context, id string) error {
	return c.call(ctx, "recover/drop", Request{ID: id})
}

func (c *Client) call(ctx context.Context, name string, q Request) error {
	return c.do(ctx, http.MethodPost, name, q, new(struct{}))
}

// do makes one call and decodes the answer into v; a refusal comes back as *exit.Error.
func (c *Client) do(ctx context.Context, method, name string, body, v any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("control call %s: %w", name, err)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://allasfs/v1/"+name, bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("control call %s: %w", name, err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return exit.New(exit.NotMounted, c.look(), "the daemon of %s (pid %d) does not answer: %w", c.record.Mountpoint, c.record.PID, errors.Unwrap(err))
	}
	defer resp.Body.Close()
	return decode(resp, v)
}

// look tells where to read on about a daemon that is gone.
func (c *Client) look() string {
	if c.record.LogFile == "" {
		return ""
	}
	return "its log: " + c.record.LogFile
}

func decode(resp *http.Response, v any) error {
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("control answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		e := &exit.Error{Code: exit.Failed}
		if json.Unmarshal(data, e) != nil || e.Text == "" {
			return fmt.Errorf("control answer: %s: %s", resp.Status, data)
		}
		return e
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("control answer: %w", err)
	}
	return nil
}
