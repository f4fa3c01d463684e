package s3

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	laterAfter  = 100 * time.Millisecond // a removal waits for others so long
	laterMost   = 8 * deleteKeys         // removals of a bucket that wait or are on their way
	laterFlight = 4                      // bulk removals of a bucket on their way
)

// deletions are the removals that were put off.
type deletions struct {
	n  atomic.Int64 // waiting or on their way; 0 = nobody has to look further
	mu sync.Mutex
	of map[string]*bucketDeletions // by bucket
}

// bucketDeletions are those of one bucket; guarded by deletions.mu.
type bucketDeletions struct {
	next   *deleteBatch // gathers; nil = none
	flying []*deleteBatch
	keys   int // of all
}

// deleteBatch is keys that go by one request.
type deleteBatch struct {
	ctx  context.Context
	told map[string]func(error) // by key
	done chan struct{}
}

// DeleteLater removes an object by a bulk removal that many share, a tenth of a second later at the most, under ctx. told is called then, with nil or
// with the reason why the object is still there. Every other request of this client that the object would make a difference to (one of its key or of
// its bucket) is held back until then, and sends the removals on their way, so that they all see what they would have seen after [Client.Delete].
// false: too many are put off, or ctx is at its end, and nothing was taken.
func (c *Client) DeleteLater(ctx context.Context, bucket, key string, told func(error)) bool {
	d := &c.later
	d.mu.Lock()
	defer d.mu.Unlock()
	b := d.of[bucket]
	if b == nil {
		b = &bucketDeletions{}
		if d.of == nil {
			d.of = make(map[string]*bucketDeletions)
		}
		d.of[bucket] = b
	}
	if b.keys >= laterMost || ctx.Err() != nil || b.has(key) {
		return false
	}
	if b.next == nil {
		b.next = &deleteBatch{ctx: ctx, told: make(map[string]func(error)), done: make(chan struct{})}
		batch := b.next
		time.AfterFunc(laterAfter, func() { c.sendLater(bucket, batch) })
	}
	b.next.told[key] = told
	b.keys++
	d.n.Add(1)
	if len(b.next.told) >= deleteKeys && len(b.flying) < laterFlight {
		c.fly(bucket, b)
	}
	return true
}

// FlushDeletes waits until all that DeleteLater took is done, and told.
func (c *Client) FlushDeletes(ctx context.Context) error {
	c.later.mu.Lock()
	var buckets []string
	for bucket := range c.later.of {
		buckets = append(buckets, bucket)
	}
	c.later.mu.Unlock()
	for _, bucket := range buckets {
		if err := c.awaitDeletes(ctx, bucket, ""); err != nil {
			return err
		}
	}
	return nil
}

// afterDeletes holds a request back while a removal is put off that it could see. Removals themselves wait for none.
func (c *Client) afterDeletes(ctx context.Context, r *request) error {
	if c.later.n.Load() == 0 || r.bucket == "" || r.op == opDeleteMany || r.method == http.MethodDelete && r.key != "" {
		return nil
	}
	return fail(r, c.awaitDeletes(ctx, r.bucket, r.key))
}

// awaitDeletes sends the removals of a key on their way and waits for them; "" = of all keys of the bucket.
func (c *Client) awaitDeletes(ctx context.Context, bucket, key string) error {
	d := &c.later
	for {
		d.mu.Lock()
		b := d.of[bucket]
		var wait *deleteBatch
		if b != nil {
			wait = b.find(key)
		}
		if wait != nil && wait == b.next {
			c.fly(bucket, b)
		}
		d.mu.Unlock()
		if wait == nil {
			return nil
		}
		select {
		case <-wait.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// find is a batch that holds the key; "" = any.
func (b *bucketDeletions) find(key string) *deleteBatch {
	for _, batch := range b.flying {
		if _, ok := batch.told[key]; ok || key == "" {
			return batch
		}
	}
	if b.next == nil {
		return nil
	}
	if _, ok := b.next.told[key]; ok || key == "" {
		return b.next
	}
	return nil
}

func (b *bucketDeletions) has(key string) bool { return key != "" && b.find(key) != nil }

// sendLater sends a batch whose time has come, if it has not gone yet.
func (c *Client) sendLater(bucket string, batch *deleteBatch) {
	c.later.mu.Lock()
	defer c.later.mu.Unlock()
	if b := c.later.of[bucket]; b != nil && b.next == batch {
		c.fly(bucket, b)
	}
}

// fly sends what a bucket gathers; needs deletions.mu.
func (c *Client) fly(bucket string, b *bucketDeletions) {
	batch := b.next
	b.next = nil
	b.flying = append(b.flying, batch)
	go c.deleteBatch(bucket, b, batch)
}

func (c *Client) deleteBatch(bucket string, b *bucketDeletions, batch *deleteBatch) {
	keys := make([]string, 0, len(batch.told))
	for key := range batch.told {
		keys = append(keys, key)
	}
	failed, err := c.DeleteMany(batch.ctx, bucket, keys)
	for key, told := range batch.told {
		why := failed[key]
		if failed == nil {
			why = err
		}
		told(why)
	}
	d := &c.later
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range b.flying {
		if b.flying[i] == batch {
			b.flying = append(b.flying[:i], b.flying[i+1:]...)
			break
		}
	}
	b.keys -= len(keys)
	if b.keys == 0 && b.next == nil {
		delete(d.of, bucket)
	}
	d.n.Add(-int64(len(keys)))
	close(batch.done)
}
