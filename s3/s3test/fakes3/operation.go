package fakes3

import (
	"net/http"
	"net/url"
	"strings"
)

// operation carries one request out. Its error is an *apiError; anything else becomes an InternalError.
type operation func(*Server, *call) (*answer, error)

// call is one request being carried out.
type call struct {
	r           *http.Request
	op          string
	bucket, key string
	query       url.Values
	who         identity
	up          *bodyReader
	undeleted   map[string]string // see Fault
	whole       bool              // see Fault
	otherRange  string            // see Fault
}

// answer is what an operation wants to be sent.
type answer struct {
	status int
	header http.Header
	doc    []byte // an XML body
	body   blob   // or object bytes; fewer than length: the connection is cut after them
	length int64  // Content-Length of body, also where none is sent (HEAD)
	extra  []byte // sent after the end of the body; see overrun
}

func ok() *answer { return &answer{status: 200, header: http.Header{}, length: -1} }

func noContent() *answer { return &answer{status: 204, header: http.Header{}, length: -1} }

func okXML(d *xmlDoc, root string) *answer {
	a := ok()
	d.close(root)
	a.doc = d.b
	a.header.Set("Content-Type", "application/xml")
	return a
}

// splitPath parts the decoded path of a request into bucket and key; both may be empty.
func splitPath(path string) (bucket, key string) {
	bucket, key, _ = strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return bucket, key
}

// find returns the operation that a request asks for, and its name as AWS spells it.
func find(method, bucket, key string, q url.Values, h http.Header) (string, operation) {
	switch {
	case bucket == "":
		if method == http.MethodGet || method == http.MethodHead {
			return "ListBuckets", (*Server).listBuckets
		}
	case key == "":
		return findBucketOp(method, q)
	default:
		return findObjectOp(method, q, h)
	}
	return "Unknown", (*Server).unknown
}

func findBucketOp(method string, q url.Values) (string, operation) {
	switch method {
	case http.MethodHead:
		return "HeadBucket", (*Server).headBucket
	case http.MethodDelete:
		if !q.Has("policy") && !q.Has("lifecycle") && !q.Has("cors") && !q.Has("tagging") {
			return "DeleteBucket", (*Server).deleteBucket
		}
	case http.MethodPost:
		if q.Has("delete") {
			return "DeleteObjects", (*Server).deleteObjects
		}
	case http.MethodPut:
		if len(q) == 0 || q.Has("x-id") || q.Has("X-Amz-Signature") {
			return "CreateBucket", (*Server).createBucket
		}
	case http.MethodGet:
		return findBucketGet(q)
	}
	return "Unknown", (*Server).unknown
}

func findBucketGet(q url.Values) (string, operation) {
	switch {
	case q.Has("location"):
		return "GetBucketLocation", (*Server).bucketLocation
	case q.Has("versioning"):
		return "GetBucketVersioning", (*Server).bucketVersioning
	case q.Has("acl"):
		return "GetBucketAcl", (*Server).getACL
	case q.Has("uploads"):
		return "ListMultipartUploads", (*Server).listUploads
	case q.Has("policy"):
		return "GetBucketPolicy", missing("NoSuchBucketPolicy")
	case q.Has("lifecycle"):
		return "GetBucketLifecycleConfiguration", missing("NoSuchLifecycleConfiguration")
	case q.Has("cors"):
		return "GetBucketCors", missing("NoSuchCORSConfiguration")
	case q.Has("tagging"):
		return "GetBucketTagging", missing("NoSuchTagSet")
	case q.Has("requestPayment"):
		return "GetBucketRequestPayment", (*Server).requestPayment
	case q.Get("list-type") == "2":
		return "ListObjectsV2", (*Server).listV2
	case q.Has("versions"), q.Has("website"), q.Has("replication"), q.Has("object-lock"):
		return "Unknown", (*Server).unknown
	}
	return "ListObjects", (*Server).listV1
}

func findObjectOp(method string, q url.Values, h http.Header) (string, operation) {
	switch method {
	case http.MethodHead:
		return "HeadObject", (*Server).headObject
	case http.MethodGet:
		switch {
		case q.Has("uploadId"):
			return "ListParts", (*Server).listParts
		case q.Has("acl"):
			return "GetObjectAcl", (*Server).getACL
		case q.Has("tagging"):
			return "GetObjectTagging", (*Server).objectTagging
		case q.Has("torrent"), q.Has("retention"), q.Has("legal-hold"), q.Has("attributes"):
			return "Unknown", (*Server).unknown
		}
		return "GetObject", (*Server).getObject
	case http.MethodDelete:
		if q.Has("uploadId") {
			return "AbortMultipartUpload", (*Server).abortUpload
		}
		return "DeleteObject", (*Server).deleteObject
	case http.MethodPost:
		if q.Has("uploads") {
			return "CreateMultipartUpload", (*Server).createUpload
		}
		if q.Has("uploadId") {
			return "CompleteMultipartUpload", (*Server).completeUpload
		}
	case http.MethodPut:
		return findObjectPut(q, h)
	}
	return "Unknown", (*Server).unknown
}

func findObjectPut(q url.Values, h http.Header) (string, operation) {
	copied := h.Get("x-amz-copy-source") != ""
	switch {
	case q.Has("uploadId") && copied:
		return "UploadPartCopy", (*Server).copyPart
	case q.Has("uploadId"):
		return "UploadPart", (*Server).putPart
	case q.Has("acl"), q.Has("tagging"), q.Has("retention"), q.Has("legal-hold"):
		return "Unknown", (*Server).unknown
	case copied:
		return "CopyObject", (*Server).copyObject
	case q.Has("append"):
		return "AppendObject", (*Server).appendObject
	}
	return "PutObject", (*Server).putObject
}

func (s *Server) unknown(c *call) (*answer, error) {
	if c.bucket == "" {
		return nil, errMethodNotAllowed
	}
	if err := s.permit(c, true); err != nil {
		return nil, err
	}
	return nil, errMethodNotAllowed
}

// missing is the operation on a configuration that no bucket here has.
func missing(code string) operation {
	return func(s *Server, c *call) (*answer, error) {
		if err := s.permit(c, true); err != nil {
			return nil, err
		}
		return nil, fail(404, code)
	}
}
