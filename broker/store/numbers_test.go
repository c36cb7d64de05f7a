package store

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// aNumber is one of those that a log has: dense, with holes, and some far away.
func aNumber(r *rand.Rand) uint64 {
	switch r.IntN(10) {
	case 0:
		return r.Uint64N(1 << 40)
	case 1:
		return uint64(r.IntN(4)) << 33
	}
	return uint64(r.IntN(3000))
}

func TestNumbersAreASet(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		var got numbers
		want := map[uint64]bool{}
		for range 5000 {
			n := aNumber(r)
			switch r.IntN(3) {
			case 0:
				if got.remove(n) != want[n] {
					t.Fatalf("seed %d: remove %d", seed, n)
				}
				delete(want, n)
			default:
				if got.add(n) == want[n] {
					t.Fatalf("seed %d: add %d", seed, n)
				}
				want[n] = true
			}
			if got.has(n) != want[n] || got.count != len(want) {
				t.Fatalf("seed %d: %d, count %d, want %d", seed, n, got.count, len(want))
			}
		}
		sorted := slices.Sorted(maps.Keys(want))
		if all := slices.Collect(got.all()); !slices.Equal(all, sorted) {
			t.Fatalf("seed %d: %d numbers, want %d", seed, len(all), len(sorted))
		}
		for range 100 {
			n := aNumber(r)
			i, _ := slices.BinarySearch(sorted, n+1)
			next := uint64(0)
			if i < len(sorted) {
				next = sorted[i]
			}
			if after := got.after(n); after != next {
				t.Fatalf("seed %d: after %d comes %d, want %d", seed, n, after, next)
			}
		}
		for n := range got.all() { // the one at hand may go
			got.remove(n)
		}
		if got.count != 0 || len(got.pages) != 0 {
			t.Fatalf("seed %d: %d numbers and %d pages are left", seed, got.count, len(got.pages))
		}
	}
}

func TestPlacesAreAMap(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 2))
		var got places
		want := map[uint64]spot{}
		for range 8000 {
			n := aNumber(r)
			if at, there := want[n]; there {
				if at.left--; at.left == 0 {
					delete(want, n)
				} else {
					want[n] = at
				}
				if last := got.drop(n); last != (at.left == 0) {
					t.Fatalf("seed %d: drop %d: %v", seed, n, last)
				}
				continue
			}
			if got.drop(n) {
				t.Fatalf("seed %d: %d was never there", seed, n)
			}
			at := spot{[]uint32{r.Uint32N(10), r.Uint32()}[r.IntN(2)], r.Int64N(1 << 32), r.IntN(3 * mostSize), 1 + r.IntN(2)}
			if r.IntN(50) == 0 {
				at.left = mostLeft + r.IntN(2)
			}
			want[n] = at
			got.put(n, at)
		}
		if got.count != len(want) {
			t.Fatalf("seed %d: %d, want %d", seed, got.count, len(want))
		}
		var order []uint64
		for n, at := range got.all() {
			order = append(order, n)
			if at != want[n] {
				t.Fatalf("seed %d: %d is %+v, want %+v", seed, n, at, want[n])
			}
		}
		if !slices.Equal(order, slices.Sorted(maps.Keys(want))) {
			t.Fatalf("seed %d: not all, or not in order", seed)
		}
		for n, at := range want {
			for range at.left {
				got.drop(n)
			}
		}
		if got.count != 0 || len(got.runs) != 0 || len(got.large)+len(got.many) != 0 {
			t.Fatalf("seed %d: %d messages and %d runs are left", seed, got.count, len(got.runs))
		}
	}
}

func TestWhatIsLeftOfManyCostsLittle(t *testing.T) {
	var p places
	var s numbers
	const all, every = 500_000, 1000
	for n := uint64(1); n <= all; n++ {
		p.put(n, spot{1, 1, 1, 1})
		s.add(n)
	}
	for n := uint64(1); n <= all; n++ {
		if n%every != 0 {
			p.drop(n)
			s.remove(n)
		}
	}
	room := 0
	for _, r := range p.runs {
		room += cap(r.slots)
	}
	if p.count != all/every || room > 6*p.count+runLength {
		t.Errorf("room for %d where %d are left", room, p.count)
	}
	if len(s.pages) > s.count {
		t.Errorf("%d pages for %d numbers", len(s.pages), s.count)
	}
}
