package fakes3

import (
	"errors"
	"net/http"
)

// apiError is an error as a client gets it.
type apiError struct {
	status  int
	code    string
	message string
}

func (e *apiError) Error() string { return e.code }

func fail(status int, code string) *apiError { return &apiError{status: status, code: code} }

// The errors that several operations answer.
var (
	errAccessDenied     = fail(403, "AccessDenied")
	errInvalidArgument  = fail(400, "InvalidArgument")
	errMalformedXML     = fail(400, "MalformedXML")
	errNoSuchBucket     = fail(404, "NoSuchBucket")
	errNoSuchKey        = fail(404, "NoSuchKey")
	errNoSuchUpload     = fail(404, "NoSuchUpload")
	errPrecondition     = fail(412, "PreconditionFailed")
	errNotModified      = fail(304, "NotModified")
	errInvalidRange     = fail(416, "InvalidRange")
	errInvalidRequest   = fail(400, "InvalidRequest")
	errQuotaExceeded    = fail(403, "QuotaExceeded")
	errSignature        = fail(403, "SignatureDoesNotMatch")
	errSHA256Mismatch   = fail(400, "XAmzContentSHA256Mismatch")
	errIncompleteBody   = fail(400, "IncompleteBody")
	errInvalidKeyName   = fail(400, "InvalidObjectName")
	errMethodNotAllowed = fail(405, "MethodNotAllowed")
)

// asAPIError turns any error into one for the client; what is not known is an InternalError.
func asAPIError(err error) *apiError {
	var e *apiError
	if errors.As(err, &e) {
		return e
	}
	return &apiError{status: http.StatusInternalServerError, code: "InternalError", message: err.Error()}
}

// usualCode is the code of a status that a fault names alone.
func usualCode(status int) string {
	switch status {
	case 400:
		return "InvalidRequest"
	case 403:
		return "AccessDenied"
	case 404:
		return "NoSuchKey"
	case 409:
		return "OperationAborted"
	case 412:
		return "PreconditionFailed"
	case 429, 503:
		return "SlowDown"
	}
	return "InternalError"
}
