package s3

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// What can be tested for with [errors.Is], beside os.ErrNotExist, os.ErrExist, os.ErrPermission, io.ErrUnexpectedEOF, errors.ErrUnsupported and
// the errors of contexts.
var (
	ErrChanged     = errors.New("the object has changed in the store")
	ErrQuota       = errors.New("the quota is full")
	ErrNotEmpty    = errors.New("the bucket is not empty")
	ErrTooLarge    = errors.New("too large for the store")
	ErrBadName     = errors.New("the store does not take this name")
	ErrCorrupt     = errors.New("the store holds or sent other bytes than expected")
	ErrTimeout     = errors.New("the store gave no usable answer in time")
	ErrCredentials = errors.New("the store does not accept the access key or its secret")
	ErrClockSkew   = errors.New("the clock of this machine differs too much from the store's")
)

var (
	errBusy    = errors.New("the store is busy or out of order")
	errRefused = errors.New("the store refused the request")
)

// storedWrong is an error after which the store holds other bytes than were sent, under that ETag.
type storedWrong struct {
	error
	etag string
}

func (e storedWrong) Unwrap() error { return e.error }

// StoredWrong is the ETag of the wrong bytes that the store made of what a failed [Client.Put] sent, "" if it is not known to have made any.
func StoredWrong(err error) string {
	wrong, _ := errors.AsType[storedWrong](err)
	return wrong.etag
}

// Error is the failure of one operation. It unwraps to its cause, so that [errors.Is] finds the sentinels. Its text holds no secret.
type Error struct {
	Op          string // "get", "put", "complete upload", ...
	Bucket, Key string
	Status      int    // of the HTTP answer, 0 = there was none
	Code        string // S3's own error code, "" = none told (HEAD answers have none)
	RequestID   string // the gateway's, for its administrators
	Err         error
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("s3 " + e.Op)
	if e.Bucket != "" {
		b.WriteString(" " + printable(e.Bucket))
	}
	if e.Key != "" {
		b.WriteString("/" + printable(e.Key))
	}
	fmt.Fprintf(&b, ": %v", e.Err)
	if e.Status != 0 {
		b.WriteString(" (" + strconv.Itoa(e.Status))
		if e.Code != "" {
			b.WriteString(" " + printable(e.Code))
		}
		if e.RequestID != "" {
			b.WriteString(", request " + printable(e.RequestID))
		}
		b.WriteString(")")
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// printable quotes s if a terminal or a log would not show it as it is.
func printable(s string) string {
	if q := strconv.Quote(s); len(q) != len(s)+2 {
		return q
	}
	return s
}

// byCode are the error codes that mean more than the status that they come with.
func byCode(code string) error {
	switch code {
	case "NoSuchKey", "NoSuchBucket", "NoSuchUpload", "NoSuchVersion":
		return os.ErrNotExist
	case "BucketAlreadyExists", "BucketAlreadyOwnedByYou":
		return os.ErrExist
	case "BucketNotEmpty":
		return ErrNotEmpty
	case "QuotaExceeded", "TooManyBuckets":
		return ErrQuota
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken", "TokenRefreshRequired":
		return ErrCredentials
	case "RequestTimeTooSkewed":
		return ErrClockSkew
	case "EntityTooLarge":
		return ErrTooLarge
	case "InvalidBucketName", "InvalidObjectName", "KeyTooLongError":
		return ErrBadName
	case "BadDigest":
		return ErrCorrupt
	case "SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout", "OperationAborted", "ConditionalRequestConflict":
		return errBusy
	}
	return nil
}

// byStatus is for answers without a code, as every answer to a HEAD is.
func byStatus(status int) error {
	switch status {
	case http.StatusNotFound:
		return os.ErrNotExist
	case http.StatusForbidden:
		return os.ErrPermission
	case http.StatusUnauthorized:
		return ErrCredentials
	case http.StatusPreconditionFailed:
		return ErrChanged
	case http.StatusRequestEntityTooLarge:
		return ErrTooLarge
	case http.StatusRequestedRangeNotSatisfiable:
		return io.ErrUnexpectedEOF
	case http.StatusInsufficientStorage:
		return ErrQuota
	case http.StatusNotImplemented, http.StatusMethodNotAllowed:
		return errors.ErrUnsupported
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
		http.StatusRequestTimeout, http.StatusTooManyRequests:
		return errBusy
	}
	return errRefused
}

// answered makes the error that an HTTP answer tells. body is its XML, or "".
func answered(r *request, resp *http.Response, body []byte) *Error {
	e := &Error{Op: r.op, Bucket: r.bucket, Key: r.key, Status: resp.StatusCode, RequestID: resp.Header.Get("X-Amz-Request-Id")}
	message := ""
	if root, err := parseXML(body); err == nil && root.name == "Error" {
		e.Code, message = root.text("Code"), root.text("Message")
	}
	e.Err = byCode(e.Code)
	if e.Err == nil {
		e.Err = byStatus(e.Status)
	}
	switch {
	case e.Err == ErrClockSkew:
		if sent, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
			e.Err = fmt.Errorf("%w (this one is %s ahead)", ErrClockSkew, time.Since(sent).Round(time.Second))
		}
	case e.Err == errRefused && message != "":
		e.Err = fmt.Errorf("%w: %s", errRefused, printable(message))
	}
	return e
}

// fail wraps err as r's error, unless it is one already.
func fail(r *request, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok && e.Op == r.op && e.Key == r.key {
		return err
	}
	return &Error{Op: r.op, Bucket: r.bucket, Key: r.key, Err: err}
}

// code returns S3's error code in err, "" if there is none.
func code(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ""
}

// status returns the HTTP status in err, 0 if there is none.
func status(err error) int {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Status
	}
	return 0
}

// unquote takes the quotes off an ETag.
func unquote(etag string) string { return strings.Trim(etag, `"`) }

// as returns a copy of err, an *Error or not, whose cause is cause: for answers that mean something else to this operation.
func as(err, cause error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return fmt.Errorf("%w: %w", cause, err)
	}
	c := *e
	c.Err = cause
	return &c
}

// gone is the cause when an object that was there is not there any more: ErrChanged and os.ErrNotExist.
func gone() error { return fmt.Errorf("%w: %w", ErrChanged, os.ErrNotExist) }

// Refused tells whether err is an answer of the store itself, which so has ended what it was asked. A gateway before it (502, 504) does not know, nor does a connection
// that broke: the store may be doing it still.
func Refused(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Status != 0 && e.Status != http.StatusBadGateway && e.Status != http.StatusGatewayTimeout ||
		errors.Is(err, ErrChanged) || errors.Is(err, os.ErrExist) || errors.Is(err, os.ErrNotExist)
}
