package main

// This file holds `allasfs demo`: a mount of an embedded server with sample data. The server is a program of its own, so that it is no
// part of this binary; it ends with the daemon, whose pipe it has as its standard input.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"allasfs/cmd/allasfs/internal/exit"
	"allasfs/s3/profile"
)

const (
	demoServerName  = "allasfs-s3server"
	demoServerStart = 20 * time.Second
	demoServerEnd   = 10 * time.Second
)

func demoCommand(s *streams) *cobra.Command {
	c := config{Demo: true}
	cmd := &cobra.Command{
		Use:   "demo [flags] [DIR]",
		Short: "Mount sample data: no account needed",
		Long: `Start an embedded S3 server with sample data and mount it on DIR (made if it is not there; default: allasfs-demo
in the working directory). All of it is gone when you unmount: allasfs umount DIR.`,
		Args:              args(cobra.MaximumNArgs(1)),
		ValidArgsFunction: completeDirs,
	}
	addMountFlags(cmd, &c)
	_ = cmd.Flags().MarkHidden("all-projects") // it is defined
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		dir := "allasfs-demo"
		if len(args) == 1 {
			dir = args[0]
		}
		if _, err := demoServerBinary(); err != nil {
			return err
		}
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			return exit.New(exit.Mountpoint, "", "the mountpoint cannot be made: %w", err)
		}
		if err := c.applyOptions(cmd); err != nil {
			return err
		}
		if err := c.complete(cmd, "", dir); err != nil {
			return err
		}
		return start(cmd.Context(), s, c)
	}
	return cmd
}

// demoServerBinary finds the server beside this program, or on PATH.
func demoServerBinary() (string, error) {
	if exe, err := os.Executable(); err == nil {
		if bin, err := exec.LookPath(filepath.Join(filepath.Dir(exe), demoServerName)); err == nil {
			return bin, nil
		}
	}
	bin, err := exec.LookPath(demoServerName)
	if err != nil {
		return "", exit.New(exit.Failed, "put it beside allasfs: go build -o "+demoServerName+" ./s3/s3test/s3server", "the demo needs the program %s, which was not found", demoServerName)
	}
	return bin, nil
}

// demoServer is a running server of the demo.
type demoServer struct {
	dir   string // cache and log, gone with it
	cmd   *exec.Cmd
	stdin io.WriteCloser // its end is the server's end
	ready struct {
		URL       string `json:"url"`
		AccessKey string `json:"access_key"`
		SecretKey string `json:"secret_key"`
	}
}

// startDemoServer starts the server and returns when it answers. Its keys come through a pipe and are in no command line.
func startDemoServer(ctx context.Context) (*demoServer, error) {
	bin, err := demoServerBinary()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "allasfs-demo-*")
	if err != nil {
		return nil, fmt.Errorf("demo server: %w", err)
	}
	d := &demoServer{dir: dir, cmd: exec.Command(bin, "-sample", "-exit-on-stdin-close")}
	if err := d.start(ctx); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return d, nil
}

func (d *demoServer) start(ctx context.Context) (err error) {
	var said bytes.Buffer // not our own standard error, which somebody may read to its end
	d.cmd.Stderr = &said
	if d.stdin, err = d.cmd.StdinPipe(); err != nil {
		return fmt.Errorf("demo server: %w", err)
	}
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("demo server: %w", err)
	}
	if err := d.cmd.Start(); err != nil {
		return fmt.Errorf("demo server: %w", err)
	}
	limit, cancel := context.WithTimeout(ctx, demoServerStart)
	defer cancel()
	giveUp := context.AfterFunc(limit, func() { _ = d.cmd.Process.Kill() }) // it has ended already
	defer giveUp()
	if err := json.NewDecoder(out).Decode(&d.ready); err != nil {
		ended := errors.Join(ctx.Err(), d.end())
		return exit.New(exit.Failed, "", "the demo server did not start: %w: %s", errors.Join(err, ended), said.String())
	}
	return nil
}

// profile is the access to the server.
func (d *demoServer) profile() *profile.Profile {
	return &profile.Profile{Name: "demo", Project: "demo", Endpoint: d.ready.URL, AccessKey: d.ready.AccessKey, SecretKey: d.ready.SecretKey, From: "the demo server"}
}

// stop ends the server and removes what the daemon kept for it.
func (d *demoServer) stop() error { return errors.Join(d.end(), os.RemoveAll(d.dir)) }

func (d *demoServer) end() error {
	err := d.stdin.Close()
	timer := time.AfterFunc(demoServerEnd, func() { _ = d.cmd.Process.Kill() }) // it has ended already
	defer timer.Stop()
	return errors.Join(err, d.cmd.Wait())
}
