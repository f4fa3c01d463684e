package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// today is what users do without a mount: a Python loop, or rclone copy, and then they read what is on the disk. Starting the program is part
// of it.
type today struct {
	r      *run
	system string // boto3 or rclone-copy
}

func (s today) dir() string { return filepath.Join(s.r.dir, s.system) }

// row runs one program, then reads its result from the disk, and counts the CPU time and memory of the program.
func (s today) row(ctx context.Context, name string, args []string, then func(context.Context) error) error {
	if !s.r.o.wants(name) || ctx.Err() != nil || args == nil {
		return nil
	}
	if err := errors.Join(os.RemoveAll(s.dir()), os.MkdirAll(s.dir(), 0o700), dropCaches()); err != nil {
		return err
	}
	s.r.log.mark()
	limited, cancel := context.WithTimeout(ctx, s.r.o.limit)
	defer cancel()
	begin := time.Now()
	cmd := exec.CommandContext(limited, args[0], args[1:]...)
	cmd.Dir, cmd.Env = s.dir(), s.r.env()
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", args[0], err, firstLine(string(out)))
	} else if then != nil {
		err = then(limited)
	}
	got := sample{seconds: time.Since(begin).Seconds(), requests: s.r.log.count()}
	got.stored = got.seconds
	if got.cut = errors.Is(limited.Err(), context.DeadlineExceeded); !got.cut {
		got.err = err
	}
	if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		got.cpu = float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
		got.peak = u.Maxrss << 10
	}
	s.r.record(name, s.system, got)
	return os.RemoveAll(s.dir())
}

func (s today) reads(ctx context.Context) error {
	big := s.r.l.bigObject()
	args := s.python("download", big.key)
	if s.system != "boto3" {
		args = s.rclone("copy", "bench:"+s.bucket()+"/big", ".")
	}
	return s.row(ctx, "read-seq-cold", args,
		func(ctx context.Context) error {
			return s.r.readFile(ctx, filepath.Join(s.dir(), "object.bin"), big, false)
		})
}

func (s today) many(ctx context.Context) error {
	l := s.r.l
	local := func(list []object) func(context.Context) error {
		return func(ctx context.Context) error {
			return each(ctx, len(list), 1, func(i int) error {
				return s.r.readFile(ctx, filepath.Join(s.dir(), filepath.Base(list[i].key)), list[i], false)
			})
		}
	}
	mid, small := l.mids(l.mid), l.smalls(l.small)
	if s.system == "boto3" {
		return errors.Join(
			s.row(ctx, "mid-1", s.python("files", "mid/", l.mid), local(mid)),
			s.row(ctx, "small-1", s.python("files", "small/", l.smallFew), local(small[:l.smallFew])))
	}
	return errors.Join(
		s.row(ctx, "mid-8", s.rclone("copy", "bench:"+s.bucket()+"/mid", "."), local(mid)),
		s.row(ctx, "small-all", s.rclone("copy", "bench:"+s.bucket()+"/small", "."), local(small)))
}

func (s today) lists(ctx context.Context) error {
	if s.system == "boto3" {
		return s.row(ctx, "ls-l", s.python("list", "small/"), nil)
	}
	return s.row(ctx, "ls-l", s.rclone("lsl", "bench:"+s.bucket()+"/small"), nil)
}

func (s today) writes(ctx context.Context) error {
	defer func() {
		if err := s.r.raw.removeAll(context.WithoutCancel(ctx), "new-"+s.system+"/"); err != nil {
			s.r.say("clear new-%s: %v", s.system, err)
		}
	}()
	native := filepath.Join(s.r.nativeDir(), "big")
	if s.system == "boto3" {
		return errors.Join(
			s.row(ctx, "write-seq", s.python("upload", filepath.Join(native, "object.bin"), "new-boto3/big"), nil),
			s.row(ctx, "create-1", s.python("put", "new-boto3/one/", s.r.l.written), nil))
	}
	return s.row(ctx, "write-seq", s.rclone("copy", native, "bench:"+s.bucket()+"/new-rclone-copy"), nil)
}

func (s today) bucket() string { return s.r.raw.bucket }

// python is a command line of today.py, rclone one of rclone at 16 transfers.
func (s today) python(args ...any) []string {
	out := []string{s.r.o.interpreter(), s.r.o.python}
	for _, a := range args {
		out = append(out, fmt.Sprint(a))
	}
	return out
}

func (s today) rclone(args ...string) []string {
	return append([]string{"rclone", "--transfers=16", "--checkers=16", "--use-server-modtime"}, args...)
}
