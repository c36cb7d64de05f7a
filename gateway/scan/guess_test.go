package scan_test

import (
	"testing"
	"time"

	sim "fieldmq/firmware-sim/modbus"

	"fieldmq/firmware-sim/faults"
	"fieldmq/gateway/scan"
)

// reading is a meter of Eastron's with a value at each of these registers.
func reading(registers ...uint16) meter {
	m := meter{}
	for _, address := range registers {
		m[address] = 1
	}
	m[0x00], m[0x46] = 230.5, 50.1
	return m
}

// padded answers zero where it has nothing, up to a register.
func padded(m meter, end uint16) meter {
	for address := uint16(0); address < end; address += 2 {
		if _, there := m[address]; !there {
			m[address] = 0
		}
	}
	return m
}

// sdm72 is the second version of it.
func sdm72() meter {
	m := reading(0x34, 0x38, 0x3C, 0x3E, 0x48, 0x4A, 0x156, 0x158)
	for address := uint16(0x06); address <= 0x22; address += 2 {
		m[address] = 1
	}
	m[0x02], m[0x04] = 229, 231
	return m
}

// onePhase is an SDM630 of which one phase is wired, and nothing flows back.
func onePhase() meter {
	return padded(reading(0x06, 0x0C, 0x12, 0x18, 0x1E, 0x34, 0x38, 0x3C, 0x3E, 0x42, 0x48, 0x4C, 0xEA, 0xF8,
		0x156, 0x158, 0x15A, 0x166, 0x16C, 0x178), 0x17E)
}

func TestRelativesAreToldApart(t *testing.T) {
	t.Parallel()
	lossy := faults.NewBoard(7)
	losing := lossy.Add("meter", "line", faults.Silence)
	if err := lossy.Apply("meter silence 20%"); err != nil {
		t.Fatal(err)
	}
	units := []struct {
		sim.Unit
		what, want string
	}{
		{sim.Unit{Device: sdm630()}, "an SDM630", "eastron/sdm630"},
		{sim.Unit{Device: onePhase()}, "an SDM630 with one phase", "eastron/sdm630"},
		{sim.Unit{Device: sdm630(), Faults: losing}, "an SDM630 of whose answers many get lost", "eastron/sdm630"},
		{sim.Unit{Device: sdm120()}, "an SDM120", "eastron/sdm120"},
		{sim.Unit{Device: padded(sdm120(), 0x17E)}, "an SDM120 that refuses nothing", "eastron/sdm120"},
		{sim.Unit{Device: sdm72()}, "an SDM72DM-V2", "eastron/sdm72-v2"},
		{sim.Unit{Device: padded(sdm72(), 0x17E)}, "an SDM72DM-V2 that refuses nothing", "eastron/sdm72-v2"},
		{sim.Unit{Device: named{onePhase()}}, "an SDM630 that says so", "eastron/sdm630"},
		{sim.Unit{Device: named{sdm120()}}, "an SDM120 that says that it is an SDM630", "eastron/sdm120"},
	}
	var served []sim.Unit
	for i, u := range units {
		u.ID = byte(i + 1)
		served = append(served, u.Unit)
	}
	bus := serveTCP(t, served...) + " timeout=300ms"
	found, err := scanned(t, t.Context(), scan.Config{Buses: []string{bus}, Last: len(units), Timeout: time.Second, Budget: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		u := units[f.Unit-1]
		if len(f.Guesses) == 0 || f.Guesses[0].Profile != u.want {
			t.Errorf("%s was taken for %+v", u.what, f.Guesses)
		}
	}
}
