// Package rapidtest runs the property tests of this repository: the random steps of the reference models, and what holds for any input.
//
// They are the same in every run, so that one that fails does so again: they begin from one seed, unless -rapid.seed or RAPID_SEED names another, 0 being a new
// one for each test. scripts/soak has its own each time, and many more runs.
package rapidtest

import (
	"flag"
	"os"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

const (
	seed   = "20261130"            // of all tests
	factor = "ALLASFS_TEST_CHECKS" // makes runs more by so much
)

// Check is rapid.Check with n random runs, times ALLASFS_TEST_CHECKS where that is set. What the command line, RAPID_CHECKS or RAPID_SEED says goes first.
// It must not run beside another one.
func Check(t *testing.T, n int, property func(*rapid.T)) {
	t.Helper()
	if f, err := strconv.Atoi(os.Getenv(factor)); err == nil {
		n *= f
	}
	defer set(t, "rapid.checks", "RAPID_CHECKS", strconv.Itoa(n))()
	defer set(t, "rapid.seed", "RAPID_SEED", seed)()
	rapid.Check(t, property)
}

// set gives a flag a value, unless it or the variable that rapid takes for it was given, until restore is called.
func set(t *testing.T, name, variable, value string) (restore func()) {
	t.Helper()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == name })
	if _, named := os.LookupEnv(variable); given || named {
		return func() {}
	}
	f := flag.Lookup(name).Value
	was := f.String()
	if err := f.Set(value); err != nil {
		t.Fatal(err)
	}
	return func() { _ = f.Set(was) }
}
