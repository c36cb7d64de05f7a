package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"fieldmq/firmware-sim/cable"
)

// debianPython is the one that Debian's packages belong to; another one may
// stand before it on PATH.
const debianPython = "/usr/bin/python3"

const peerYAML = `
gateway: {id: box}
broker: {listen: [{url: "mqtt://127.0.0.1:MQTT"}]}
buses:
  bus: BUS
devices:
  peer:
    bus: bus
    unit: 1
    every: 200ms
    points:
      voltage: {input: 0, type: float32, unit: V}
      outside: {input: 2, type: int16, scale: 0.1, unit: Cel}
      limit:   {discrete: 3}
      target:  {holding: 10, type: int16, scale: 0.1, write: {min: -50, max: 50}}
      total:   {holding: 20, type: uint32, order: CDAB, write: true}
      flow:    {holding: 30, type: float64, write: true}
      flag:    {holding: 40, bit: 3, write: true}
      valve:   {coil: 5, write: true}
`

func TestForeignServerOnTCP(t *testing.T) {
	port := freePort(t)
	start(t, debianPython, "testdata/pymodbus_server.py", "tcp", port).expect("serving")
	talkToPeer(t, `{driver: modbus-tcp, address: "127.0.0.1:`+port+`"}`)
}

func TestForeignServerOnASerialLine(t *testing.T) {
	ours, theirs := nullModem(t)
	start(t, debianPython, "testdata/pymodbus_server.py", "rtu", theirs).expect("serving")
	talkToPeer(t, `{driver: modbus-rtu, port: `+ours+`, baud: 19200}`)
}

// talkToPeer reads and writes every kind of point of the foreign server.
func talkToPeer(t *testing.T, bus string) {
	t.Helper()
	s := &site{t: t, file: filepath.Join(t.TempDir(), "site.yaml"), mqtt: freePort(t)}
	text := strings.NewReplacer("BUS", bus, "MQTT", s.mqtt).Replace(peerYAML)
	if err := os.WriteFile(s.file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	s.gateway()
	sub := s.subscribe("-t", "device/peer/#")
	for _, want := range []string{
		"status 1 online", "voltage 1 230", "outside 1 -10", "limit 1 true", "target 1 0", "valve 1 false",
	} {
		sub.wait(0, want, func(line string) bool {
			return line == "device/peer/"+want || line == "device/peer/"+strings.Replace(want, " 1 ", " 0 ", 1)
		})
	}
	for _, c := range []struct{ point, value string }{
		{"target", "-12.3"}, {"total", "3000000000"}, {"flow", "0.125"}, {"flag", "true"}, {"valve", "true"}, {"target", "0"}, {"valve", "false"},
	} {
		from := sub.count()
		s.publish("-t", "device/peer/"+c.point+"/set", "-m", c.value, "-q", "2")
		_, _ = sub.expectAfter(from, `{"ok":true,"point":"`+c.point+`"`)
		_, _ = sub.expectAfter(from, "device/peer/"+c.point+" 0 "+c.value)
	}
	s.publish("-t", "device/peer/set", "-m", `{"target":7.5,"valve":true,"flag":false}`)
	sub.expect(`"values":{"target":7.5,"valve":true,"flag":false}`)
}

// nullModem is two serial ports of which each hears what the other says.
func nullModem(t *testing.T) (a, b string) {
	t.Helper()
	left, err := cable.Open("")
	if err != nil {
		t.Fatal(err)
	}
	right, err := cable.Open("")
	if err != nil {
		t.Fatal(err)
	}
	var carried sync.WaitGroup
	carried.Go(func() { io.Copy(left, right) })
	carried.Go(func() { io.Copy(right, left) })
	t.Cleanup(func() {
		left.Close()
		right.Close()
		carried.Wait()
	})
	return left.Port(), right.Port()
}

func TestARMBinaryMovesValues(t *testing.T) {
	arm := filepath.Join(t.TempDir(), "fieldmq-arm")
	build := exec.Command("go", "build", "-o", arm, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm", "GOARM=6")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	// The processor of a Pi Zero, the oldest box there is.
	stdout, stderr, code := output(t, "qemu-arm-static", "-cpu", "arm1176", arm, "demo", "--for", "6s")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	for _, want := range []string{"device/meter/voltage 2", "device/boiler/flow ", "device/tank/level ", "device/weigher/weight ", "device/door/open "} {
		if !strings.Contains(stdout, want) {
			t.Errorf("on ARM nothing came on %q:\n%s\n%s", want, stdout, stderr)
		}
	}
}
