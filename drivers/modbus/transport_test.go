package modbus

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fieldmq/configs"
	"fieldmq/drivers"
	simcable "fieldmq/firmware-sim/cable"
	"fieldmq/firmware-sim/faults"
	sim "fieldmq/firmware-sim/modbus"
)

// contents is a simulated device whose registers tell their place, as those of
// simulated do.
type contents struct{ unit byte }

func (c contents) Read(t sim.Table, address uint16, values []uint16) error {
	function := map[sim.Table]byte{sim.Coils: 1, sim.DiscreteInputs: 2, sim.HoldingRegisters: 3, sim.InputRegisters: 4}[t]
	for i := range values {
		values[i] = content(c.unit, function, int(address)+i)
		if function <= 2 {
			values[i] = uint16(b2i(values[i]%3 == 0))
		}
	}
	return nil
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (contents) Write(sim.Table, uint16, []uint16) error { return nil }

// transport is a way to carry Modbus, with a simulated device at the other end.
type transport struct {
	name string
	// serve starts the device and returns the settings of a bus to it.
	serve func(t *testing.T, s *sim.Server) drivers.Settings
}

// serving runs a server until the end of the test.
func serving(t *testing.T, serve func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	ended.Go(func() {
		if err := serve(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); ended.Wait() })
}

// patient is a time-out that no loaded machine needs.
const patient = configs.Duration(20 * time.Second)

func onPty(serve func(*sim.Server, context.Context, *simcable.Cable) error, settings func(port string) drivers.Settings) func(*testing.T, *sim.Server) drivers.Settings {
	return func(t *testing.T, s *sim.Server) drivers.Settings {
		c, err := simcable.Open("")
		if err != nil {
			t.Fatal(err)
		}
		serving(t, func(ctx context.Context) error { return serve(s, ctx, c) })
		return settings(c.Port())
	}
}

func onListener(serve func(*sim.Server, context.Context, net.Listener) error, settings func(address string) drivers.Settings) func(*testing.T, *sim.Server) drivers.Settings {
	return func(t *testing.T, s *sim.Server) drivers.Settings {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		serving(t, func(ctx context.Context) error { return serve(s, ctx, l) })
		return settings(l.Addr().String())
	}
}

func onSocket(serve func(*sim.Server, context.Context, net.PacketConn) error, settings func(address string) drivers.Settings) func(*testing.T, *sim.Server) drivers.Settings {
	return func(t *testing.T, s *sim.Server) drivers.Settings {
		socket, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		serving(t, func(ctx context.Context) error { return serve(s, ctx, socket) })
		return settings(socket.LocalAddr().String())
	}
}

// overTLS has a certificate made for the test, which the settings trust.
func overTLS(t *testing.T, s *sim.Server) drivers.Settings {
	pair, file := selfSigned(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	secure := tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{pair}})
	serving(t, func(ctx context.Context) error { return s.ServeTCP(ctx, secure) })
	settings := newTLSSettings()
	settings.Host, settings.Timeout, settings.CA = l.Addr().String(), patient, file
	return settings
}

func dialsIn(f sim.Framing, settings func(port string) drivers.Settings) func(*testing.T, *sim.Server) drivers.Settings {
	return func(t *testing.T, s *sim.Server) drivers.Settings {
		l, err := net.Listen("tcp", "127.0.0.1:0") // for a free port
		if err != nil {
			t.Fatal(err)
		}
		address := l.Addr().String()
		l.Close()
		modem := sim.Modem{Address: address, Registration: []byte("RTU-7"), Heartbeat: []byte("ping"), Beat: 150 * time.Millisecond, Framing: f}
		serving(t, func(ctx context.Context) error { return s.ServeModem(ctx, modem) })
		return settings(address)
	}
}

func transports() []transport {
	rtuTCP := func(f framing) func(string) drivers.Settings {
		return func(a string) drivers.Settings {
			s := newStreamSettings(f)
			s.Host, s.Baud, s.Timeout = a, 115200, patient
			return s
		}
	}
	return []transport{
		{"rtu", onPty(rtuOn, func(port string) drivers.Settings {
			s := newRTUSettings()
			s.Port, s.Baud, s.Timeout = port, 115200, patient
			return s
		})},
		{"ascii", onPty(asciiOn, func(port string) drivers.Settings {
			s := newASCIISettings()
			s.Port, s.Baud, s.Timeout = port, 115200, patient
			return s
		})},
		{"rtu-tcp", onListener((*sim.Server).ServeRTUOverTCP, rtuTCP(rtuFraming{}))},
		{"ascii-tcp", onListener((*sim.Server).ServeASCIIOverTCP, rtuTCP(asciiFraming{}))},
		{"rtu-udp", onSocket((*sim.Server).ServeRTUOverUDP, func(a string) drivers.Settings {
			s := newRTUOverUDPSettings()
			s.Host, s.Baud, s.Timeout = a, 115200, patient
			return s
		})},
		{"tcp", onListener((*sim.Server).ServeTCP, func(a string) drivers.Settings {
			s := newTCPSettings()
			s.Host, s.Timeout = a, patient
			return s
		})},
		{"tls", overTLS},
		{"udp", onSocket((*sim.Server).ServeUDP, func(a string) drivers.Settings {
			s := newUDPSettings()
			s.Host, s.Timeout = a, patient
			return s
		})},
		{"rtu that dials in", dialsIn(sim.RTU, func(a string) drivers.Settings {
			s := newStreamSettings(rtuFraming{})
			s.Listen, s.Registration, s.Heartbeat, s.Timeout = a, Bytes("RTU-7"), Bytes("ping"), patient
			return s
		})},
		{"ascii that dials in", dialsIn(sim.ASCII, func(a string) drivers.Settings {
			s := newStreamSettings(asciiFraming{})
			s.Listen, s.Registration, s.Heartbeat, s.Timeout = a, Bytes("RTU-7"), Bytes("ping"), patient
			return s
		})},
		{"tcp that dials in", dialsIn(sim.MBAP, func(a string) drivers.Settings {
			s := newTCPSettings()
			s.Listen, s.Registration, s.Heartbeat, s.Timeout = a, Bytes("RTU-7"), Bytes("ping"), patient
			return s
		})},
	}
}

// outcome is what a fault may lead to, beside the right value.
type outcome struct {
	fault       string
	line, other string // errors of every read on links without and with numbers; "-": none, "?": any or none; "": not tried there
}

// outcomes are what each fault of the simulator leads to.
var outcomes = []outcome{
	{"slow 250ms", "-", "-"},
	{"silence", "no answer", "no answer"},
	{"late 350ms", "no answer", "no answer"},
	{"late 700ms", "no answer", "no answer"},
	{"exception 2", "illegal data address", "illegal data address"},
	{"exception 6", "device busy", "device busy"},
	{"exception 11", "no answer behind the gateway", "no answer behind the gateway"},
	{"garbage", "?", "?"},
	{"crc", "damaged answer", ""},
	{"truncate", "?", "?"},
	{"wrong-unit", "no answer", "unit 2 answered in its place"},
	{"foreign", "-", "-"},
	{"duplicate", "?", "-"},
	{"short", "no answer", "damaged answer"},
	{"long", "no answer", "damaged answer"},
	{"noise 8%", "?", ""}, // without a checksum nobody can tell
	{"master", "-", ""},
	{"echo", "-", ""},
}

// TestEachFaultOnEachTransportGivesTheRightValueOrTheRightError reads from the
// simulator while it does all that it can do, in exact time.
func TestEachFaultOnEachTransportGivesTheRightValueOrTheRightError(t *testing.T) {
	pair, _ := selfSigned(t)
	for name, open := range virtual(pair) {
		t.Run(name, func(t *testing.T) {
			for _, o := range outcomes {
				want := o.other
				if overLine(name) {
					want = o.line
				}
				if want == "" {
					continue
				}
				t.Run(o.fault, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						board, server := faulty(t)
						bus, d := open(t, server)
						settled(t, bus, d)
						apply(t, board, "d "+o.fault)
						underFault(t, bus, d, want)
						apply(t, board, "d ok")
						settled(t, bus, d)
					})
				})
			}
		})
	}
}

// overLine says whether a transport is one without numbers.
func overLine(name string) bool {
	return strings.HasPrefix(name, "rtu") || strings.HasPrefix(name, "ascii")
}

// faulty is a simulated device and what breaks it.
func faulty(t *testing.T) (*faults.Board, *sim.Server) {
	t.Helper()
	board := faults.NewBoard(1)
	server, err := sim.NewServer(sim.Unit{ID: 1, Device: contents{1}, Faults: board.Add("d", "b", faults.Kinds()...)})
	if err != nil {
		t.Fatal(err)
	}
	return board, server
}

func apply(t *testing.T, board *faults.Board, fault string) {
	t.Helper()
	if err := board.Apply(fault); err != nil {
		t.Fatal(err)
	}
}

// TestEachTransportIsTheRealOne reads over ptys and sockets, through all that the
// settings say, with faults that no slow machine can hide.
func TestEachTransportIsTheRealOne(t *testing.T) {
	for _, way := range transports() {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel() // they wait most of the time
			board, server := faulty(t)
			settings := way.serve(t, server)
			bus := opened(t, settings)
			defer bus.Close()
			d := unitOf(settings, 1)
			settled(t, bus, d)
			underFault(t, bus, d, "-")
			apply(t, board, "d foreign")
			underFault(t, bus, d, "-")
			apply(t, board, "d ok")
			apply(t, board, "d exception 2")
			underFault(t, bus, d, "illegal data address")
		})
	}
}

// TestNoTransportEverGivesAWrongValue has the simulator do all that it can do at
// the same time, a fault in some answers each, and its late answers overtake.
func TestNoTransportEverGivesAWrongValue(t *testing.T) {
	pair, _ := selfSigned(t)
	for name, open := range virtual(pair) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				board, server := faulty(t)
				bus, d := open(t, server)
				mixed := []string{"silence 2%", "late 350ms 4%", "exception 6 2%", "wrong-unit 2%", "foreign 4%", "duplicate 4%"}
				if overLine(name) { // others have no checksum that would tell
					mixed = append(mixed, "garbage 2%", "truncate 2%", "crc 2%", "master 4%")
				}
				for _, fault := range mixed {
					apply(t, board, "d "+fault)
				}
				random := rand.New(rand.NewPCG(1, 2))
				points := holdings(d, 0, 100, 200, 300, 400, 500, 600, 700)
				good := 0
				for range mixedReads {
					from := random.IntN(len(points))
					samples, err := bus.Read(t.Context(), points[from:from+1])
					if err != nil && !errors.Is(err, drivers.ErrBus) {
						t.Fatal(err)
					}
					for _, s := range samples {
						switch {
						case s.Err != nil:
						case s.Value != right(s.Point):
							t.Fatalf("%v: got %v, want %v", s.Point.At, s.Value, right(s.Point))
						default:
							good++
						}
					}
				}
				if good < mixedReads/2 {
					t.Errorf("only %d of %d reads gave a value", good, mixedReads)
				}
			})
		})
	}
}

const mixedReads = 2000

func opened(t *testing.T, s drivers.Settings) *Bus {
	t.Helper()
	bus, err := s.Open(t.Context(), quiet())
	if err != nil {
		t.Fatal(err)
	}
	return bus.(*Bus)
}

// settled reads until all is well: a bus that was lost is lost for one read,
// and a late answer may still be on its way.
func settled(t *testing.T, bus *Bus, d *Device) {
	t.Helper()
	points := holdings(d, 10, 11, 550)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		samples, err := bus.Read(t.Context(), points)
		well := err == nil
		for _, s := range samples {
			if s.Err == nil && s.Value != right(s.Point) {
				t.Fatalf("%v: got %v, want %v", s.Point.At, s.Value, right(s.Point))
			}
			well = well && s.Err == nil
		}
		if well {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("it does not heal: %v %v", samples, err)
		}
	}
}

// underFault reads points of equal length by turns, so that an answer to the
// wrong one shows. All must fail with the error that is wanted; with "-" none.
func underFault(t *testing.T, bus *Bus, d *Device, want string) {
	t.Helper()
	for n := range 20 {
		p := holdings(d, 100*(1+n%7))[0]
		samples, got := bus.Read(t.Context(), []*drivers.Point{p})
		switch {
		case got != nil && !errors.Is(got, drivers.ErrBus):
			t.Fatal(got)
		case got == nil && samples[0].Err == nil && samples[0].Value != right(p):
			t.Fatalf("%v: got %v, want %v", p.At, samples[0].Value, right(p))
		case got == nil:
			got = samples[0].Err
		}
		switch want {
		case "?":
		case "-":
			if got != nil {
				t.Errorf("read %d: %v", n, got)
			}
		default:
			if got == nil || !strings.Contains(got.Error(), want) {
				t.Errorf("read %d: got error %v, want %q", n, got, want)
			}
		}
	}
}

func selfSigned(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	cert, key := certificate(t, nil, nil, nil)
	file := t.TempDir() + "/ca.crt"
	if err := os.WriteFile(file, cert, 0o600); err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return pair, file
}

func rtuOn(s *sim.Server, ctx context.Context, c *simcable.Cable) error { return s.ServeRTU(ctx, c) }
func asciiOn(s *sim.Server, ctx context.Context, c *simcable.Cable) error {
	return s.ServeASCII(ctx, c)
}
