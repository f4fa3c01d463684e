package control

import "testing"

func TestMapped(t *testing.T) {
	const rootless = "         0       1001          1\n         1     100000      65536\n"
	for _, c := range []struct {
		uidMap    string
		uid, want int
	}{
		{"         0          0 4294967295\n", 0, 0},
		{"         0          0 4294967295\n", 1001, 1001},
		{"0 1001 1\n", 0, 1001},
		{rootless, 0, 1001},
		{rootless, 7, 100006},
		{rootless, 70000, 70000},
		{"", 5, 5},
		{"nonsense\n", 5, 5},
	} {
		if got := mapped(c.uidMap, c.uid); got != c.want {
			t.Errorf("%q: %d is %d, want %d", c.uidMap, c.uid, got, c.want)
		}
	}
}
