package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"allasfs/fs"
)

// aTop is a view that has looked three times at what at gives, in a terminal of 60 × 20 characters.
func aTop(t *testing.T) *top {
	t.Helper()
	v := newTop(t.Context(), func(context.Context) ([]state, error) { return nil, errors.New("nobody asked") })
	v.Update(tea.WindowSizeMsg{Width: 60, Height: 20})
	begin := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for i, n := range []int64{1 << 20, 3 << 20, 7 << 20} {
		if _, cmd := v.Update(looked{states: at(n), at: begin.Add(time.Duration(i) * time.Second)}); cmd == nil {
			t.Fatal("it does not look again")
		}
	}
	return v
}

// typed presses keys, each by its name.
func typed(t *testing.T, v *top, keys ...rune) (quit bool) {
	t.Helper()
	for _, k := range keys {
		key := tea.Key{Code: k}
		if k > ' ' && k < 0x7f {
			key.Text = string(k)
		}
		if _, cmd := v.Update(tea.KeyPressMsg(key)); cmd != nil {
			_, is := cmd().(tea.QuitMsg)
			quit = quit || is
		}
	}
	return quit
}

func screen(v *top) string { return ansi.Strip(v.View().Content) }

// mustShow fails the test unless the screen has every text, and as many lines and columns as the terminal.
func mustShow(t *testing.T, v *top, texts ...string) {
	t.Helper()
	s := screen(v)
	for _, text := range texts {
		if !strings.Contains(s, text) {
			t.Errorf("it does not show %q:\n%s", text, s)
		}
	}
	lines := strings.Split(s, "\n")
	if len(lines) != v.height {
		t.Errorf("%d lines in a terminal of %d:\n%s", len(lines), v.height, s)
	}
	for _, l := range lines {
		if w := ansi.StringWidth(l); w > v.width {
			t.Errorf("a line of %d in a terminal of %d: %q", w, v.width, l)
		}
	}
}

func TestTopShowsRates(t *testing.T) {
	t.Setenv("LC_ALL", "C.UTF-8")
	v := aTop(t)
	mustShow(t, v, "12:00:02", "2 mounts", " /m  /gone ", "down     8 MiB/s          ▄█", "cached   12 MiB/s (60 %)  ▄█", "requests 24/s", "q quit")
	t.Setenv("LC_ALL", "C")
	mustShow(t, v, "down     8 MiB/s          =@")
}

// TestTopKeys: one mount after the other, no look while it is paused, more help, and the end.
func TestTopKeys(t *testing.T) {
	v := aTop(t)
	typed(t, v, tea.KeyTab)
	mustShow(t, v, "its daemon has died")
	typed(t, v, tea.KeyRight)
	mustShow(t, v, "8 MiB/s")
	typed(t, v, tea.KeyLeft, 'p')
	mustShow(t, v, "its daemon has died", " paused ")
	v.Update(looked{states: at(0)[:1], at: time.Now()})
	mustShow(t, v, "2 mounts", "12:00:02")
	typed(t, v, 'p', '?')
	v.Update(looked{states: at(8 << 20)[:1], at: time.Date(2026, 11, 23, 12, 0, 3, 0, time.UTC)})
	mustShow(t, v, "1 mount", "2 MiB/s", "mount before", "read on") // the chosen one is gone
	if typed(t, v, 'x') {
		t.Error("x ends it")
	}
	for _, k := range []rune{'q', tea.KeyEscape} {
		if !typed(t, aTop(t), k) {
			t.Errorf("%q does not end it", k)
		}
	}
}

// TestTopShowsUploadsAndErrors: each upload with a bar, more than the screen has room for by reading on, whatever a file is called and however small the terminal is.
func TestTopShowsUploadsAndErrors(t *testing.T) {
	v := aTop(t)
	states := at(8 << 20)[:1]
	s := &states[0].Report.Status
	for i := range 40 {
		s.Uploads = append(s.Uploads, fs.UploadState{Path: fmt.Sprintf("b/%d\x1b[2J", i), Size: 100, Sent: 50})
	}
	s.Errors = []fs.ErrorRecord{{Path: "b/x", Text: "the quota is full: remove"}}
	v.Update(looked{states: states, at: time.Date(2026, 11, 23, 12, 0, 3, 0, time.UTC)})
	mustShow(t, v, `[###############               ]  50 %  "b/0\x1b`)
	if strings.Contains(v.View().Content, "\x1b[2J") {
		t.Error("the name of a file clears the terminal")
	}
	if strings.Contains(screen(v), "the quota is full") {
		t.Fatal("all has room, so that nothing shows that reading on works")
	}
	typed(t, v, slices.Repeat([]rune{tea.KeyPgDown}, 4)...)
	mustShow(t, v, "b/x: the quota is full: remove")
	v.Update(tea.WindowSizeMsg{Width: 24, Height: 14})
	mustShow(t, v, "…")
	v.Update(looked{err: errors.New("no such mount")})
	mustShow(t, v, "no such mount")
}

func TestSparkline(t *testing.T) {
	levels := []rune(" 1234")
	for _, c := range []struct {
		values []int64
		width  int
		want   string
	}{
		{nil, 5, ""},
		{[]int64{0, 0}, 5, "  "},
		{[]int64{0, 1, 50, 100}, 5, " 124"},
		{[]int64{100, 1, 2, 4}, 3, "124"},
		{[]int64{1}, 0, ""},
		{[]int64{1}, -3, ""},
	} {
		if got := sparkline(c.values, c.width, levels); got != c.want {
			t.Errorf("%v in %d: %q, want %q", c.values, c.width, got, c.want)
		}
	}
}
