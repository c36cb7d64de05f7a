package gateway

import (
	"fmt"
	"strings"
	"testing"
)

func TestKeysOfOtherProgramsAreToldOurs(t *testing.T) {
	const site = `
gateway: {id: box}
buses: {line: {driver: modbus-rtu, port: /dev/ttyUSB0%s}}
devices: {a: {bus: line%s, points: {p: {holding: 1%s}}}}
`
	for _, c := range []struct{ bus, device, point, want string }{
		{", baudrate: 9600", ", unit: 1", "", "buses.line.baudrate: unknown key; here it is baud"},
		{", stopbits: 2", ", unit: 1", "", "buses.line.stopbits: unknown key; here it is stop_bits"},
		{"", ", slave: 1", "", "devices.a.slave: unknown key; here it is unit"},
		{"", ", device_address: 1", "", "devices.a.device_address: unknown key; here it is unit"},
		{"", ", unit: 1, scan_interval: 15", "", "devices.a.scan_interval: unknown key; here it is every"},
		{"", ", unit: 1, byte_order: CDAB", "", "devices.a.byte_order: unknown key; here it is order"},
		{"", ", unit: 1", ", data_type: int16", "devices.a.points.p.data_type: unknown key; here it is type"},
		{"", ", unit: 1", ", swap: word", "devices.a.points.p.swap: unknown key; here it is order"},
		{"", ", unit: 1", ", precision: 1", "devices.a.points.p.precision: unknown key; here it is round"},
		{"", ", unit: 1", ", unit_of_measurement: V", "devices.a.points.p.unit_of_measurement: unknown key; here it is unit"},
		{"", ", unit: 1", ", input_type: holding", "devices.a.points.p.input_type: unknown key; here it is coil, discrete, input or holding"},
		{"", ", unit: 1", ", type: s16", `devices.a.points.p.type: "s16" is not one of bool, `},
		{"", ", unit: 1", ", type: s16", "; here it is int16"},
		{"", ", unit: 1", ", type: FLOAT32-IEEE", "; here it is float32"},
		{"", ", unit: 1", ", type: UINT32", "; here it is uint32"},
	} {
		_, err := Read("site.yaml", fmt.Appendf(nil, site, c.bus, c.device, c.point), nil)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s%s%s: got %v, want %s alone", c.bus, c.device, c.point, err, c.want)
		}
	}
	_, err := Read("site.yaml", []byte(strings.Replace(fmt.Sprintf(site, "", ", unit: 1", ""), "holding: 1", "holding: 400002", 1)), nil)
	if err == nil || !strings.HasSuffix(err.Error(), "400002 is not within 0 to 65535; it counts from 0: what manuals call 400001 or 40001 is 0") {
		t.Errorf("a number of a manual: %v", err)
	}
	_, err = Read("site.yaml", fmt.Appendf(nil, site, "", ", unit: 1", ", type: word32"), nil)
	if err == nil || strings.Contains(err.Error(), "here it is") {
		t.Errorf("a type of nobody's: %v", err)
	}
}
