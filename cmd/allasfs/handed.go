package main

// This file takes keys from standard input, for who keeps them in a password store and in no file: they are in no command line and no environment.

import (
	"bytes"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"allasfs/cmd/allasfs/internal/exit"
	"allasfs/s3/profile"
)

const (
	keysFromStdin = "stdin"
	maxHanded     = 64 << 10 // bytes of standard input that are read for keys
)

// handedKeys are keys that standard input gave.
type handedKeys struct {
	profile *profile.Profile // nil = none
	text    []byte           // as they were given, for the daemon, which is this program once more
}

// again is what the daemon has as its standard input; nil = nothing.
func (h handedKeys) again() io.Reader {
	if h.profile == nil {
		return nil
	}
	return bytes.NewReader(h.text)
}

// takeKeys reads the keys from in, if that is asked for.
func (a *access) takeKeys(in *os.File) error {
	switch {
	case a.KeysFrom == "":
		return nil
	case a.KeysFrom != keysFromStdin:
		return exit.New(exit.Usage, "give --credentials-from stdin", "%q is no place that keys are read from", a.KeysFrom)
	case a.Anonymous || a.Profile != "":
		return exit.New(exit.Usage, "leave out --anonymous and --profile", "keys are given, so none are looked for")
	}
	if _, err := unix.IoctlGetTermios(int(in.Fd()), unix.TCGETS); err == nil {
		return exit.New(exit.Usage, "pipe them in: pass show allas | allasfs mount --credentials-from stdin DIR", "standard input is a terminal, which would show the secret")
	}
	text, err := io.ReadAll(io.LimitReader(in, maxHanded))
	if err != nil {
		return exit.New(exit.Credentials, "", "the keys cannot be read: %w", err)
	}
	p, err := profile.ParseKeys(text, "standard input")
	if err != nil {
		return exit.New(exit.Credentials, "for example: printf '%s\\n' ACCESS SECRET | allasfs mount --credentials-from stdin DIR", "standard input: %w", err)
	}
	a.handed = handedKeys{p, text}
	return nil
}
