package scan_test

import (
	"context"
	"fmt"
	"math"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"fieldmq/drivers/line"
	"fieldmq/firmware-sim/cable"
	sim "fieldmq/firmware-sim/modbus"
	"fieldmq/gateway"
	"fieldmq/gateway/scan"
)

// meter is a device with single precision numbers in its input registers, and
// nothing else.
type meter map[uint16]float32

// sdm630 and sdm120 have what tells the two apart.
func sdm630() meter {
	m := meter{}
	for address := uint16(0); address < 0x17E; address += 2 {
		m[address] = 1
	}
	m[0x00], m[0x46] = 230.5, 50.1
	return m
}

func sdm120() meter {
	m := meter{0x00: 229, 0x46: 49.9}
	for _, address := range []uint16{0x06, 0x0C, 0x12, 0x18, 0x1E, 0x48, 0x4A, 0x4C, 0x4E, 0x156, 0x158} {
		m[address] = 1
	}
	return m
}

func (m meter) Read(t sim.Table, address uint16, values []uint16) error {
	for i := range values {
		at := address + uint16(i)
		number, ok := m[at&^1]
		if t != sim.InputRegisters || !ok {
			return sim.IllegalDataAddress
		}
		bits := math.Float32bits(number)
		values[i] = uint16(bits >> (16 * (1 - at%2)))
	}
	return nil
}

func (m meter) Write(sim.Table, uint16, []uint16) error { return sim.IllegalFunction }

// named is a meter that says what it is.
type named struct{ meter }

func (named) Identity() sim.Identity {
	return sim.Identity{Vendor: "Eastron", Product: "SDM630", Revision: "1.7"}
}

// mute is a device that declines whatever it is asked.
type mute struct{}

func (mute) Read(sim.Table, uint16, []uint16) error  { return sim.IllegalDataAddress }
func (mute) Write(sim.Table, uint16, []uint16) error { return sim.IllegalFunction }

// picky is a line that understands one speed only.
type picky struct {
	*cable.Cable
	char time.Duration
}

func (p picky) ReadBurst(b []byte, gap func(time.Duration) time.Duration) (int, error) {
	for {
		var char time.Duration
		n, err := p.Cable.ReadBurst(b, func(c time.Duration) time.Duration {
			char = c
			return gap(c)
		})
		if err != nil || char == p.char {
			return n, err
		}
	}
}

// serveLine has devices answer on a serial line at one speed, and returns its
// port.
func serveLine(t *testing.T, settings line.Settings, units ...sim.Unit) string {
	t.Helper()
	c, err := cable.Open("")
	if err != nil {
		t.Fatal(err)
	}
	server, err := sim.NewServer(units...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var served sync.WaitGroup
	served.Go(func() { server.ServeRTU(ctx, picky{c, settings.Char()}) })
	t.Cleanup(func() { cancel(); served.Wait() })
	return c.Port()
}

func serveTCP(t *testing.T, units ...sim.Unit) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, err := sim.NewServer(units...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var served sync.WaitGroup
	served.Go(func() { server.ServeTCP(ctx, l) })
	t.Cleanup(func() { cancel(); served.Wait() })
	return l.Addr().String()
}

// scanned is what a scan of buses finds, as "bus unit profile".
func scanned(t *testing.T, ctx context.Context, c scan.Config) ([]scan.Found, error) {
	t.Helper()
	var told []scan.Found
	c.Progress = func(string) {}
	c.Found = func(f scan.Found) { told = append(told, f) }
	found, err := scan.Run(ctx, c)
	if len(told) != len(found) {
		t.Errorf("%d devices were told, %d found", len(told), len(found))
	}
	return found, err
}

func best(f scan.Found) string {
	if len(f.Guesses) == 0 {
		return fmt.Sprintf("%s unit %d", f.Bus, f.Unit)
	}
	return fmt.Sprintf("%s unit %d %s", f.Bus, f.Unit, f.Guesses[0].Profile)
}

func TestDevicesAreFoundOnLinesOfThreeSpeeds(t *testing.T) {
	t.Parallel()
	a := serveLine(t, line.Settings{Baud: 9600, DataBits: 8, StopBits: 1}, sim.Unit{ID: 1, Device: named{sdm630()}}, sim.Unit{ID: 6, Device: sdm120()})
	b := serveLine(t, line.Settings{Baud: 19200, DataBits: 8, StopBits: 1, Parity: line.Even}, sim.Unit{ID: 2, Device: sdm120()}, sim.Unit{ID: 3, Device: mute{}})
	c := serveLine(t, line.Settings{Baud: 38400, DataBits: 8, StopBits: 1}, sim.Unit{ID: 1, Device: sdm120()})
	found, err := scanned(t, t.Context(), scan.Config{Buses: []string{a, b, c}, Last: 8, Timeout: 60 * time.Millisecond, Budget: time.Minute})
	if err != nil {
		t.Error(err)
	}
	var got []string
	for _, f := range found {
		got = append(got, best(f))
	}
	want := []string{
		a + " 9600 8N1 unit 1 eastron/sdm630", a + " 9600 8N1 unit 6 eastron/sdm120",
		b + " 19200 8E1 unit 2 eastron/sdm120", b + " 19200 8E1 unit 3",
		c + " 38400 8N1 unit 1 eastron/sdm120",
	}
	if len(found) > 1 && (found[0].Identity != "Eastron SDM630 1.7" || found[1].Identity != "") {
		t.Errorf("they say of themselves %q and %q", found[0].Identity, found[1].Identity)
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("found\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	text, err := scan.Site(found)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	config, err := gateway.Read("site.yaml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	if devices, _ := config.Count(); len(config.Buses) != 3 || devices != 5 {
		t.Errorf("%d buses, %d devices in\n%s", len(config.Buses), devices, text)
	}
}

func TestGuessSaysWhatSpeaksForIt(t *testing.T) {
	t.Parallel()
	found, err := scanned(t, t.Context(), scan.Config{Buses: []string{serveTCP(t, sim.Unit{ID: 1, Device: sdm630()})}, Last: 2, Timeout: time.Second, Budget: time.Minute})
	if err != nil || len(found) != 1 {
		t.Fatalf("%v, %v", found, err)
	}
	g := found[0].Guesses[0]
	if g.Profile != "eastron/sdm630" || g.Good != g.Points || len(g.Evidence) == 0 || g.Evidence[0] != "frequency 50.1 Hz is within 45 to 65" {
		t.Errorf("%+v", g)
	}
	for _, other := range found[0].Guesses[1:] {
		if strings.HasPrefix(other.Profile, "carlo-gavazzi") {
			t.Errorf("a guess that nothing speaks for: %+v", other)
		}
	}
}

func TestDeviceThatAnswersToEveryUnitIsOne(t *testing.T) {
	t.Parallel()
	var all []sim.Unit
	for unit := byte(1); unit <= 247; unit++ {
		all = append(all, sim.Unit{ID: unit, Device: mute{}})
	}
	found, err := scanned(t, t.Context(), scan.Config{Buses: []string{serveTCP(t, all...)}, Last: 247, Timeout: time.Second, Budget: time.Minute})
	if err != nil || len(found) != 1 || found[0].Unit != 1 {
		t.Errorf("%v, %v", found, err)
	}
}

func TestBudgetEndsAScanWithWhatItFound(t *testing.T) {
	t.Parallel()
	port := serveLine(t, line.Settings{Baud: 9600, DataBits: 8, StopBits: 1}, sim.Unit{ID: 1, Device: sdm120()})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	c := scan.Config{Buses: []string{port + " 9600"}, Last: 247, Timeout: time.Second, Budget: time.Hour}
	c.Progress = func(string) {}
	c.Found = func(scan.Found) { stop() } // as Ctrl-C does
	found, err := scan.Run(ctx, c)
	if err != nil || len(found) != 1 {
		t.Errorf("%v, %v", found, err)
	}
	c.Found = func(scan.Found) {}
	c.Budget = 2 * time.Second
	if found, err = scan.Run(t.Context(), c); err != nil || len(found) != 1 {
		t.Errorf("%v, %v", found, err)
	}
}

func TestBusThatIsNotThereKeepsTheOthers(t *testing.T) {
	t.Parallel()
	there := serveTCP(t, sim.Unit{ID: 1, Device: sdm120()})
	found, err := scanned(t, t.Context(), scan.Config{Buses: []string{"/dev/ttyNONE", "plc evn", there}, Last: 1, Timeout: time.Second, Budget: time.Minute})
	if len(found) != 1 || err == nil || !strings.Contains(err.Error(), "/dev/ttyNONE") || !strings.Contains(err.Error(), "evn") {
		t.Errorf("%v, %v", found, err)
	}
}

func TestNothingMakesNoSite(t *testing.T) {
	if text, err := scan.Site(nil); err == nil {
		t.Errorf("got %s", text)
	}
}
