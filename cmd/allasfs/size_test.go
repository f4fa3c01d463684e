package main

import "testing"

func TestByteSize(t *testing.T) {
	for in, want := range map[string]byteSize{"0": 0, "512": 512, "1K": 1024, "20G": 20 << 30, "20GiB": 20 << 30, "20 GiB": 20 << 30, "1.5M": 3 << 19, "2GB": 2e9, "1kb": 1000, "1t": 1 << 40, "7B": 7} {
		var b byteSize
		if err := b.Set(in); err != nil || b != want {
			t.Errorf("Set(%q) = %d, %v; want %d", in, b, err, want)
		}
		var again byteSize
		if err := again.Set(b.String()); err != nil || again != b {
			t.Errorf("%d is written %q, which reads as %d, %v", b, b.String(), again, err)
		}
	}
	for _, in := range []string{"", "G", "-1", "1X", "1GG", "1.2.3", "1e3", "9999999T", "1 000"} {
		var b byteSize
		if err := b.Set(in); err == nil {
			t.Errorf("Set(%q) = %d, want an error", in, b)
		}
	}
}

func TestHuman(t *testing.T) {
	for in, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1 KiB", 1536: "1.5 KiB", 1<<20 - 1: "1 MiB", 20 << 30: "20 GiB", 150<<20 + 1<<19: "150 MiB", 1<<63 - 1: "8 EiB"} {
		if got := human(in); got != want {
			t.Errorf("human(%d) = %q, want %q", in, got, want)
		}
	}
}

func TestUmask(t *testing.T) {
	var m octalMode
	if err := m.Set("077"); err != nil || m != 0o077 || m.String() != "0077" {
		t.Errorf("077 reads as %s, %v", m.String(), err)
	}
	for _, in := range []string{"", "8", "1000", "-1", "u=rwx"} {
		if err := m.Set(in); err == nil {
			t.Errorf("Set(%q): no error", in)
		}
	}
}
