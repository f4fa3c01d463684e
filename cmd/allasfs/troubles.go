package main

// This file writes the page of what can go wrong, from the words that the program uses.

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"allasfs/cmd/allasfs/internal/exit"
	"allasfs/fs"
	"allasfs/s3"
	"allasfs/s3/profile"
)

// failure is what failed, why and what to do, in plain words.
type failure struct{ what, why, do string }

// startFailures are told by the commands before there is a mount. What explain says of each is asked of it.
func startFailures() []failure {
	p := &profile.Profile{Endpoint: "https://a3s.fi", From: "~/.aws/credentials"}
	said := func(bucket string, err error, why string) failure {
		e := explain(err, p, bucket)
		text, _, _ := strings.Cut(e.Text, ": "+err.Error())
		return failure{text, why, e.Hint}
	}
	return []failure{
		{"no credentials found", "neither allas-conf nor another tool has left keys where they are looked for, or they are another project's; the message lists the places",
			"run allas-conf, or name what is known with --project or --profile"},
		said("", s3.ErrCredentials, "they were revoked or have expired, or their secret is wrong"),
		said("", os.ErrPermission, "the keys may use single buckets only, or none"),
		said("", s3.ErrClockSkew, "it differs from the store's by more than 15 minutes, and signatures carry the time"),
		said("BUCKET", os.ErrNotExist, "it was removed, or its name is spelt differently"),
		said("BUCKET", os.ErrPermission, "it is another project's, and not shared with yours; or the keys are of the wrong project"),
		noSource("no bucket"),
		said("", &net.DNSError{}, "it is misspelt, or there is no network"),
		said("", unix.ECONNREFUSED, "the store is down, or the port is wrong"),
		said("", unix.EHOSTUNREACH, "there is no network, or a firewall is between"),
		said("", x509.UnknownAuthorityError{}, "its authority is not known on this machine, or somebody is between"),
		said("", s3.ErrTimeout, "the store is overloaded, or a firewall drops what is sent"),
	}
}

// noSource is what parseSource says of s.
func noSource(s string) failure {
	_, err := parseSource(s)
	e, _ := errors.AsType[*exit.Error](err)
	return failure{e.Text, "names of buckets have 3 to 63 letters, digits, dots, hyphens and underscores", e.Hint}
}

// localFailures are those of this machine; a test looks for the words in the code that says them.
func localFailures() []failure {
	return []failure{
		{"/dev/fuse is missing", "the kernel's module is not loaded, or a container was started without the device",
			"load the kernel module: modprobe fuse (in a container: start it with --device /dev/fuse)"},
		{"/dev/fuse may not be opened by this user", "its permissions were changed", "ask the administrator: chmod 666 /dev/fuse (in a container: start it with --device /dev/fuse)"},
		{"fusermount3 is not installed", "mounting without root needs it", "install it (Debian, Ubuntu: apt install fuse3; RHEL: dnf install fuse3), or ask the administrator"},
		{"is already an allasfs mount", "it was mounted before", "to mount something else there, end this mount first: allasfs umount DIR"},
		{"belongs to a FUSE mount whose daemon has died", "it was killed, or crashed; nothing that was closed is lost", "clear it first: fusermount3 -uz DIR"},
		{"is not empty: what is in it would be hidden", "mounting covers a directory", "choose or make an empty one: mkdir DIR"},
		{"is in use by", "programs have files open there, or work in a directory of it", "end these processes or leave the directory; --lazy detaches it all the same"},
	}
}

// mountFailures are those of a mount that works otherwise.
func mountFailures() []failure {
	var all []failure
	for _, t := range fs.Troubles() {
		all = append(all, failure{t.What, t.Why, t.Do})
	}
	return all
}

// troubleshooting is the page, as Markdown that is read well as it is.
func troubleshooting() string {
	var b strings.Builder
	fmt.Fprint(&b, "# Troubleshooting\n\nThis page is made from the words of the program: `allasfs help troubleshooting` prints it.\n")
	for _, part := range []struct {
		title, intro string
		list         []failure
	}{
		{"When a mount begins", "The commands end with the message, and with a hint.", startFailures()},
		{"On this machine", "Likewise; the message names the directory.", localFailures()},
		{"While it is mounted", "Programs see an errno; these words are in `allasfs status`, the log and the attribute `user.allasfs.error` of the file.", mountFailures()},
	} {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", part.title, part.intro)
		for _, f := range part.list {
			fmt.Fprintf(&b, "\n**%s**\n- Why: %s.\n- What to do: %s\n", f.what, f.why, f.do)
		}
	}
	return b.String()
}

// troubleshootingTopic is the help page of what can go wrong.
func troubleshootingTopic() *cobra.Command {
	return &cobra.Command{Use: "troubleshooting", Short: "What can go wrong, why, and what to do", Long: strings.TrimSpace(troubleshooting())}
}
