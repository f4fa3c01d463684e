package main

// This file holds `allasfs status --watch`.

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"allasfs/fs"
)

const watchEvery = time.Second

// watcher shows the state of mounts again and again: one screen on a terminal, elsewhere a line a mount and time, or JSON.
type watcher struct {
	w      io.Writer
	redraw bool // the last screen is replaced
	json   bool
	last   map[string]traffic // by mountpoint
}

// traffic is how many bytes a mount has moved until then, and with how many requests.
type traffic struct {
	at                            time.Time
	down, up, fromCache, requests int64
}

func trafficOf(s fs.Status, at time.Time) traffic {
	return traffic{at, s.Cache.MissBytes, s.Queue.DoneBytes + s.Queue.Sent, s.Cache.HitBytes, s.Requests.Requests()}
}

// rates are what a mount moves in a second: bytes, and requests.
type rates struct{ down, up, fromCache, requests int64 }

// since gives the rates between two looks, false if no time has passed. Bytes of an upload that is begun anew were sent, but do not count; that is never less
// than nothing.
func (t traffic) since(was traffic) (rates, bool) {
	seconds := t.at.Sub(was.at).Seconds()
	if seconds <= 0 {
		return rates{}, false
	}
	rate := func(now, before int64) int64 { return int64(float64(max(now-before, 0))/seconds + 0.5) }
	return rates{rate(t.down, was.down), rate(t.up, was.up), rate(t.fromCache, was.fromCache), rate(t.requests, was.requests)}, true
}

func (r rates) String() string {
	return fmt.Sprintf("%s/s down, %s/s up, %s/s from the cache%s, %s a second", human(r.down), human(r.up), human(r.fromCache), r.ratio(), count(int(r.requests), "request"))
}

// ratio tells how many of the bytes were in the cache; "" when there were none.
func (r rates) ratio() string {
	if r.fromCache+r.down == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d %%)", percent(r.fromCache, r.fromCache+r.down))
}

// run shows what look finds until ctx ends, which is no error.
func (v *watcher) run(ctx context.Context, look func(context.Context) ([]state, error)) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		states, err := look(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err == nil {
			err = v.show(states, time.Now())
		}
		if err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (v *watcher) show(states []state, now time.Time) error {
	next := make(map[string]traffic)
	for i := range states {
		st := &states[i]
		if st.Report == nil {
			continue
		}
		t := trafficOf(st.Report.Status, now)
		if was, ok := v.last[st.Mountpoint]; ok {
			if r, ok := t.since(was); ok {
				st.rate = r.String()
			}
		}
		next[st.Mountpoint] = t
	}
	v.last = next
	var b bytes.Buffer
	switch {
	case v.json:
		if err := json.NewEncoder(&b).Encode(states); err != nil {
			return err
		}
	case v.redraw:
		if err := printStates(&b, states); err != nil {
			return err
		}
		screen := "\x1b[H" + strings.ReplaceAll(b.String(), "\n", "\x1b[K\n") + "\x1b[J" // home, each line to its end, and what is left of the last screen
		_, err := io.WriteString(v.w, screen)
		return err
	default:
		for _, st := range states {
			fmt.Fprintf(&b, "%s  %s\n", now.Format("15:04:05"), st.oneLine())
		}
	}
	_, err := v.w.Write(b.Bytes())
	return err
}

// oneLine is the state where there is no screen.
func (st state) oneLine() string {
	if st.Report == nil {
		return fmt.Sprintf("%s  %s: %s", st.Mountpoint, st.State, st.Text)
	}
	s := st.Report.Status
	rate := st.rate
	if rate == "" {
		rate = "since the beginning " + hits(s.Cache.Hits, s.Cache.Misses)
	}
	line := fmt.Sprintf("%s  %s; %s waiting, %s", st.Mountpoint, rate, count(s.Queue.Files, "upload"), count(len(s.Errors), "error"))
	if len(s.Errors) > 0 {
		line += ", the last: " + oneLine(s.Errors[0].Path) + ": " + oneLine(s.Errors[0].Text)
	}
	return line
}
