// Package name maps S3 keys to file names and back. Every key is reachable under exactly one path, no two keys share one, and a name that a
// user types without an escape means itself. The functions are pure and safe for concurrent use.
//
// # Mapping
//
// A key is cut at its slashes into elements: all but the last are directories, the last is the object. An element is raw bytes, and so is
// a name: control characters, back slashes, blanks and bytes that are not UTF-8 pass unchanged. What a name cannot hold is escaped by
// %{…}, which a POSIX shell takes literally:
//
//	element                      name
//	report.csv, 100%, {a}, a%b   the same
//	"" (as in a//b, or x/)       %{}
//	.                            %{2E}
//	..                           %{2E}.
//	a<NUL>b                      a%{00}b
//	a%{b                         a%{25}{b
//
// %{HH} is one byte in two upper-case hexadecimal digits, and stands only where it must: %{00} for NUL, %{2E} as above, %{25} before an
// opening brace. So %{41} is no name: it would be a second one for A.
//
// # A key that is a prefix as well
//
// The keys file and file/child cannot both be called file. The directory keeps the name, the object beside it is file%{object}:
//
//	keys                  paths
//	file, file/child      file%{object}    file/child
//	x/ (with content)     x/%{}
//	a/, a//b              a/%{}%{object}   a/%{}/b
//
// While no key starts with file/, the object is called file. Whether a prefix exists is the caller's knowledge: it says so by the argument
// object of [Encode], and Decode tells by [Part].Object that the suffix was there.
//
// # Long elements
//
// A name has at most [MaxName] bytes, an element up to [MaxKey]. An element whose encoded form (with %{object}, if that is due) is longer is cut
// into continuation directories, whose names end in %{+}; the last piece is a plain name in the innermost of them:
//
//	<246 bytes>%{+}/<the rest>
//
// A piece ends with the first unit (a byte, a UTF-8 character, an escape) that brings it to 246 bytes or more: no unit is torn apart, and where a
// piece ends does not depend on what follows. Below a continuation directory live exactly the elements whose first units are its piece and
// which are too long for one name; a listing of keys by that prefix finds all of them, and [Child] tells which of the keys found belong
// there. The bytes of the pieces so far are the head, which [DecodeAfter] and Child take: the same name may be right in an ordinary
// directory and wrong in a continuation (a short rest would be a second name of an element that fits), and the other way round.
//
// # Buckets
//
// Bucket names are encoded as elements: old buckets with odd names show up too. [CheckBucket] tells whether a new one may be made.
package name
