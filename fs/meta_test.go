package fs

import (
	"syscall"
	"testing"

	"allasfs/s3"
)

// TestModesOfClients: a mode is read in decimal, as s3fs has it, and in octal, as `rclone --metadata` has it, which are told apart; what is no mode is none.
func TestModesOfClients(t *testing.T) {
	for digits, want := range map[string]knownAttrs{
		"33184":   {hasMode: true, mode: 0o640},  // 0100640
		"36333":   {hasMode: true, mode: 0o6755}, // 0106755
		"100640":  {hasMode: true, mode: 0o640},
		"0100640": {hasMode: true, mode: 0o640},
		"104755":  {hasMode: true, mode: 0o4755},
		"0640":    {hasMode: true, mode: 0o640},
		"41471":   {hasMode: true, mode: 0o777, link: true}, // 0120777
		"120777":  {hasMode: true, mode: 0o777, link: true},
		"200000":  {},
		"100800":  {},
		"":        {},
		"rw-r--r": {},
	} {
		got := attrsOf(s3.Object{Meta: map[string]string{metaMode: digits}})
		if got.hasMode != want.hasMode || got.mode != want.mode || got.link != want.link {
			t.Errorf("%q: %t, %o, link %t; want %t, %o, link %t", digits, got.hasMode, got.mode, got.link, want.hasMode, want.mode, want.link)
		}
	}
}

// TestModeOfLink: other clients see a symbolic link's permissions as lstat(2) tells them.
func TestModeOfLink(t *testing.T) {
	w := newWorld(t)
	w.ok(w.at("link", func(p uint64, nm string) error {
		_, err := w.f.Symlink(t.Context(), p, nm, "target")
		return err
	}))
	w.ok(w.f.Sync(t.Context()))
	if got := w.metaOf("link")[metaMode]; got != "41471" {
		t.Errorf("mode %s, want 41471, a link of 0%o", got, syscall.S_IFLNK|0o777)
	}
}
