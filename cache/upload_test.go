package cache

import "testing"

// TestUploadOfAnOlderDraft: what an upload was about to make is not the draft any more once bytes or size changed, after a restart too; else a later daemon
// would take what is stored for it, and forget the change. Other attributes do not change it: the bytes need not be sent again for them.
func TestUploadOfAnOlderDraft(t *testing.T) {
	want := Upload{Bucket: "b", Key: "k", ID: "id", ETag: "etag-2"}
	for name, change := range map[string]func(t *testing.T, d *Draft){
		"nothing":    func(*testing.T, *Draft) {},
		"state":      func(t *testing.T, d *Draft) { try(t, d.SetState(StateClosed, "x")) },
		"attributes": func(t *testing.T, d *Draft) { try(t, d.SetAttrs(Attrs{ContentType: "other"})) },
		"write":      func(t *testing.T, d *Draft) { write(t, d, 3, "new") },
		"longer":     func(t *testing.T, d *Draft) { try(t, d.Truncate(d.Size()+1)) },
		"shorter":    func(t *testing.T, d *Draft) { try(t, d.Truncate(d.Size()-1)) },
		"punch":      func(t *testing.T, d *Draft) { try(t, d.Punch(0, 2)) },
		"allocate":   func(t *testing.T, d *Draft) { try(t, d.Allocate(0, d.Size()+5)) },
	} {
		for _, size := range []int{10, inlineMost + 100} { // in the journal; in a file of its own
			t.Run(name, func(t *testing.T) {
				o := testOptions(t)
				c := mustOpen(t, o)
				d := mustDraft(t, c, Base{}, 0)
				write(t, d, 0, string(make([]byte, size)))
				try(t, d.SetUpload(want))
				change(t, d)
				expect := want
				if name != "nothing" && name != "attributes" && name != "state" {
					expect.ETag = ""
				}
				if got := d.Upload(); got != expect {
					t.Errorf("%+v, want %+v", got, expect)
				}
				try(t, c.Close())
				c = mustOpen(t, o)
				if got := c.Drafts()[0].Upload(); got != expect {
					t.Errorf("after a restart %+v, want %+v", got, expect)
				}
			})
		}
	}
}

func try(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
