package main

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"allasfs/cmd/allasfs/internal/exit"
	"allasfs/s3/profile"
	"allasfs/s3/s3test"
)

func TestNamesOfMembers(t *testing.T) {
	allas := func(project string) *profile.Profile {
		return &profile.Profile{Name: "s3allas-" + project, Project: project, Endpoint: "https://a3s.fi"}
	}
	lumi := &profile.Profile{Name: "lumi-462000001-private", Project: "project_462000001", Endpoint: "https://lumidata.eu"}
	bare := &profile.Profile{Name: "mine", Endpoint: "https://s3.example.org"}
	bare2 := &profile.Profile{Name: "yours", Endpoint: "https://s3.example.org"}
	elsewhere := &profile.Profile{Name: "x", Project: "project_1", Endpoint: "https://other.example.org"}
	for _, tt := range []struct {
		members []*member
		want    []string
	}{
		{[]*member{{profile: allas("project_1")}, {profile: allas("project_2")}, {profile: lumi}}, []string{"project_1", "project_2", "lumi-o:project_462000001"}},
		{[]*member{{profile: bare}, {profile: allas("project_1")}}, []string{"s3.example.org", "project_1"}},
		{[]*member{{profile: bare}, {profile: bare2}}, []string{"s3.example.org:mine", "s3.example.org:yours"}},
		{[]*member{{profile: allas("project_1")}, {profile: elsewhere}}, []string{"a3s.fi:project_1", "other.example.org:project_1"}},
		{[]*member{{profile: allas("project_1"), source: source{Bucket: "data"}}, {profile: allas("project_1"), source: source{Bucket: "data", Prefix: "a/b/"}}},
			[]string{"data", "data:a:b"}},
		{[]*member{{profile: allas("project_1"), source: source{Bucket: "data"}}, {profile: elsewhere, source: source{Bucket: "data"}}, {profile: lumi, source: source{Bucket: "data"}}},
			[]string{"a3s.fi:project_1:data", "other.example.org:project_1:data", "project_462000001:data"}},
	} {
		if err := nameMembers(tt.members); err != nil {
			t.Error(err)
			continue
		}
		var got []string
		for _, m := range tt.members {
			got = append(got, m.name)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("names %q, want %q", got, tt.want)
		}
		if slices.ContainsFunc(got, func(nm string) bool { return strings.Contains(nm, "/") }) {
			t.Errorf("a slash in %q", got)
		}
	}
	twice := []*member{{profile: allas("project_1")}, {profile: allas("project_1")}}
	if e := exit.Of(nameMembers(twice)); e == nil || e.Code != exit.Usage {
		t.Errorf("the same source twice: %v", e)
	}
}

// silent is a store that takes connections and never answers.
func silent(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	fatal(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(io.Discard, c) }()
		}
	}()
	return "http://" + l.Addr().String()
}

// A store that does not answer holds up neither the start nor the others, and says so.
func TestMountDoesNotWaitForASilentStore(t *testing.T) {
	srv := s3test.New(t)
	good := &member{name: "good", profile: &profile.Profile{Project: "p", Endpoint: srv.URL, AccessKey: srv.AccessKey, SecretKey: srv.SecretKey}}
	bad := &member{name: "bad", profile: &profile.Profile{Project: "q", Endpoint: silent(t), AccessKey: "k", SecretKey: "s"}}
	d := &daemon{members: []*member{bad, good}}
	fatal(t, d.watchMembers(t.Context()))
	if got := bad.health.words(); got != "has not answered yet" {
		t.Errorf("status of the silent store: %q", got)
	}
	if got := good.health.words(); got != "" {
		t.Errorf("status of the good store: %q", got)
	}
	fatal(t, good.health.down(t.Context()))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := bad.health.down(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the silent store is %v", err)
	}
	fatal(t, d.close())
}

// Without a store that can be used there is no mount, and the first one's error tells why.
func TestNoMemberCanBeUsed(t *testing.T) {
	srv := s3test.New(t)
	refused := &member{name: "a", profile: &profile.Profile{Project: "p", Endpoint: srv.URL, AccessKey: "revoked", SecretKey: "s"}}
	dead := &member{name: "b", profile: &profile.Profile{Project: "q", Endpoint: "http://127.0.0.1:1", AccessKey: "k", SecretKey: "s"}}
	d := &daemon{members: []*member{refused, dead}}
	if e := exit.Of(d.watchMembers(t.Context())); e == nil || e.Code != exit.Credentials {
		t.Errorf("got %v", e)
	}
	fatal(t, d.close())
}

// A store that could not be used is asked again, and is well once it answers.
func TestStoreThatComesBack(t *testing.T) {
	h := &health{first: make(chan struct{})}
	tries := 0
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		h.watchEvery(ctx, time.Millisecond, func(context.Context) error {
			if tries++; tries < 3 {
				return exit.New(exit.Unreachable, "wait", "nothing answers")
			}
			return nil
		})
	}()
	if err := h.down(t.Context()); err != nil && h.words() != "" && h.words() != "nothing answers; wait" {
		t.Errorf("first: %v, %q", err, h.words())
	}
	<-ended
	if err := h.down(t.Context()); err != nil || h.words() != "" || tries != 3 {
		t.Errorf("at last: %v, %q after %d tries", err, h.words(), tries)
	}
}
