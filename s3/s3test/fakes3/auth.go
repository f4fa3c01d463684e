package fakes3

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	amzTime   = "20060102T150405Z"
	maxSkew   = 15 * time.Minute
	algorithm = "AWS4-HMAC-SHA256"
	unsigned  = "UNSIGNED-PAYLOAD"
)

// identity is who sent a request and how its body is signed.
type identity struct {
	id      string // of the user; "" = anonymous
	payload string // the value of x-amz-content-sha256, unsigned for presigned and anonymous requests
	seed    signed // for the signatures of chunks
}

// signed is the signature of a request and what it was made with.
type signed struct {
	key       []byte
	date      string
	scope     string
	signature string
}

// claim is what a request says of its own signature.
type claim struct {
	access, scope, headers, signature string
	date                              string // as amzTime
	presigned                         bool
}

// authenticate checks the V4 signature of a request's header or query; a request without any is anonymous.
func (s *Server) authenticate(r *http.Request) (identity, error) {
	q := r.URL.Query()
	var cl claim
	var err error
	switch authorization := r.Header.Get("Authorization"); {
	case authorization != "":
		cl, err = headerClaim(r, authorization)
	case q.Has("X-Amz-Signature"):
		cl, err = s.presignedClaim(q)
	case q.Has("Signature"):
		err = errAccessDenied // V2
	default:
		return identity{payload: unsigned}, nil
	}
	if err != nil {
		return identity{}, err
	}
	return s.checkClaim(r, q, cl)
}

func headerClaim(r *http.Request, authorization string) (claim, error) {
	rest, found := strings.CutPrefix(authorization, algorithm+" ")
	if !found {
		return claim{}, errAccessDenied // V2 or unknown
	}
	var cl claim
	for field := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		switch name {
		case "Credential":
			cl.access, cl.scope, _ = strings.Cut(value, "/")
		case "SignedHeaders":
			cl.headers = value
		case "Signature":
			cl.signature = value
		}
	}
	cl.date = r.Header.Get("X-Amz-Date")
	if cl.date == "" {
		if t, err := http.ParseTime(r.Header.Get("Date")); err == nil {
			cl.date = t.UTC().Format(amzTime)
		}
	}
	return cl, nil
}

func (s *Server) presignedClaim(q url.Values) (claim, error) {
	cl := claim{headers: q.Get("X-Amz-SignedHeaders"), signature: q.Get("X-Amz-Signature"), date: q.Get("X-Amz-Date"), presigned: true}
	if q.Get("X-Amz-Algorithm") != algorithm {
		return cl, errAccessDenied
	}
	cl.access, cl.scope, _ = strings.Cut(q.Get("X-Amz-Credential"), "/")
	at, err := time.Parse(amzTime, cl.date)
	seconds, err2 := strconv.Atoi(q.Get("X-Amz-Expires"))
	if err != nil || err2 != nil || seconds < 1 || seconds > 7*24*3600 {
		return cl, errAccessDenied
	}
	if s.now().After(at.Add(time.Duration(seconds) * time.Second)) {
		return cl, errAccessDenied // expired
	}
	return cl, nil
}

func (s *Server) checkClaim(r *http.Request, q url.Values, cl claim) (identity, error) {
	s.mu.RLock()
	u := s.users[cl.access]
	s.mu.RUnlock()
	at, err := time.Parse(amzTime, cl.date)
	scope := strings.Split(cl.scope, "/")
	switch {
	case u == nil:
		return identity{}, fail(403, "InvalidAccessKeyId")
	case err != nil || len(scope) != 4 || scope[0] != cl.date[:8] || scope[2] != "s3" || scope[3] != "aws4_request":
		return identity{}, errAccessDenied
	case !hostSigned(cl.headers):
		return identity{}, errAccessDenied
	case !cl.presigned && s.now().Sub(at).Abs() > maxSkew:
		return identity{}, fail(403, "RequestTimeTooSkewed")
	}
	token := r.Header.Get("X-Amz-Security-Token")
	if cl.presigned {
		token = q.Get("X-Amz-Security-Token")
	}
	if token != u.token {
		return identity{}, fail(403, "InvalidAccessKeyId")
	}
	payload := r.Header.Get("X-Amz-Content-Sha256")
	if payload == "" {
		if !cl.presigned {
			return identity{}, errInvalidRequest // S3 wants it in every request that is signed in its header
		}
		payload = unsigned
	}
	key := signingKey(u.secret, scope)
	want := sign(key, algorithm+"\n"+cl.date+"\n"+cl.scope+"\n"+hexSHA256(canonical(r, cl, payload)))
	if !hmac.Equal([]byte(want), []byte(cl.signature)) {
		return identity{}, errSignature
	}
	return identity{id: u.id, payload: payload, seed: signed{key: key, date: cl.date, scope: cl.scope, signature: want}}, nil
}

func hostSigned(headers string) bool {
	return slices.Contains(strings.Split(headers, ";"), "host")
}

// canonical builds the text that is signed.
func canonical(r *http.Request, cl claim, payload string) string {
	var b strings.Builder
	b.WriteString(r.Method + "\n" + escapeURI(r.URL.Path, '/') + "\n" + canonicalQuery(r.URL.RawQuery) + "\n")
	for name := range strings.SplitSeq(cl.headers, ";") {
		b.WriteString(name + ":" + canonicalHeader(r, name) + "\n")
	}
	b.WriteString("\n" + cl.headers + "\n" + payload)
	return b.String()
}

// canonicalHeader returns the value of a header as it is signed. net/http takes some headers out of the map.
func canonicalHeader(r *http.Request, name string) string {
	switch name {
	case "host":
		return r.Host
	case "content-length":
		return itoa(r.ContentLength)
	case "transfer-encoding":
		return strings.Join(r.TransferEncoding, ",")
	}
	values := slices.Clone(r.Header.Values(name))
	for i, v := range values {
		values[i] = strings.Join(strings.Fields(v), " ")
	}
	return strings.Join(values, ",")
}

// canonicalQuery sorts and encodes a query, without the signature itself.
func canonicalQuery(raw string) string {
	var pairs []string
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		value, err2 := url.QueryUnescape(value)
		if pair == "" || err != nil || err2 != nil || name == "X-Amz-Signature" {
			continue
		}
		pairs = append(pairs, escapeURI(name, 0)+"="+escapeURI(value, 0))
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

func signingKey(secret string, scope []string) []byte {
	key := []byte("AWS4" + secret)
	for _, part := range scope {
		key = mac(key, part)
	}
	return key
}

func sign(key []byte, text string) string { return hex.EncodeToString(mac(key, text)) }

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func hexSHA256(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
