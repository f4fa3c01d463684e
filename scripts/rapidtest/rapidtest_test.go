package rapidtest

import (
	"flag"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestSameRuns: each Check draws the same, as often as it should, and leaves the flags as they were.
func TestSameRuns(t *testing.T) {
	t.Setenv(factor, "2")
	var runs [2][]int
	for i := range runs {
		Check(t, 3, func(rt *rapid.T) { runs[i] = append(runs[i], rapid.Int().Draw(rt, "n")) })
	}
	if len(runs[0]) != 6 || !slices.Equal(runs[0], runs[1]) {
		t.Errorf("%v, then %v", runs[0], runs[1])
	}
	if f := flag.Lookup("rapid.seed"); f.Value.String() != f.DefValue {
		t.Errorf("the flag stays %s", f.Value)
	}
}
