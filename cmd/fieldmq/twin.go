package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"fieldmq/drivers/gpio"
	serialline "fieldmq/drivers/line"
	"fieldmq/drivers/modbus"
	"fieldmq/drivers/serial"
	"fieldmq/firmware-sim/plant"
	"fieldmq/gateway"
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
	case *serial.Settings:
		return s.Port
	case *gpio.Settings:
		return s.Chip
	case interface{ Where() string }:
		return s.Where()
	}
	return ""
}

// modbusKinds are the simulator's words for the drivers.
var modbusKinds = map[string]plant.Kind{
	modbus.RTU.Name:          plant.RTU,
	modbus.ASCII.Name:        plant.ASCII,
	modbus.TCP.Name:          plant.TCP,
	modbus.TLS.Name:          plant.TLS,
	modbus.UDP.Name:          plant.UDP,
	modbus.RTUOverTCP.Name:   plant.RTUOverTCP,
	modbus.ASCIIOverTCP.Name: plant.ASCIIOverTCP,
	modbus.RTUOverUDP.Name:   plant.RTUOverUDP,
}

func twinBus(b gateway.Bus, dir string) (plant.Bus, error) {
	bus := plant.Bus{Name: b.Name}
	for _, d := range b.Devices {
		bus.Serves = append(bus.Serves, d.ID)
	}
	if s, ok := b.Settings.(*modbus.TLSSettings); ok {
		bus.ServerName = s.ServerName
	}
	if l, ok := lineOf(b); ok {
		bus.Baud, bus.Parity = l.Baud, l.Parity != serialline.None
	}
	kind, isModbus := modbusKinds[b.Driver]
	switch b.Settings.(type) {
	case *serial.Settings:
		bus.Kind, bus.Frames = plant.Serial, twinFrames(b)
	case *gpio.Settings:
		bus.Kind, bus.Lines = plant.GPIO, twinLines(b)
	default:
		if !isModbus {
			return bus, fmt.Errorf("driver %s %w", b.Driver, errNoTwin)
		}
		bus.Kind, bus.Devices = kind, twinDevices(b)
	}
	if in := dialsIn(b); in != nil {
		bus.Dials, bus.Address = true, in.Listen
		bus.Registration, bus.Heartbeat = string(in.Registration), string(in.Heartbeat)
		return bus, nil
	}
	place := placeOf(b)
	switch {
	case isModbus && kind != plant.RTU && kind != plant.ASCII:
		bus.Address = ownAddress(place, kind)
	case dir == "" && canMake(place):
		bus.Path = place
	}
	return bus, nil
}

// dialsIn is how the devices of a bus dial in, nil if they are called.
func dialsIn(b gateway.Bus) *modbus.DialIn {
	d, ok := b.Settings.(interface{ DialsIn() *modbus.DialIn })
	if !ok || d.DialsIn().Listen == "" {
		return nil
	}
	return d.DialsIn()
}

// lineOf is how the serial line of a bus is set.
func lineOf(b gateway.Bus) (serialline.Settings, bool) {
	switch s := b.Settings.(type) {
	case *modbus.RTUSettings:
		return s.Settings, true
	case *modbus.ASCIISettings:
		return s.Settings, true
	case *serial.Settings:
		return s.Settings, true
	}
	return serialline.Settings{}, false
}

// ownAddress is the address if this machine can answer there, else empty.
func ownAddress(address string, kind plant.Kind) string {
	if _, _, err := net.SplitHostPort(address); err != nil {
		port := "502"
		if kind == plant.TLS {
			port = "802"
		}
		address = net.JoinHostPort(address, port)
	}
	if kind == plant.UDP || kind == plant.RTUOverUDP {
		return ownDatagrams(address)
	}
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return ""
	}
	ln.Close()
	return address
}

func ownDatagrams(address string) string {
	socket, err := net.ListenPacket("udp", address)
	if err != nil {
		return ""
	}
	socket.Close()
	return address
}

// canMake says whether a port can be made at the path: nothing is there, or
// what a simulator that was killed left behind, and the folder takes files.
func canMake(path string) bool {
	if strings.HasPrefix(path, "usb:") { // an adapter, not a path
		return false
	}
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

// twinLines are the lines of a chip that do something by themselves.
func twinLines(b gateway.Bus) []plant.Line {
	var lines []plant.Line
	for _, d := range b.Devices {
		for _, e := range d.Points {
			at := e.Point.At.(*gpio.Address)
			if at.Dimmed() { // the chip has all channels of all PWM chips
				continue
			}
			line := plant.Line{Name: lineName(at.Line), Moves: plant.Toggles}
			switch {
			case at.Counter(), at.Measured():
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
