package main

// This file takes new keys of a running mount when their file changes, before the old ones are refused.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"allasfs/s3"
	"allasfs/s3/profile"
)

// lookEvery is how often the file of the keys is looked at.
const lookEvery = 3 * time.Second

var (
	errUntold     = errors.New("nothing tells of which project they are: they are taken only when the old ones are refused")
	errOtherOwner = errors.New("they belong to somebody else at the store")
)

// keyFile watches the file in which keys were found. What is in it is taken when two looks in a row saw the same, so that it is written to its end. A file
// that is gone for a while, as editors leave it, changes nothing.
type keyFile struct {
	path string
	take func(context.Context) error // what the file holds, errKeysLater = look again
	tell func(error)                 // why it is not taken

	known []byte      // contents that were dealt with
	stamp os.FileInfo // of known, so that what has not changed is not read; nil = read it
	seen  []byte      // at the last look, nil = as known
}

// errKeysLater is for a store that cannot be asked now.
var errKeysLater = errors.New("the store cannot be asked")

// watch looks at each tick until ctx ends.
func (k *keyFile) watch(ctx context.Context, tick <-chan time.Time) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick:
			k.look(ctx)
		}
	}
}

// look deals with what the file holds, if that is new and as it was at the last look.
func (k *keyFile) look(ctx context.Context) {
	fi, err := os.Stat(k.path)
	if err != nil || k.stamp != nil && os.SameFile(fi, k.stamp) && fi.ModTime().Equal(k.stamp.ModTime()) && fi.Size() == k.stamp.Size() {
		return
	}
	now, err := os.ReadFile(k.path)
	switch {
	case err != nil:
		return
	case bytes.Equal(now, k.known): // touched, or put back
		k.stamp, k.seen = fi, nil
		return
	case k.seen == nil || !bytes.Equal(now, k.seen):
		k.seen = now
		return
	}
	if err := k.take(ctx); errors.Is(err, errKeysLater) || ctx.Err() != nil {
		return
	} else if err != nil {
		k.tell(err)
	}
	k.known, k.stamp, k.seen = now, fi, nil
}

// keyStore is what newer keys of a member are asked and taken with.
type keyStore struct {
	store *s3.Client
	find  func() (s3.Keys, error)
	try   func(context.Context, s3.Keys) (owner string, err error) // asks the store with other keys
	sure  bool                                                     // something tells of which project the keys are that find returns
	taken func(s3.Keys)
}

// take finds the keys and has requests signed with them, if the store takes them and they are of who the old ones are of.
func (k keyStore) take(ctx context.Context) error {
	keys, err := k.find()
	if err != nil {
		return err
	}
	if keys == k.store.Keys() {
		return nil
	}
	if !k.sure {
		return errUntold
	}
	was, err := k.store.Owner(ctx) // refused, it takes the new ones by itself
	if err != nil && !errors.Is(err, s3.ErrCredentials) {
		return fmt.Errorf("%w: %w", errKeysLater, err)
	}
	owner, tryErr := k.try(ctx, keys)
	switch {
	case errors.Is(tryErr, s3.ErrCredentials), errors.Is(tryErr, os.ErrPermission):
		return tryErr
	case tryErr != nil:
		return fmt.Errorf("%w: %w", errKeysLater, tryErr)
	case err == nil && owner != was:
		return errOtherOwner
	}
	k.store.SetKeys(keys)
	k.taken(keys)
	return nil
}

// watchKeys begins to watch the files of the keys of all members. What makes keys is asked when they are refused, and the environment does not change.
func (d *daemon) watchKeys(ctx context.Context) {
	for _, m := range d.members {
		if m.profile.File == "" || m.profile.Maker != "" || m.find == nil {
			continue
		}
		life := d.begin(ctx)
		d.watches.Go(func() {
			tick := time.NewTicker(lookEvery)
			defer tick.Stop()
			m.keyFile(m.named(d.config.Access) != "", d.log).watch(life, tick.C)
		})
	}
}

// keyFile is the file of the member's keys; named tells that the user asked for its section.
func (m *member) keyFile(named bool, logger *slog.Logger) *keyFile {
	store := keyStore{
		store: m.store, find: m.find, sure: m.profile.Project != "" || named,
		try: func(ctx context.Context, keys s3.Keys) (string, error) {
			return ownerOf(ctx, withKeys(m.profile, keys))
		},
		taken: func(keys s3.Keys) {
			m.renewed.Store(&keys)
			logger.Info("requests are signed with the new keys of the file", "from", m.profile.From)
		},
	}
	return &keyFile{path: m.profile.File, take: store.take, tell: func(err error) {
		if none, ok := errors.AsType[*profile.NotFoundError](err); ok {
			err = errors.New(none.Summary())
		}
		m.fs.Report("take new keys", m.profile.From, fmt.Errorf("new keys are not taken, and the old ones stay: %w", err))
	}}
}

// now is the member's profile with the keys that are in force, for who asks its store aside.
func (m *member) now() *profile.Profile {
	if keys := m.renewed.Load(); keys != nil {
		return withKeys(m.profile, *keys)
	}
	return m.profile
}

// withKeys is p with other keys.
func withKeys(p *profile.Profile, keys s3.Keys) *profile.Profile {
	q := *p
	q.AccessKey, q.SecretKey, q.SessionToken = keys.Access, keys.Secret, keys.Token
	return &q
}
