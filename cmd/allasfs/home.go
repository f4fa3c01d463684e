package main

// This file finds the home directory where the environment names none: mount(8) takes it out, and units of the system have none. Without it the keys of
// the user would not be found, and files that one mount could not send would lie in another folder than those of a mount made by hand.

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
)

// setHome sets HOME to what the password file tells of this user, if it is not set and that is an absolute path.
func setHome() error {
	if os.Getenv("HOME") != "" {
		return nil
	}
	u, err := user.LookupId(strconv.Itoa(os.Getuid()))
	if err != nil || !filepath.IsAbs(u.HomeDir) {
		return nil // there is none: what needs one says so
	}
	if err := os.Setenv("HOME", u.HomeDir); err != nil {
		return fmt.Errorf("home directory: %w", err)
	}
	return nil
}
