package store

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestOldMessagesThatAreNotSyncedAreKnown throws everything at ages that a store does,
// and looks at each message.
func TestOldMessagesThatAreNotSyncedAreKnown(t *testing.T) {
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 1))
		var a ages
		var highest, written, safe uint64
		var beats [2]uint64 // where the last ones stood
		var waiting []uint64
		for step := range 5000 {
			switch random.IntN(8) {
			case 0, 1, 2:
				highest++
				waiting = append(waiting, highest)
				a.add(highest, 1)
			case 3, 4:
				if len(waiting) > 0 {
					i := random.IntN(len(waiting))
					a.add(waiting[i], -1)
					waiting = slices.Delete(waiting, i, i+1)
				}
			case 5:
				written = highest
			case 6:
				a.beat(highest)
				beats = [2]uint64{beats[1], highest}
			case 7:
				if random.IntN(4) == 0 {
					a.sync(written)
					safe = written
				}
			}
			old := 0
			for _, number := range waiting {
				if number > safe && number <= beats[0] {
					old++
				}
			}
			if a.old < old || min(a.fresh, a.recent, a.old) < 0 {
				t.Fatalf("seed %d, step %d: %d are old, counted %+v", seed, step, old, a)
			}
		}
		for _, number := range waiting {
			a.add(number, -1)
		}
		for range 2 {
			a.beat(highest)
			a.sync(highest)
		}
		a.beat(highest)
		if a.fresh != 0 || a.recent != 0 || a.old != 0 {
			t.Errorf("seed %d: in the end %+v", seed, a)
		}
	}
}
