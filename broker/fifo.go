package broker

// fifo is a list that mostly grows at its end and shrinks at its front.
type fifo[T any] struct {
	items []T
	head  int // items before it are gone
}

// roomy is how many items an empty list keeps room for.
const roomy = 256

func (f *fifo[T]) len() int { return len(f.items) - f.head }

func (f *fifo[T]) at(i int) *T { return &f.items[f.head+i] }

func (f *fifo[T]) push(v T) *T {
	f.items = append(f.items, v)
	return &f.items[len(f.items)-1]
}

// remove takes out the item i. It mostly stands at the front, so those before
// it are moved.
func (f *fifo[T]) remove(i int) T {
	v := *f.at(i)
	copy(f.items[f.head+1:], f.items[f.head:f.head+i])
	var none T
	f.items[f.head] = none
	f.head++
	f.tidy()
	return v
}

// tidy uses the room in front again once it is the larger half, and gives much
// of it back when the list is empty.
func (f *fifo[T]) tidy() {
	switch {
	case f.head == len(f.items) && cap(f.items) > roomy:
		f.items, f.head = nil, 0
	case f.head == len(f.items):
		f.items, f.head = f.items[:0], 0
	case f.head > roomy && f.head > len(f.items)/2:
		n := copy(f.items, f.items[f.head:])
		clear(f.items[n:])
		f.items, f.head = f.items[:n], 0
	}
}

// take empties the list and returns what was in it.
func (f *fifo[T]) take() []T {
	items := f.items[f.head:]
	*f = fifo[T]{}
	return items
}
