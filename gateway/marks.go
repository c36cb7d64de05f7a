package gateway

import (
	"reflect"
	"strings"

	"fieldmq/drivers"
)

// marks are the digests of the parts of a configuration as they were read.
type marks struct {
	fixed     map[string]digest // what only a restart changes, by key
	buses     map[string]digest // without their devices
	devices   map[string]digest
	points    map[*drivers.Point]digest
	upstreams map[string]digest
}

func marksOf(c *Config) marks {
	m := marks{
		fixed: map[string]digest{
			"gateway.id":    digestOf(c.General.ID),
			"gateway.data":  digestOf(c.General.Data),
			"gateway.tools": digestOf(c.General.Tools),
		},
		buses:     map[string]digest{},
		devices:   map[string]digest{},
		points:    map[*drivers.Point]digest{},
		upstreams: map[string]digest{},
	}
	m.fix("page", c.Page)
	m.fix("store", c.Store)
	m.fix("broker", c.Broker.Config)
	for _, b := range c.Buses {
		bare := b
		bare.Devices = nil
		m.buses[b.Name] = digestOf(bare)
		for _, d := range b.Devices {
			m.device(&d)
		}
	}
	for _, u := range c.Upstreams {
		m.upstreams[u.Name] = digestOf(u)
	}
	return m
}

// fix notes each key of a section that only a restart changes, so that it can be
// named.
func (m *marks) fix(section string, config any) {
	v := reflect.ValueOf(config)
	for i := range v.NumField() {
		key, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		m.fixed[section+"."+key] = digestOf(v.Field(i).Interface())
	}
}

func (m *marks) device(d *Device) {
	m.devices[d.ID] = digestOf(*d)
	for _, e := range d.Points {
		m.points[e.Point] = digestOf(*e.Point)
	}
}
