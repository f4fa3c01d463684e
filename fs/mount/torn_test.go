package mount

import (
	"strings"
	"testing"
)

// TestLostPages: when pages that the kernel had taken from a program cannot be kept, msync(2) or close(2) fails, and what is left of the file does not
// replace the version in the store, then or later, by itself. It is kept, and a file that is written anew is sent as any other.
func TestLostPages(t *testing.T) {
	const size, room = 2 << 20, 1 << 20
	old := strings.Repeat("o", size)
	fill := func(m *mounted) error { return helper("mmap", "fill", m.path("f"), "n", "0").Run() }
	for _, tt := range []struct {
		name   string
		change func(*setup)
		stored string // "" = the file is new
		write  func(m *mounted) error
	}{
		{"mapping", func(o *setup) { o.mount.NoPassthrough = true }, old, fill},
		{"mapping, write-back", func(o *setup) { o.mount.NoPassthrough, o.fs.WriteBack = true, true }, old, fill},
		{"mapping past the daemon", func(*setup) {}, old, func(m *mounted) error {
			m.cached("f", old)
			return fill(m)
		}},
		{"collected writes", kernelWrites, "", func(m *mounted) error {
			out, err := m.sh("dd if=/dev/zero of=f bs=64k count=32 conv=notrunc")
			m.t.Logf("%s", out)
			return err
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newMount(t, func(o *setup) { o.cache.DraftSpace = room }, tt.change)
			if tt.stored != "" {
				m.put("f", tt.stored)
			}
			if err := tt.write(m); err == nil {
				t.Fatal("no error, though there is no room for what was written")
			}
			m.idle()
			if err := m.fs.Sync(t.Context()); err == nil {
				t.Error("sync tells nothing")
			}
			if got, _ := m.object("f"); got != tt.stored {
				t.Fatalf("the store has %d bytes %.20q", len(got), got)
			}
			kept := m.fs.Status().Drafts
			if len(kept) != 1 || kept[0].Name != "f" || !strings.Contains(kept[0].Reason, "was lost") {
				t.Fatalf("kept: %+v", kept)
			}
			if out, err := m.sh("printf anew > f"); err != nil {
				t.Fatal(err, out)
			}
			ok(t, m.fs.Sync(t.Context()))
			m.wantObject("f", "anew")
			if kept := m.fs.Status().Drafts; len(kept) > 0 {
				t.Errorf("kept: %+v", kept)
			}
		})
	}
}
