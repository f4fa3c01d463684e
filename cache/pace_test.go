package cache

import (
	"testing"
	"time"
)

// pacing is what a window comes to in rounds of a reader that always waits, at these rates in MiB/s, behind connections of 60 MiB/s at 10 ms.
func pacing(rates ...float64) int64 {
	l := &link{}
	l.learn(10*time.Millisecond, mib, time.Second/60)
	p := newPace(0, time.Time{})
	for _, r := range rates {
		p.waited = true
		p.round(r*mib, l, 112*mib)
	}
	return p.window
}

// A machine that stutters has a round now and then that seems to be far faster than the network, since what it read had piled up.
func TestLuckyRoundDoesNotHoldTheWindowDown(t *testing.T) {
	rates := []float64{80, 2400}
	for range 12 {
		rates = append(rates, 170)
	}
	if got := pacing(rates...); got != 112*mib {
		t.Errorf("%d MiB ahead of a waiting reader of 170 MiB/s, not the 112 that there may be", got/mib)
	}
}

// On a slow line more than eight requests side by side wait for each other, and in the way of other readers.
func TestWindowOfASlowLine(t *testing.T) {
	rates := make([]float64, 20)
	for i := range rates {
		rates[i] = 10
	}
	if got := pacing(rates...); got < 32*mib || got > 64*mib {
		t.Errorf("%d MiB ahead on a line of 10 MiB/s", got/mib)
	}
}
