// Command s3server runs the embedded S3 server on loopback, for the demo: what it holds is gone when it ends.
//
// It prints one line of JSON, {"url":…,"access_key":…,"secret_key":…}, when it answers. It ends on SIGTERM and SIGINT and, with
// -exit-on-stdin-close, when its standard input is closed. Keys that are given neither by flag nor by ALLASFS_S3SERVER_ACCESS_KEY
// and ALLASFS_S3SERVER_SECRET_KEY are random ones.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"allasfs/s3/s3test/fakes3"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "s3server:", err)
		os.Exit(1)
	}
}

type config struct {
	listen, access, secret string
	sample, exitOnStdin    bool
	latency                time.Duration
	bandwidth              int64
}

func parse(args []string) (config, error) {
	var c config
	f := flag.NewFlagSet("s3server", flag.ContinueOnError)
	f.StringVar(&c.listen, "listen", "127.0.0.1:0", "`address` to listen on, port 0 for a free one")
	f.StringVar(&c.access, "access-key", os.Getenv("ALLASFS_S3SERVER_ACCESS_KEY"), "access `key` ($ALLASFS_S3SERVER_ACCESS_KEY; random without)")
	f.StringVar(&c.secret, "secret-key", "", "secret `key`; other users see it in the process list, $ALLASFS_S3SERVER_SECRET_KEY is not seen")
	f.BoolVar(&c.sample, "sample", false, "fill the bucket "+sampleBucket+" with sample data")
	f.BoolVar(&c.exitOnStdin, "exit-on-stdin-close", false, "end when the standard input is closed")
	f.DurationVar(&c.latency, "latency", 0, "delay of every answer")
	f.Int64Var(&c.bandwidth, "bandwidth", 0, "cap on all bytes a second, 0 for none")
	if err := f.Parse(args); err != nil {
		return c, err
	}
	if f.NArg() > 0 {
		return c, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	if c.secret == "" {
		c.secret = os.Getenv("ALLASFS_S3SERVER_SECRET_KEY")
	}
	if c.access == "" {
		c.access = rand.Text()[:20]
	}
	if c.secret == "" {
		c.secret = rand.Text()
	}
	return c, nil
}

// run serves until it is told to end.
func run(args []string, stdin io.Reader, stdout io.Writer) error {
	c, err := parse(args)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	s, err := fakes3.Start(fakes3.WithListen(c.listen), fakes3.WithCredentials(c.access, c.secret), fakes3.WithTrailers(),
		fakes3.WithLatency(c.latency), fakes3.WithBandwidth(c.bandwidth))
	if err != nil {
		return err
	}
	if c.sample {
		fill(s)
	}
	ready := struct {
		URL       string `json:"url"`
		AccessKey string `json:"access_key"`
		SecretKey string `json:"secret_key"`
	}{s.URL, s.AccessKey, s.SecretKey}
	if err := json.NewEncoder(stdout).Encode(ready); err != nil {
		return err
	}
	if c.exitOnStdin {
		go func() {
			_, _ = io.Copy(io.Discard, stdin)
			stop()
		}()
	}
	<-ctx.Done()
	grace, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := s.Shutdown(grace); err != nil && grace.Err() == nil {
		return err
	}
	return nil
}
