package control

// This file looks through user namespaces: in one of its own, as `unshare -r` and rootless containers make it, every user is 0.

import (
	"fmt"
	"os"
	"strings"
)

// OuterUser returns the user outside this process' user namespace that uid is within it: the one whose name folders bear that all users may write to, uid itself where the kernel does not tell. Below a second
// namespace it is the user in the first one.
func OuterUser(uid int) int {
	data, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return uid
	}
	return mapped(string(data), uid)
}

// mapped reads a uid_map (user_namespaces(7)): lines of first user inside, first user outside, how many.
func mapped(uidMap string, uid int) int {
	for line := range strings.Lines(uidMap) {
		var inside, outside, n int
		if _, err := fmt.Sscan(line, &inside, &outside, &n); err == nil && uid >= inside && uid-inside < n {
			return outside + uid - inside
		}
	}
	return uid
}
