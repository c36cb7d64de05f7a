package plant

import (
	"bufio"
	"context"
	"io"
	"maps"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"fieldmq/firmware-sim/words"
)

// start runs a plant until the test ends, and sees to it that it ends well and
// leaves nothing in its folder.
func start(t *testing.T, o Options) *Plant {
	t.Helper()
	if o.Dir == "" {
		o.Dir = folder(t)
	}
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if left, _ := os.ReadDir(o.Dir); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	})
	return p
}

// folder is a temporary folder with a path short enough for sockets.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sim-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

var value = regexp.MustCompile(`(?m)^\[\d+\]: \t(\S+)`)

// mbpoll asks a bus once with Debian's mbpoll and returns the values, and all
// that was printed.
func mbpoll(t *testing.T, p *Plant, bus, args string, write ...string) ([]string, string) {
	t.Helper()
	to := []string{"-0", "-1", "-o", "5"}
	port := p.Port(bus)
	if host, number, err := net.SplitHostPort(port); err == nil {
		to = append(to, "-m", "tcp", "-p", number, host)
	} else {
		to = append(to, "-m", "rtu", "-b", "57600", port)
	}
	to = append(append(to, strings.Fields(args)...), write...)
	text, err := exec.CommandContext(t.Context(), "mbpoll", to...).CombinedOutput()
	if _, ran := err.(*exec.ExitError); err != nil && !ran {
		t.Fatalf("mbpoll (Debian package mbpoll): %v", err)
	}
	var values []string
	for _, m := range value.FindAllStringSubmatch(string(text), -1) {
		values = append(values, m[1])
	}
	return values, string(text)
}

// within says whether the text is a number from low to high.
func within(text string, low, high float64) bool {
	v, err := strconv.ParseFloat(text, 64)
	return err == nil && v >= low && v <= high
}

func TestDemonstrationAnswersMbpoll(t *testing.T) {
	p := start(t, Options{Seed: 1})
	for _, k := range []struct {
		name, bus, args string
		low, high       float64
	}{
		{"volts", DemoRTU, "-a 1 -t 3:float -B -r 0", 220, 240},
		{"frequency", DemoRTU, "-a 1 -t 3:float -B -r 70", 49.9, 50.1},
		{"flow temperature", DemoRTU, "-a 2 -t 3 -r 100", 150, 600},
		{"setpoint", DemoRTU, "-a 2 -t 4 -r 101", 550, 550},
		{"pump", DemoRTU, "-a 2 -t 0 -r 3", 1, 1},
		{"flame", DemoRTU, "-a 2 -t 1 -r 0", 0, 1},
		{"tank level", DemoTCP, "-a 1 -t 4 -r 0", 300, 700},
		{"pump speed", DemoTCP, "-a 1 -t 4:float -r 10", 1000, 1900},
		{"a valve", DemoTCP, "-a 1 -t 0 -r 0", 0, 0},
	} {
		got, all := mbpoll(t, p, k.bus, k.args)
		if len(got) != 1 || !within(got[0], k.low, k.high) {
			t.Errorf("%s: %v\n%s", k.name, got, all)
		}
	}
	mbpoll(t, p, DemoRTU, "-a 2 -t 4 -r 101", "700")
	if got, all := mbpoll(t, p, DemoRTU, "-a 2 -t 4 -r 101"); len(got) != 1 || got[0] != "700" {
		t.Errorf("setpoint after writing 700: %v\n%s", got, all)
	}
	if _, all := mbpoll(t, p, DemoRTU, "-a 2 -t 4 -r 101", "900"); !strings.Contains(all, "Illegal data value") {
		t.Errorf("setpoint 900: %s", all)
	}
}

func TestFaultsReachTheirDevices(t *testing.T) {
	p := start(t, Options{Seed: 1})
	for _, k := range []struct{ fault, bus, args, want string }{
		{"meter exception 6", DemoRTU, "-a 1 -t 3 -r 0", "Slave device or server is busy"},
		{"plc exception 4", DemoTCP, "-a 1 -t 4 -r 0", "Slave device or server failure"},
		{"boiler silence", DemoRTU, "-a 2 -t 3 -r 100 -o 0.3", "Connection timed out"},
		{"boiler crc", DemoRTU, "-a 2 -t 3 -r 100", "Invalid CRC"},
	} {
		if err := p.Fault(k.fault); err != nil {
			t.Fatal(err)
		}
		if _, all := mbpoll(t, p, k.bus, k.args); !strings.Contains(all, k.want) {
			t.Errorf("%s: %s", k.fault, all)
		}
		if err := p.Fault("all ok"); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Fault("boiler no-sensor"); err != nil {
		t.Fatal(err)
	}
	if got, all := mbpoll(t, p, DemoRTU, "-a 2 -t 3:hex -r 102"); len(got) != 1 || got[0] != "0x8000" {
		t.Errorf("outside temperature without a sensor: %v\n%s", got, all)
	}
	if got := p.Faults(); len(got) != 1 || got[0] != "boiler no-sensor" {
		t.Errorf("faults are %q", got)
	}
	for _, text := range []string{"plc crc", "scale exception", "meter no-sensor", "pins late"} {
		if err := p.Fault(text); err == nil {
			t.Errorf("%s is possible", text)
		}
	}
}

func TestScaleAndChipAnswer(t *testing.T) {
	p := start(t, Options{})
	port, err := os.OpenFile(p.Port(DemoSerial), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	io.WriteString(port, "W\r\n")
	line, err := bufio.NewReader(port).ReadString('\n')
	if !regexp.MustCompile(`^(ST|US),GS,[+-]\d{4}\.\d\d kg\r\n$`).MatchString(line) {
		t.Errorf("scale: %q, %v", line, err)
	}
	conn, err := net.Dial("unix", p.Port(DemoGPIO))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "input 17 pull-up both\n")
	if line, err := bufio.NewReader(conn).ReadString('\n'); !strings.HasPrefix(line, "ok ") {
		t.Errorf("chip: %q, %v", line, err)
	}
	if p.Chip(DemoGPIO) == nil || p.Cable(DemoRTU) == nil || p.Chip(DemoRTU) != nil || p.Cable("none") != nil {
		t.Error("cables and chips are not where they should be")
	}
}

// described is a plant with something of everything.
func described() []Bus {
	layout := func(typ string) words.Layout { return words.Layout{Type: typ} }
	return []Bus{
		{Name: "panel", Kind: RTU, Devices: []Device{{Name: "m", Unit: 7, MaxRegisters: 10, Points: []Point{
			{Name: "flow", Table: "input", Address: 100, Layout: layout("int16"), Unit: "Cel", Scale: 0.1},
			{Name: "volts", Table: "input", Address: 200, Layout: words.Layout{Type: "float32", Order: words.CDAB}, Unit: "V"},
			{Name: "energy", Table: "input", Address: 210, Layout: layout("uint32"), Unit: "W.h"},
			{Name: "mode", Table: "holding", Address: 5, Layout: layout("uint16"), Enum: []int64{3, 7}, Writable: true},
			{Name: "target", Table: "holding", Address: 6, Layout: layout("int16"), Scale: 0.1, Min: 30, Max: 85, Writable: true},
			{Name: "wide", Table: "holding", Address: 7, Layout: layout("uint32"), Writable: true},
			{Name: "low", Table: "holding", Address: 9, Layout: layout("bool"), Writable: true},
			{Name: "high", Table: "holding", Address: 9, Layout: layout("bool"), Bit: 15, Writable: true},
			{Name: "seen", Table: "holding", Address: 10, Layout: layout("uint16")},
			{Name: "step", Table: "holding", Address: 11, Layout: layout("uint16"), Bit: 4, Bits: 4, Enum: []int64{2, 5}, Writable: true},
			{Name: "trim", Table: "holding", Address: 11, Layout: layout("int16"), Bit: 8, Bits: 3, Min: -4, Max: 2, Writable: true},
			{Name: "ready", Table: "holding", Address: 12, Layout: words.Layout{Type: "uint32", Order: words.CDAB}, Bit: 17, Bits: 1, Writable: true},
			{Name: "alarms", Table: "input", Address: 220, Layout: layout("uint16"), Flags: []int{1, 9}},
			{Name: "relays", Table: "holding", Address: 14, Layout: layout("uint16"), Flags: []int{0, 3}, Writable: true},
			{Name: "pump", Table: "coil", Address: 3, Writable: true},
			{Name: "flame", Table: "discrete", Address: 9},
		}}}},
		{Name: "net", Kind: TCP, Devices: []Device{{Name: "p", Unit: 1, Points: []Point{
			{Name: "name", Table: "holding", Address: 0, Layout: words.Layout{Type: "string", Length: 4}},
			{Name: "batch", Table: "holding", Address: 4, Layout: words.Layout{Type: "bcd", Length: 2}},
		}}}},
		{Name: "desk", Kind: Serial, Frames: []Frame{
			{Text: "T=21.50 C\r\n", Moves: true, Request: "?"},
			{Text: "V 1.25\r\n", Request: "!"},
		}},
		{Name: "pins", Kind: GPIO, Lines: []Line{{Name: "GPIO4", Moves: Toggles}, {Name: "DOOR"}, {Name: "GPIO6", Moves: Counts}}},
	}
}

func TestDescribedDevicesAnswerForTheirRegistersOnly(t *testing.T) {
	p := start(t, Options{Seed: 3, Buses: described()})
	for _, k := range []struct {
		name, bus, args string
		low, high       float64
	}{
		{"a temperature in tenths", "panel", "-a 7 -t 3 -r 100", 150, 800},
		{"volts in CDAB", "panel", "-a 7 -t 3:float -r 200", 228, 232},
		{"energy", "panel", "-a 7 -t 3:int -B -r 210", 200000, 300000},
		{"an enum", "panel", "-a 7 -t 4 -r 5", 3, 7},
		{"a value with a range", "panel", "-a 7 -t 4 -r 6", 300, 850},
		{"a coil", "panel", "-a 7 -t 0 -r 3", 0, 1},
		{"a discrete input", "panel", "-a 7 -t 1 -r 9", 0, 1},
		{"text", "net", "-t 4 -r 0", 'p'<<8 | '/', 'p'<<8 | '/'},
		{"digits", "net", "-t 4:hex -r 4", -1, -1},
	} {
		got, all := mbpoll(t, p, k.bus, k.args)
		if k.low == -1 {
			if len(got) != 1 || !regexp.MustCompile(`^0x[0-9]{4}$`).MatchString(got[0]) {
				t.Errorf("%s: %v\n%s", k.name, got, all)
			}
			continue
		}
		if len(got) != 1 || !within(got[0], k.low, k.high) {
			t.Errorf("%s: %v\n%s", k.name, got, all)
		}
	}
	for _, k := range []struct{ name, args, want string }{
		{"a register too many", "-a 7 -t 3 -r 100 -c 2", "Illegal data address"},
		{"a gap", "-a 7 -t 3 -r 201 -c 10", "Illegal data address"},
		{"more than the device gives", "-a 7 -t 4 -r 0 -c 11", "Illegal data value"},
		{"a coil that there is not", "-a 7 -t 0 -r 4", "Illegal data address"},
	} {
		if _, all := mbpoll(t, p, "panel", k.args); !strings.Contains(all, k.want) {
			t.Errorf("%s: %s", k.name, all)
		}
	}
}

func TestDescribedDevicesHoldWhatIsWritten(t *testing.T) {
	p := start(t, Options{Seed: 3, Buses: described()})
	write := func(args string, values ...string) string {
		_, all := mbpoll(t, p, "panel", "-a 7 "+args, values...)
		return all
	}
	read := func(args string) string {
		got, _ := mbpoll(t, p, "panel", "-a 7 "+args)
		return strings.Join(got, " ")
	}
	write("-t 4 -r 5", "7", "425", "1", "2")
	if got := read("-t 4 -r 5 -c 4"); got != "7 425 1 2" {
		t.Errorf("four registers: %s", got)
	}
	write("-t 4 -r 8", "9")
	if got := read("-t 4 -r 7 -c 2"); got != "1 9" {
		t.Errorf("half of a value: %s", got)
	}
	write("-t 4:hex -r 9", "0x8001")
	if got := read("-t 4:hex -r 9"); got != "0x8001" {
		t.Errorf("bits: %s", got)
	}
	write("-t 4:hex -r 11", "0x0E50") // trim is -2, and bit 11 nobody's
	if got := read("-t 4:hex -r 11"); got != "0x0650" {
		t.Errorf("parts of a register: %s", got)
	}
	write("-t 4:hex -r 12", "0xFFFF", "0xFFFF")
	if got := read("-t 4:hex -r 12 -c 2"); got != "0x0000 0x0002" {
		t.Errorf("a bit of two registers: %s", got)
	}
	write("-t 4 -r 14", "9")
	if got := read("-t 4 -r 14"); got != "9" {
		t.Errorf("flags: %s", got)
	}
	write("-t 0 -r 3", "1")
	if got := read("-t 0 -r 3"); got != "1" {
		t.Errorf("coil: %s", got)
	}
	for _, k := range []struct{ name, args, value, want string }{
		{"below the range", "-t 4 -r 6", "299", "Illegal data value"},
		{"not in the enum", "-t 4 -r 5", "4", "Illegal data value"},
		{"not in the enum of a part", "-t 4:hex -r 11", "0x0030", "Illegal data value"},
		{"above the range of a part", "-t 4:hex -r 11", "0x0350", "Illegal data value"},
		{"read-only", "-t 4 -r 10", "1", "Illegal data address"},
	} {
		if all := write(k.args, k.value); !strings.Contains(all, k.want) {
			t.Errorf("%s: %s", k.name, all)
		}
	}
	write("-t 4 -r 6", "850")
	if got := read("-t 4 -r 6"); got != "850" {
		t.Errorf("the end of the range: %s", got)
	}
}

func TestFlagsMoveThroughAllTheirSets(t *testing.T) {
	p, err := newPoint("m", Point{Name: "alarms", Table: "input", Layout: words.Layout{Type: "uint16"}, Flags: []int{1, 9}}, 3)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[uint16]bool{}
	for hour := range 48 {
		seen[p.registers(time.Duration(hour) * time.Hour / 2)[0]] = true
	}
	if got := slices.Sorted(maps.Keys(seen)); !slices.Equal(got, []uint16{0, 1 << 1, 1 << 9, 1<<1 | 1<<9}) {
		t.Errorf("the sets are %x", got)
	}
}

func TestDescribedMessagesAnswerTheirRequests(t *testing.T) {
	p := start(t, Options{Buses: described()})
	port, err := os.OpenFile(p.Port("desk"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	answers := bufio.NewReader(port)
	for _, k := range []struct{ request, form string }{
		{"?", `^T=(19|2[0-3])\.\d\d C\r\n$`},
		{"!", `^V 1\.25\r\n$`},
	} {
		io.WriteString(port, k.request)
		if line, err := answers.ReadString('\n'); !regexp.MustCompile(k.form).MatchString(line) {
			t.Errorf("%s: %q, %v", k.request, line, err)
		}
	}
}

func TestNumbersMoveWithinTheirWidth(t *testing.T) {
	for _, k := range []struct {
		number string
		by     float64
		want   string
	}{
		{"21.50", 1.04, "22.36"},
		{"0012.34", 0.9, "0011.11"},
		{"99.9", 1.1, "99.9"}, // there is no room for more
		{"0.0", 1.1, "0.0"},
	} {
		if got := scaled(k.number, k.by); got != k.want {
			t.Errorf("%s by %v: %s, want %s", k.number, k.by, got, k.want)
		}
	}
}

func TestDescribedLinesAreOnTheChip(t *testing.T) {
	lines := header(described()[3].Lines)
	if len(lines) != 29 || lines[28].Name != "DOOR" || lines[4].Period == 0 || lines[6].Period == 0 || lines[17].Period != 0 {
		t.Errorf("%+v", lines)
	}
}

func TestImpossibleDescriptionsAreRefused(t *testing.T) {
	device := func(p ...Point) []Device { return []Device{{Name: "d", Unit: 1, Points: p}} }
	for _, k := range []struct {
		name string
		bus  []Bus
		want string
	}{
		{"no name", []Bus{{Kind: TCP}}, "no name"},
		{"no kind", []Bus{{Name: "a"}}, `no kind ""`},
		{"twice", []Bus{{Name: "a", Kind: TCP}, {Name: "a", Kind: TCP}}, "bus a: it is there twice"},
		{"no unit", []Bus{{Name: "a", Kind: TCP, Devices: []Device{{Name: "d"}}}}, "unit id 0"},
		{"no table", []Bus{{Name: "a", Kind: TCP, Devices: device(Point{Name: "p"})}}, `device d: point p: there is no table ""`},
		{"no type", []Bus{{Name: "a", Kind: TCP, Devices: device(Point{Name: "p", Table: "input"})}}, `no type ""`},
		{"no bit", []Bus{{Name: "a", Kind: TCP, Devices: device(Point{Table: "input", Layout: words.Layout{Type: "bool"}, Bit: 16})}}, "no bit 16"},
		{"beyond the end", []Bus{{Name: "a", Kind: TCP, Devices: device(Point{Table: "input", Address: 65535, Layout: words.Layout{Type: "int32"}})}}, "beyond"},
		{"a long path", []Bus{{Name: "a", Kind: GPIO, Path: "/tmp/" + strings.Repeat("x", 120)}}, "longer than the 107 bytes"},
	} {
		dir := folder(t)
		p, err := New(Options{Dir: dir, Buses: k.bus})
		if err == nil {
			p.Close()
		}
		if err == nil || !strings.Contains(err.Error(), k.want) {
			t.Errorf("%s: %v, want %s", k.name, err, k.want)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%s: left behind %v", k.name, left)
		}
	}
}

func TestImpossibleSpeedsAreRefused(t *testing.T) {
	for _, speed := range []float64{-1, math.NaN(), math.Inf(1), 1e9} {
		if _, err := New(Options{Dir: folder(t), Speed: speed}); err == nil {
			t.Errorf("%v passes", speed)
		}
	}
}

func TestSocketOfAKilledPlantIsTakenOver(t *testing.T) {
	dir := folder(t)
	path := filepath.Join(dir, DemoGPIO)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := listenUnix(path); err == nil {
		t.Fatal("a living socket was taken over")
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	start(t, Options{Dir: dir})
}

func TestTemporaryFolderGoesWithThePlant(t *testing.T) {
	p, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(p.Port(DemoRTU))
	if _, err := os.Stat(dir); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if err := p.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("%s is still there", dir)
	}
}

func TestValuesOfAUnitStayPlausible(t *testing.T) {
	for unit, s := range spans {
		q := quantity(Point{Unit: unit}, 9)
		for at := time.Duration(0); at < 48*time.Hour; at += 11 * time.Minute {
			if v := q(at); v < s.low || v > s.high {
				t.Fatalf("%s after %v: %v", unit, at, v)
			}
		}
	}
	for unit := range rates {
		q := quantity(Point{Unit: unit}, 9)
		before := q(0)
		for at := time.Hour; at < 48*time.Hour; at += time.Hour {
			if now := q(at); now <= before {
				t.Fatalf("%s after %v: %v follows %v", unit, at, now, before)
			}
			before = q(at)
		}
	}
}
