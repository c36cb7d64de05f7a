package modbus

import (
	"fmt"
	"maps"
	"slices"

	"fieldmq/configs"
	"fieldmq/drivers"
)

// Sunspec is a place in a block of a SunSpec device. The device holds a chain of
// blocks, each of one model: its number, its length, and its data.
type Sunspec struct {
	// Model is the number of the model, or a range such as 101-103 of which the
	// device has one. Required.
	Model Range `yaml:"model" check:"required"`
	// Offset is the register, counted from the one that holds the number of the
	// model: the data begin at 2. Required.
	Offset int `yaml:"offset" check:"required,min=0,max=65535"`
	// Index says which block is meant if the device has several of the model,
	// from 1. Default 1.
	Index int `yaml:"index" check:"min=0,max=1000"`
}

// SetDefaults is the first block.
func (s *Sunspec) SetDefaults() { s.Index = 1 }

// String is "sunspec 103 offset 14".
func (s *Sunspec) String() string {
	if s.Index > 1 {
		return fmt.Sprintf("sunspec %v (%d) offset %d", s.Model, s.Index, s.Offset)
	}
	return fmt.Sprintf("sunspec %v offset %d", s.Model, s.Offset)
}

// block names the block of a point that stands in one; empty for all others.
func (a *Address) block() string {
	if a.Sunspec == nil {
		return ""
	}
	return fmt.Sprint(a.Sunspec.Model, a.Sunspec.Index)
}

// sunspecBases are where the chain begins in most devices.
func sunspecBases() []uint16 { return []uint16{40000, 50000, 0} }

// block is one block of a chain.
type block struct {
	model, first, length int // of the register with the model's number; of the data behind the two of the header
}

// chain are the blocks of a device in their order.
type chain []block

// Words of a chain, and how long it may be: enough for any device, and an end
// for one that babbles.
const (
	markerHigh, markerLow = 0x5375, 0x6E53 // "SunS"
	endOfChain            = 0xFFFF
	mostBlocks            = 200
	header                = 2 // registers before the data
)

// find is the block that a point means.
func (c chain) find(s *Sunspec) (block, bool) {
	n := max(s.Index, 1)
	for _, b := range c {
		if s.Model.meets(b.model, b.model+1) {
			if n--; n == 0 {
				return b, true
			}
		}
	}
	return block{}, false
}

// at is the point as a holding register, now that its block is known.
func (a *Address) in(b block) *Address {
	first := uint16(b.first + a.Sunspec.Offset)
	resolved := *a
	resolved.Sunspec, resolved.Holding = nil, &first
	if a.ScaleRegister != nil {
		scale := b.first + *a.ScaleRegister
		resolved.ScaleRegister = &scale
	}
	return &resolved
}

// fits says why a point is not in a block, or nothing.
func (b block) fits(a *Address) error {
	end := a.Sunspec.Offset + a.Count()
	if a.ScaleRegister != nil {
		end = max(end, *a.ScaleRegister+1)
	}
	if end > header+b.length || b.first+end > registers {
		return fmt.Errorf("%w: the block of model %d has %d registers, and the point ends with the %dth",
			drivers.ErrRefused, b.model, header+b.length, end)
	}
	return nil
}

// imagined are points of a device that was never asked: its chain has just the
// blocks that they need, one behind the other.
func imagined(points []*drivers.Point) []*drivers.Point {
	if !slices.ContainsFunc(points, isSunspec) {
		return points
	}
	var addresses []*Address
	for _, p := range points {
		addresses = append(addresses, at(p))
	}
	blocks := Imagine(addresses)
	located := slices.Clone(points)
	for i, p := range points {
		if a := at(p); a.Sunspec != nil {
			b, _ := blocks.find(a.Sunspec)
			located[i] = &drivers.Point{Device: p.Device, Name: p.Name, At: a.in(b)}
		}
	}
	return located
}

func isSunspec(p *drivers.Point) bool { return at(p).Sunspec != nil }

// need is a block that points ask for.
type need struct{ model, index int }

// Imagine is the shortest chain of a device that has all that the points ask
// for, for plans and simulators.
func Imagine(points []*Address) chain {
	lengths := map[need]int{}
	base := 0
	for _, a := range points {
		if s := a.Sunspec; s != nil {
			base = a.device.base()
			end := s.Offset + a.Count()
			if a.ScaleRegister != nil {
				end = max(end, *a.ScaleRegister+1)
			}
			for i := 1; i <= max(s.Index, 1); i++ {
				n := need{s.Model.First, i}
				lengths[n] = max(lengths[n], end-header, 1)
			}
		}
	}
	var c chain
	first := base + header
	for _, n := range slices.SortedFunc(maps.Keys(lengths), func(a, b need) int {
		return 1000*(a.model-b.model) + a.index - b.index
	}) {
		c = append(c, block{n.model, first, lengths[n]})
		first += header + lengths[n]
	}
	return c
}

// base is where the chain begins if the device is as most are.
func (d *Device) base() int {
	if len(d.SunspecBase) > 0 {
		return int(d.SunspecBase[0])
	}
	return int(sunspecBases()[0])
}

// Registers are what a device with the chain has beside its data: the marker
// and the headers, by register. Locate is where a point of it stands.
func (c chain) Registers() map[int]uint16 {
	if len(c) == 0 {
		return nil
	}
	words := map[int]uint16{c[0].first - 2: markerHigh, c[0].first - 1: markerLow}
	end := c[0].first
	for _, b := range c {
		words[b.first], words[b.first+1] = uint16(b.model), uint16(b.length)
		end = b.first + header + b.length
	}
	words[end], words[end+1] = endOfChain, 0
	return words
}

// Locate is a point of the chain as a holding register.
func (c chain) Locate(a *Address) *Address {
	if a.Sunspec == nil {
		return a
	}
	b, _ := c.find(a.Sunspec)
	return a.in(b)
}

// validateSunspec finds offsets that are in front of the data.
func (s *Sunspec) Validate() error {
	if s.Model.First < 1 || s.Model.Last >= endOfChain {
		return configs.Bad("model", "%v is not from 1 to 65534", s.Model)
	}
	return nil
}
