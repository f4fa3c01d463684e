// Package exit holds what allasfs tells a person and a script when it ends: exit codes, each with a sentence, and an error that carries
// one of them beside a plain message and a hint.
package exit

import (
	"errors"
	"fmt"
)

// Code is the status with which allasfs ends. The numbers are promised: scripts may rely on them.
type Code int

// The exit codes. [Table] has their sentences.
const (
	OK          Code = 0
	Failed      Code = 1
	Usage       Code = 2
	Credentials Code = 3
	Unreachable Code = 4
	Source      Code = 5
	Mountpoint  Code = 6
	Fuse        Code = 7
	Cache       Code = 8
	NotMounted  Code = 9
	NotSent     Code = 10
	Busy        Code = 11
	Timeout     Code = 12
	Missing     Code = 13
)

// The exit codes of a mount helper, which mount(8) fixes; allasfs uses them when it is called as mount.allasfs or mount.fuse.allasfs.
const (
	HelperUsage  Code = 1
	HelperFailed Code = 32
)

// Row is one line of the table of exit codes.
type Row struct {
	Code    Code
	Meaning string // a phrase for documentation
}

// Table lists every exit code with its meaning, in order. README and `allasfs help exit-codes` show this.
func Table() []Row {
	return []Row{
		{OK, "done; for a mount that ends, every file is in the object store"},
		{Failed, "an error that none of the other codes names"},
		{Usage, "the command line is wrong: unknown command, flag or mount option, or a SOURCE that cannot be read"},
		{Credentials, "no credentials were found, or the server refuses them"},
		{Unreachable, "the server does not answer: wrong endpoint, no network, TLS fault"},
		{Source, "the bucket does not exist, or these credentials may not use it"},
		{Mountpoint, "the mountpoint is missing, not a directory, not empty, or something is mounted there"},
		{Fuse, "FUSE is missing: /dev/fuse or fusermount3, or the kernel refused the mount"},
		{Cache, "the cache folder cannot be used: in use by another mount, not writable, not private"},
		{NotMounted, "the path is not on an allasfs mount, or its daemon has died"},
		{NotSent, "files are not in the object store; they are kept in the cache folder, see `allasfs recover`"},
		{Busy, "the mount is in use by a process"},
		{Timeout, "the time given by --timeout has passed; what was going on goes on in the background"},
		{Missing, "`allasfs doctor` found something essential missing"},
	}
}

// Error is a failure told in plain words. It crosses the pipe to a waiting parent and the control socket as JSON.
type Error struct {
	Code Code   `json:"code"`
	Text string `json:"error"`          // what failed and why, one sentence without a period
	Hint string `json:"hint,omitempty"` // what to do about it, "" = nothing to say

	err error // the cause, lost on the way through JSON
}

// New makes an Error; format and args are as for [fmt.Errorf], %w included.
func New(code Code, hint, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Text: err.Error(), Hint: hint, err: errors.Unwrap(err)}
}

// Because gives e a cause for [errors.Is] that its text does not show.
func (e *Error) Because(err error) *Error {
	e.err = err
	return e
}

// Error returns the text without the hint.
func (e *Error) Error() string { return e.Text }

// Unwrap returns the cause, nil when the error came from another process.
func (e *Error) Unwrap() error { return e.err }

// Of returns the Error within err; any other error becomes one with code Failed, nil stays nil.
func Of(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Code: Failed, Text: err.Error(), err: err}
}
