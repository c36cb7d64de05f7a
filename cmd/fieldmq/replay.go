package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"fieldmq/broker/mqtt"
	"fieldmq/drivers"
	"fieldmq/drivers/gpio"
	"fieldmq/drivers/modbus"
	"fieldmq/drivers/serial"
	"fieldmq/firmware-sim/cable"
	"fieldmq/firmware-sim/tape"
	"fieldmq/gateway"
	"fieldmq/gateway/traffic"
)

// replayFlags are the flags of replay.
type replayFlags struct {
	config, listen string
	speed          float64
	json           bool
	logging        logFlags
}

func replayCommand() *cobra.Command {
	var f replayFlags
	c := &cobra.Command{
		Use:   "replay {recording}",
		Short: "Play a recording of bus traffic back through the whole gateway",
		Long: `Replay runs the gateway of a configuration file on a recording of 'fieldmq record'
in place of the devices: each request is answered as it was answered then, as
late, in the same pieces and with the same faults, and the lines of a GPIO chip
change as they did. Nothing real is opened: the serial ports are pseudo terminals,
the broker listens nowhere unless --listen says where, nothing is kept, and no
upstream is told.

What is published is printed, a message a line. It ends with the recording. A
request that is not in the recording is answered by the values that are, where
it reads registers that were read before; else by silence, and counted.

Exit codes: 0 done, 1 failed, 2 wrong command line, 3 the file has faults.`,
		Example: `  fieldmq replay night.traffic --config site.yaml
  fieldmq replay night.traffic -c site.yaml --speed 10 | grep voltage
  fieldmq replay night.traffic -c site.yaml --listen mqtt://127.0.0.1:1884`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if f.speed <= 0 || f.speed > 1000 {
				return usage("--speed %v is not above 0 and at most 1000", f.speed)
			}
			return replay(c.Context(), f, args[0], c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	c.Flags().StringVarP(&f.config, "config", "c", defaultConfig, "the configuration `file`")
	c.Flags().StringVar(&f.listen, "listen", "", "let MQTT clients in at this `url`, such as mqtt://127.0.0.1:1884")
	c.Flags().Float64Var(&f.speed, "speed", 1, "how many `times` faster than recorded it goes")
	c.Flags().BoolVar(&f.json, "json", false, "print messages as JSON objects, one a line")
	f.logging.add(c)
	c.Flags().Lookup("log-level").DefValue = "warn"
	f.logging.level = "warn"
	return c
}

// played is the topic that ends what is printed.
const played = "replay/end"

func replay(ctx context.Context, f replayFlags, file string, out, errs io.Writer) error {
	log, err := f.logging.logger(errs)
	if err != nil {
		return err
	}
	recording, err := readRecording(file)
	if err != nil {
		return err
	}
	config, err := gateway.Load(f.config)
	if err != nil {
		return err
	}
	field, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	group, field := errgroup.WithContext(field)
	d := &deck{recording: recording, speed: f.speed, group: group}
	if err := d.load(field, config); err != nil {
		stop()
		_ = group.Wait()
		return err
	}
	isolate(config, f.listen)
	g, err := gateway.Open(ctx, config, log)
	if err != nil {
		stop()
		_ = group.Wait()
		return err
	}
	group.Go(func() error {
		defer stop()
		for m := range g.Server().Subscribe(field, "device/#", played) {
			if m.Topic == played {
				return nil
			}
			if err := printMessage(out, m.Topic, m.Payload, f.json); err != nil {
				return err
			}
		}
		return nil
	})
	group.Go(func() error {
		if err := g.Run(d.whilePlaying(ctx)); err != nil {
			return err
		}
		return g.Server().Publish(field, mqtt.Message{Topic: played}) // behind what devices said last
	})
	err = group.Wait()
	fmt.Fprintln(errs, d.report())
	return err
}

func readRecording(file string) (*traffic.Recording, error) {
	in, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return traffic.Read(file, in)
}

func printMessage(out io.Writer, topic string, payload []byte, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(map[string]any{"topic": topic, "payload": string(payload), "time": time.Now().UnixMilli()})
	}
	_, err := fmt.Fprintf(out, "%s %s\n", topic, payload)
	return err
}

// isolate takes from a site all that would reach beyond this process.
func isolate(config *gateway.Config, listen string) {
	config.Upstreams = nil
	config.General.Data = ""
	config.Broker.Listen = nil
	if listen != "" {
		config.Broker.Listen = []gateway.Listener{{URL: listen}}
	}
	for i := range config.Buses {
		config.Buses[i].Serve = nil
	}
}

// deck plays the tapes of a recording, one for each bus.
type deck struct {
	recording *traffic.Recording
	speed     float64
	group     *errgroup.Group
	tapes     []*tape.Tape
	chips     []*gpio.Tape
	longest   time.Duration
}

// load puts a tape in the place of each bus that was recorded, and takes the
// others out of the site.
func (d *deck) load(ctx context.Context, config *gateway.Config) error {
	var kept []gateway.Bus
	for _, b := range config.Buses {
		lines := d.recording.On(b.Name)
		if len(lines) == 0 {
			continue
		}
		if err := d.insert(ctx, &b, lines); err != nil {
			return fmt.Errorf("bus %s: %w", b.Name, err)
		}
		d.longest = max(d.longest, lines[len(lines)-1].At.Sub(lines[0].At))
		kept = append(kept, b)
	}
	if len(kept) == 0 {
		return usage("the recording has %v, and the file no such bus", d.recording.Names())
	}
	config.Buses = kept
	return nil
}

// insert answers for a bus, whose settings it changes: buses over a network
// become plain TCP, lines behind a network a serial port.
func (d *deck) insert(ctx context.Context, b *gateway.Bus, lines []drivers.Traffic) error {
	if err := fits(b, lines); err != nil {
		return err
	}
	switch s := b.Settings.(type) {
	case *gpio.Settings:
		t := gpio.NewTape(lines, d.recording.Lines[0].At, d.speed)
		d.chips = append(d.chips, t)
		s.Play(t)
		return nil
	case *modbus.TCPSettings:
		return d.insertTCP(ctx, b, s.Defaults, lines)
	case *modbus.TLSSettings:
		return d.insertTCP(ctx, b, s.Defaults, lines)
	case *modbus.UDPSettings:
		return d.insertTCP(ctx, b, s.Defaults, lines)
	}
	exchanges := bursts(lines)
	line, err := cable.Open("")
	if err != nil {
		return err
	}
	other := fromLine(exchanges)
	switch s := b.Settings.(type) {
	case *modbus.RTUSettings:
		s.Port = line.Port()
	case *modbus.ASCIISettings:
		s.Port, other = line.Port(), nil
	case *modbus.RTUOverTCPSettings:
		b.Settings = onPort(line.Port(), s.Defaults)
		if b.Driver == modbus.ASCIIOverTCP.Name {
			b.Settings, other = onASCIIPort(line.Port(), s.Defaults), nil
		}
	case *modbus.RTUOverUDPSettings:
		b.Settings = onPort(line.Port(), s.Defaults)
	case *serial.Settings:
		s.Port, other = line.Port(), nil
	default:
		line.Close()
		return fmt.Errorf("recordings of driver %s cannot be played", b.Driver)
	}
	t := tape.New(exchanges, d.speed, other)
	d.tapes = append(d.tapes, t)
	d.group.Go(func() error { return t.ServeLine(ctx, line) })
	return nil
}

// fits finds traffic that is none of the bus.
func fits(b *gateway.Bus, lines []drivers.Traffic) error {
	_, chip := b.Settings.(*gpio.Settings)
	for _, l := range lines {
		if chip != (l.Level != nil || l.Duty != nil) {
			return fmt.Errorf("driver %s cannot take what the recording has: %.40s; give the file that it was recorded with", b.Driver, traffic.Content(l))
		}
	}
	return nil
}

func (d *deck) insertTCP(ctx context.Context, b *gateway.Bus, defaults modbus.Defaults, lines []drivers.Traffic) error {
	exchanges, other := frames(lines)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := modbus.TCP.New().(*modbus.TCPSettings)
	s.Host, s.Defaults = ln.Addr().String(), defaults
	b.Settings = s
	t := tape.New(exchanges, d.speed, other)
	d.tapes = append(d.tapes, t)
	d.group.Go(func() error { return t.ServeTCP(ctx, ln) })
	return nil
}

// onPort is a serial port in the place of a box on the network.
func onPort(port string, defaults modbus.Defaults) *modbus.RTUSettings {
	s := modbus.RTU.New().(*modbus.RTUSettings)
	s.Port, s.Defaults, s.Baud = port, defaults, 115200
	return s
}

// onASCIIPort is onPort for what speaks Modbus ASCII.
func onASCIIPort(port string, defaults modbus.Defaults) *modbus.ASCIISettings {
	s := modbus.ASCII.New().(*modbus.ASCIISettings)
	s.Port, s.Defaults, s.Baud = port, defaults, 115200
	return s
}

// whilePlaying ends when all is played, or its time is over.
func (d *deck) whilePlaying(ctx context.Context) context.Context {
	const grace = 2 * time.Second
	playing, end := context.WithCancel(ctx)
	over := time.Now().Add(time.Duration(float64(d.longest)/d.speed) + grace)
	d.group.Go(func() error {
		defer end()
		for pause(playing, 100*time.Millisecond) {
			if d.chipsDone() && (time.Now().After(over) || d.answered()) {
				pause(playing, grace/2) // what came last is on its way
				return nil
			}
		}
		return nil
	})
	return playing
}

// chipsDone says whether all lines have changed as they did, which takes no
// requests.
func (d *deck) chipsDone() bool {
	for _, t := range d.chips {
		if _, left, _ := t.Report(); left > 0 {
			return false
		}
	}
	return true
}

// answered says whether all answers were given. What devices said unasked takes
// its time.
func (d *deck) answered() bool {
	for _, t := range d.tapes {
		if played, left, _ := t.Report(); left > 0 || played == 0 {
			return false
		}
	}
	return true
}

func (d *deck) report() string {
	played, left, unknown := 0, 0, 0
	for _, t := range d.tapes {
		p, l, u := t.Report()
		played, left, unknown = played+p, left+l, unknown+u
	}
	said := fmt.Sprintf("exchanges played: %d; left of the recording: %d; requests that are not in it: %d", played, left, unknown)
	if len(d.chips) == 0 {
		return said
	}
	played, absent := 0, 0
	for _, t := range d.chips {
		p, _, a := t.Report()
		played, absent = played+p, absent+a
	}
	return fmt.Sprintf("%s; levels and duties played: %d; lines that are not in it: %d", said, played, absent)
}
