package modbus

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/term"

	"fieldmq/configs"
	"fieldmq/drivers"
	"fieldmq/drivers/driverstest"
)

func raw(f *os.File) (*term.State, error) { return term.MakeRaw(int(f.Fd())) }

func TestRTUDriverDoesWhatDriversMust(t *testing.T) {
	driverstest.Run(t, func(t *testing.T) driverstest.Bench {
		near, far, cut := cable(t)
		peer(t, "rtu", far)
		b := against(func(timeout time.Duration) drivers.Settings {
			s := newRTUSettings()
			s.Port, s.Baud, s.Timeout = near, 115200, configs.Duration(timeout)
			return s
		})
		b.Unplug = cut
		return b
	})
}

func TestTCPDriverDoesWhatDriversMust(t *testing.T) {
	for _, inFlight := range []int{1, 8} {
		t.Run(fmt.Sprintf("InFlight%d", inFlight), func(t *testing.T) {
			driverstest.Run(t, func(t *testing.T) driverstest.Bench {
				port := freePort(t)
				server := peer(t, "tcp", fmt.Sprint(port))
				b := against(func(timeout time.Duration) drivers.Settings {
					s := newTCPSettings()
					s.Host, s.Timeout, s.InFlight = fmt.Sprintf("127.0.0.1:%d", port), configs.Duration(timeout), inFlight
					return s
				})
				b.Unplug = func() { server.Process.Kill(); server.Wait() }
				return b
			})
		})
	}
}

func TestPeersMaskAndExchange(t *testing.T) {
	port := freePort(t)
	peer(t, "tcp", fmt.Sprint(port))
	s := newTCPSettings()
	s.Host = fmt.Sprintf("127.0.0.1:%d", port)
	opened, err := s.Open(t.Context(), quiet())
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	bus := opened.(*Bus)
	var asked []byte
	bus.Observe(func(x Exchange) { asked = append(asked, x.Function) })
	d := unitOf(s, 1)
	d.MaskWrite, d.ReadWrite = true, true
	for _, c := range []drivers.Command{
		order(d, drivers.Int(5), func(a *Address) { a.Holding, a.Bits = at0(200), &Range{8, 11} }), // was 5A5A
		order(d, drivers.Float(-12.5), verified(10, Float32, Verify{})),
		order(d, drivers.Int(9), verified(12, Uint16, Verify{ReadBack: ReadBack{Holding: at0(12)}})),
		order(d, drivers.Bool(true), func(a *Address) { coil(20)(a); a.Verify.On = true }),
	} {
		if err := bus.Write(t.Context(), []drivers.Command{c}); err != nil {
			t.Error(err)
		}
	}
	if want := []byte{22, 23, 23, 5, 1}; !slices.Equal(asked, want) {
		t.Errorf("asked %v, want %v", asked, want)
	}
	got := readOne(t, bus, point(d, "p", holding(200, Uint16)))
	if got.Value != drivers.Int(0x555A) {
		t.Errorf("the register is %04X", got.Value.Int())
	}
	if got := readOne(t, bus, point(d, "p", holding(10, Float32))); got.Value != drivers.Float(-12.5) {
		t.Errorf("got %v", got.Value)
	}
}

// silentPoints are two where the server does not answer.
func silentPoints(s drivers.Settings) []*drivers.Point {
	d := s.Device().(*Device)
	d.Unit = 1
	return []*drivers.Point{point(d, "a", holding(260, Uint16)), point(d, "b", holding(290, Uint16))}
}

// against is a bench for the server of testdata.
func against(settings func(timeout time.Duration) drivers.Settings) driverstest.Bench {
	s := settings(patient.D())
	d := s.Device().(*Device)
	d.Unit = 1
	b := driverstest.Bench{
		Settings: s,
		Refused:  point(d, "hole", input(50, Uint16, ABCD)),
		Silent:   silentPoints(settings(300 * time.Millisecond)),
		Waiting:  silentPoints(settings(time.Minute)),
	}
	add := func(name string, want drivers.Value, set func(*Address)) {
		b.Points = append(b.Points, point(d, name, set))
		b.Values = append(b.Values, want)
	}
	add("voltage", drivers.Float(230), input(0, Float32, ABCD))
	add("voltage_swapped", drivers.Float(230), input(2, Float32, CDAB))
	add("temperature", drivers.Int(-100), input(4, Int16, ABCD))
	add("counter", drivers.Int(123456), input(8, Uint32, ABCD))
	add("pump", drivers.Bool(true), coil(3))
	add("valve", drivers.Bool(false), coil(1))
	add("door", drivers.Bool(true), discrete(9))
	add("text", drivers.Text("ABC"), func(a *Address) { a.Input, a.Type, a.Length = at0(100), String, 2 })
	add("low", drivers.Int(0xA), func(a *Address) { a.Holding, a.Bits = at0(200), &Range{8, 11} })

	write := func(name string, v drivers.Value, set func(*Address)) drivers.Command {
		return drivers.Command{Point: point(d, name, set), Value: v}
	}
	b.Commands = []drivers.Command{
		write("setpoint", drivers.Int(-5), holding(0, Int16)),
		write("limit", drivers.Float(12.5), holding(1, Float32)),
		write("mode", drivers.Int(3), holding(7, Uint16)),
		write("lamp", drivers.Bool(true), coil(40)),
		write("fan", drivers.Bool(true), coil(41)),
		write("heater", drivers.Bool(true), coil(59)),
		write("flag", drivers.Bool(true), func(a *Address) { a.Holding, a.Bit = at0(201), new(int) }),
	}
	b.Impossible = []drivers.Command{write("setpoint", drivers.Int(40000), holding(0, Int16))}
	return b
}
