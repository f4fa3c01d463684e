package s3

// This file names the operations that are counted.

const operationCount = 19

// operations are the names of the operations, sorted, and "other" at the end for one that was forgotten here (a test finds it).
func operations() [operationCount]string {
	return [...]string{
		"abort upload", "complete upload", "copy", "copy part", "create upload", "delete", "delete many", "get", "head", "head bucket",
		"list", "list buckets", "list parts", "list uploads", "make bucket", "put", "put part", "remove bucket", "other",
	}
}

// operationIndex is the place of op in operations. It is on the way of every request.
func operationIndex(op string) int {
	switch op {
	case "abort upload":
		return 0
	case "complete upload":
		return 1
	case "copy":
		return 2
	case "copy part":
		return 3
	case "create upload":
		return 4
	case "delete":
		return 5
	case "delete many":
		return 6
	case "get":
		return 7
	case "head":
		return 8
	case "head bucket":
		return 9
	case "list":
		return 10
	case "list buckets":
		return 11
	case "list parts":
		return 12
	case "list uploads":
		return 13
	case "make bucket":
		return 14
	case "put":
		return 15
	case "put part":
		return 16
	case "remove bucket":
		return 17
	}
	return operationCount - 1
}
