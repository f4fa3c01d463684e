package fs

import (
	"bytes"
	"io"
	"slices"

	"allasfs/s3"
)

// What another client does and sees, past the file system: directly in the embedded server, by requests on a real gateway.

func (w *world) remotePut(key string, data []byte) {
	w.t.Helper()
	if w.srv != nil {
		w.srv.PutObject(w.bucket, key, data, nil)
		return
	}
	must[s3.Object](w.t)(w.store.Put(w.t.Context(), w.bucket, key, bytes.NewReader(data), int64(len(data)), s3.PutOptions{}))
}

func (w *world) remoteDelete(key string) {
	w.t.Helper()
	if w.srv != nil {
		w.srv.Delete(w.bucket, key)
		return
	}
	w.ok(w.store.Delete(w.t.Context(), w.bucket, key))
}

func (w *world) remoteKeys() []string {
	w.t.Helper()
	if w.srv != nil {
		return w.srv.Keys(w.bucket)
	}
	var keys []string
	for o := (s3.ListOptions{}); ; {
		page := must[*s3.Page](w.t)(w.store.List(w.t.Context(), w.bucket, o))
		for _, obj := range page.Objects {
			keys = append(keys, obj.Key)
		}
		if o.Token = page.Token; o.Token == "" {
			slices.Sort(keys)
			return keys
		}
	}
}

// object is what a plain client gets.
func (w *world) object(key string) []byte {
	w.t.Helper()
	if w.srv != nil {
		o, err := w.srv.Object(w.bucket, key)
		if err != nil {
			w.t.Fatal(err)
		}
		return o.Data
	}
	o := must[s3.Object](w.t)(w.store.Head(w.t.Context(), w.bucket, key))
	if o.Size == 0 {
		return nil
	}
	body := must[io.ReadCloser](w.t)(w.store.Get(w.t.Context(), o.Version(w.bucket), 0, o.Size))
	defer body.Close()
	return must[[]byte](w.t)(io.ReadAll(body))
}
