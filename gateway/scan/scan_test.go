package scan_test

import (
	"context"
	"fmt"
	"math"
	"net"
	"strings"
	"sync"
	"sync/atomic"
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

// old is a device that says what it is in the older way.
type old struct{ meter }

func (old) ServerID() string { return "Acme CX-7" }

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
	a := serveLine(t, line.Settings{Baud: 9600, DataBits: 8, StopBits: 1}, sim.Unit{ID: 1, Device: named{sdm630()}}, sim.Unit{ID: 6, Device: old{sdm120()}})
	b := serveLine(t, line.Settings{Baud: 19200, DataBits: 8, StopBits: 1, Parity: line.Even}, sim.Unit{ID: 2, Device: sdm120()}, sim.Unit{ID: 3, Device: mute{}})
	c := serveLine(t, line.Settings{Baud: 38400, DataBits: 8, StopBits: 1}, sim.Unit{ID: 1, Device: sdm120()})
	found, err := scanned(t, t.Context(), scan.Config{Buses: []string{a, b, c}, Last: 8, Timeout: 200 * time.Millisecond, Budget: 3 * time.Minute})
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
	if len(found) > 1 && (found[0].Identity != "Eastron SDM630 1.7" || found[1].Identity != "Acme CX-7") {
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

// TestDeviceThatIsSilentOnceIsFound: a device may know no holding registers and
// not say so, and an answer may get lost.
func TestDeviceThatIsSilentOnceIsFound(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	var lost atomic.Bool
	served.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			served.Go(func() { loseFirst(conn, &lost) })
		}
	})
	t.Cleanup(func() { l.Close(); served.Wait() })
	found, err := scanned(t, t.Context(), scan.Config{Buses: []string{l.Addr().String() + " timeout=5s"}, Last: 1, Timeout: time.Second, Budget: time.Minute})
	if err != nil || len(found) != 1 || found[0].Answer != "input 0 is 0007" {
		t.Errorf("got %v, %v", found, err)
	}
}

// loseFirst answers all but the first request: that for the first input register,
// and declines the others.
func loseFirst(conn net.Conn, lost *atomic.Bool) {
	defer conn.Close()
	request := make([]byte, 256)
	for {
		n, err := conn.Read(request)
		if err != nil {
			return
		}
		switch {
		case lost.CompareAndSwap(false, true):
		case n == 12 && request[7] == 4 && request[9] == 0 && request[11] == 1:
			conn.Write(append(request[:4:4], 0, 5, request[6], 4, 2, 0, 7))
		default:
			conn.Write(append(request[:4:4], 0, 3, request[6], request[7]|0x80, 2))
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

// inverter has a chain of SunSpec models from holding register 40000 on, and
// answers in the older way what it is.
type inverter struct{}

func (inverter) Read(t sim.Table, address uint16, values []uint16) error {
	if t != sim.HoldingRegisters {
		return sim.IllegalFunction
	}
	chain := make([]uint16, 2+2+66+2+50+2)
	copy(chain, []uint16{0x5375, 0x6E53, 1, 66})
	for i, text := range map[int]string{4: "Acme", 20: "SunMill 5", 44: "1.2", 52: "SN007"} {
		for n := 0; n < len(text); n++ {
			chain[i+n/2] |= uint16(text[n]) << (8 * (1 - n%2))
		}
	}
	copy(chain[70:], []uint16{101, 50})
	copy(chain[122:], []uint16{0xFFFF, 0})
	return sim.Copy(values, chain, 40000, address)
}

func (inverter) Write(sim.Table, uint16, []uint16) error { return sim.IllegalFunction }

func TestChainOfSunSpecModelsIsWalked(t *testing.T) {
	t.Parallel()
	found, err := scanned(t, t.Context(), scan.Config{Buses: []string{serveTCP(t, sim.Unit{ID: 1, Device: inverter{}})}, Last: 1, Timeout: time.Second, Budget: time.Minute})
	if err != nil || len(found) != 1 || found[0].SunSpec == nil {
		t.Fatalf("%+v, %v", found, err)
	}
	f := found[0]
	if f.SunSpec.Base != 40000 || fmt.Sprint(f.SunSpec.Models) != "[1 101]" || f.Identity != "Acme SunMill 5 1.2 SN007" {
		t.Errorf("%+v: %q", f.SunSpec, f.Identity)
	}
}
