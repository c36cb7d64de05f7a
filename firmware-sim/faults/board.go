package faults

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Board holds the faults of all devices. Its methods may be called at any
// time, but for Add, which comes first.
type Board struct {
	seed    uint64
	sources []*Source
}

// All is the name that stands for all devices.
const All = "all"

// NewBoard returns a board without devices. The seed decides which answers a
// fault strikes.
func NewBoard(seed uint64) *Board { return &Board{seed: seed} }

// Add puts a device on the board with the faults that it can have. Faults may
// also name its bus, and then concern every device there.
func (b *Board) Add(device, bus string, kinds ...Kind) *Source {
	s := newSource(b.seed, device, bus, kinds)
	b.sources = append(b.sources, s)
	return s
}

// Apply does what the text says, which is what Parse reads. A fault replaces
// one of its kind.
func (b *Board) Apply(text string) error {
	name, f, err := Parse(text)
	if err != nil {
		return err
	}
	targets := b.find(name)
	if len(targets) == 0 {
		return fmt.Errorf("there is no device %q; there are %s", name, list(b.names()))
	}
	if f.Kind == "" {
		for _, s := range targets {
			s.heal()
		}
		return nil
	}
	return damage(name, f, targets)
}

// damage breaks those who can have the fault, at least one of them.
func damage(name string, f Fault, targets []*Source) error {
	done := false
	for _, s := range targets {
		if slices.Contains(s.kinds, f.Kind) {
			s.set(f, time.Now())
			done = true
		}
	}
	if !done {
		return fmt.Errorf("%s cannot have %s, only %s", name, f.Kind, list(targets[0].kinds))
	}
	return nil
}

// find returns the device of that name, or else the devices of that bus.
func (b *Board) find(name string) []*Source {
	if name == All {
		return b.sources
	}
	var onBus []*Source
	for _, s := range b.sources {
		if s.device == name || slices.Contains(s.also, name) {
			return []*Source{s}
		}
		if s.bus == name {
			onBus = append(onBus, s)
		}
	}
	return onBus
}

func (b *Board) names() []string {
	var names []string
	for _, s := range b.sources {
		names = append(names, s.device)
		names = append(names, s.also...)
	}
	return names
}

// List returns the faults there are, "meter late 800ms 30% for 12s", device by
// device. Spans are what is left of them.
func (b *Board) List() []string {
	var lines []string
	now := time.Now()
	for _, s := range b.sources {
		for _, f := range s.list(now) {
			lines = append(lines, strings.Join([]string{s.device, f.String()}, " "))
		}
	}
	return lines
}
