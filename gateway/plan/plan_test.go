package plan_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"fieldmq/drivers/modbus"
	sim "fieldmq/firmware-sim/modbus"
	"fieldmq/gateway"
	"fieldmq/gateway/plan"
)

var update = flag.Bool("update", false, "write the golden files")

// read is the plan of a site's text.
func read(t *testing.T, text string) *plan.Plan {
	t.Helper()
	config, err := gateway.Read("site.yaml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestPlanIsPrinted(t *testing.T) {
	for _, site := range []string{"testdata/site", "testdata/serial"} {
		var got bytes.Buffer
		if err := read(t, readFile(t, site+".yaml")).Print(&got); err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(site+".txt", got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want := readFile(t, site+".txt"); got.String() != want {
			t.Errorf("got\n%s\nwant\n%s", &got, want)
		}
	}
}

func TestTimeIsThatOfTheWire(t *testing.T) {
	p := read(t, readFile(t, "testdata/site.yaml"))
	r := p.Buses[0].Devices[0].Requests[1]
	// 11 bits a character at 9600 baud 8E1; 8 characters ask, 5 and two a
	// register answer; the device takes 5 ms, and 3.5 characters separate.
	char := 11.0 / 9600 * 1000
	want := 8*char + 5 + (5+2*5)*char + 3.5*char
	if r.First != 100 || r.Count != 5 || r.Gap != 2 || r.Bytes != 23 || math.Abs(r.Time-want) > 0.01 {
		t.Errorf("%+v, want 100..104 with 2 between, 23 bytes and %.2f ms", r, want)
	}
	load := 0.0
	for _, r := range p.Buses[0].Devices[0].Requests {
		load += r.Time / float64(r.Every.D().Milliseconds())
	}
	if math.Abs(p.Buses[0].Load-load) > 1e-4 {
		t.Errorf("load %v, want %v", p.Buses[0].Load, load)
	}
}

// recorder is a device that notes what it is asked for.
type recorder struct {
	mu    sync.Mutex
	reads []string
}

func (r *recorder) Read(table sim.Table, address uint16, values []uint16) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := map[sim.Table]string{sim.Coils: "coil", sim.DiscreteInputs: "discrete", sim.HoldingRegisters: "holding", sim.InputRegisters: "input"}[table]
	r.reads = append(r.reads, fmt.Sprintf("%s %d+%d", name, address, len(values)))
	return nil
}

func (r *recorder) Write(sim.Table, uint16, []uint16) error { return sim.IllegalFunction }

func TestPlanIsWhatIsSent(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	device := new(recorder)
	server, err := sim.NewServer(sim.Unit{ID: 1, Device: device})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var served sync.WaitGroup
	served.Go(func() { server.ServeTCP(ctx, listener) })
	defer served.Wait()
	defer cancel()

	text := fmt.Sprintf("buses:\n  b: {driver: modbus-tcp, address: %q}\ndevices:\n  m: {bus: b, profile: eastron/sdm630}\n", listener.Addr())
	config, err := gateway.Read("site.yaml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	bus, err := config.Buses[0].Settings.Open(ctx, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer bus.Close()
	for _, g := range config.Buses[0].Devices[0].Groups() {
		if _, err := bus.Read(ctx, g.Points); err != nil {
			t.Fatal(err)
		}
	}
	var want []string
	for _, r := range read(t, text).Buses[0].Devices[0].Requests {
		want = append(want, fmt.Sprintf("%s %d+%d", r.Table, r.First, r.Count))
	}
	if !slices.Equal(device.reads, want) || len(want) == 0 {
		t.Errorf("the device was asked for %v, planned was %v", device.reads, want)
	}
}

const crowded = `
gateway: {id: box}
buses:
  panel: {driver: modbus-rtu, port: /dev/ttyUSB0, baud: 9600}
devices:
  m1: {bus: panel, unit: 1, profile: eastron/sdm630, every: 500ms}
  m2:
    bus: panel
    unit: 2
    every: 100ms
    points:
      a: {input: 0}
      b: {input: 1, every: 200ms}
      c: {input: 1000}
`

func TestFullBusGetsAdvice(t *testing.T) {
	bus := read(t, crowded).Buses[0]
	if !bus.Overloaded() || len(bus.Advice) < 3 {
		t.Fatalf("load %v, advice %q", bus.Load, bus.Advice)
	}
	if want := "read m2 (b) every 100ms too, together with a"; bus.Advice[0] != want {
		t.Errorf("first advice %q, want %q", bus.Advice[0], want)
	}
	want := "read m1 (voltage_l1, voltage_l2, voltage_l3 and 49 more) every "
	if !slices.ContainsFunc(bus.Advice, func(s string) bool { return strings.HasPrefix(s, want) }) {
		t.Errorf("no advice begins with %q: %q", want, bus.Advice)
	}
	var then float64
	last := bus.Advice[len(bus.Advice)-1]
	if _, err := fmt.Sscanf(last, "then the load is %f %%", &then); err != nil || then > 80 {
		t.Errorf("at last: %q, %v", last, err)
	}
}

func TestLikeDevicesGetTheSameAdvice(t *testing.T) {
	bus := read(t, `
buses: {a: {driver: modbus-rtu, port: /dev/ttyUSB0, baud: 1200}}
devices: {"m{1..4}": {bus: a, unit: "{1..4}", profile: eastron/sdm630}}
`).Buses[0]
	for i, advice := range bus.Advice[:len(bus.Advice)-1] {
		want := fmt.Sprintf("read m%d (voltage_l1, voltage_l2, voltage_l3 and 49 more) every 20s, not every 1s", i+1)
		if advice != want {
			t.Errorf("%q, want %q", advice, want)
		}
	}
}

func TestTextsThatAreTooMuchForTheirLineGetAdvice(t *testing.T) {
	slow := strings.NewReplacer("baud: 1200", "baud: 300, every: 200ms").Replace(readFile(t, "testdata/serial.yaml"))
	bus := read(t, slow).Buses[1]
	if !bus.Overloaded() || bus.Open || len(bus.Advice) != 2 || bus.Advice[0] != "read probe (ph, temp) every 1s, not every 200ms" {
		t.Errorf("load %v, %q", bus.Load, bus.Advice)
	}
}

func TestWhatIsNotKnownIsSaid(t *testing.T) {
	p := read(t, readFile(t, "testdata/serial.yaml"))
	for i, want := range []bool{true, false, false} {
		if b := p.Buses[i]; b.Open != want || !b.Told {
			t.Errorf("bus %s: at least %v, told %v", b.Name, b.Open, b.Told)
		}
	}
	if talks := p.Buses[2]; talks.Load != 0 || talks.Devices[0].Messages[0].Fastest == 0 {
		t.Errorf("%+v", talks)
	}
}

func TestIdleBusGetsNoAdvice(t *testing.T) {
	for _, b := range read(t, readFile(t, "testdata/site.yaml")).Buses {
		if len(b.Advice) > 0 || b.Overloaded() {
			t.Errorf("bus %s: %q", b.Name, b.Advice)
		}
	}
}

func TestDifferenceNamesWhatChanged(t *testing.T) {
	old := readFile(t, "testdata/site.yaml")
	changed := strings.NewReplacer("setpoint:", "target:", "baud: 9600", "baud: 19200", "every: 1m", "every: 2m").Replace(old)
	var got []string
	for _, c := range plan.Difference(read(t, old), read(t, changed)) {
		got = append(got, c.String())
	}
	for _, want := range []string{
		"~ load of bus panel: ",
		"~ device boiler: bus panel, load ",
		"~ point boiler/gas: unit 2 input 200 uint32, every 1m -> unit 2 input 200 uint32, every 2m",
		"- point boiler/setpoint: unit 2 holding 101 int16, every 1s",
		"+ point boiler/target: unit 2 holding 101 int16, every 1s",
		"+ topic device/boiler/target: boiler/target",
		"~ request panel unit 2 coil 3: boiler, every 1s, ",
	} {
		if !slices.ContainsFunc(got, func(line string) bool { return strings.HasPrefix(line, want) }) {
			t.Errorf("no line begins with %q", want)
		}
	}
	for _, line := range got {
		if strings.Contains(line, "tank") {
			t.Errorf("the tank did not change: %s", line)
		}
	}
	if t.Failed() {
		t.Log(strings.Join(got, "\n"))
	}
}

func TestSamePlansDoNotDiffer(t *testing.T) {
	text := readFile(t, "testdata/site.yaml")
	var out bytes.Buffer
	if err := plan.PrintDifference(&out, plan.Difference(read(t, text), read(t, text))); err != nil || out.String() != "no difference\n" {
		t.Errorf("%s, %v", &out, err)
	}
}

func TestEveryRetainedTopicIsCounted(t *testing.T) {
	// Status, info, state and health of four devices, and nine points.
	if got := read(t, readFile(t, "testdata/site.yaml")).Retained; got != 4*4+9 {
		t.Errorf("%d retained messages, want %d", got, 4*4+9)
	}
}

func TestFunctionCodesAreThoseOfTheTables(t *testing.T) {
	for table, want := range map[modbus.Table]byte{modbus.Coil: 1, modbus.Discrete: 2, modbus.Holding: 3, modbus.Input: 4} {
		if got := table.Function(); got != want {
			t.Errorf("%v is read with %d, want %d", table, got, want)
		}
	}
}

const bridged = `
gateway: {id: box}
buses: {plc: {driver: modbus-tcp, address: 192.168.1.20}}
devices:
  tank: {bus: plc, every: 10s, points: {level: {holding: 1}, mode: {holding: 2, topic: plant/mode}}}
upstreams:
  all:     {url: "mqtt://a", out: [{topic: "#"}]}
  renamed: {url: "mqtt://b", out: [{topic: "device/tank/level", to: "site/longer/level", qos: 0}, {topic: "device/#", to: "site/device/#"}]}
  modes:   {url: "mqtt://c", out: [{topic: "plant/+"}]}
  none:    {url: "mqtt://d", out: [{topic: "other/#"}]}
  plant:   {url: "mqtt://e", format: sparkplug, group: g}
`

func TestBytesUpstreamAreThoseOfItsRules(t *testing.T) {
	p := read(t, bridged)
	up := map[string]plan.Upstream{}
	for _, u := range p.Upstreams {
		if u.Told != (u.Name != "plant") {
			t.Errorf("%s is told: %v", u.Name, u.Told)
		}
		up[u.Name] = u
	}
	// A mode that never changes goes out once a minute, one that always does at each
	// read: "plant/mode" with 2301 is 3+2+10+2+1+4 bytes, an expiry (5), a time (5+2+13),
	// a format (2), a type (3+10), and the mark of the bridge (5+3+9).
	const mode = 22 + 5 + 20 + 2 + 13 + 17
	if u := up["modes"]; u.Quiet != 1440*mode || u.Busy != 8640*mode {
		t.Errorf("modes: %d to %d bytes, want %d to %d", u.Quiet, u.Busy, 1440*mode, 8640*mode)
	}
	if u := up["none"]; u.Quiet != 0 || u.Busy != 0 {
		t.Errorf("none: %+v", u)
	}
	// level, mode, state and health, each with a mark of 5+3+7 bytes.
	if got, want := up["all"].Quiet-p.Quiet, int64(4*1440*15); got != want {
		t.Errorf("the marks of all take %d bytes, want %d", got, want)
	}
	// Without mode; the level has no packet identifier and its topic the same length, the
	// others five characters more; the marks are of 5+3+11 bytes.
	if got, want := up["renamed"].Quiet, p.Quiet-1440*(mode-17)+1440*(3*19-2+2*5); got != want {
		t.Errorf("renamed: %d bytes, want %d", got, want)
	}
	var changes []string
	for _, c := range plan.Difference(read(t, bridged), read(t, strings.Replace(bridged, "plant/+", "device/+/level", 1))) {
		changes = append(changes, c.String())
	}
	if len(changes) != 1 || !strings.HasPrefix(changes[0], "~ upstream modes: 112 KiB a day when nothing changes") {
		t.Errorf("the difference is %q", changes)
	}
}
