package cache

// Upload names a multipart upload of a draft that was begun and neither completed nor aborted; an empty ID = none.
type Upload struct {
	Bucket, Key, ID string

	// ETag is what the object will have, "" until the upload is about to be completed. It tells of the draft's bytes as they are: a change
	// of bytes or size empties it. The object may have older attributes than the draft.
	ETag string
}

func (u Upload) record() record {
	return record{recUpload, appendString(appendString(appendString(appendString(nil, u.Bucket), u.Key), u.ID), u.ETag)}
}

func (d *decoder) upload() Upload {
	u := Upload{Bucket: d.string(), Key: d.string(), ID: d.string()}
	if len(d.b) > 0 { // journals of earlier versions have none
		u.ETag = d.string()
	}
	return u
}

// SetUpload journals the upload that is under way, so that after a crash it can be aborted, or found to be the object. It is no change of the draft.
func (d *Draft) SetUpload(u Upload) error {
	return d.change(u.record(), func() bool { return d.d.upload == u }, func() { d.d.upload = u })
}

// Upload is what SetUpload was last told, by an earlier daemon too.
func (d *Draft) Upload() Upload {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.d.upload
}

// outdate journals, before a change, that what may have been stored has not the draft's bytes any more. The caller holds mu.
func (d *Draft) outdate() error {
	u := d.d.upload
	if u.ETag == "" {
		return nil
	}
	u.ETag = ""
	if err := d.log(u.record()); err != nil {
		return err
	}
	d.d.upload = u
	return nil
}

// Leading is how many bytes from 0 are local without a gap.
func (d *Draft) Leading() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.absorb()
	if len(d.t.pieces) == 0 || d.t.pieces[0].Kind != Local {
		return 0
	}
	return d.t.pieces[0].Len
}
