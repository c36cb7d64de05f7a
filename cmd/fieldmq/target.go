package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"fieldmq/gateway"
	"fieldmq/gateway/probe"
	"fieldmq/mapping"
)

// target is what read and write are about: registers of a unit on a bus, or
// points of a device of a configuration file.
type target struct {
	words  probe.Words
	config string
	json   bool
	via    via
}

// flags adds the flags that say where to look.
func (t *target) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVarP(&t.words.Bus, "bus", "b", "", "the `bus`: a host or a serial port, with the line behind it")
	f.IntVarP(&t.words.Unit, "unit", "u", -1, "the unit `id` of the device; 1 on TCP if not given")
	f.StringVarP(&t.words.Type, "type", "t", "", "the `type`: int16 uint16 int32 uint32 int64 uint64 float32 float64 bcd string")
	f.StringVarP(&t.words.Order, "order", "o", "", "the `order` of the bytes: ABCD, CDAB, BADC or DCBA")
	f.StringVarP(&t.words.Scale, "scale", "s", "", "what the number is multiplied by, such as `0.1`")
	f.StringVarP(&t.config, "config", "c", defaultConfig, "the configuration `file` of a device that is named")
	f.BoolVar(&t.json, "json", false, "each reading as one JSON object on a line")
	t.via.flags(c)
}

// busHelp says how a bus is written, for the help of several commands.
const busHelp = `A bus is written as one would say it:

  192.168.1.20                     Modbus TCP, port 502
  plc:1502 timeout=3s              any key of the bus can follow
  /dev/ttyUSB0                     Modbus RTU at 9600 8N1
  "/dev/ttyUSB0 19200 8E1"

Registers count from 0, as on the wire; a manual's 40001 is holding 0, which the
output shows beside it.`

// direct says whether registers are meant, not named points.
func (t *target) direct() bool { return t.words.Bus != "" }

// meant is the device and its points that arguments mean, in their site.
type meant struct {
	config  *gateway.Config
	device  gateway.Device
	entries []mapping.Entry
}

// find finds the device and the points that the arguments mean. Of a device
// without names all points are meant.
func (t *target) find(args []string) (meant, error) {
	config, device, names, err := t.resolve(args)
	if err != nil {
		return meant{}, err
	}
	_, d, err := probe.Find(config, device)
	if err != nil {
		return meant{}, usage("%v", err)
	}
	entries, err := probe.Points(d, names...)
	if err != nil {
		return meant{}, usage("%v", err)
	}
	return meant{config, d, entries}, nil
}

// open opens the bus of a device, or has a running gateway lend it.
func (t *target) open(ctx context.Context, m meant) (*onBus, error) {
	return t.via.open(ctx, m.config, t.brokers(m.config), m.device.ID)
}

// brokers are where a gateway may be asked that holds the bus.
func (t *target) brokers(config *gateway.Config) []string {
	if t.direct() { // the site of words has no broker worth asking
		return brokersOf(t.config)
	}
	return brokers(config)
}

func (t *target) resolve(args []string) (config *gateway.Config, device string, names []string, err error) {
	if !t.direct() {
		config, err = gateway.Load(t.config)
		return config, args[0], args[1:], err
	}
	if len(args) != 2 {
		return nil, "", nil, usage("name a table and a register, such as: holding 0")
	}
	t.words.Table, t.words.First = args[0], args[1]
	if config, err = t.words.Site(); err != nil {
		return nil, "", nil, usage("%v", err)
	}
	names, err = t.words.Places()
	return config, probe.Device, names, err
}

// pause waits, and says whether the time passed before ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
