package plant

import (
	"cmp"

	"fieldmq/firmware-sim/boiler"
	"fieldmq/firmware-sim/faults"
	"fieldmq/firmware-sim/meter"
	"fieldmq/firmware-sim/modbus"
	"fieldmq/firmware-sim/pins"
	"fieldmq/firmware-sim/plc"
	"fieldmq/firmware-sim/scale"
	"fieldmq/firmware-sim/signal"
)

// The buses of the demonstration. Its devices, by the names that faults give
// them, are meter (unit 1) and boiler (unit 2), plc (unit 1), scale, and pins.
const (
	DemoRTU    = "rtu"
	DemoTCP    = "tcp"
	DemoSerial = "serial"
	DemoGPIO   = "gpio"
)

const chipLabel = "fieldmq-sim"

// demonstrate opens the buses of the demonstration.
func (p *Plant) demonstrate(tcpAddress string) error {
	seed := func(name string) uint64 { return signal.Seed(p.seed, name) }
	meterFaults := p.board.Add("meter", DemoRTU, rtuFaults...)
	boilerFaults := p.board.Add("boiler", DemoRTU, append(rtuFaults[:len(rtuFaults):len(rtuFaults)], faults.NoSensor)...)
	err := p.addRTU(DemoRTU, p.path("", DemoRTU),
		modbus.Unit{ID: 1, Device: meter.New(seed("meter"), p.elapsed), Faults: meterFaults},
		modbus.Unit{ID: 2, Device: boiler.New(seed("boiler"), p.elapsed, boilerFaults), Faults: boilerFaults})
	if err != nil {
		return err
	}
	err = p.addTCP(DemoTCP, cmp.Or(tcpAddress, anyPort), modbus.Unit{
		ID: 1, Device: plc.New(seed("plc"), p.elapsed), Faults: p.board.Add("plc", DemoTCP, modbusFaults...).Also("tank"),
	})
	if err != nil {
		return err
	}
	weigher := scale.New(seed("scale"), p.board.Add("scale", DemoSerial, serialFaults...).Also("weigher"))
	if err := p.addSerial(Bus{Name: DemoSerial}, weigher); err != nil {
		return err
	}
	header := pins.Config{Label: chipLabel, Lines: pins.Header(), Faults: p.board.Add("pins", DemoGPIO, chipFaults...).Also("door")}
	return p.addChip(DemoGPIO, p.path("", DemoGPIO), header)
}
