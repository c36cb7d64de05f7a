package modbus

import (
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"fieldmq/configs"
	"fieldmq/drivers"
)

// Peer is where a device is on a network.
type Peer struct {
	// Host is the device's host name or IP address, with a port behind a
	// colon where it is not 502 (802 with TLS). Required, but for devices that
	// dial in.
	Host string `yaml:"address" aka:"host controller port"`

	tap *drivers.Tap // nil until someone asks for it
}

// Tapped is where others may listen in on the connection.
func (p *Peer) Tapped() *drivers.Tap {
	if p.tap == nil {
		p.tap = &drivers.Tap{}
	}
	return p.tap
}

// fault says what is wrong with the address.
func (p *Peer) fault(usual string) error {
	if p.Host == "" {
		return configs.Bad("address", "is missing")
	}
	if _, rest, ok := strings.Cut(p.Host, "://"); ok {
		return configs.Bad("address", "%q is an address of the web; write %s", p.Host, strings.TrimRight(rest, "/"))
	}
	host, port, err := net.SplitHostPort(p.hostPort(usual))
	if err != nil || host == "" {
		return configs.Bad("address", "%q is not a host, or a host and a port such as 192.168.1.20:%s", p.Host, usual)
	}
	if text := hostFault(host); text != "" {
		return configs.Bad("address", "%q %s", host, text)
	}
	return configs.Port("address", port)
}

// hostFault says what is wrong with the host of an address.
func hostFault(host string) string {
	if _, err := netip.ParseAddr(host); err == nil {
		return ""
	}
	last := host[strings.LastIndexByte(host, '.')+1:]
	switch {
	case strings.HasPrefix(host, "$"):
		return "is taken as it is; an environment variable stands in braces: ${NAME}"
	case strings.ContainsAny(host, " \t$/\\@,;{}[]"):
		return "is neither a host name nor an IP address"
	case last != "" && strings.Trim(last, "0123456789") == "": // no name ends so (RFC 3696, 2)
		return "is not an IP address; it has four numbers from 0 to 255, such as 192.168.1.20"
	}
	return ""
}

// hostPort is the address, with a port where none is written.
func (p *Peer) hostPort(usual string) string {
	switch {
	case strings.HasSuffix(p.Host, "]") && strings.HasPrefix(p.Host, "["):
		return p.Host + ":" + usual
	case strings.Count(p.Host, ":") == 1 || strings.HasPrefix(p.Host, "["):
		return p.Host
	}
	return net.JoinHostPort(p.Host, usual)
}

// Ports that the standards give to Modbus. (MTCP 4.3.1, Modbus/TCP Security)
const (
	plainPort  = "502"
	securePort = "802"
)

// DialIn is about devices that call the gateway, such as cellular modems.
type DialIn struct {
	// Listen is the address at which the device dials in, in place of address:
	// a port behind a colon, or an IP address of this machine and a port. Buses
	// may share one, each with a registration of its own.
	Listen string `yaml:"listen"`
	// Registration is what the device says first when it has dialled in, by
	// which it is known: a text, or bytes such as 0x00A1B2. Default: it says
	// nothing.
	Registration Bytes `yaml:"registration"`
	// Heartbeat is what the device says now and then to keep its connection,
	// and what is skipped: a text, or bytes such as 0xFE. Default: nothing.
	Heartbeat Bytes `yaml:"heartbeat_packet"`
}

// fault says what is wrong with a device that dials in, or is called at a port that
// is usual.
func (d *DialIn) fault(p *Peer, usual string) error {
	switch {
	case d.Listen == "" && len(d.Registration) > 0:
		return configs.Bad("registration", "is said by devices that dial in; write listen too")
	case d.Listen == "" && p.Host == "":
		return configs.Bad("address", "is missing (or write listen, if the device dials in)")
	case d.Listen == "":
		return p.fault(usual)
	case p.Host != "":
		return configs.Bad("listen", "a device either dials in or is called: write listen or address, not both")
	}
	_, port, err := net.SplitHostPort(d.Listen)
	if err != nil {
		return configs.Bad("listen", "%q is not a port such as :5020, or an address and a port such as 10.0.0.1:5020", d.Listen)
	}
	return configs.Port("listen", port)
}

// place is where the device is, for people.
func (d *DialIn) place(p *Peer, usual string) string {
	switch {
	case d.Listen == "":
		return p.hostPort(usual)
	case len(d.Registration) > 0:
		return fmt.Sprintf("listen %s (%s)", d.Listen, d.Registration)
	}
	return "listen " + d.Listen
}

// Takes is the place at the door, which is of one bus alone.
func (d *DialIn) Takes() (key, what string) {
	if d.Listen == "" {
		return "", ""
	}
	if len(d.Registration) == 0 {
		return "listen", d.Listen
	}
	return "registration", fmt.Sprintf("%s at %s", d.Registration, d.Listen)
}

// mostSaid bounds what is waited for byte by byte.
const mostSaid = 64

// Bytes are what a device says: a text, or bytes behind 0x.
type Bytes []byte

// UnmarshalText reads a text, or hexadecimal digits behind 0x.
func (b *Bytes) UnmarshalText(text []byte) error {
	*b = Bytes(text)
	if digits, ok := strings.CutPrefix(string(text), "0x"); ok {
		raw, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
		if err != nil {
			return fmt.Errorf("%q is not bytes such as 0x00A1B2: two digits each", text)
		}
		*b = raw
	}
	if len(*b) == 0 || len(*b) > mostSaid {
		return fmt.Errorf("%d bytes are not from 1 to %d", len(*b), mostSaid)
	}
	return nil
}

// ConfigForms is a text.
func (Bytes) ConfigForms() []any { return []any{""} }

// MarshalText writes String.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// String is the text, or the bytes behind 0x where they are none.
func (b Bytes) String() string {
	for _, c := range b {
		if c < ' ' || c > '~' {
			return fmt.Sprintf("0x%X", []byte(b))
		}
	}
	return string(b)
}

// Line is the serial line behind a box that hands bytes on as they are.
type Line struct {
	// Baud is the speed of the serial line behind the box, by which requests are
	// planned. Default 9600.
	Baud int `yaml:"baud" check:"min=50,max=4000000"`
}

// tempo is that of a line behind a network, whose own box keeps frames apart. A
// character has 11 bits, as the standard wants it. (MSL 2.5.1)
func (l *Line) tempo() tempo {
	return tempo{char: 11 * time.Second / time.Duration(max(l.Baud, 1)), remote: true}
}

// Where is the address of the device, without words around it.
func (p *Peer) Where() string { return p.Host }

// DialsIn is about devices that call the gateway; Listen is empty where it
// calls them.
func (d *DialIn) DialsIn() *DialIn { return d }
