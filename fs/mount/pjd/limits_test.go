package pjd

// limit is a reason for which a step may be marked.
type limit struct {
	why string
	in  func(kind string) bool // whether it is one on this kind of mount; nil = on each
}

// kernelWrites is the kind of mount where the kernel collects writes.
const kernelWrites = "kernel writes"

// limits are the table of the package's doc.
func limits() map[string]limit {
	return map[string]limit{
		"link":     {why: "an object has one key: link(2) is EPERM"},
		"special":  {why: "an object is a file: mkfifo(2) and mknod(2) of a device are EPERM"},
		"ctime":    {why: "ctime is mtime", in: func(kind string) bool { return kind != kernelWrites }},
		"atime":    {why: "atime is mtime"},
		"collects": {why: "the kernel keeps the time it has", in: func(kind string) bool { return kind == kernelWrites }},
	}
}

// limited tells whether a step cannot hold on a kind of mount.
func (s step) limited(kind string) bool {
	if s.limit == "" {
		return false
	}
	in := limits()[s.limit].in
	return in == nil || in(kind)
}
