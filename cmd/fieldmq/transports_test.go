package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// transportsYAML has a device behind each way to carry Modbus.
const transportsYAML = `
gateway: {id: box}
broker: {listen: [{url: "mqtt://127.0.0.1:MQTT"}]}
buses:
  rtu:       {driver: modbus-rtu, port: DIR/rtu, baud: 38400}
  ascii:     {driver: modbus-ascii, port: DIR/ascii, baud: 38400}
  tcp:       {driver: modbus-tcp, address: "127.0.0.1:P1", in_flight: 4}
  tls:       {driver: modbus-tls, address: "127.0.0.1:P2"}
  udp:       {driver: modbus-udp, address: "127.0.0.1:P3"}
  rtu-tcp:   {driver: modbus-rtu-tcp, address: "127.0.0.1:P4"}
  ascii-tcp: {driver: modbus-ascii-tcp, address: "127.0.0.1:P5"}
  rtu-udp:   {driver: modbus-rtu-udp, address: "127.0.0.1:P6"}
  modem:     {driver: modbus-rtu-tcp, listen: "127.0.0.1:P7", registration: PUMP-3, heartbeat_packet: 0xFE}
  modem-tcp: {driver: modbus-tcp, listen: "127.0.0.1:P7", registration: PUMP-4}
  modem-ascii: {driver: modbus-ascii-tcp, listen: "127.0.0.1:P7", registration: PUMP-5}
  modem-tls:   {driver: modbus-tls, listen: "127.0.0.1:P8", registration: PUMP-6, ca: site.crt, cert: box.crt, key: box.key, server_name: pumps}
  other-tls:   {driver: modbus-tls, listen: "127.0.0.1:P8", registration: PUMP-7, ca: site.crt, cert: box.crt, key: box.key, server_name: pumps}
devices:
`

// TestEveryTransportCarriesAValueToASubscriber: sim answers for the file that the
// gateway runs, whatever carries the registers.
func TestEveryTransportCarriesAValueToASubscriber(t *testing.T) {
	dir, mqtt := t.TempDir(), freePort(t)
	text := strings.NewReplacer("DIR", dir, "MQTT", mqtt).Replace(transportsYAML)
	for _, p := range []string{"P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8"} {
		text = strings.ReplaceAll(text, p, freePort(t))
	}
	buses := []string{"rtu", "ascii", "tcp", "tls", "udp", "rtu-tcp", "ascii-tcp", "rtu-udp", "modem", "modem-tcp", "modem-ascii", "modem-tls", "other-tls"}
	for _, b := range buses {
		text += "  d-" + b + ": {bus: " + b + ", unit: 3, points: {level: {holding: 7, unit: \"%\"}, pump: {coil: 3, write: true}}}\n"
	}
	newAuthority(t, dir, "site").server("box") // it signs no simulated device
	file, moved := filepath.Join(dir, "site.yaml"), filepath.Join(dir, "moved.yaml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	start(t, binary, "sim", "--config", file, "--write", moved).expect("type a fault")
	start(t, binary, "run", "--config", moved).expect("listening")
	sub := start(t, "mosquitto_sub", "-h", "127.0.0.1", "-p", mqtt, "-t", "device/+/status", "-t", "device/+/pump", "-t", "device/+/reply", "-F", "%t %p")
	for _, b := range buses {
		sub.wait(0, b+" online", func(line string) bool { return line == "device/d-"+b+"/status online" })
		sub.wait(0, b+" has a value", func(line string) bool { return strings.HasPrefix(line, "device/d-"+b+"/pump ") })
		if _, errs, code := output(t, "mosquitto_pub", "-h", "127.0.0.1", "-p", mqtt, "-t", "device/d-"+b+"/pump/set", "-m", "true"); code != 0 {
			t.Fatal(errs)
		}
		sub.wait(0, b+" is switched", func(line string) bool { return line == `device/d-`+b+`/reply {"ok":true,"point":"pump","value":true}` })
	}
}
