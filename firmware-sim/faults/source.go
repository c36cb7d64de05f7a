package faults

import (
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Source decides for one device what strikes its next answer. A nil Source
// never strikes.
type Source struct {
	device, bus string
	also        []string // other names of the device
	kinds       []Kind

	mu     sync.Mutex
	random *rand.Rand
	active []active
}

// Also gives the device other names, such as those of what people know behind it.
// They come before any fault.
func (s *Source) Also(names ...string) *Source {
	s.also = append(s.also, names...)
	return s
}

type active struct {
	Fault
	until time.Time // zero: it stays
}

// newSource seeds each device by its name, so that the exchanges of one do not
// change what happens to another.
func newSource(seed uint64, device, bus string, kinds []Kind) *Source {
	h := fnv.New64a()
	h.Write([]byte(device))
	return &Source{device: device, bus: bus, kinds: kinds, random: rand.New(rand.NewPCG(seed, h.Sum64()))}
}

func (s *Source) set(f Fault, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := active{Fault: f}
	if f.For > 0 {
		a.until = now.Add(f.For)
	}
	s.active = slices.DeleteFunc(s.active, func(old active) bool { return old.Kind == f.Kind })
	s.active = append(s.active, a)
}

func (s *Source) heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active = nil
}

// list returns what is active, with the spans that are left.
func (s *Source) list(now time.Time) []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(now)
	var faults []Fault
	for _, a := range s.active {
		if !a.until.IsZero() {
			a.For = max(a.until.Sub(now).Round(time.Second), time.Second)
		}
		faults = append(faults, a.Fault)
	}
	return faults
}

// expire drops what has healed. The caller holds mu.
func (s *Source) expire(now time.Time) {
	s.active = slices.DeleteFunc(s.active, func(a active) bool {
		return !a.until.IsZero() && !now.Before(a.until)
	})
}

// Strikes says whether a fault of the kind strikes now.
func (s *Source) Strikes(kind Kind) bool {
	return slices.ContainsFunc(s.draw(), func(f Fault) bool { return f.Kind == kind })
}

// Draw returns what strikes the next answer.
func (s *Source) Draw() Effect {
	var e Effect
	for _, f := range s.draw() {
		e.add(f)
	}
	if e.spoils() {
		s.mu.Lock()
		e.seed = s.random.Uint64()
		s.mu.Unlock()
	}
	return e
}

// draw returns the faults that strike. Noise always does, since its share is
// one of bytes.
func (s *Source) draw() []Fault {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(time.Now())
	var struck []Fault
	for _, a := range s.active {
		if a.Kind == Noise || s.random.Float64()*100 < a.Percent {
			struck = append(struck, a.Fault)
		}
	}
	return struck
}
