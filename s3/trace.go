package s3

import (
	"context"
	"log/slog"
	"net/http"
	"time"
)

// trace logs a try at the level of debugging: what was asked for, what became of it, and when the answer began. Of the request it tells no header and no
// query but the range, so no key, token or signature can be among them.
func (c *Client) trace(ctx context.Context, r *request, resp *http.Response, err error, took time.Duration) {
	if !c.log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	attrs := make([]slog.Attr, 0, 8)
	attrs = append(attrs, slog.String("op", r.op), slog.String("bucket", r.bucket), slog.String("key", r.key))
	if at := r.header.Get("Range"); at != "" {
		attrs = append(attrs, slog.String("range", at))
	}
	if r.size > 0 {
		attrs = append(attrs, slog.Int64("bytes", r.size))
	}
	if err != nil {
		attrs = append(attrs, slog.Any("err", err))
	} else {
		attrs = append(attrs, slog.Int("status", resp.StatusCode), slog.String("request", resp.Header.Get("X-Amz-Request-Id")))
	}
	c.log.LogAttrs(ctx, slog.LevelDebug, "s3: request", append(attrs, slog.Duration("took", took))...)
}
