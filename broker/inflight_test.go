package broker

import "testing"

// A message that is never acknowledged keeps its identifier to itself, and
// nobody else's is mistaken for it, however many go by.
func TestAStuckMessageIsGoneAround(t *testing.T) {
	var f inflight
	m := &message{}
	stuck := f.add(delivery{message: m})
	for n := range 3 << 16 {
		id := f.add(delivery{message: m})
		if id == 0 || id == stuck {
			t.Fatalf("message %d: identifier %d is given", n, id)
		}
		if i := f.find(id); i != f.len()-1 {
			t.Fatalf("message %d: identifier %d is at %d of %d", n, id, i, f.len())
		}
		if f.len() > 10 {
			f.settle(1)
		}
	}
	if i := f.find(stuck); i != 0 {
		t.Errorf("it is at %d", i)
	}
}

// What comes from the store has the identifiers that it had, in whatever order.
func TestIdentifiersFromTheStoreAreKept(t *testing.T) {
	var f inflight
	m := &message{}
	before := []uint16{65_534, 3, 65_535, 1}
	for _, id := range before {
		f.restore(delivery{message: m}, id)
	}
	for i, id := range before {
		if got := f.find(id); got != i {
			t.Errorf("identifier %d is at %d, want %d", id, got, i)
		}
	}
	if f.find(2) >= 0 {
		t.Error("found one that was not there")
	}
	for _, want := range []uint16{2, 4} {
		if got := f.add(delivery{message: m}); got != want {
			t.Errorf("got identifier %d, want %d", got, want)
		}
	}
}
