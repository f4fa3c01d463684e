package cache

// Upload names a multipart upload of a draft that was begun and neither completed nor aborted; an empty ID = none.
type Upload struct{ Bucket, Key, ID string }

func (u Upload) record() record {
	return record{recUpload, appendString(appendString(appendString(nil, u.Bucket), u.Key), u.ID)}
}

// SetUpload journals the upload that is under way, so that after a crash it can be aborted. It is no change of the draft.
func (d *Draft) SetUpload(u Upload) error {
	return d.change(u.record(), func() { d.d.upload = u })
}

// Upload is what SetUpload was last told, by an earlier daemon too.
func (d *Draft) Upload() Upload {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.d.upload
}

// Leading is how many bytes from 0 are local without a gap.
func (d *Draft) Leading() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.t.pieces) == 0 || d.t.pieces[0].Kind != Local {
		return 0
	}
	return d.t.pieces[0].Len
}
