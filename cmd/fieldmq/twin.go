package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"fieldmq/drivers/gpio"
	"fieldmq/drivers/modbus"
	"fieldmq/drivers/serial"
	"fieldmq/firmware-sim/plant"
	"fieldmq/firmware-sim/words"
	"fieldmq/gateway"
	"fieldmq/mapping"
)

// newTwin makes a plant of the devices of a configuration: it tells the
// simulator, in the simulator's words, what the file says.
func newTwin(config *gateway.Config, f simFlags) (*plant.Plant, error) {
	options := plant.Options{Dir: f.dir, Seed: f.seed, Speed: f.speed}
	for _, b := range config.Buses {
		bus, err := twinBus(b, f.dir)
		if err != nil {
			return nil, fmt.Errorf("bus %s: %w", b.Name, err)
		}
		options.Buses = append(options.Buses, bus)
	}
	return plant.New(options)
}

// placeOf is the port, address or chip that the configuration names.
func placeOf(b gateway.Bus) string {
	switch s := b.Settings.(type) {
	case *modbus.RTUSettings:
		return s.Port
	case *modbus.TCPSettings:
		return s.Host
	case *serial.Settings:
		return s.Port
	case *gpio.Settings:
		return s.Chip
	}
	return ""
}

func twinBus(b gateway.Bus, dir string) (plant.Bus, error) {
	bus := plant.Bus{Name: b.Name}
	switch b.Settings.(type) {
	case *modbus.RTUSettings:
		bus.Kind, bus.Devices = plant.RTU, twinDevices(b)
	case *modbus.TCPSettings:
		bus.Kind, bus.Devices = plant.TCP, twinDevices(b)
	case *serial.Settings:
		bus.Kind, bus.Frames = plant.Serial, twinFrames(b)
	case *gpio.Settings:
		bus.Kind, bus.Lines = plant.GPIO, twinLines(b)
	default:
		return bus, fmt.Errorf("driver %s %w", b.Driver, errNoTwin)
	}
	place := placeOf(b)
	switch {
	case bus.Kind == plant.TCP:
		bus.Address = ownAddress(place)
	case dir == "" && canMake(place):
		bus.Path = place
	}
	return bus, nil
}

// ownAddress is the address if this machine can answer there, else empty.
func ownAddress(address string) string {
	if _, _, err := net.SplitHostPort(address); err != nil {
		address = net.JoinHostPort(address, "502")
	}
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return ""
	}
	ln.Close()
	return address
}

// canMake says whether a port can be made at the path: nothing is there, or
// what a simulator that was killed left behind, and the folder takes files.
func canMake(path string) bool {
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) && !leftBehind(path) {
		return false
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return false
	}
	try, err := os.CreateTemp(filepath.Dir(path), ".fieldmq-")
	if err != nil {
		return false
	}
	try.Close()
	return os.Remove(try.Name()) == nil
}

// leftBehind says whether the path is a link to a pseudo terminal or a socket
// at which nobody answers.
func leftBehind(path string) bool {
	if to, err := os.Readlink(path); err == nil {
		return strings.HasPrefix(to, "/dev/pts/")
	}
	_, err := net.Dial("unix", path)
	return errors.Is(err, syscall.ECONNREFUSED)
}

// twinDevices are the devices of a Modbus bus. Devices of one unit id are one
// to the wire.
func twinDevices(b gateway.Bus) []plant.Device {
	var devices []plant.Device
	index := map[byte]int{}
	for _, d := range b.Devices {
		for _, e := range d.Points {
			at := e.Point.At.(*modbus.Address)
			n, known := index[at.Unit()]
			if !known {
				n = len(devices)
				index[at.Unit()] = n
				devices = append(devices, plant.Device{Name: d.ID, Unit: at.Unit()})
			}
			devices[n].Points = append(devices[n].Points, twinPoint(e, at))
		}
	}
	return devices
}

func twinPoint(e mapping.Entry, at *modbus.Address) plant.Point {
	p := plant.Point{
		Name:     e.Point.Name,
		Table:    at.Table().String(),
		Address:  uint16(at.First()),
		Layout:   words.Layout{Type: at.ValueType().String(), Order: words.Order(at.Order.String()), Length: at.Count()},
		Unit:     e.Rule.Unit,
		Scale:    e.Rule.Scale,
		Offset:   e.Rule.Offset,
		Writable: e.Rule.Write.Allowed,
	}
	switch {
	case at.Bit != nil:
		p.Layout.Type, p.Bit = "bool", *at.Bit
	case at.Bits != nil:
		p.Layout.Type = "uint16"
	}
	p.Enum = slices.Sorted(maps.Keys(e.Rule.Enum))
	if l := e.Rule.Write.Limits; l.Min != nil && l.Max != nil {
		p.Min, p.Max = *l.Min, *l.Max
	}
	return p
}

// twinFrames are what a device of a serial bus says: a text for each expression
// that the file looks for, in the frames of the bus. Binary values are not
// imitated; their points stay without an answer.
func twinFrames(b gateway.Bus) []plant.Frame {
	frame := b.Settings.(*serial.Settings).Frame
	end := string(frame.End)
	if len(frame.End) == 0 && frame.Gap == 0 {
		end = cmp.Or(string(frame.Line), "\n")
	}
	var frames []plant.Frame
	for _, d := range b.Devices {
		for _, e := range d.Points {
			at := e.Point.At.(*serial.Address)
			text, err := sampleText(at.Expression())
			if err != nil || text == "" {
				continue
			}
			f := plant.Frame{Text: string(frame.Start) + text + end, Moves: true, Request: string(at.Question())}
			if f.Request == "" {
				f.Every = max(e.Every/2, 100*time.Millisecond)
			}
			if !slices.Contains(frames, f) {
				frames = append(frames, f)
			}
		}
	}
	return frames
}

// twinLines are the lines of a chip that do something by themselves.
func twinLines(b gateway.Bus) []plant.Line {
	var lines []plant.Line
	for _, d := range b.Devices {
		for _, e := range d.Points {
			at := e.Point.At.(*gpio.Address)
			line := plant.Line{Name: lineName(at.Line), Moves: plant.Toggles}
			switch {
			case at.Counter():
				line.Moves = plant.Counts
			case at.Output():
				line.Moves = plant.Idle
			}
			lines = append(lines, line)
		}
	}
	return lines
}

// lineName is the name that a line has on the simulated chip, which names
// those with an offset GPIO<offset>.
func lineName(line string) string {
	if _, err := strconv.Atoi(line); err == nil {
		return "GPIO" + line
	}
	return line
}
