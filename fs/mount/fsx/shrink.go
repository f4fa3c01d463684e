package fsx

// Shrink takes operations away from a failing run for as long as it still fails, and returns those that are left. fails does a run, on a file in the
// state of the first; it is called at most tries times.
func Shrink(ops []Op, tries int, fails func([]Op) bool) []Op {
	for part := (len(ops) + 1) / 2; part > 0 && tries > 0; {
		found := false
		for from := 0; from < len(ops) && tries > 0; {
			to := min(from+part, len(ops))
			less := append(append([]Op(nil), ops[:from]...), ops[to:]...)
			tries--
			if len(less) > 0 && fails(less) {
				ops, found = less, true
				continue
			}
			from = to
		}
		if !found || part > len(ops) {
			part /= 2
		}
	}
	return ops
}
