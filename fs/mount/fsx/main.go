package fsx

import (
	"bufio"
	"crypto/md5"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

// shrinkTries is how many runs a failing one is made shorter by, at most.
const shrinkTries = 300

// command is a run as its flags say it.
type command struct {
	o       Options
	seed    uint64
	ops     int
	most    int64
	replay  string
	failing string
	ask     bool
}

// Main is the program: flags and the file's path in args. With -ask it prints a line `closed PATH SIZE MD5` each time that the file was closed, and
// goes on when a line `ok` comes in; any other line is what is wrong. It prints what was done; a run that fails is made shorter, written to
// the file of -failing (see -replay), and told by the error.
func Main(args []string, in io.Reader, out io.Writer) error {
	c, err := parse(args, out)
	if err != nil {
		return err
	}
	if c.ask {
		c.o.Closed = asker(bufio.NewReader(in), out)
	}
	ops := Generate(c.seed, c.ops, c.o.Max, c.most)
	if c.replay != "" {
		f, err := os.Open(c.replay)
		if err != nil {
			return err
		}
		defer f.Close()
		if ops, err = ParseOps(f); err != nil {
			return err
		}
	}
	before, err := os.ReadFile(c.o.Path)
	if errors.Is(err, os.ErrNotExist) {
		before = nil
	} else if err != nil {
		return err
	}
	res, err := Replay(c.o, ops)
	fmt.Fprintf(out, "done seed=%d %s\nrefused %s\n", c.seed, counts(res.Done), counts(res.Refused))
	failure := (*Failure)(nil)
	if !errors.As(err, &failure) {
		return err
	}
	return fmt.Errorf("%w\n%s", err, c.shorten(ops[:min(failure.N+1, len(ops))], before))
}

func parse(args []string, out io.Writer) (c command, err error) {
	fl := flag.NewFlagSet("fsx", flag.ContinueOnError)
	fl.SetOutput(out)
	fl.Uint64Var(&c.seed, "seed", 1, "of the random operations")
	fl.IntVar(&c.ops, "ops", 1000, "number of operations")
	fl.Int64Var(&c.o.Max, "max", 256<<10, "largest size of the file in `bytes`")
	fl.Int64Var(&c.most, "len", 64<<10, "most `bytes` of one operation")
	fl.StringVar(&c.o.Source, "source", "", "another file that ranges are copied from")
	fl.StringVar(&c.replay, "replay", "", "do the operations of this `file`")
	fl.StringVar(&c.failing, "failing", "", "`file` for the operations of a run that failed")
	fl.BoolVar(&c.ask, "ask", false, "ask who started this to compare what is stored after each close")
	if err := fl.Parse(args); err != nil {
		return c, err
	}
	if fl.NArg() != 1 || c.ops < 0 || c.o.Max < pageSize || c.most < 1 {
		return c, errors.New("fsx: usage: fsx [flags] FILE")
	}
	c.o.Path = fl.Arg(0)
	return c, nil
}

// asker asks who started the program.
func asker(in *bufio.Reader, out io.Writer) func(path string, want []byte) error {
	return func(path string, want []byte) error {
		if _, err := fmt.Fprintf(out, "closed %s %d %x\n", path, len(want), md5.Sum(want)); err != nil {
			return err
		}
		line, err := in.ReadString('\n')
		if err != nil {
			return err
		}
		if line = strings.TrimSpace(line); line != "ok" {
			return errors.New(line)
		}
		return nil
	}
}

// shorten makes a failing run shorter, each try on a new file that begins as the first did, and says what is left.
func (c command) shorten(ops []Op, before []byte) string {
	first := c.o.Path
	try := 0
	fails := func(ops []Op) bool {
		o := c.o
		o.Path = fmt.Sprintf("%s.try-%d", first, try)
		try++
		if before != nil && os.WriteFile(o.Path, before, 0o644) != nil {
			return false
		}
		_, err := Replay(o, ops)
		_ = os.Remove(o.Path)
		return err != nil
	}
	var lines strings.Builder
	fmt.Fprintf(&lines, "# fsx of a file that began with %d bytes: -seed %d -max %d -len %d\n", len(before), c.seed, c.o.Max, c.most)
	if fails(ops) {
		ops = Shrink(ops, shrinkTries, fails)
		fmt.Fprintf(&lines, "# made shorter by %d runs\n", try)
	} else {
		fmt.Fprintln(&lines, "# a second run of the same did not fail")
	}
	for _, o := range ops {
		fmt.Fprintln(&lines, o)
	}
	if c.failing != "" {
		if err := os.WriteFile(c.failing, []byte(lines.String()), 0o644); err != nil {
			fmt.Fprintln(&lines, "#", err)
		}
	}
	if len(ops) > 100 {
		return fmt.Sprintf("# %d operations to do again are in %s", len(ops), c.failing)
	}
	return lines.String()
}

func counts(m map[Kind]int) string {
	var words []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		words = append(words, fmt.Sprintf("%s=%d", k, m[k]))
	}
	return strings.Join(words, " ")
}
