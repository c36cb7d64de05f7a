package store

import (
	"iter"
	"slices"
)

// places says where the messages that wait stand, by number. A message costs it
// 12 bytes that no garbage collector looks into: a million of them may wait.
type places struct {
	runs  []*run // by number; none is empty
	count int
	large map[uint64]int // sizes that a slot has no room for
	many  map[uint64]int // counts of takers that a slot has no room for
	far   map[uint64]int // segments that a slot has no room for
}

// run is a piece of the list.
type run struct {
	base    uint64 // of the numbers
	segment uint32 // the first slot's
	gone    int
	slots   []slot // by delta; left 0: it is gone
}

// slot is one message.
type slot struct {
	offset  uint32
	delta   uint16 // number less base
	segment uint16 // less the run's; mostSegment: it stands in far
	size    uint16 // mostSize: it stands in large
	left    uint8  // so many sessions wait for it; mostLeft: it stands in many
}

const (
	// runLength is how many slots a run has at most.
	runLength   = 512
	mostSegment = 1<<16 - 1
	mostSize    = 1<<16 - 1
	mostLeft    = 1<<8 - 1
	mostDelta   = 1<<16 - 1
)

// spot is the place of a message and how many wait for it.
type spot struct {
	segment uint32
	offset  int64
	size    int
	left    int
}

// runOf is the index of the run that a number is in, or would go to.
func (p *places) runOf(number uint64) int {
	if n := len(p.runs); n > 0 && p.runs[n-1].base <= number { // most often the last one
		return n - 1
	}
	i, there := slices.BinarySearchFunc(p.runs, number, func(r *run, number uint64) int {
		switch {
		case r.base < number:
			return -1
		case r.base > number:
			return 1
		}
		return 0
	})
	if !there {
		i--
	}
	return i
}

// find is the slot of a number, nil if it is not there.
func (p *places) find(number uint64) (*run, *slot) {
	i := p.runOf(number)
	if i < 0 {
		return nil, nil
	}
	r := p.runs[i]
	j, there := r.find(number)
	if !there || r.slots[j].left == 0 {
		return nil, nil
	}
	return r, &r.slots[j]
}

// find is the index of the first slot with at least this number.
func (r *run) find(number uint64) (int, bool) {
	delta := number - r.base
	return slices.BinarySearchFunc(r.slots, delta, func(s slot, delta uint64) int {
		switch {
		case uint64(s.delta) < delta:
			return -1
		case uint64(s.delta) > delta:
			return 1
		}
		return 0
	})
}

// get is where a message stands.
func (p *places) get(number uint64) (at spot, ok bool) {
	r, s := p.find(number)
	if s == nil {
		return spot{}, false
	}
	return p.spot(number, r, s), true
}

func (p *places) spot(number uint64, r *run, s *slot) spot {
	at := spot{r.segment + uint32(s.segment), int64(s.offset), int(s.size), int(s.left)}
	if s.segment == mostSegment {
		at.segment = uint32(p.far[number])
	}
	if s.size == mostSize {
		at.size = p.large[number]
	}
	if s.left == mostLeft {
		at.left = p.many[number]
	}
	return at
}

// put notes where a message stands that is not there yet.
func (p *places) put(number uint64, at spot) {
	s := slot{segment: mostSegment, offset: uint32(at.offset), size: mostSize, left: mostLeft}
	if at.size < mostSize {
		s.size = uint16(at.size)
	} else {
		note(&p.large, number, at.size)
	}
	if at.left < mostLeft {
		s.left = uint8(at.left)
	} else {
		note(&p.many, number, at.left)
	}
	p.count++
	r, i := p.room(number)
	if len(r.slots) == 0 {
		r.segment = at.segment
	}
	if ahead := at.segment - r.segment; ahead < mostSegment {
		s.segment = uint16(ahead)
	} else {
		note(&p.far, number, int(at.segment))
	}
	s.delta = uint16(number - r.base)
	if i < len(r.slots) && r.slots[i].delta == s.delta { // of one that is gone
		r.slots[i] = s
		r.gone--
		return
	}
	r.slots = slices.Insert(r.slots, i, s)
}

func note(m *map[uint64]int, number uint64, value int) {
	if *m == nil {
		*m = map[uint64]int{}
	}
	(*m)[number] = value
}

// room is the run that a number goes into, and the index there.
func (p *places) room(number uint64) (*run, int) {
	i := p.runOf(number)
	if i >= 0 {
		r := p.runs[i]
		j, there := r.find(number)
		switch {
		case number-r.base > mostDelta:
		case there, len(r.slots) < runLength:
			return r, j
		case j < len(r.slots): // in the middle of one that is full
			p.split(i)
			return p.room(number)
		}
	}
	r := &run{base: number}
	p.runs = slices.Insert(p.runs, i+1, r)
	return r, 0
}

// split makes two runs of one.
func (p *places) split(i int) {
	r := p.runs[i]
	half := len(r.slots) / 2
	next := &run{base: r.base + uint64(r.slots[half].delta), segment: r.segment}
	next.slots = make([]slot, 0, len(r.slots))
	for _, s := range r.slots[half:] {
		s.delta -= r.slots[half].delta
		next.slots = append(next.slots, s)
	}
	r.slots = r.slots[:half]
	r.count()
	next.count()
	p.runs = slices.Insert(p.runs, i+1, next)
}

func (r *run) count() {
	r.gone = 0
	for i := range r.slots {
		if r.slots[i].left == 0 {
			r.gone++
		}
	}
}

// drop notes that one session less waits for a message. It says whether that was
// the last one.
func (p *places) drop(number uint64) (last bool) {
	r, s := p.find(number)
	switch {
	case s == nil:
		return false
	case s.left == mostLeft:
		if p.many[number]--; p.many[number] < mostLeft {
			s.left = uint8(p.many[number])
			delete(p.many, number)
		}
	default:
		s.left--
	}
	if s.left > 0 {
		return false
	}
	p.remove(number, r, s)
	return true
}

// remove takes a slot out whose left is 0.
func (p *places) remove(number uint64, r *run, s *slot) {
	if s.size == mostSize {
		delete(p.large, number)
	}
	if s.segment == mostSegment {
		delete(p.far, number)
	}
	p.count--
	if r.gone++; r.gone > len(r.slots)/2 {
		p.tidy(p.runOf(r.base))
	}
}

// tidy gives the room back of slots that are gone, and joins runs that have
// become short.
func (p *places) tidy(i int) {
	r := p.runs[i]
	r.slots = slices.DeleteFunc(r.slots, func(s slot) bool { return s.left == 0 })
	r.gone = 0
	if len(r.slots) == 0 {
		p.runs = slices.Delete(p.runs, i, i+1)
		return
	}
	if i > 0 && p.join(i-1) {
		return
	}
	if i+1 < len(p.runs) && p.join(i) {
		return
	}
	if i+1 < len(p.runs) { // nothing comes behind the slots of this one
		r.slots = slices.Clip(slices.Clone(r.slots))
	}
}

// join appends a run to the one before, if both are short.
func (p *places) join(i int) bool {
	r, next := p.runs[i], p.runs[i+1]
	shift := next.base - r.base
	last := uint64(next.slots[len(next.slots)-1].delta)
	ahead := next.segment - r.segment
	if len(r.slots)+len(next.slots) > runLength/2 || shift+last > mostDelta || ahead >= mostSegment-next.farthest() {
		return false
	}
	slots := make([]slot, 0, len(r.slots)+len(next.slots))
	slots = append(slots, r.slots...)
	for _, s := range next.slots {
		s.delta += uint16(shift)
		if s.segment != mostSegment {
			s.segment += uint16(ahead)
		}
		slots = append(slots, s)
	}
	r.slots = slots
	r.count()
	p.runs = slices.Delete(p.runs, i+1, i+2)
	return true
}

// farthest is by how much the segment of a slot is above that of the run at most.
func (r *run) farthest() (most uint32) {
	for _, s := range r.slots {
		if s.segment != mostSegment {
			most = max(most, uint32(s.segment))
		}
	}
	return most
}

// all are the messages in order. Nothing may change meanwhile.
func (p *places) all() iter.Seq2[uint64, spot] {
	return func(yield func(uint64, spot) bool) {
		for _, r := range p.runs {
			for i := range r.slots {
				s := &r.slots[i]
				number := r.base + uint64(s.delta)
				if s.left > 0 && !yield(number, p.spot(number, r, s)) {
					return
				}
			}
		}
	}
}
