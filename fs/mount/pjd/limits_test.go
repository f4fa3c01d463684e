package pjd

// limits are the reasons for which a step may be marked: the table of the package's doc.
func limits() map[string]string {
	return map[string]string{
		"link":    "an object has one key: link(2) is EPERM",
		"special": "an object is a file: mkfifo(2) and mknod(2) of a device are EPERM",
		"ctime":   "ctime is mtime",
		"atime":   "atime is mtime",
	}
}
