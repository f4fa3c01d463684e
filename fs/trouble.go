package fs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"syscall"

	"allasfs/fs/name"
	"allasfs/s3"
)

// Trouble is a kind of failure in plain words. The same words are in the log, in status, in the attribute user.allasfs.error and in the documents.
type Trouble struct {
	What string // has failed
	Why  string // it may have; more than one reason where the error does not tell
	Do   string // about it
	is   func(error) bool
}

// Troubles are the kinds of failure that have words, in the order in which they are looked for.
func Troubles() []Trouble {
	return []Trouble{
		{"the store does not accept the keys", "they were revoked or have expired, or their secret is wrong",
			"run allas-conf to get new ones; the mount takes them up by itself", is(s3.ErrCredentials)},
		{"the clock of this machine is wrong", "it differs from the store's by more than 15 minutes, and signatures carry the time",
			"set it: timedatectl set-ntp true, or ask the administrator", is(s3.ErrClockSkew)},
		{"the quota is full", "the project or the bucket holds all the bytes it may, or the bucket 500 000 objects",
			"remove what is not needed, or ask for more: servicedesk@csc.fi; what could not be sent is kept: 'allasfs sync' tries again", is(s3.ErrQuota)},
		{"the name of the bucket is taken", "names of buckets are common to all projects of a store",
			"choose another name, for instance with the project's number in it", nameTaken},
		{"somebody else changed the file meanwhile", "another client wrote or removed the object after it was opened here",
			"open it again to see the other version; 'allasfs recover DIR' shows what was written here and not sent", is(s3.ErrChanged)},
		{"the store does not allow it", "the bucket is another project's, or it is shared and this object is not",
			"ask the owner for access to the bucket and to its objects, or choose your project with --project", inStore(os.ErrPermission)},
		{"the certificate of the store is not good", "its authority is not known here, it is for another host, or the clock is wrong",
			"check the endpoint and the clock; name the file of its authority with --ca-file", badTLS},
		{"the store cannot be reached", "there is no network, no route or no such host, or nothing listens there",
			"check the network and the endpoint: 'allasfs doctor'; what could not be sent is kept: 'allasfs sync' tries again", unreachable},
		{"the store gave no answer in time", "it is overloaded, or the network was lost",
			"try again later; what could not be sent is kept: 'allasfs sync' tries again", is(s3.ErrTimeout)},
		{"the object ends before its end", "a segment of a large object is missing, or was cut",
			"'allasfs info PATH' names the segments; restore the missing one, or upload the file again", inStore(io.ErrUnexpectedEOF)},
		{"the bytes are not those that were sent", "something between here and the store, or the store itself, changed them",
			"try again; if it stays so, tell the store's administrator the request's number", is(s3.ErrCorrupt)},
		{"the disk of the cache is full", "other programs, or files that are not in the store yet, fill it",
			"free space on it, wait for uploads ('allasfs sync'), or mount with another --cache-dir", is(syscall.ENOSPC)},
		{"the file is too large for the store", "an object has 5 TiB at the most",
			"split it", anyOf(is(s3.ErrTooLarge), is(syscall.EFBIG))},
		{"the store does not take the name", "it is longer than 1024 bytes, not UTF-8, or no name of a bucket",
			"choose another name", anyOf(is(s3.ErrBadName), is(name.ErrInvalid))},
	}
}

// TroubleOf finds the kind of failure that err is; false for one without words of its own.
func TroubleOf(err error) (Trouble, bool) {
	if err == nil {
		return Trouble{}, false
	}
	for _, t := range Troubles() {
		if t.is(err) {
			return t, true
		}
	}
	return Trouble{}, false
}

// plain puts what failed, what to do and then the error's own text, which names operation, path and request, into a sentence.
func plain(err error) string {
	t, ok := TroubleOf(err)
	if !ok {
		return err.Error()
	}
	return t.What + ": " + t.Do + " (" + err.Error() + ")"
}

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func anyOf(kinds ...func(error) bool) func(error) bool {
	return func(err error) bool {
		return slices.ContainsFunc(kinds, func(is func(error) bool) bool { return is(err) })
	}
}

// inStore is for what the local system says as well, which is another matter.
func inStore(target error) func(error) bool {
	return func(err error) bool {
		e, ok := errors.AsType[*s3.Error](err)
		return ok && errors.Is(e, target)
	}
}

func nameTaken(err error) bool {
	e, ok := errors.AsType[*s3.Error](err)
	return ok && e.Op == "make bucket" && errors.Is(err, os.ErrExist)
}

// badTLS covers what package s3 does not try again for.
func badTLS(err error) bool {
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, host := errors.AsType[x509.HostnameError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	_, verify := errors.AsType[*tls.CertificateVerificationError](err)
	return unknown || host || invalid || verify
}

func unreachable(err error) bool {
	_, dns := errors.AsType[*net.DNSError](err)
	return dns || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EHOSTUNREACH)
}
