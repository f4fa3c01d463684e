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
	k := c.keys.now.Load()
	if k.Access == "" {
		return req.URL.String(), nil
	}
	return signer.PreSignV4(*req, k.Access, k.Secret, k.Token, c.region, int64(valid/time.Second)).URL.String(), nil
}
