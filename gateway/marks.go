package gateway

import (
	"maps"
	"reflect"
	"slices"
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
	maps.Copy(m.fixed, digestsOf("page", c.Page))
	maps.Copy(m.fixed, digestsOf("store", c.Store))
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

// digestsOf are those of each key of a section, so that what has changed can be
// named.
func digestsOf(section string, config any) map[string]digest {
	digests := map[string]digest{}
	v := reflect.ValueOf(config)
	for i := range v.NumField() {
		key, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		digests[section+"."+key] = digestOf(v.Field(i).Interface())
	}
	return digests
}

// changed are the keys whose digest is another one now.
func changed(before, now map[string]digest) (keys []string) {
	for _, key := range slices.Sorted(maps.Keys(now)) {
		if now[key] != before[key] {
			keys = append(keys, key)
		}
	}
	return keys
}

func (m *marks) device(d *Device) {
	m.devices[d.ID] = digestOf(*d)
	for _, e := range d.Points {
		m.points[e.Point] = digestOf(*e.Point)
	}
}
