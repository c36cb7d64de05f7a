package gateway

import (
	"strings"
	"testing"
)

func TestFaultsOfDoorsForOtherMasters(t *testing.T) {
	for _, c := range []struct{ name, bus, want string }{
		{"is no address", `driver: modbus-tcp, address: a, serve: [{listen: "a:b:c"}]`, `serve[0].listen: "a:b:c" is not an address`},
		{"names nothing", `driver: modbus-tcp, address: a, serve: [{}]`, `serve[0].listen: is missing: write an address such as 127.0.0.1:1502`},
		{"is open to all", `driver: modbus-tcp, address: a, serve: [{listen: ":1502"}]`, `serve[0].listen: :1502 can be reached from other machines: say under allow`},
		{"is open to all on the usual port", `driver: modbus-tcp, address: a, serve: [{listen: "10.0.0.1"}]`, `serve[0].listen: 10.0.0.1:502 can be reached`},
		{"has rules", `driver: modbus-tcp, address: a, serve: [{listen: ":1502", allow: [{from: [10.0.0.0/8, 192.168.1.7], units: [1-4, 7]}]}]`, ""},
		{"is both", `driver: modbus-tcp, address: a, serve: [{listen: "127.0.0.1:1502", line: {port: /dev/ttyS1}}]`, `serve[0].line: stands beside listen`},
		{"has seven bits", `driver: modbus-tcp, address: a, serve: [{line: {port: /dev/ttyS1, data_bits: 7}}]`, `serve[0].line.data_bits: Modbus RTU needs 8 data bits, not 7`},
		{"writes unawares", `driver: modbus-tcp, address: a, serve: [{listen: "127.0.0.1:1502", allow: [{functions: [3, 6]}]}]`, `serve[0].allow[0].functions[1]: function code 6 writes; allow it by write: true`},
		{"knows other functions", `driver: modbus-tcp, address: a, serve: [{listen: "127.0.0.1:1502", allow: [{functions: [8]}]}]`, `serve[0].allow[0].functions[0]: 8 is none of the function codes`},
		{"knows other units", `driver: modbus-tcp, address: a, serve: [{listen: "127.0.0.1:1502", allow: [{units: [300]}]}]`, `serve[0].allow[0].units[0]: 300 is no unit id`},
		{"is from nowhere", `driver: modbus-tcp, address: a, serve: [{listen: "127.0.0.1:1502", allow: [{from: [plc]}]}]`, `serve[0].allow[0].from[0]: "plc" is neither an address such as 192.168.1.10 nor a network`},
		{"is there twice", `driver: modbus-tcp, address: a, serve: [{listen: "127.0.0.1:1502"}, {listen: "127.0.0.1:1502"}]`, `serve[1]: 127.0.0.1:1502 is served twice`},
		{"is on a scale", `driver: serial, port: /dev/x, frame: {line: "\n"}, serve: [{listen: "127.0.0.1:1502"}]`, `serve: other masters speak Modbus, and the bus speaks serial`},
		{"has few places", `driver: modbus-tcp, address: a, serve: [{listen: "127.0.0.1:1502", clients: 0}]`, `serve[0].clients: `},
	} {
		_, err := Read("site.yaml", []byte("buses: {b: {"+c.bus+"}}\n"), nil)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
}

func TestDoorHasItsDefaults(t *testing.T) {
	config := read(t, `buses: {b: {driver: modbus-tcp, address: a, serve: [{listen: "127.0.0.1:1502"}, {line: {port: /dev/ttyS1}}]}}`)
	tcp, line := config.Buses[0].Serve[0], config.Buses[0].Serve[1]
	if tcp.Clients != 16 || tcp.Wait.D() != 1e9 || tcp.MaxAge != 0 || line.Line.Baud != 9600 || line.Where() != "/dev/ttyS1 9600 8N1" {
		t.Errorf("%+v, %+v", tcp, line)
	}
}
