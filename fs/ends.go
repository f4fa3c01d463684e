package fs

// persistEnds is called before an object is deleted that was a draft here not long ago: a power cut must not bring the draft back, which the next mount
// would send again, for the object is not there. A disk that fails is no reason to keep the object.
func (f *FS) persistEnds() {
	if err := f.o.Cache.PersistEnds(); err != nil {
		f.log.Warn("a power cut may bring back files that are removed now", "err", err)
	}
}
