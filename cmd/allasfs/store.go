package main

// This file opens the object store of a mount.

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"allasfs/s3"
	"allasfs/s3/profile"
)

// The first request is to tell at once what is wrong, not to outlast a storm as later ones do.
const (
	firstRetry   = 5 * time.Second
	firstTimeout = 20 * time.Second
)

// How long operations on a mount wait for the store.
const (
	defaultTimeout = 2 * time.Minute
	minTimeout     = time.Second
	triesWithin    = 3                // requests that stop without an answer, before the time is up
	longestStall   = 30 * time.Second // without a byte, after which a request is made again
)

// openStore makes the client that a mount uses for the store of p, whose operations fail after timeout; renew finds other keys when the store refuses p's.
func openStore(p *profile.Profile, renew func() (s3.Keys, error), timeout time.Duration, logger *slog.Logger) (*s3.Client, error) {
	c := storeConfig(p, logger)
	c.Renew, c.RetryFor, c.StallTimeout = renew, timeout, min(timeout/triesWithin, longestStall)
	return s3.New(c)
}

func storeConfig(p *profile.Profile, logger *slog.Logger) s3.Config {
	c := s3.Config{Endpoint: p.Endpoint, CAFile: p.CAFile, Logger: logger}
	if !p.Anonymous {
		c.AccessKey, c.SecretKey, c.SessionToken = p.AccessKey, p.SecretKey, p.SessionToken
	}
	return c
}

// askStore makes one cheap request that shows whether credentials, endpoint, clock and source are right.
func askStore(ctx context.Context, p *profile.Profile, bucket string) error {
	if bucket == "" && p.Anonymous {
		return nil // nobody's buckets cannot be listed, and need not be
	}
	err := briefly(ctx, p, func(ctx context.Context, client *s3.Client) (err error) {
		if bucket != "" {
			_, err = client.HeadBucket(ctx, bucket)
		} else {
			_, err = client.Buckets(ctx)
		}
		return err
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return explain(err, p, bucket)
	}
	return nil
}

// ownerOf asks the store of p who its keys belong to.
func ownerOf(ctx context.Context, p *profile.Profile) (id string, err error) {
	err = briefly(ctx, p, func(ctx context.Context, client *s3.Client) (err error) {
		id, err = client.Owner(ctx)
		return err
	})
	return id, err
}

// briefly calls ask with a client of its own for the store of p, which gives up soon.
func briefly(ctx context.Context, p *profile.Profile, ask func(context.Context, *s3.Client) error) error {
	c := storeConfig(p, nil)
	c.RetryFor = firstRetry
	client, err := s3.New(c)
	if err != nil {
		return err
	}
	defer client.Close()
	limit, cancel := context.WithTimeout(ctx, firstTimeout)
	defer cancel()
	return ask(limit, client)
}

// describe is how a mount's source is shown in df, status and messages: PROJECT:BUCKET/PREFIX, or the store's host where the project
// has no name.
func describe(p *profile.Profile, s source) string {
	project := p.Project
	if project == "" {
		project = hostOf(p.Endpoint)
	}
	return fmt.Sprintf("%s:%s", project, s.path())
}
