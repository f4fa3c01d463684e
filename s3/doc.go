// Package s3 is the object store as allasfs needs it: the S3 of a Ceph RADOS Gateway, and of stores that are stricter or laxer.
//
// # Operations
//
// A [Client] speaks to one store as one user. It lists, makes and removes buckets ([Client.Buckets], [Client.HeadBucket], …), lists keys by pages
// ([Client.List]), reads ranges of one [Version] of an object ([Client.Get]), writes objects at once ([Client.Put]) or in parts
// ([Client.CreateMultipart], [Client.PutPart], [Client.CopyPart], [Client.Complete]), copies inside the store ([Client.Copy]) and deletes
// ([Client.Delete], [Client.DeleteMany]; [Client.DeleteLater] gathers removals that come one by one, and keeps their order among all other requests). All run under the caller's context and may be called from many goroutines. The client limits nothing: who
// calls it decides how many requests run side by side, and can hear of a store that wants fewer ([Client.OnBusy]); Config.Requests is how many
// connections stay open between them.
//
// Keys are any UTF-8 of 1 to 1024 bytes; others are ErrBadName, as the gateway has it. A listing shows whatever the store holds.
//
// # What goes over the wire
//
// Path-style URLs over HTTP/1.1, signed with Signature V4 for one fixed region. Of minio-go the signer and the URL encoding are used; its Core is
// not, since its listing has no context, it sends a zero-length PUT over http without a length, hashes payloads there, refuses to copy with both of
// the conditions that are wanted, and can neither be watched nor retried by the policy below without a second way beside it. One small function (do)
// sends every request instead. Never sent, because the gateway refuses or ignores it: checksums of the x-amz-checksum kind, trailers, chunk
// signatures, requests for the bucket's location, renames. Payloads are covered by MD5 and, over https, by TLS; they are not hashed a second time.
//
// Bodies from 8 MiB ask first (Expect: 100-continue), so that a full quota costs no transfer. Connections acknowledge at once (TCP_QUICKACK, Linux),
// which is worth 40 ms on each small read. Listings are decoded by a scanner that takes characters which XML forbids and keys may have.
//
// # One retry policy
//
// A try fails for now when the store is busy or out of order (500, 502, 503, 504, 429, …), when the connection breaks, when no byte moves for
// Config.StallTimeout (ten times that for copies, completions and bulk deletions, whose answer the gateway works for), or when the answer or the
// stored bytes are wrong (three times). It is made again after a pause that doubles from 0.1 s to 5 s, by half random, until Config.RetryFor has
// passed since the first failure; then the error is [ErrTimeout] with the last cause. A Get counts from the last byte that came, and goes on behind
// it. All else is told at once: clear answers of the store, bad certificates, bodies that cannot be read, the end of the context, and an endpoint
// that never answered and does not exist.
//
// A GET whose answer is far later than usual (four times what 95 % of them need, a second at least) is sent again on another connection, and whichever
// answers first is read: at most one in fifty, and none within half a minute of an answer that asked for patience.
//
// Keys that are refused may have been replaced by their owner: Config.Renew is asked for others, and what was refused is sent again with them.
//
// A request that is repeated may find its own work: 412, 404 or 409 to a second try is success when HEAD shows the ETag of what was sent.
//
// # Versions and conditions
//
// A Get is bound to the ETag of its Version: If-Match is sent, and the answer's ETag compared, so no read mixes two versions. A Put may be bound to a
// free key or to the ETag that it replaces. The gateway takes If-Match of a Put without quotes, others with; which one is found out by the first
// refusal that HEAD contradicts, and kept. On completions and part copies the gateway ignores conditions: there HEAD compares just before or just
// after. Deletions and what a copy writes over cannot be fenced at all.
//
// Every write is verified: the ETag of a Put or part against the MD5 of what was sent, of an upload against the MD5 of its parts' MD5s, of a copy
// against the source.
//
// # Swift large objects
//
// Objects over 5 GB often came by Swift: an empty front object and segments elsewhere. A listing shows them empty or with a manifest's size
// ([Object.MaybeLarge]); [Client.Head] tells them by [Object.Large] and their true size. No condition on their ETag is honoured, so Get compares the
// answer's; Content-Range is wrong in its start and not looked at; the gateway sends a byte too many behind some ranges, so each has its own
// connection. Part copies of them copy nothing and are refused; a whole copy is a second manifest on the same segments. Changing metadata would lose
// the manifest and is refused.
//
// # Counts
//
// [Client.Stats] tells how many requests of each operation were sent and what became of them, how many were second tries, the bytes of bodies both ways and how
// long answers took to begin. Counting takes no lock and no memory.
//
// # Errors
//
// Every error is an [*Error] with operation, bucket and key, and [errors.Is] finds what it means: os.ErrNotExist, os.ErrExist, os.ErrPermission,
// ErrChanged (with os.ErrNotExist when the object is gone), ErrQuota (a 403 of its own), ErrNotEmpty, ErrTooLarge, ErrBadName, ErrCorrupt,
// ErrTimeout, ErrCredentials, ErrClockSkew, io.ErrUnexpectedEOF, errors.ErrUnsupported. No secret is in any of them.
package s3
