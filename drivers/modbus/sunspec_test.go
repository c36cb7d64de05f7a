package modbus

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"fieldmq/drivers"
)

func sunspec(models string, offset int, set func(*Address)) func(*Address) {
	return func(a *Address) {
		a.Sunspec = &Sunspec{Offset: offset, Index: 1}
		if err := a.Sunspec.Model.UnmarshalText([]byte(models)); err != nil {
			panic(err)
		}
		if set != nil {
			set(a)
		}
	}
}

func scaledBy(offset int) func(*Address) {
	return func(a *Address) { a.Type, a.ScaleRegister = Int16, &offset }
}

// inverter is a memory with a chain from base on: common, inverter, two strings.
func inverter(base int) *memory {
	m := &memory{registers: map[int]uint16{}}
	put := func(first int, words ...uint16) int {
		for i, w := range words {
			m.registers[first+i] = w
		}
		return first + len(words)
	}
	next := put(base, 0x5375, 0x6E53)
	put(next, 1, 66, 0x4163, 0x6D65)
	next += 68
	put(next, 103, 50)
	put(next+14, 5000, 0xFFFF) // W, W_SF -1
	put(next+22, 0x8000, 0x8000)
	next += 52
	put(next, 160, 4, 11)
	next += 6
	put(next, 160, 4, 22)
	next += 6
	put(next, 0xFFFF, 0)
	end := next + 2
	m.refuse = func(r *pdu) Exception {
		if address(r) < base || reads(r) && address(r)+quantity(r) > end {
			return illegalAddress
		}
		return 0
	}
	return m
}

// read is the values of points, or why there is none, in words.
func readAll(t *testing.T, bus *Bus, points ...*drivers.Point) string {
	t.Helper()
	samples, err := bus.Read(t.Context(), points)
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for i, s := range samples {
		if s.Point != points[i] {
			t.Errorf("sample %d is of %v", i, s.Point)
		}
		said = append(said, s.Value.String())
		if s.Err != nil {
			said[i] = s.Err.Error()
		}
	}
	return strings.Join(said, ", ")
}

func TestBlocksAreFoundWhereverTheyAre(t *testing.T) {
	for _, base := range []int{40000, 50000, 0} {
		t.Run(fmt.Sprint(base), func(t *testing.T) {
			m := inverter(base)
			bus := newBus(m, quiet())
			d := newTCPSettings().Device().(*Device)
			points := []*drivers.Point{
				point(d, "power", sunspec("101-103", 14, scaledBy(15))),
				point(d, "maker", sunspec("1", 2, func(a *Address) { a.Type, a.Length = String, 2 })),
				point(d, "factor", sunspec("101-103", 22, scaledBy(23))),
				point(d, "second", sunspec("160", 2, func(a *Address) { a.Sunspec.Index = 2 })),
				point(d, "battery", sunspec("124", 2, nil)),
				point(d, "beyond", sunspec("160", 6, nil)),
			}
			const rest = "Acme, no value: the scale register holds 0x8000, 22, refused: the device has no SunSpec model 124, " +
				"refused: the block of model 160 has 6 registers, and the point ends with the 7th"
			if got := readAll(t, bus, points...); got != "500, "+rest {
				t.Errorf("got %s", got)
			}
			asked := m.takeAsked()
			if got := readAll(t, bus, points...); got != "500, "+rest {
				t.Errorf("got %s", got)
			}
			if again := m.takeAsked(); len(again) >= len(asked) {
				t.Errorf("asked %s, and then %s", asked, again)
			}
			m.registers[base+2+68+15] = 0 // the device changes its scale
			if got := readAll(t, bus, points...); got != "5000, "+rest {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestScaleIsReadInOneRequestWithItsValue(t *testing.T) {
	bus, m := onMemory(nil)
	d := unitOf(newTCPSettings(), 1)
	far := point(d, "far", func(a *Address) { holding(10, Int16)(a); a.ScaleRegister = ptr(60) })
	m.registers[10], m.registers[60] = 0xFFFE, 2
	if got := readAll(t, bus, far); got != "-200" {
		t.Errorf("got %s", got)
	}
	if got := m.takeAsked(); got != "3:10+51" {
		t.Errorf("asked %s", got)
	}
	if err := bus.Write(t.Context(), []drivers.Command{{Point: far, Value: drivers.Float(1200)}}); err != nil || m.registers[10] != 12 {
		t.Errorf("%v, register %d", err, m.registers[10])
	}
	err := bus.Write(t.Context(), []drivers.Command{{Point: far, Value: drivers.Float(1250)}})
	if !errors.Is(err, drivers.ErrRefused) || m.registers[10] != 12 {
		t.Errorf("what is finer than the scale: %v, register %d", err, m.registers[10])
	}
}

func TestBlocksAreWrittenWhereTheyAre(t *testing.T) {
	m := inverter(40000)
	bus := newBus(m, quiet())
	d := newTCPSettings().Device().(*Device)
	limit := point(d, "limit", sunspec("103", 14, func(a *Address) { scaledBy(15)(a); a.Verify = Verify{true, newReadBack()} }))
	if err := bus.Write(t.Context(), []drivers.Command{{Point: limit, Value: drivers.Float(70.5)}}); err != nil {
		t.Error(err)
	}
	if got := m.registers[40000+2+68+14]; got != 705 {
		t.Errorf("the register holds %d", got)
	}
}

func TestDeviceWithoutBlocksKeepsItsOtherPoints(t *testing.T) {
	bus, m := onMemory(nil)
	m.registers[5] = 7
	d := newTCPSettings().Device().(*Device)
	points := []*drivers.Point{point(d, "plain", holding(5, Uint16)), point(d, "power", sunspec("103", 14, nil))}
	if got := readAll(t, bus, points...); got != "7, refused: the device shows no SunSpec blocks" {
		t.Errorf("got %s", got)
	}
	m.lose = func(*pdu) bool { return true }
	if got := readAll(t, bus, points...); got != "no answer, no answer" {
		t.Errorf("got %s", got)
	}
}

func TestChainThatNeverEndsIsGivenUp(t *testing.T) {
	bus, m := onMemory(nil)
	for n := 40000; n < 65536; n += 2 {
		m.registers[n], m.registers[n+1] = 7, 0
	}
	m.registers[40000], m.registers[40001] = markerHigh, markerLow
	d := newTCPSettings().Device().(*Device)
	if got := readAll(t, bus, point(d, "p", sunspec("8", 2, nil))); got != "refused: the device has no SunSpec model 8" {
		t.Errorf("got %s", got)
	}
	if n := len(m.asked); n > mostBlocks+5 {
		t.Errorf("asked %d times", n)
	}
}

func TestMovedBlocksAreLookedForAgain(t *testing.T) {
	m := inverter(40000)
	bus := newBus(m, quiet())
	d := newTCPSettings().Device().(*Device)
	power := point(d, "power", sunspec("103", 14, scaledBy(15)))
	readAll(t, bus, power)
	*m = *inverter(50000) // an update of the device
	if got := readAll(t, bus, power); got != "illegal data address" {
		t.Errorf("got %s", got)
	}
	if got := readAll(t, bus, power); got != "500" {
		t.Errorf("got %s", got)
	}
}

func FuzzChain(f *testing.F) {
	f.Add([]byte("SunS\x00\x67\x00\x32abcdef\xff\xff\x00\x00"))
	f.Add([]byte("SunS\xff\xff"))
	f.Fuzz(func(t *testing.T, words []byte) {
		bus, m := onMemory(nil)
		for i := 0; i+1 < len(words); i += 2 {
			m.registers[40000+i/2] = uint16(words[i])<<8 | uint16(words[i+1])
		}
		d := newTCPSettings().Device().(*Device)
		readAll(t, bus, point(d, "p", sunspec("1-200", 14, scaledBy(15))), point(d, "q", sunspec("160", 3, nil)))
		if n := len(m.asked); n > 2*mostBlocks {
			t.Errorf("asked %d times", n)
		}
	})
}
