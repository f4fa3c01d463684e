package fakes3

import "encoding/xml"

func (s *Server) deleteObject(c *call) (*answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.permitLocked(c, true)
	if err != nil {
		return nil, err
	}
	o := b.objects[c.key]
	if v := c.r.Header.Get("If-Match"); s.opts.aws && v != "" && o != nil && !s.matches(v, o.etag) {
		return nil, errPrecondition // the gateway ignores it, and deletes
	}
	b.remove(c.key)
	return noContent(), nil
}

// deletion is the body of DeleteObjects.
type deletion struct {
	Quiet   bool
	Objects []struct{ Key string } `xml:"Object"`
}

func (s *Server) deleteObjects(c *call) (*answer, error) {
	body, _, err := c.up.data()
	if err != nil {
		return nil, err
	}
	var list deletion
	if xml.Unmarshal(body, &list) != nil || len(list.Objects) > maxListed {
		if s.opts.aws {
			return nil, errMalformedXML
		}
		return nil, fail(400, "") // the gateway sends no document
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.permitLocked(c, true)
	if err != nil {
		return nil, err
	}
	d := newXML("DeleteResult")
	for _, o := range list.Objects {
		if code := c.undeleted[o.Key]; code != "" {
			d.open("Error").text("Key", o.Key).text("Code", code).text("Message", code).close("Error")
			continue
		}
		b.remove(o.Key)
		if !list.Quiet {
			d.open("Deleted").text("Key", o.Key).close("Deleted")
		}
	}
	return okXML(d, "DeleteResult"), nil
}
