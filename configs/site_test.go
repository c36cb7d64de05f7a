package configs_test

import (
	"errors"
	"fmt"
	"strings"

	"fieldmq/configs"
)

// The structs below read a file like that of a real site: general keys and
// those of a driver side by side, defaults that cascade, keys of several forms.

type site struct {
	Gateway   gatewayKeys      `yaml:"gateway"`
	Broker    brokerKeys       `yaml:"broker"`
	Buses     configs.Sections `yaml:"buses" check:"names"`
	Devices   configs.Sections `yaml:"devices" check:"names"`
	Upstreams configs.Sections `yaml:"upstreams" check:"names"`
}

type gatewayKeys struct {
	ID   string       `yaml:"id" check:"name"`
	Data string       `yaml:"data" check:"min=1,max=20"`
	Max  configs.Size `yaml:"max" check:"min=1MiB"`
}

type brokerKeys struct {
	Listen []*listener `yaml:"listen" check:"min=1"`
	Access []rule      `yaml:"access"`
}

type listener struct {
	URL         string        `yaml:"url" check:"required"`
	Anonymous   *bool         `yaml:"anonymous"`
	Connections int           `yaml:"connections" check:"min=1"`
	Idle        *listenerIdle `yaml:"idle"`
}

type listenerIdle struct {
	After configs.Duration `yaml:"after" check:"min=1s,max=1h"`
}

func (l *listener) SetDefaults() { l.Connections = 1000 }

func (l *listener) Validate() error {
	if !strings.Contains(l.URL, "://") {
		return configs.Bad("url", "%q is not an address such as mqtt://127.0.0.1:1883", l.URL)
	}
	return nil
}

type rule struct {
	User      string   `yaml:"user" check:"required"`
	Subscribe []string `yaml:"subscribe"`
}

type busKeys struct {
	Driver string `yaml:"driver" check:"required"`
	pace   `yaml:",inline"`
}

type pace struct {
	Every configs.Duration `yaml:"every" check:"min=10ms"`
}

type line struct {
	Port     string           `yaml:"port" check:"required"`
	Baud     int              `yaml:"baud" check:"min=50,max=4000000"`
	Parity   string           `yaml:"parity" check:"oneof=even|odd|none"`
	DataBits uint8            `yaml:"data_bits" check:"oneof=7|8"`
	StopBits int              `yaml:"stop_bits" check:"min=1,max=2"`
	Timeout  configs.Duration `yaml:"timeout"`
}

func (l *line) Validate() error {
	if l.Parity == "none" && l.StopBits == 1 && l.DataBits == 7 {
		return configs.Bad("data_bits", "7N1 is not a format that anything speaks")
	}
	return nil
}

type tcp struct {
	Address string `yaml:"address" check:"required"`
}

type chip struct{}

// newDriver is the driver's part of a bus, nil for an unknown driver.
func newDriver(name string) any {
	switch name {
	case "modbus-rtu":
		return &line{Baud: 9600, Parity: "even", DataBits: 8, StopBits: 1}
	case "modbus-tcp":
		return &tcp{}
	case "gpio":
		return &chip{}
	}
	return nil
}

type deviceKeys struct {
	Bus    string           `yaml:"bus" check:"required"`
	Unit   uint8            `yaml:"unit" check:"min=1,max=247"`
	Order  wordOrder        `yaml:"order"`
	Points configs.Sections `yaml:"points" check:"names"`
	pace   `yaml:",inline"`
}

type wordOrder string

func (o *wordOrder) UnmarshalText(text []byte) error {
	if s := string(text); s != "ABCD" && s != "CDAB" {
		return fmt.Errorf("%q is not ABCD or CDAB", s)
	}
	*o = wordOrder(text)
	return nil
}

type pointKeys struct {
	Unit   string           `yaml:"unit"`
	Scale  float64          `yaml:"scale"`
	Offset float32          `yaml:"offset" check:"min=-1000,max=1000"`
	Enum   map[int64]string `yaml:"enum"`
	Write  write            `yaml:"write"`
	pace   `yaml:",inline"`
}

// write is true, false or limits.
type write struct {
	Allowed bool
	Limits  limits
}

type limits struct {
	Min *float64 `yaml:"min"`
	Max *float64 `yaml:"max"`
}

func (w *write) UnmarshalConfig(n *configs.Node) {
	if n.Kind() == configs.Mapping {
		w.Allowed = true
		n.Decode(&w.Limits)
		return
	}
	n.Decode(&w.Allowed)
}

func (l limits) Validate() error {
	if l.Min != nil && l.Max != nil && *l.Min > *l.Max {
		return configs.Bad("min", "%v is above max, %v", *l.Min, *l.Max)
	}
	return nil
}

// register is the driver's part of a point.
type register struct {
	Holding *uint16       `yaml:"holding"`
	Coil    *uint16       `yaml:"coil"`
	Bits    []int8        `yaml:"bits" check:"max=2"`
	Invalid map[string]u3 `yaml:"invalid"`
}

// u3 has a rule of its own, though it is no struct.
type u3 uint8

func (u u3) Validate() error {
	if u > 7 {
		return fmt.Errorf("%d does not fit in three bits", u)
	}
	return nil
}

func (r *register) Validate() error {
	if (r.Holding == nil) == (r.Coil == nil) {
		return errors.Join(
			configs.Bad("", "needs one of holding and coil"),
			configs.Bad("write.min", "is of no use so"))
	}
	return nil
}

type upstream struct {
	URL      string         `yaml:"url" check:"required"`
	Password configs.Secret `yaml:"password"`
	Token    configs.Secret `yaml:"token" check:"required"`
	Out      []route        `yaml:"out"`
}

type route struct {
	Topic string `yaml:"topic" check:"required"`
	To    string `yaml:"to"`
	QoS   byte   `yaml:"qos" check:"max=2"`
}

func (u *upstream) Validate() error {
	for i, r := range u.Out {
		if r.To == r.Topic {
			return configs.Bad(fmt.Sprintf("out[%d].to", i), "leads back to %s", r.Topic)
		}
	}
	return nil
}

var environment = map[string]string{"PORT": "/dev/ttyUSB0", "UNIT": "7", "EMPTY": "", "YAML": "{a: 1}"}

func lookup(name string) (string, bool) {
	value, ok := environment[name]
	return value, ok
}

// readSite reads a whole file the way the gateway does.
func readSite(file, text string) (site, configs.Faults) {
	d := configs.Parse(file, []byte(text), lookup)
	s := site{Gateway: gatewayKeys{Data: "/var/lib"}}
	d.Root().Decode(&s)
	for _, bus := range s.Buses {
		name, ok := bus.Text("driver")
		settings := newDriver(name)
		switch {
		case settings != nil:
			bus.Decode(&busKeys{}, settings)
		case ok:
			bus.Bad("driver", "%q is not modbus-rtu, modbus-tcp or gpio", name)
		default:
			bus.Decode(&busKeys{}, configs.Any)
		}
	}
	for _, device := range s.Devices {
		keys := deviceKeys{Unit: 1}
		device.Decode(&keys)
		if name, ok := device.Text("bus"); ok && !s.Buses.Has(name) {
			device.Bad("bus", "there is no bus %q%s", name, s.Buses.Nearest(name))
		}
		for _, point := range keys.Points {
			point.Decode(&pointKeys{pace: keys.pace, Scale: 1}, &register{})
		}
	}
	for _, up := range s.Upstreams {
		up.Decode(&upstream{})
	}
	return s, d.Faults()
}
