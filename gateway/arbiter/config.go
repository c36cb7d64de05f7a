package arbiter

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"fieldmq/configs"
	"fieldmq/drivers/line"
	"fieldmq/drivers/modbus"
	"fieldmq/drivers/modbus/frame"
)

// Config is one entry under serve of a bus: a door through which other masters
// reach the bus, and what they may do.
type Config struct {
	// Listen is the address of a Modbus TCP server: 127.0.0.1:1502, or :502 for
	// all addresses of this machine. Either this or line is required.
	Listen string `yaml:"listen"`
	// Line is a serial line on which another master asks in Modbus RTU. Units
	// that it may not reach are left unanswered: they may be on that line.
	Line *Line `yaml:"line"`
	// Allow are rules of who may ask for what; a request must fit one of them.
	// Default: who is on this machine or on the line may read. A server that
	// other machines reach needs rules.
	Allow []Rule `yaml:"allow"`
	// MaxAge is how old a value may be that is answered from what the gateway has
	// read, without asking the device again. Default 0s: each request goes to the
	// device.
	MaxAge configs.Duration `yaml:"max_age" check:"max=1h"`
	// Wait is how long a request waits for its turn on the bus; then it is
	// answered by exception 6, busy.
	Wait configs.Duration `yaml:"wait" check:"min=10ms,max=1m"`
	// Clients is how many may be connected at the same time. One more takes the
	// place of the one that was silent longest.
	Clients int `yaml:"clients" check:"min=1,max=1000"`
	// Idle is how long a client may be silent before it is disconnected.
	Idle configs.Duration `yaml:"idle" check:"min=1s"`
}

// SetDefaults fills in what the file need not say.
func (c *Config) SetDefaults() {
	c.Wait = configs.Duration(time.Second)
	c.Clients = 16
	c.Idle = configs.Duration(10 * time.Minute)
}

// Line is the serial line of another master.
type Line struct {
	line.Settings `yaml:",inline"`
}

// SetDefaults makes it a line at 9600 8N1.
func (l *Line) SetDefaults() { l.Settings = line.Defaults() }

// Rule lets some clients do something. What it does not name it does not
// restrict, but for writing, which has to be allowed.
type Rule struct {
	// From are addresses or networks of clients, such as 192.168.1.10 or
	// 192.168.1.0/24. Default: all.
	From []Network `yaml:"from"`
	// Units are unit ids, such as 1-4 or 7. Default: all but 0, which writes to
	// all units at once.
	Units []modbus.Range `yaml:"units"`
	// Functions are function codes. Default: all that read (1 to 4, 17, 43), and
	// with write those that write (5, 6, 15, 16, 22, 23).
	Functions []modbus.Range `yaml:"functions"`
	// Registers are registers or coils, such as 100-110. Default: all.
	Registers []modbus.Range `yaml:"registers"`
	// Write allows functions that write. Default false.
	Write bool `yaml:"write"`
}

// Network is a network of client addresses, or one address.
type Network struct{ netip.Prefix }

// UnmarshalText reads 192.168.1.0/24 or 192.168.1.10.
func (n *Network) UnmarshalText(text []byte) error {
	if a, err := netip.ParseAddr(string(text)); err == nil {
		n.Prefix = netip.PrefixFrom(a, a.BitLen())
		return nil
	}
	p, err := netip.ParsePrefix(string(text))
	if err != nil {
		return fmt.Errorf("%q is neither an address such as 192.168.1.10 nor a network such as 192.168.1.0/24", text)
	}
	n.Prefix = p.Masked()
	return nil
}

// ConfigForms is a text.
func (Network) ConfigForms() []any { return []any{""} }

// address is where to listen, with the port of Modbus if none is written.
func (c *Config) address() string {
	if _, _, err := net.SplitHostPort(c.Listen); err != nil && !strings.Contains(c.Listen, ":") {
		return net.JoinHostPort(c.Listen, "502")
	}
	return c.Listen
}

// Where is the door for people.
func (c *Config) Where() string {
	if c.Line != nil {
		return c.Line.String()
	}
	return c.address()
}

// Validate finds doors that are none or too wide open.
func (c *Config) Validate() error {
	if c.Line != nil {
		if c.Listen != "" {
			return configs.Bad("line", "stands beside listen; write two entries under serve")
		}
		if c.Line.DataBits != 8 {
			return configs.Bad("line.data_bits", "Modbus RTU needs 8 data bits, not %d", c.Line.DataBits)
		}
		return nil
	}
	if c.Listen == "" {
		return configs.Bad("listen", "is missing: write an address such as 127.0.0.1:1502, or line for a serial line")
	}
	host, port, err := net.SplitHostPort(c.address())
	if err != nil {
		return configs.Bad("listen", "%q is not an address such as 127.0.0.1:1502", c.Listen)
	}
	if _, err := net.LookupPort("tcp", port); err != nil || port == "" {
		return configs.Bad("listen", "%q is not a port from 0 to 65535", port)
	}
	if len(c.Allow) == 0 && !loopback(host) {
		return configs.Bad("listen", "%s can be reached from other machines: say under allow who may ask for what, such as allow: [{from: [192.168.1.10]}] for one that may read", c.address())
	}
	return nil
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.Unmap().IsLoopback()
}

// Validate finds functions that contradict the rest of the rule.
func (r *Rule) Validate() error {
	var faults []error
	for i, f := range r.Functions {
		for code := f.First; code <= f.Last; code++ {
			key := fmt.Sprintf("functions[%d]", i)
			switch {
			case !slices.Contains(reading, code) && !slices.Contains(writing, code):
				faults = append(faults, configs.Bad(key, "%d is none of the function codes 1 to 6, 15 to 17, 22, 23 and 43", code))
			case slices.Contains(writing, code) && !r.Write:
				faults = append(faults, configs.Bad(key, "function code %d writes; allow it by write: true", code))
			default:
				continue
			}
			return errors.Join(faults...)
		}
	}
	for i, u := range r.Units {
		if u.Last > 255 {
			faults = append(faults, configs.Bad(fmt.Sprintf("units[%d]", i), "%d is no unit id from 0 to 255", u.Last))
		}
	}
	return errors.Join(faults...)
}

// Function codes by what they do.
var (
	reading = []int{
		frame.ReadCoils, frame.ReadDiscrete, frame.ReadHolding, frame.ReadInput, frame.ServerID, frame.Encapsulated,
	}
	writing = []int{
		frame.WriteCoil, frame.WriteRegister, frame.WriteCoils, frame.WriteRegisters, frame.MaskWrite, frame.ReadWriteRegisters,
	}
)
