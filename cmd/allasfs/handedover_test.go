package main

import (
	"testing"

	"allasfs/cmd/allasfs/internal/control"
	"allasfs/cmd/allasfs/internal/mountpoint"
)

// TestDeviceNumberGivenAgain: a mount that was handed over goes by its name here, but not by that of one of ours to which the kernel has given its device number since.
func TestDeviceNumberGivenAgain(t *testing.T) {
	proc, ok, err := mountpoint.At("/proc")
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	proc, ok, err = mountpoint.OfDevice(proc.Dev)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	records := []control.Record{{Mountpoint: "/dev/fd/3", Dev: proc.Dev, HandedOver: true}}
	for want, ours := range map[string][]target{
		proc.Dir:    nil,
		"/dev/fd/3": {{Dir: "/mnt", Record: &control.Record{Mountpoint: "/mnt", Dev: proc.Dev}, mount: mountpoint.Mount{Dir: "/mnt", Dev: proc.Dev}}},
	} {
		if got := handedOverTargets(ours, records); len(got) != 1 || got[0].Dir != want {
			t.Errorf("%+v, want one on %s", got, want)
		}
	}
}
