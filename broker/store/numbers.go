package store

import (
	"iter"
	"math/bits"
	"slices"
)

// numbers is a set of message numbers. Runs of them cost little more than a bit
// each, for the queue of a long outage is one run with few gaps.
type numbers struct {
	pages []*numberPage // by base
	count int
}

// pageBits are the low bits of a number that say its place in a page.
const pageBits = 10

// numberPage holds the numbers that begin with the same high bits.
type numberPage struct {
	base  uint64 // number >> pageBits
	count int
	bits  [1 << pageBits / 64]uint64
}

// find is the index of the first page with at least this base.
func (s *numbers) find(base uint64) (i int, there bool) {
	if n := len(s.pages); n > 0 && s.pages[n-1].base <= base { // most often the last one
		if s.pages[n-1].base == base {
			return n - 1, true
		}
		return n, false
	}
	return slices.BinarySearchFunc(s.pages, base, func(p *numberPage, base uint64) int {
		switch {
		case p.base < base:
			return -1
		case p.base > base:
			return 1
		}
		return 0
	})
}

func bitOf(number uint64) (word int, bit uint64) {
	low := number & (1<<pageBits - 1)
	return int(low / 64), 1 << (low % 64)
}

func (s *numbers) has(number uint64) bool {
	i, there := s.find(number >> pageBits)
	if !there {
		return false
	}
	word, bit := bitOf(number)
	return s.pages[i].bits[word]&bit != 0
}

// add says whether the number is new.
func (s *numbers) add(number uint64) bool {
	i, there := s.find(number >> pageBits)
	if !there {
		s.pages = slices.Insert(s.pages, i, &numberPage{base: number >> pageBits})
	}
	p := s.pages[i]
	word, bit := bitOf(number)
	if p.bits[word]&bit != 0 {
		return false
	}
	p.bits[word] |= bit
	p.count++
	s.count++
	return true
}

// remove says whether the number was there.
func (s *numbers) remove(number uint64) bool {
	i, there := s.find(number >> pageBits)
	if !there {
		return false
	}
	p := s.pages[i]
	word, bit := bitOf(number)
	if p.bits[word]&bit == 0 {
		return false
	}
	p.bits[word] &^= bit
	s.count--
	if p.count--; p.count == 0 {
		s.pages = slices.Delete(s.pages, i, i+1)
	}
	return true
}

// after is the first number above another; 0 if there is none.
func (s *numbers) after(number uint64) uint64 {
	from := number + 1
	i, there := s.find(from >> pageBits)
	for ; i < len(s.pages); i++ {
		p := s.pages[i]
		word, bit := 0, uint64(1)
		if there {
			word, bit = bitOf(from)
			there = false
		}
		mask := ^(bit - 1)
		for ; word < len(p.bits); word++ {
			if w := p.bits[word] & mask; w != 0 {
				return p.base<<pageBits + uint64(word*64+bits.TrailingZeros64(w))
			}
			mask = ^uint64(0)
		}
	}
	return 0
}

// all are the numbers in order. The set must not change meanwhile, but the one
// at hand may go.
func (s *numbers) all() iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		if s.has(0) && !yield(0) {
			return
		}
		for n := s.after(0); n != 0 && yield(n); n = s.after(n) {
		}
	}
}
