package main

// This file shows uploads while a command waits for them: lines that are redrawn on a terminal, a line now and then elsewhere.

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"allasfs/cmd/allasfs/internal/control"
	"allasfs/fs"
)

const (
	drawEvery  = 200 * time.Millisecond // on a terminal
	printEvery = 5 * time.Second        // elsewhere
	shownFiles = 8                      // uploads listed one by one
)

// withProgress runs work, and shows the uploads of the mount behind c on w until it returns.
func withProgress(ctx context.Context, w io.Writer, c *control.Client, work func(context.Context) error) error {
	return withLines(ctx, w, uploadsOf(c), work)
}

// withLines runs work, and shows on w what look tells until it returns, or until look fails: the daemon has ended then, or is about to say why not.
func withLines(ctx context.Context, w io.Writer, look look, work func(context.Context) error) error {
	done := make(chan struct{})
	shown := make(chan struct{})
	go func() {
		defer close(shown)
		p := &progress{w: w, redraw: terminal(w)}
		p.show(ctx, look, done)
	}()
	err := work(ctx)
	close(done)
	<-shown
	return err
}

// look asks how far something is, and tells it in lines; wide is for a terminal, which has room for a bar.
type look func(ctx context.Context, wide bool) ([]string, error)

// progress draws how far something is.
type progress struct {
	w      io.Writer
	redraw bool
	lines  int // drawn and still on the terminal
}

// show looks and draws until done is closed, look fails, or ctx ends.
func (p *progress) show(ctx context.Context, look look, done <-chan struct{}) {
	every := printEvery
	if p.redraw {
		every = drawEvery
	}
	// The first look comes early: a short wait shows nothing, a long one tells soon what it is for.
	timer := time.NewTimer(drawEvery)
	defer timer.Stop()
	defer p.erase()
	for {
		select {
		case <-done:
			return
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		lines, err := look(ctx, p.redraw)
		if err != nil {
			return
		}
		p.draw(lines)
		timer.Reset(every)
	}
}

func (p *progress) draw(lines []string) {
	p.erase()
	for _, l := range lines {
		fmt.Fprintf(p.w, "allasfs: %s\n", l)
	}
	if p.redraw {
		p.lines = len(lines)
	}
}

// uploadsOf looks at the uploads of the mount behind c.
func uploadsOf(c *control.Client) look {
	var queue queueMeter
	return func(ctx context.Context, _ bool) ([]string, error) {
		report, err := c.Status(ctx)
		if err != nil {
			return nil, err
		}
		lines := uploadLines(report.Status.Uploads)
		if l := queue.line(report.Status.Queue, time.Now()); l != "" && len(lines) > 0 {
			lines[0] = "waiting for " + count(len(report.Status.Uploads), "upload") + ": " + l
		} else if l != "" {
			lines = []string{l}
		}
		return lines, nil
	}
}

// barLine is how far part of all is, with a bar where there is room for one.
func barLine(wide bool, verb string, part, all int64) string {
	line := fmt.Sprintf("%s of %s %s (%d %%)", human(part), human(all), verb, percent(min(part, all), all))
	if wide {
		return bar(part, all) + " " + line
	}
	return line
}

// erase takes the lines drawn last off the terminal.
func (p *progress) erase() {
	if p.lines > 0 {
		fmt.Fprintf(p.w, "\x1b[%dA\x1b[J", p.lines)
		p.lines = 0
	}
}

// uploadLines is a line for all uploads, and one for each of the first few.
func uploadLines(uploads []fs.UploadState) []string {
	if len(uploads) == 0 {
		return nil
	}
	var size, sent int64
	for _, u := range uploads {
		size, sent = size+u.Size, sent+u.Sent
	}
	lines := []string{fmt.Sprintf("waiting for %s: %s of %s sent (%d %%)", count(len(uploads), "upload"), human(sent), human(size), percent(sent, size))}
	for i, u := range uploads {
		if i == shownFiles {
			return append(lines, fmt.Sprintf("  and %d more", len(uploads)-i))
		}
		lines = append(lines, fmt.Sprintf("  %3d %%  %s (%s%s)", percent(u.Sent, u.Size), oneLine(u.Path), human(u.Size), awaited(u)))
	}
	return lines
}

// awaited says what an upload whose bytes have all left is waiting for; "" for others.
func awaited(u fs.UploadState) string {
	if u.Size > 0 && u.Sent >= u.Size {
		return ", waiting for the store's answer"
	}
	return ""
}

// percent is how much of all part is; all of nothing is 0 %, for it is not done yet.
func percent(part, all int64) int64 {
	if all <= 0 {
		return 0
	}
	return int64(float64(part) / float64(all) * 100)
}

// oneLine quotes a path that would disturb a terminal.
func oneLine(path string) string {
	if strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0x1b }) {
		return fmt.Sprintf("%q", path)
	}
	return path
}

// terminal tells whether w is one.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil && os.Getenv("TERM") != "dumb"
}
