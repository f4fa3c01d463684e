package fakes3

import (
	"encoding/xml"
	"net"
	"regexp"
	"strings"
)

// bucketName is what RGW takes with its strict rules.
var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

func validBucket(name string) bool {
	return bucketName.MatchString(name) && !strings.Contains(name, "..") && !strings.Contains(name, ".-") &&
		!strings.Contains(name, "-.") && net.ParseIP(name) == nil
}

func (s *Server) listBuckets(c *call) (*answer, error) {
	id := c.who.id
	if id == "" {
		if s.opts.aws {
			return nil, errAccessDenied
		}
		id = "anonymous" // the gateway shows an empty list
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	d := newXML("ListAllMyBucketsResult").owner("Owner", id).open("Buckets")
	for _, b := range s.bucketsOf(c.who.id) {
		d.open("Bucket").text("Name", b.name).time("CreationDate", b.created).close("Bucket")
	}
	return okXML(d.close("Buckets"), "ListAllMyBucketsResult"), nil
}

func (s *Server) headBucket(c *call) (*answer, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	b, err := s.permitLocked(c, false)
	if err != nil {
		return nil, err
	}
	a := ok()
	if s.opts.aws {
		a.header.Set("x-amz-bucket-region", s.opts.region)
		return a, nil
	}
	user, own := quota{-1, -1}, s.opts.bucketQuota
	if b.owner == s.AccessKey {
		user = s.opts.userQuota
	}
	bytes, objects := b.used()
	for name, n := range map[string]int64{
		"x-rgw-object-count": objects, "x-rgw-bytes-used": bytes,
		"x-rgw-quota-user-size": user.bytes, "x-rgw-quota-user-objects": user.objects,
		"x-rgw-quota-bucket-size": own.bytes, "x-rgw-quota-bucket-objects": own.objects,
		"x-rgw-quota-max-buckets": 1000,
	} {
		a.header.Set(name, itoa(n))
	}
	return a, nil
}

func (s *Server) createBucket(c *call) (*answer, error) {
	if c.who.id == "" {
		return nil, errAccessDenied
	}
	body, _, err := c.up.data()
	if err != nil {
		return nil, err
	}
	var want struct{ LocationConstraint string }
	if len(body) > 0 && xml.Unmarshal(body, &want) != nil {
		return nil, errMalformedXML
	}
	switch {
	case !validBucket(c.bucket):
		return nil, fail(400, "InvalidBucketName")
	case want.LocationConstraint != "" && want.LocationConstraint != s.opts.region:
		return nil, fail(400, "InvalidLocationConstraint")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.buckets[c.bucket]; b != nil {
		switch {
		case b.owner != c.who.id:
			return nil, fail(409, "BucketAlreadyExists")
		case s.opts.aws:
			return nil, fail(409, "BucketAlreadyOwnedByYou")
		}
		return ok(), nil
	}
	s.makeBucket(c.who.id, c.bucket).public = strings.HasPrefix(c.r.Header.Get("x-amz-acl"), "public-read")
	return ok(), nil
}

func (s *Server) deleteBucket(c *call) (*answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.permitLocked(c, true)
	switch {
	case err != nil:
		return nil, err
	case len(b.keys) > 0:
		return nil, fail(409, "BucketNotEmpty")
	}
	delete(s.buckets, c.bucket) // unfinished uploads go with it
	return noContent(), nil
}

func (s *Server) bucketLocation(c *call) (*answer, error) {
	if err := s.permit(c, false); err != nil {
		return nil, err
	}
	d := newXML("LocationConstraint")
	if s.opts.region != "us-east-1" {
		d.b = appendEscaped(d.b, s.opts.region)
	}
	return okXML(d, "LocationConstraint"), nil
}

func (s *Server) bucketVersioning(c *call) (*answer, error) {
	if err := s.permit(c, false); err != nil {
		return nil, err
	}
	return okXML(newXML("VersioningConfiguration"), "VersioningConfiguration"), nil
}

func (s *Server) requestPayment(c *call) (*answer, error) {
	if err := s.permit(c, true); err != nil {
		return nil, err
	}
	return okXML(newXML("RequestPaymentConfiguration").text("Payer", "BucketOwner"), "RequestPaymentConfiguration"), nil
}

// getACL answers that the owner may do all, and everybody read if the bucket is public.
func (s *Server) getACL(c *call) (*answer, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	b, err := s.permitLocked(c, true)
	if err != nil {
		return nil, err
	}
	if c.key != "" && b.objects[c.key] == nil {
		return nil, errNoSuchKey
	}
	const xsi = ` xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type=`
	d := newXML("AccessControlPolicy").owner("Owner", b.owner).open("AccessControlList")
	d.open("Grant").open(`Grantee`+xsi+`"CanonicalUser"`).text("ID", b.owner).text("DisplayName", b.owner).close("Grantee")
	d.text("Permission", "FULL_CONTROL").close("Grant")
	if b.public {
		d.open("Grant").open(`Grantee`+xsi+`"Group"`).text("URI", "http://acs.amazonaws.com/groups/global/AllUsers").close("Grantee")
		d.text("Permission", "READ").close("Grant")
	}
	return okXML(d.close("AccessControlList"), "AccessControlPolicy"), nil
}
