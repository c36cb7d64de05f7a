package modbus

import (
	"os"
	"slices"
	"strings"
	"testing"

	"fieldmq/configs"
	"fieldmq/drivers"
)

// load decodes sections as the gateway does, and returns the points and all
// that is wrong. General keys of points and devices are let through.
func load(t *testing.T, text string) (points []*drivers.Point, faults []string) {
	t.Helper()
	doc := configs.Parse("site.yaml", []byte(text), nil)
	var site struct {
		Buses   configs.Sections `yaml:"buses"`
		Devices configs.Sections `yaml:"devices"`
	}
	doc.Root().Decode(&site)
	settings := map[string]drivers.Settings{}
	var checkers []drivers.Settings
	for _, bus := range site.Buses {
		name, _ := bus.Text("driver")
		s := map[string]drivers.Driver{RTU.Name: RTU, TCP.Name: TCP}[name].New()
		bus.Decode(s, configs.Any)
		settings[bus.Name] = s
		checkers = append(checkers, s)
	}
	for _, device := range site.Devices {
		name, _ := device.Text("bus")
		d := settings[name].Device()
		var general struct {
			Points configs.Sections `yaml:"points"`
		}
		device.Decode(d, &general, configs.Any)
		for _, point := range general.Points {
			a := d.Address()
			point.Decode(a, configs.Any)
			points = append(points, &drivers.Point{Device: device.Name, Name: point.Name, At: a})
		}
	}
	for _, f := range doc.Faults() {
		faults = append(faults, f.Path+": "+f.Text)
	}
	if len(faults) > 0 {
		return points, faults
	}
	for _, s := range checkers {
		for _, c := range s.(drivers.Checker).Check(points) {
			faults = append(faults, c.Point.String()+" "+c.Key+": "+c.Text)
		}
	}
	return points, faults
}

func TestReadmeLoads(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "```yaml\n")
	text, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("no YAML in README.md")
	}
	points, faults := load(t, text)
	if len(faults) > 0 {
		t.Errorf("got %q", faults)
	}
	var places []string
	for _, p := range points {
		places = append(places, p.At.String())
	}
	want := []string{
		"unit 2 input 100", "unit 2 holding 101", "unit 2 holding 110 bit 3", "unit 2 coil 3",
		"unit 1 holding 20480", "unit 1 holding 23316",
	}
	if !slices.Equal(places, want) {
		t.Errorf("got %q", places)
	}
}

func TestFaultsOfABusAreFound(t *testing.T) {
	tests := map[string]struct{ bus, want string }{
		"has no port":              {"driver: modbus-rtu", "buses.b.port: is missing"},
		"has 7 data bits":          {"driver: modbus-rtu, port: a, data_bits: 7", "buses.b.data_bits: Modbus RTU needs 8 data bits, not 7"},
		"misspells the parity":     {"driver: modbus-rtu, port: a, parity: evn", `buses.b.parity: "evn" is not even, odd or none`},
		"has no time-out":          {"driver: modbus-rtu, port: a, timeout: 0s", "buses.b.timeout: 0s is less than 1ms"},
		"asks for too much":        {"driver: modbus-rtu, port: a, max_registers: 126", "buses.b.max_registers: 126 is not within 1 to 125"},
		"misspells the order":      {"driver: modbus-rtu, port: a, order: ABDC", `buses.b.order: "ABDC" is not ABCD, CDAB (low word first), BADC (bytes swapped) or DCBA (both)`},
		"has no address":           {"driver: modbus-tcp", "buses.b.address: is missing"},
		"has a wrong port":         {"driver: modbus-tcp, address: 'a:0'", `buses.b.address: "0" is not a port from 1 to 65535`},
		"has no host":              {"driver: modbus-tcp, address: ':502'", `buses.b.address: ":502" is not a host, or a host and a port such as 192.168.1.20:502`},
		"has too many in flight":   {"driver: modbus-tcp, address: a, in_flight: 65", "buses.b.in_flight: 65 is not within 1 to 64"},
		"is right on a line":       {"driver: modbus-rtu, port: a, baud: 19200, parity: E, stop_bits: 2, pause: 10ms, order: cdab", ""},
		"is right on TCP":          {"driver: modbus-tcp, address: 'plc.local'", ""},
		"is right on IPv6":         {"driver: modbus-tcp, address: '[::1]:1502'", ""},
		"is right on IPv6 at home": {"driver: modbus-tcp, address: '::1'", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, faults := load(t, "buses: {b: {"+tt.bus+"}}")
			if got := strings.Join(faults, "; "); got != tt.want {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestFaultsOfADeviceAreFound(t *testing.T) {
	const missing = "devices.d.unit: is missing: give the unit id of the device, 1 to 247 (0 speaks to all at once, and none answers)"
	tests := map[string]struct{ driver, device, want string }{
		"has no unit":            {"rtu, port: a", "", missing},
		"is the broadcast":       {"rtu, port: a", "unit: 0", missing},
		"has a reserved unit":    {"rtu, port: a", "unit: 248", "devices.d.unit: 248 is not from 1 to 247"},
		"has an impossible unit": {"tcp, address: a", "unit: 256", "devices.d.unit: 256 is not within 0 to 255"},
		"has a mad hole":         {"tcp, address: a", "holes: [10-5]", `devices.d.holes[0]: "10-5" is not a range such as 100-110, or one number`},
		"has a hole of three":    {"tcp, address: a", "holes: [[1, 2, 3]]", "devices.d.holes[0]: is not a range such as [100, 110]"},
		"needs no unit on TCP":   {"tcp, address: a", "", ""},
		"takes unit 0 on TCP":    {"tcp, address: a", "unit: 0", ""},
		"takes holes":            {"rtu, port: a", "unit: 247, holes: [57, 100-110, [0x10, 0x20]], write_multiple: true, timeout: 2s", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, faults := load(t, "buses: {b: {driver: modbus-"+tt.driver+"}}\ndevices: {d: {bus: b, "+tt.device+"}}")
			if got := strings.Join(faults, "; "); got != tt.want {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestFaultsOfAPointAreFound(t *testing.T) {
	tests := map[string]struct{ point, want string }{
		"has no place":             {"type: int16", ": has no place: give one of coil, discrete, input or holding"},
		"has two places":           {"input: 1, holding: 1", ".input: only one of coil, discrete, input and holding may be given"},
		"is beyond the table":      {"holding: 65536", ".holding: 65536 is not within 0 to 65535"},
		"runs beyond the table":    {"holding: 0xFFFF, type: uint32", ".holding: 2 registers from 65535 on run past the last one, 65535"},
		"is a long coil":           {"coil: 1, type: int16", ".type: a coil is one bit, and cannot be int16"},
		"is of an unknown type":    {"holding: 1, type: word", `.type: "word" is not one of bool, int16, uint16, int32, uint32, int64, uint64, float32, float64, bcd, string`},
		"is an endless string":     {"holding: 1, type: string", ".length: is missing: give the number of registers of the string"},
		"is an endless bcd":        {"holding: 1, type: bcd, length: 5", ".length: 5 is not from 1 to 4, which is what a bcd may have"},
		"is a long integer":        {"holding: 1, length: 2", ".length: only strings and bcd have a length; uint16 has 1"},
		"has letters of a number":  {"holding: 1, chars: high", ".chars: only strings have characters, not uint16"},
		"has a bit of a float":     {"holding: 1, bit: 1, type: float32", ".bit: is a part of one register, and cannot be taken from float32"},
		"has bits of a coil":       {"coil: 1, bits: 0-3", ".bits: a coil is one bit already"},
		"has the 17th bit":         {"holding: 1, bit: 16", ".bit: 16 is not from 0 (the lowest bit) to 15"},
		"has no first bit":         {"holding: 1, bit: -1", ".bit: -1 is not from 0 (the lowest bit) to 15"},
		"has bit and bits":         {"holding: 1, bit: 1, bits: 0-3", ".bits: only one of bit and bits may be given"},
		"has a wide pattern":       {"holding: 1, invalid: [0x18000]", ".invalid: 0x18000 does not fit the 16 bits of uint16"},
		"has a float pattern":      {"holding: 1, invalid: [0.5]", ".invalid: 0.5 does not fit the 16 bits of uint16"},
		"has no number":            {"holding: 1, invalid: [none]", `.invalid[0]: "none" is not a word such as 0x8000, a number or nan`},
		"has patterns of a string": {"holding: 1, type: string, length: 1, invalid: [0]", ".invalid: a string has no invalid patterns"},
		"is too wide":              {"holding: 1, type: float64", " holding: takes 4 registers, but its device gives only 3 in one request (max_registers)"},
		"lies in a hole":           {"holding: 51, type: uint32", " holding: lies in 52, which the device's holes forbid to ask for"},

		"is right as bits":     {"holding: 1, bits: [4, 7], invalid: [0xFFFF]", ""},
		"is right as bool":     {"holding: 1, type: bool, bit: 0", ""},
		"is right as string":   {"input: 0x10, type: string, length: 3, chars: low, order: BADC", ""},
		"is right as sentinel": {"input: 1, type: float32, invalid: [nan, -999.9, 0x7FFFFFFF]", ""},
		"is right at the end":  {"holding: 0xFFFF", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, faults := load(t, `
buses: {b: {driver: modbus-tcp, address: a}}
devices: {d: {bus: b, max_registers: 3, holes: [52], points: {p: {`+tt.point+`}}}}`)
			got := strings.Join(faults, "; ")
			got = strings.TrimPrefix(strings.TrimPrefix(got, "devices.d.points.p"), "d/p")
			if got != tt.want {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestPointsThatShareRegistersAreFound(t *testing.T) {
	tests := map[string]struct{ points, want string }{
		"shares half": {
			"a: {holding: 100, type: uint32}, b: {holding: 101}",
			"d/b holding: uint16 at 101 shares registers with a, which is a uint32 at 100 and takes 2",
		},
		"begins alike": {
			"a: {holding: 100}, b: {holding: 100, type: uint32}",
			"d/b holding: uint32 at 100 shares registers with a, which is a uint16 at 100 and takes 1",
		},
		"is the same in two types": {"a: {holding: 100, type: uint32}, b: {holding: 100, type: float32}", ""},
		"is a bit of a word":       {"a: {holding: 100, type: uint32}, b: {holding: 101, bit: 3}", ""},
		"is in another table":      {"a: {holding: 100, type: uint32}, b: {input: 101}", ""},
		"stands beside":            {"a: {holding: 100, type: uint32}, b: {holding: 102}", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, faults := load(t, "buses: {b: {driver: modbus-tcp, address: a}}\ndevices: {d: {bus: b, points: {"+tt.points+"}}}")
			if got := strings.Join(faults, "; "); got != tt.want {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestDefaultsFlowFromBusToPoint(t *testing.T) {
	points, faults := load(t, `
buses: {b: {driver: modbus-tcp, address: a, order: CDAB, max_registers: 60}}
devices:
  one: {bus: b, points: {p: {holding: 1}}}
  two: {bus: b, order: BADC, max_registers: 70, points: {p: {holding: 1}, q: {holding: 3, order: ABCD}}}`)
	if len(faults) > 0 {
		t.Fatalf("got %q", faults)
	}
	want := []struct {
		order Order
		most  int
		unit  byte
	}{{CDAB, 60, 1}, {BADC, 70, 1}, {ABCD, 70, 1}}
	for i, w := range want {
		if a := at(points[i]); a.Order != w.order || a.device.MaxRegisters != w.most || a.Unit() != w.unit {
			t.Errorf("%v: got %v, %d, unit %d", points[i], a.Order, a.device.MaxRegisters, a.Unit())
		}
	}
}
