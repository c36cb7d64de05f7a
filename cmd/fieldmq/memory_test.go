package main

import "testing"

func TestGarbageTakesLessRoomWhereMuchIsKept(t *testing.T) {
	for live, want := range map[uint64]int{0: 100, roomy: 100, roomy * 5 / 4: 60, roomy * 3 / 2: 30, 2 * roomy: thrifty, 100 * roomy: thrifty, 1 << 62: thrifty} {
		if got := percentFor(live); got != want {
			t.Errorf("%d percent beside %d bytes, want %d", got, live, want)
		}
	}
}
