package gateway

import (
	"os"
	"strings"
	"time"

	"fieldmq/broker"
	"fieldmq/broker/store"
	"fieldmq/configs"
	"fieldmq/drivers"
	"fieldmq/gateway/arbiter"
	"fieldmq/gateway/levels"
	"fieldmq/gateway/poll"
	"fieldmq/mapping"
)

// Config is a site, read and checked: what Run runs. Read makes it.
type Config struct {
	General   General
	Broker    Broker
	Store     store.Config
	Page      Page
	Metrics   Metrics
	Log       levels.Config
	source    source
	Buses     []Bus      // in file order
	Upstreams []Upstream // in file order

	HomeAssistant HomeAssistant

	marks   marks
	offered bool // gateway.data is the folder of the service, and was not asked for
}

// General are the keys of the section gateway.
type General struct {
	// ID is the gateway's name among devices: its own topics are device/<id>/...
	// Default: the host's name.
	ID string `yaml:"id" check:"name"`
	// Name is what people call the gateway.
	Name string `yaml:"name"`
	// Data is the folder for what is to survive a restart: sessions and messages
	// that wait for them, retained messages, wills and counts. One gateway uses it. Default:
	// the folder that systemd made for the service, else none, and nothing survives.
	Data string `yaml:"data"`
	// Tools is what fieldmq's tools may do with a bus that the gateway holds, by
	// way of the broker and its access rules: none, read, or write, which lets
	// read and write registers. Points with write can be written by name anyway.
	Tools string `yaml:"tools" check:"oneof=none|read|write"`
	// ClockWait is how long a machine whose clock has no battery waits, at its
	// start, for a time server to set it. Until then values are published here,
	// marked with the user property clock=unsynced, and not upstream; once the
	// clock is right they are said again with the times at which they were read.
	// 0s: not at all.
	ClockWait configs.Duration `yaml:"clock_wait" check:"max=1d"`
	// Every is how often the gateway publishes its own figures.
	Every configs.Duration `yaml:"every" check:"min=1s"`
}

// Bus is one bus with the devices on it.
type Bus struct {
	Name     string
	Driver   string
	Settings drivers.Settings
	Serve    []arbiter.Config // doors for other masters
	Devices  []Device         // in file order
}

// Device is one device: what its points become, and when it is offline.
type Device struct {
	mapping.Device
	OfflineAfter int             // polls in a row without an answer
	Fingerprint  map[string]Span // of its profile: ranges by point
}

// Span is a range of values, both ends included, in the unit of a point.
type Span struct {
	// Min is the lowest value.
	Min float64 `yaml:"min"`
	// Max is the highest value.
	Max float64 `yaml:"max"`
}

// Validate refuses a range that holds nothing.
func (s *Span) Validate() error {
	if s.Min > s.Max {
		return configs.Bad("min", "%v is above the maximum %v", s.Min, s.Max)
	}
	return nil
}

// Groups are the device's points by how often they are read, in the order of
// their first point.
func (d *Device) Groups() []poll.Group {
	var groups []poll.Group
	index := map[time.Duration]int{}
	for _, e := range d.Points {
		if e.WriteOnly {
			continue
		}
		n, known := index[e.Every]
		if !known {
			n = len(groups)
			index[e.Every] = n
			groups = append(groups, poll.Group{Every: e.Every})
		}
		groups[n].Points = append(groups[n].Points, e.Point)
	}
	return groups
}

// defaults is a site without a line of YAML.
func defaults() Config {
	return Config{
		General: General{ID: hostID(), Tools: ToolsRead, Every: configs.Duration(10 * time.Second), ClockWait: configs.Duration(5 * time.Minute)},
		Broker:  Broker{Config: broker.Defaults()},
		Store:   store.Defaults(),
		Page:    Page{Serve: true, History: 2 << 20},

		HomeAssistant: HomeAssistant{Prefix: "homeassistant"},
	}
}

// hostID is the host's name in the letters that an id may have.
func hostID() string {
	name, err := os.Hostname()
	if err != nil {
		return "gateway"
	}
	id := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}, name)
	if id = strings.TrimLeft(id, "-_"); id == "" {
		return "gateway"
	}
	return id
}

// Count is the number of devices and of their points.
func (c *Config) Count() (devices, points int) {
	for _, b := range c.Buses {
		devices += len(b.Devices)
		for _, d := range b.Devices {
			points += len(d.Points) + len(d.Computed)
		}
	}
	return devices, points
}
