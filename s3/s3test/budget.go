package s3test

import (
	"flag"
	"os"
	"strconv"
	"testing"
)

// Checks sets how many random runs the property tests of t make (the flag rapid.checks), for as long as t runs. The command line goes first;
// ALLASFS_TEST_CHECKS, a factor, makes them more for a long soak.
func Checks(t testing.TB, n int) {
	t.Helper()
	f := flag.Lookup("rapid.checks")
	if f == nil {
		t.Fatal("the test does not import rapid")
	}
	given := false
	flag.Visit(func(set *flag.Flag) { given = given || set.Name == f.Name })
	if given {
		return
	}
	if factor, err := strconv.Atoi(os.Getenv("ALLASFS_TEST_CHECKS")); err == nil {
		n *= factor
	}
	was := f.Value.String()
	if err := f.Value.Set(strconv.Itoa(n)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Value.Set(was) })
}
