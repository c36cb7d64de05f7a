// Package plant puts simulated devices on simulated buses: a plant for
// demonstrations, or the devices of a description.
package plant

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"fieldmq/firmware-sim/cable"
	"fieldmq/firmware-sim/faults"
	"fieldmq/firmware-sim/pins"
	"fieldmq/firmware-sim/signal"
)

// Options say what a plant is like. The zero Options are the demonstration.
type Options struct {
	// Dir is where links to ports and sockets are put; it is made if it is
	// not there. Empty: a temporary folder that goes with the plant.
	Dir string
	// Seed decides all values and which exchanges a fault strikes.
	Seed uint64
	// Speed is how much faster than ours time passes for the devices. Zero:
	// DefaultSpeed.
	Speed float64
	// TCPAddress is where the demonstration's PLC listens. Empty: a free
	// port of the loopback.
	TCPAddress string
	// Buses describes the plant; nil: the demonstration.
	Buses []Bus
}

const (
	// DefaultSpeed makes a day last twelve minutes.
	DefaultSpeed = 120
	// fastest lets a day pass in less than a second, and the devices' time
	// not overflow for a day.
	fastest = 100_000
)

// Port is where a bus is to be found.
type Port struct {
	Bus  string
	Kind Kind
	Port string // a device path, a TCP address, or the path of a socket
}

// Plant is a plant. Its buses can be opened from New on, its devices answer
// while Run runs. Fault, Faults and Ports may be called at any time.
type Plant struct {
	seed    uint64
	dir     string
	remove  string // a temporary folder
	elapsed func() time.Duration
	board   *faults.Board
	buses   []*bus
	signs   *authority // nil until a device shows a certificate
}

// bus is one open bus.
type bus struct {
	name  string
	kind  Kind
	port  func() string
	serve func(context.Context) error // closes the bus
	close func() error
	cable *cable.Cable // nil where there is none
	chip  *pins.Chip   // nil where there is none

	secure bool // its devices show a certificate
}

// New opens the buses. The caller calls Run or Close.
func New(o Options) (*Plant, error) {
	if o.Speed == 0 {
		o.Speed = DefaultSpeed
	}
	if !(o.Speed > 0 && o.Speed <= fastest) {
		return nil, fmt.Errorf("a speed of %v is not above 0 and up to %v", o.Speed, float64(fastest))
	}
	p := &Plant{seed: o.Seed, dir: o.Dir, board: faults.NewBoard(o.Seed), elapsed: signal.Clock(o.Speed)}
	err := p.makeDir()
	if err == nil {
		err = p.build(o)
	}
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

func (p *Plant) build(o Options) error {
	if o.Buses == nil {
		return p.demonstrate(o.TCPAddress)
	}
	for _, b := range o.Buses {
		if err := p.add(b); err != nil {
			return fmt.Errorf("bus %s: %w", b.Name, err)
		}
	}
	return nil
}

func (p *Plant) makeDir() (err error) {
	if p.dir == "" {
		p.dir, err = os.MkdirTemp("", "fieldmq-sim-")
		p.remove = p.dir
		return err
	}
	return os.MkdirAll(p.dir, 0o700)
}

// Run lets the devices answer until ctx ends, which is no error, or a bus
// fails. It closes the plant.
func (p *Plant) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failures := make([]error, len(p.buses))
	var wait sync.WaitGroup
	for i, b := range p.buses {
		wait.Go(func() {
			defer cancel()
			if err := b.serve(ctx); err != nil {
				failures[i] = fmt.Errorf("bus %s: %w", b.name, err)
			}
		})
	}
	<-ctx.Done()
	wait.Wait()
	return errors.Join(append(failures, p.Close())...)
}

// Close closes the buses and removes what New made. After Run, and a second
// time, it does nothing.
func (p *Plant) Close() error {
	var failures []error
	for _, b := range p.buses {
		failures = append(failures, b.close())
	}
	if p.remove != "" {
		failures = append(failures, os.RemoveAll(p.remove))
		p.remove = ""
	}
	return errors.Join(failures...)
}

// Ports returns where the buses are, in their order.
func (p *Plant) Ports() []Port {
	var ports []Port
	for _, b := range p.buses {
		ports = append(ports, Port{Bus: b.name, Kind: b.kind, Port: b.port()})
	}
	return ports
}

// Port returns where one bus is, empty if there is no such bus.
func (p *Plant) Port(bus string) string {
	if b := p.find(bus); b != nil {
		return b.port()
	}
	return ""
}

// Cable returns the cable of a bus, nil if it has none.
func (p *Plant) Cable(bus string) *cable.Cable {
	if b := p.find(bus); b != nil {
		return b.cable
	}
	return nil
}

// Chip returns the chip of a bus, nil if it has none.
func (p *Plant) Chip(bus string) *pins.Chip {
	if b := p.find(bus); b != nil {
		return b.chip
	}
	return nil
}

func (p *Plant) find(bus string) *bus {
	for _, b := range p.buses {
		if b.name == bus {
			return b
		}
	}
	return nil
}

// Fault breaks a device or heals it: "meter silence", "boiler late 800ms 30%",
// "meter exception 6 10% for 20s", "meter ok". In place of the device stands
// the name of a bus or "all".
func (p *Plant) Fault(text string) error { return p.board.Apply(text) }

// Faults returns the faults there are, as Fault reads them.
func (p *Plant) Faults() []string { return p.board.List() }

// path is where something named for a bus is put.
func (p *Plant) path(given, name string) string {
	if given != "" {
		return given
	}
	return filepath.Join(p.dir, name)
}
