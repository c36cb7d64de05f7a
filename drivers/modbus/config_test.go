package modbus

import (
	"os"
	"slices"
	"strings"
	"testing"

	"fieldmq/configs"
	"fieldmq/drivers"
)

// named is one of the drivers.
func named(name string) drivers.Driver {
	all := []drivers.Driver{RTU, ASCII, TCP, TLS, UDP, RTUOverTCP, ASCIIOverTCP, RTUOverUDP}
	return all[slices.IndexFunc(all, func(d drivers.Driver) bool { return d.Name == name })]
}

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
		s := named(name).New()
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
		"has no port":                {"driver: modbus-rtu", "buses.b.port: is missing"},
		"has 7 data bits":            {"driver: modbus-rtu, port: a, data_bits: 7", "buses.b.data_bits: Modbus RTU needs 8 data bits, not 7"},
		"misspells the parity":       {"driver: modbus-rtu, port: a, parity: evn", `buses.b.parity: "evn" is not even, odd or none`},
		"has no time-out":            {"driver: modbus-rtu, port: a, timeout: 0s", "buses.b.timeout: 0s is less than 1ms"},
		"asks for too much":          {"driver: modbus-rtu, port: a, max_registers: 126", "buses.b.max_registers: 126 is not within 1 to 125"},
		"misspells the order":        {"driver: modbus-rtu, port: a, order: ABDC", `buses.b.order: "ABDC" is not ABCD, CDAB (low word first), BADC (bytes swapped) or DCBA (both)`},
		"has the address of a page":  {"driver: modbus-tcp, address: 'http://plc'", `buses.b.address: "http://plc" is an address of the web; write plc`},
		"has no address":             {"driver: modbus-tcp", "buses.b.address: is missing (or write listen, if the device dials in)"},
		"has a wrong port":           {"driver: modbus-tcp, address: 'a:0'", `buses.b.address: "0" is not a port from 1 to 65535`},
		"has a number over 255":      {"driver: modbus-tcp, address: 192.168.1.256", `buses.b.address: "192.168.1.256" is not an IP address; it has four numbers from 0 to 255, such as 192.168.1.20`},
		"has half an address":        {"driver: modbus-tcp, address: '192.168.1:502'", `buses.b.address: "192.168.1" is not an IP address; it has four numbers from 0 to 255, such as 192.168.1.20`},
		"has a bare variable":        {"driver: modbus-tcp, address: $PLC", `buses.b.address: "$PLC" is taken as it is; an environment variable stands in braces: ${NAME}`},
		"has blanks in its host":     {"driver: modbus-tcp, address: my plc", `buses.b.address: "my plc" is neither a host name nor an IP address`},
		"has no host":                {"driver: modbus-tcp, address: ':502'", `buses.b.address: ":502" is not a host, or a host and a port such as 192.168.1.20:502`},
		"has too many in flight":     {"driver: modbus-tcp, address: a, in_flight: 65", "buses.b.in_flight: 65 is not within 1 to 64"},
		"has 5 bits for ASCII":       {"driver: modbus-ascii, port: a, data_bits: 5", "buses.b.data_bits: Modbus ASCII needs 7 or 8 data bits, not 5"},
		"pipelines a line":           {"driver: modbus-rtu, port: a, in_flight: 2", "buses.b.in_flight: 2 requests at a time need numbers to tell their answers apart, which RTU and ASCII do not have"},
		"pipelines RTU over TCP":     {"driver: modbus-rtu-tcp, address: a, in_flight: 2", "buses.b.in_flight: 2 requests at a time need numbers to tell their answers apart, which RTU and ASCII do not have"},
		"has no address for UDP":     {"driver: modbus-udp", "buses.b.address: is missing"},
		"has a port for TCP":         {"driver: modbus-tcp, port: 502", `buses.b.address: is missing (or write listen, if the device dials in)`},
		"listens and calls":          {"driver: modbus-tcp, address: a, listen: ':502'", "buses.b.listen: a device either dials in or is called: write listen or address, not both"},
		"listens nowhere":            {"driver: modbus-rtu-tcp, listen: a", `buses.b.listen: "a" is not a port such as :5020, or an address and a port such as 10.0.0.1:5020`},
		"listens at no port":         {"driver: modbus-rtu-tcp, listen: ':0'", `buses.b.listen: "0" is not a port from 1 to 65535`},
		"registers and calls":        {"driver: modbus-tcp, address: a, registration: x", "buses.b.registration: is said by devices that dial in; write listen too"},
		"registers with nothing":     {"driver: modbus-tcp, listen: ':1', registration: ''", "buses.b.registration: 0 bytes are not from 1 to 64"},
		"registers with half":        {"driver: modbus-tcp, listen: ':1', registration: 0x123", `buses.b.registration: "0x123" is not bytes such as 0x00A1B2: two digits each`},
		"has a cert and no key":      {"driver: modbus-tls, address: a, cert: c.pem", "buses.b.key: is missing: the certificate needs the file with its key"},
		"has a key and no cert":      {"driver: modbus-tls, address: a, key: c.pem", "buses.b.cert: is missing: the key needs the file with its certificate"},
		"has no certificate to show": {"driver: modbus-tls, listen: ':1', ca: a.pem", "buses.b.cert: is missing: a device that dials in wants to see the gateway's"},
		"lets anyone in":             {"driver: modbus-tls, listen: ':1', cert: c.pem, key: k.pem", "buses.b.ca: is missing: anyone could dial in; name the certificates that sign the device's, or set verify: none"},
		"is right where TLS calls":   {"driver: modbus-tls, listen: ':1', ca: a.pem, cert: c.pem, key: k.pem, registration: x", ""},
		"verifies half":              {"driver: modbus-tls, address: a, verify: half", `buses.b.verify: "half" is not full, ca or none`},
		"rests too long":             {"driver: modbus-rtu, port: a, pause: 2m", "buses.b.pause: 2m is more than 1m"},
		"is right on ASCII":          {"driver: modbus-ascii, port: a, baud: 19200, unit_pause: 20ms, join: false", ""},
		"is right on TLS":            {"driver: modbus-tls, address: a, ca: a.pem, cert: c.pem, key: k.pem, verify: ca, in_flight: 4", ""},
		"is right where one calls":   {"driver: modbus-rtu-tcp, listen: ':5020', registration: 0x00A1, heartbeat_packet: ping", ""},
		"is right on a line":         {"driver: modbus-rtu, port: a, baud: 19200, parity: E, stop_bits: 2, pause: 10ms, order: cdab", ""},
		"is right on TCP":            {"driver: modbus-tcp, address: 'plc.local'", ""},
		"is right on IPv6":           {"driver: modbus-tcp, address: '[::1]:1502'", ""},
		"is right on IPv6 at home":   {"driver: modbus-tcp, address: '::1'", ""},
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
		"is the broadcast":       {"rtu, port: a", "unit: 0", ""},
		"is below the broadcast": {"rtu, port: a", "unit: -1", "devices.d.unit: -1 is not within 0 to 255"},
		"has a reserved unit":    {"rtu, port: a", "unit: 248", ""},
		"has a unit too high":    {"rtu, port: a", "unit: 256", "devices.d.unit: 256 is not within 0 to 255"},
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
		"has no place":            {"type: int16", ": has no place: give one of coil, discrete, input or holding"},
		"has two places":          {"input: 1, holding: 1", ".input: only one of coil, discrete, input, holding, sunspec and call may be given"},
		"is in a block and not":   {"holding: 1, sunspec: {model: 103, offset: 2}", ".sunspec: only one of coil, discrete, input, holding, sunspec and call may be given"},
		"is a call and not":       {"input: 1, call: {function: 65}", ".input: only one of coil, discrete, input, holding, sunspec and call may be given"},
		"is beyond the table":     {"holding: 65536", ".holding: 65536 is not within 0 to 65535; it counts from 0: what manuals call 400001 or 40001 is 0"},
		"runs beyond the table":   {"holding: 0xFFFF, type: uint32", ".holding: 2 registers from 65535 on run past the last one, 65535"},
		"is a long coil":          {"coil: 1, type: int16", ".type: a coil is one bit, and cannot be int16"},
		"is of an unknown type":   {"holding: 1, type: word", `.type: "word" is not one of bool, int16, uint16, int32, uint32, int64, uint64, float32, float64, bcd, bcd-unpacked, mod10k, int16-sign, int32-sign, float16, string; here it is uint16`},
		"is an endless string":    {"holding: 1, type: string", ".length: is missing: give the number of registers of the string"},
		"is an endless mod10k":    {"holding: 1, type: mod10k, length: 5", ".length: 5 is not from 1 to 4, which is what a mod10k may have"},
		"is an endless bcd":       {"holding: 1, type: bcd, length: 5", ".length: 5 is not from 1 to 4, which is what a bcd may have"},
		"is a long integer":       {"holding: 1, length: 2", ".length: only strings and decimal digits have a length; uint16 has 1"},
		"has letters of a number": {"holding: 1, chars: high", ".chars: only strings have characters, not uint16"},
		"has a number backwards":  {"holding: 1, backwards: true", ".backwards: only strings have their registers backwards; for uint16 give an order such as CDAB"},
		"has a bit of a float":    {"holding: 1, bit: 1, type: float32", ".bit: is a part of an integer, and cannot be taken from float32"},
		"has bits of a coil":      {"coil: 1, bits: 0-3", ".bits: a coil is one bit already"},
		"has the 17th bit":        {"holding: 1, bit: 16", ".bit: 16 is not from 0 (the lowest bit) to 15"},
		"has the 33rd bit":        {"holding: 1, type: uint32, bit: 32", ".bit: 32 is not from 0 (the lowest bit) to 31"},
		"fills a number up":       {"holding: 1, pad: blank", ".pad: only strings are filled up, not uint16"},
		"fills up with anything":  {"holding: 1, type: string, length: 1, pad: x", `.pad: "x" is not nul or blank`},
		"scales a string":         {"holding: 1, type: string, length: 1, scale_register: 5", ".scale_register: is for numbers, and this point holds text values"},
		"scales from far away":    {"holding: 1, scale_register: 9", " holding: takes 9 registers together with its scale_register, but its device gives only 3 in one request (max_registers)"},
		"goes to two places":      {"input: 1, write_coil: 1, write_holding: 1", ".write_coil: only one of write_coil and write_holding may be given"},
		"puts a number in a coil": {"input: 1, write_coil: 1", ".write_coil: a coil is one bit, and cannot take uint16"},
		"writes beyond the table": {"input: 1, type: uint32, write_holding: 0xFFFF", ".write_holding: 2 registers from 65535 on run past the last one, 65535"},
		"writes a call elsewhere": {"call: {function: 65}, write_holding: 1", ".call: a call is written by itself; remove write_coil and write_holding"},
		"verifies in two places":  {"holding: 1, verify: {input: 1, holding: 2}", ".verify: only one of coil, discrete, input and holding may be given"},
		"verifies by one bit":     {"holding: 1, verify: {coil: 1}", ".verify: a coil is one bit, and cannot show uint16"},
		"verifies a call":         {"call: {function: 65}, verify: true", ".verify: a call cannot be read back: give the place, such as {holding: 5}"},
		"waits for too long":      {"holding: 1, verify: {within: 1m}", ".verify.within: 1m is more than 10s"},
		"calls nothing":           {"call: {data: 01}", ".call.function: is missing"},
		"calls an exception":      {"call: {function: 0x81}", ".call.function: 0x81 is not within 1 to 127"},
		"calls with half a byte":  {"call: {function: 65, data: 012}", `.call.data: "012" is not bytes in hexadecimal such as 00 02 55 00, with at most one {value}`},
		"calls with two values":   {"call: {function: 65, data: '{value}{value}'}", `.call.data: "{value}{value}" is not bytes in hexadecimal such as 00 02 55 00, with at most one {value}`},
		"calls for a long answer": {"call: {function: 65, answer: 253}", `.call.answer: "253" is not echo, or a number of bytes from 0 to 252`},
		"ends behind the answer":  {"call: {function: 65, answer: 4, at: 3}", ".call.at: the 2 bytes of uint16 from 3 on are not in an answer of 4"},
		"hands over and does not": {"call: {function: 65, data: '{value}'}", " call.data: {value} stands for what is written: add write: true"},
		"has no model":            {"sunspec: {offset: 2}", ".sunspec.model: is missing"},
		"has no offset":           {"sunspec: {model: 1}", ".sunspec.offset: is missing"},
		"is of model 0":           {"sunspec: {model: 0, offset: 2}", ".sunspec.model: 0 is not from 1 to 65534"},

		"is right as a call":       {"call: {function: 0x41, data: 00 01, answer: 6, at: 2}, type: uint32", ""},
		"is right in a block":      {"sunspec: {model: 101-103, offset: 14}, type: int16, scale_register: 15", ""},
		"is right as a high bit":   {"holding: 1, type: uint32, bit: 31", ""},
		"is right as signed bits":  {"holding: 1, type: int16, bits: 4-7", ""},
		"is right when verified":   {"holding: 1, verify: {input: 7, within: 3s}", ""},
		"is right with two places": {"input: 1, write_holding: 9, verify: true", ""},
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
		"shares with two, said once": {
			"a: {holding: 100, type: uint32}, b: {holding: 101, type: uint32}, c: {holding: 100, type: uint64}",
			"d/c holding: uint64 at 100 shares registers with a, which is a uint32 at 100 and takes 2; " +
				"d/b holding: uint32 at 101 shares registers with a, which is a uint32 at 100 and takes 2, and with another point",
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
