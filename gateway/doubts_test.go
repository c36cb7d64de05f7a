package gateway

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"fieldmq/drivers"
	"fieldmq/firmware-sim/plant"
	"fieldmq/mapping"
)

const doubtYAML = `
gateway: {id: box}
buses: {b: {driver: modbus-tcp, address: "127.0.0.1:1"}}
devices:
  m:
    bus: b
    model: Acme 7
    fingerprint: {frequency: {min: 45, max: 65}, voltage: {min: 80, max: 300}}
    points: {voltage: {input: 0, scale: 0.1}, frequency: {input: 1, scale: 0.1}, other: {input: 2}}
`

func TestDeviceThatIsNotWhatItsProfileSaysIsDoubtedOnce(t *testing.T) {
	bus := read(t, doubtYAML).Buses[0]
	table, err := mapping.Compile([]mapping.Device{bus.Devices[0].Device})
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	d := newDoubts(bus.Devices, func(device, text string) { told = append(told, device+": "+text) }, quiet)
	at := time.Unix(0, 0)
	hear := func(point int, value int64, err error) {
		at = at.Add(time.Second)
		samples := []drivers.Sample{{Point: bus.Devices[0].Points[point].Point, Time: at, Value: drivers.Int(value), Err: err}}
		table.Messages(samples, at)
		d.hear(samples, table)
	}
	const voltage, frequency, other = 0, 1, 2
	expect := func(when string, want ...string) {
		t.Helper()
		if !slices.Equal(told, want) {
			t.Fatalf("%s it told %q, want %q", when, told, want)
		}
	}
	hear(voltage, 2301, nil)
	hear(frequency, 0, drivers.ErrOffline)
	hear(frequency, 0, drivers.ErrNoValue)
	hear(other, 0, nil)
	expect("before all is known")
	hear(frequency, 9, nil)
	doubt := "m: is it Acme 7? frequency is 0.9, not 45 to 65"
	expect("when a value does not fit", doubt)
	hear(frequency, 0, fmt.Errorf("illegal data address: %w", drivers.ErrRefused))
	hear(voltage, 5, nil)
	expect("when no more fits", doubt)
	hear(frequency, 500, nil)
	expect("when one fits and one does not", doubt)
	hear(voltage, 2301, nil)
	expect("when all fits", doubt, "m: ")
	hear(voltage, 0, nil)
	expect("when a phase fails", doubt, "m: ")

	d.change(bus.Devices, func(string) bool { return true })
	hear(voltage, 0, nil)
	expect("when another device changes", doubt, "m: ")
	d.change(bus.Devices, func(string) bool { return false })
	hear(voltage, 2301, nil)
	hear(frequency, 500, nil)
	hear(voltage, 0, nil)
	expect("when a phase fails of a device that fitted at once", doubt, "m: ")
	d.change(bus.Devices, func(string) bool { return false })
	hear(voltage, 0, nil)
	hear(frequency, 0, fmt.Errorf("illegal data address: %w", drivers.ErrRefused))
	expect("when the device changed", doubt, "m: ", "m: is it Acme 7? frequency: illegal data address: refused, voltage is 0, not 80 to 300")
	d.change(bus.Devices, func(string) bool { return false })
	expect("when it changes again", append(slices.Clone(told[:3]), "m: ")...)
}

func TestDoubtStandsInTheHealth(t *testing.T) {
	p, err := plant.New(plant.Options{})
	if err != nil {
		t.Fatal(err)
	}
	site := `
gateway: {id: box}
broker: {listen: [{url: "mqtt://127.0.0.1:0"}]}
buses: {plc: {driver: modbus-tcp, address: "` + p.Port(plant.DemoTCP) + `"}}
devices:
  tank: {bus: plc, fingerprint: {level: {min: 1000000, max: 2000000}}, points: {level: {holding: 0}}}
`
	g, err := Open(t.Context(), read(t, site), quiet)
	if err != nil {
		t.Fatal(err)
	}
	background(t, p.Run)
	background(t, g.Run)
	looking, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	for m := range g.Server().Subscribe(looking, "device/tank/health") {
		if strings.Contains(string(m.Payload), `"status":"online"`) {
			if !strings.Contains(string(m.Payload), `"doubt":"is it the right profile? level is `) {
				t.Errorf("online without a doubt: %s", m.Payload)
			}
			return
		}
	}
	t.Error("the tank did not come online")
}
