package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"fieldmq/firmware-sim/plant"
)

var quiet = slog.New(slog.DiscardHandler)

const plantYAML = `
gateway: {id: box, every: 1s}
broker: {listen: [{url: "mqtt://127.0.0.1:0"}, {url: "ws://127.0.0.1:0/mqtt"}]}
buses:
  panel: {driver: modbus-rtu, port: PANEL, baud: 115200, timeout: 300ms}
  plc:   {driver: modbus-tcp, address: "PLC"}
  dead:  {driver: modbus-tcp, address: "127.0.0.1:1"}
  scale: {driver: serial, port: SCALE, frame: {line: "\r\n"}}
  pins:  {driver: gpio, chip: CHIP}
devices:
  meter:   {bus: panel, unit: 1, points: {voltage: {input: 0, type: float32, unit: V}}}
  boiler:  {bus: panel, unit: 2, points: {setpoint: {holding: 101, type: int16, scale: 0.1, write: true}}}
  tank:    {bus: plc, points: {level: {holding: 0, scale: 0.1}}}
  nobody:  {bus: dead, points: {x: {holding: 0}}}
  weigher: {bus: scale, points: {weight: {match: '[SU][TS],GS,\s*([+-]?\d+\.\d+)\s*kg'}}}
  door:    {bus: pins, points: {open: {line: GPIO17}}}
`

// startPlant runs simulated devices and a gateway over them; stop ends both
// and waits.
func startPlant(t *testing.T) (g *Gateway, p *plant.Plant, stop func()) {
	t.Helper()
	p, err := plant.New(plant.Options{})
	if err != nil {
		t.Fatal(err)
	}
	config := read(t, strings.NewReplacer("PANEL", p.Port(plant.DemoRTU), "PLC", p.Port(plant.DemoTCP),
		"SCALE", p.Port(plant.DemoSerial), "CHIP", p.Port(plant.DemoGPIO)).Replace(plantYAML))
	if g, err = Open(t.Context(), config, quiet); err != nil {
		t.Fatal(err)
	}
	stopPlant, stopGateway := background(t, p.Run), background(t, g.Run)
	return g, p, func() { stopGateway(); stopPlant() }
}

// background runs something until stop is called, at the latest until the test ends,
// and wants it to end well.
func background(t *testing.T, run func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("ended with %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// expect waits until each topic has had its payload.
func expect(t *testing.T, g *Gateway, want map[string]string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for m := range g.Server().Subscribe(ctx, "device/#") {
		if want[m.Topic] == string(m.Payload) {
			delete(want, m.Topic)
		}
		if len(want) == 0 {
			return
		}
	}
	t.Fatalf("never came: %v", want)
}

func online(devices ...string) map[string]string {
	want := map[string]string{}
	for _, d := range devices {
		want["device/"+d+"/status"] = "online"
	}
	return want
}

func TestNothingIsLeftRunning(t *testing.T) {
	before := runtime.NumGoroutine()
	g, _, stop := startPlant(t)
	expect(t, g, online("meter", "boiler", "tank", "weigher", "door", "box"))
	conn, err := net.Dial("tcp", strings.TrimPrefix(g.URLs()[0], "mqtt://")) // says nothing, and must not keep us
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	stop()
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(20 * time.Millisecond) // goroutines of closed connections take a moment to be gone
	}
	stacks := make([]byte, 1<<20)
	t.Errorf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), stacks[:runtime.Stack(stacks, true)])
}

func TestDeviceThatNeverAnswersIsOfflineFromTheStart(t *testing.T) {
	g, _, stop := startPlant(t)
	defer stop()
	expect(t, g, map[string]string{"device/nobody/status": "offline", "device/meter/status": "online"})
}

func TestSilenceOfOneDeviceIsItsOwn(t *testing.T) {
	g, p, stop := startPlant(t)
	defer stop()
	expect(t, g, online("meter", "boiler"))
	if err := p.Fault("meter silence"); err != nil {
		t.Fatal(err)
	}
	expect(t, g, map[string]string{"device/meter/status": "offline", "device/boiler/status": "online"})
	if err := p.Fault("meter ok"); err != nil {
		t.Fatal(err)
	}
	expect(t, g, online("meter", "boiler"))
}

func TestPortInUseNamesTheWayOut(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	config := read(t, `broker: {listen: [{url: "ws://127.0.0.1:0"}, {url: "mqtt://`+ln.Addr().String()+`"}]}`)
	_, err = Open(t.Context(), config, quiet)
	if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), "broker.listen") {
		t.Errorf("got %v", err)
	}
}
