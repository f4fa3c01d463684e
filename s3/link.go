package s3

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/minio/minio-go/v7/pkg/signer"
)

// MaxLink is how long a signed link may be valid: Signature V4 takes no more.
const MaxLink = 7 * 24 * time.Hour

// Link returns a URL by which anybody may GET an object, whether it is there or not, for valid, in whole seconds. Without credentials it is the plain URL,
// which works for public objects, and always. No request is made. os.ErrInvalid for less than a second and more than MaxLink.
func (c *Client) Link(bucket, key string, valid time.Duration) (string, error) {
	if valid < time.Second || valid > MaxLink {
		return "", fmt.Errorf("s3: a link may be valid for a second to %s, not %s: %w", MaxLink, valid, os.ErrInvalid)
	}
	r := &request{op: "link", method: http.MethodGet, bucket: bucket, key: key}
	if err := r.checkKey(); err != nil {
		return "", err
	}
	req := c.unsigned(context.Background(), r, nil)
	req.Header = http.Header{} // who follows the link sends headers of his own
	return c.presign(req, int64(valid/time.Second)).URL.String(), nil
}

// presignAs returns a function that signs the URL of a request with c's credentials, if it has any.
func presignAs(c Config) func(*http.Request, int64) *http.Request {
	if c.AccessKey == "" {
		return func(r *http.Request, _ int64) *http.Request { return r }
	}
	return func(r *http.Request, seconds int64) *http.Request {
		return signer.PreSignV4(*r, c.AccessKey, c.SecretKey, c.SessionToken, c.Region, seconds)
	}
}
