package plant

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"syscall"

	"fieldmq/firmware-sim/cable"
	"fieldmq/firmware-sim/faults"
	"fieldmq/firmware-sim/modbus"
	"fieldmq/firmware-sim/pins"
	"fieldmq/firmware-sim/talker"
)

// What can go wrong with devices on each kind of bus. There is no checksum on
// TCP, and a device that only talks knows neither units nor exceptions.
var (
	modbusFaults = []faults.Kind{
		faults.Silence, faults.Late, faults.Slow, faults.Exception, faults.Garbage,
		faults.Truncate, faults.WrongUnit, faults.Foreign, faults.Noise,
		faults.Duplicate, faults.Short, faults.Long,
	}
	rtuFaults    = append(slices.Clip(modbusFaults), faults.CRC, faults.Master, faults.Echo)
	serialFaults = []faults.Kind{faults.Silence, faults.Late, faults.Slow, faults.Garbage, faults.Truncate, faults.Noise}
	chipFaults   = []faults.Kind{faults.Silence, faults.Noise}
)

const anyPort = "127.0.0.1:0"

// add opens the bus of a description.
func (p *Plant) add(b Bus) error {
	if b.Name == "" {
		return errors.New("it has no name")
	}
	if p.find(b.Name) != nil {
		return errors.New("it is there twice")
	}
	switch b.Kind {
	case RTU, ASCII, TCP, TLS, UDP, RTUOverTCP, ASCIIOverTCP, RTUOverUDP:
		return p.addModbus(b)
	case Serial:
		return p.addSerial(b, p.talker(b))
	case GPIO:
		config := pins.Config{Label: cmp.Or(b.Label, chipLabel), Lines: header(b.Lines), Faults: p.board.Add(b.Name, b.Name, chipFaults...).Also(b.Serves...)}
		return p.addChip(b.Name, p.path(b.Path, b.Name), config)
	}
	return fmt.Errorf("there is no kind %q", b.Kind)
}

func (p *Plant) addModbus(b Bus) error {
	kinds := modbusFaults
	if b.Kind != TCP && b.Kind != TLS && b.Kind != UDP {
		kinds = rtuFaults
	}
	var units []modbus.Unit
	for _, d := range b.Devices {
		model, err := newDevice(d, p.seed, p.elapsed)
		if err != nil {
			return fmt.Errorf("device %s: %w", d.Name, err)
		}
		units = append(units, modbus.Unit{ID: d.Unit, Device: model, Faults: p.board.Add(d.Name, b.Name, kinds...)})
	}
	server, err := modbus.NewServer(units...)
	if err != nil {
		return err
	}
	switch {
	case b.Dials:
		return p.addModem(b, server)
	case b.Kind == RTU || b.Kind == ASCII:
		return p.addLine(b, server)
	case b.Kind == UDP || b.Kind == RTUOverUDP:
		return p.addDatagrams(b, server)
	}
	return p.addListening(b, server)
}

func (p *Plant) addRTU(name, path string, units ...modbus.Unit) error {
	server, err := modbus.NewServer(units...)
	if err != nil {
		return err
	}
	return p.addLine(Bus{Name: name, Path: path, Kind: RTU}, server)
}

// plug makes the line of a bus.
func (p *Plant) plug(b Bus) (*cable.Cable, error) {
	c, err := cable.Open(p.path(b.Path, b.Name))
	if err == nil && b.Baud > 0 {
		c.Speak(b.Baud, b.Parity)
	}
	return c, err
}

func (p *Plant) addLine(b Bus, server *modbus.Server) error {
	c, err := p.plug(b)
	if err != nil {
		return err
	}
	serve := func(ctx context.Context) error { return server.ServeRTU(ctx, c) }
	if b.Kind == ASCII {
		serve = func(ctx context.Context) error { return server.ServeASCII(ctx, c) }
	}
	p.buses = append(p.buses, &bus{name: b.Name, kind: b.Kind, port: c.Port, cable: c, close: c.Close, serve: serve})
	return nil
}

func (p *Plant) addTCP(name, address string, units ...modbus.Unit) error {
	server, err := modbus.NewServer(units...)
	if err != nil {
		return err
	}
	return p.addListening(Bus{Name: name, Address: address, Kind: TCP}, server)
}

func (p *Plant) addSerial(b Bus, t *talker.Talker) error {
	c, err := p.plug(b)
	if err != nil {
		return err
	}
	p.buses = append(p.buses, &bus{
		name: b.Name, kind: Serial, port: c.Port, cable: c, close: c.Close,
		serve: func(ctx context.Context) error { return t.Serve(ctx, c) },
	})
	return nil
}

func (p *Plant) addChip(name, path string, config pins.Config) error {
	chip, err := pins.New(config)
	if err != nil {
		return err
	}
	l, err := listenUnix(path)
	if err != nil {
		return err
	}
	p.buses = append(p.buses, &bus{
		name: name, kind: GPIO, port: func() string { return path }, chip: chip, close: closer(l),
		serve: func(ctx context.Context) error { return chip.Serve(ctx, l) },
	})
	return nil
}

// longestSocket is what sun_path holds, but for its end. See unix(7).
const longestSocket = 107

// listenUnix listens on a socket; one that a killed simulator left behind is
// taken over.
func listenUnix(path string) (net.Listener, error) {
	if len(path) > longestSocket {
		return nil, fmt.Errorf("%s is longer than the %d bytes that the path of a socket may have", path, longestSocket)
	}
	l, err := net.Listen("unix", path)
	if !errors.Is(err, syscall.EADDRINUSE) {
		return l, err
	}
	if conn, dialErr := net.Dial("unix", path); !errors.Is(dialErr, syscall.ECONNREFUSED) {
		if dialErr == nil {
			conn.Close()
		}
		return nil, err
	}
	if err := syscall.Unlink(path); err != nil {
		return nil, err
	}
	return net.Listen("unix", path)
}

// closer closes a listener that may be closed already.
func closer(l io.Closer) func() error {
	return func() error {
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	}
}
