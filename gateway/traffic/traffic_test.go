package traffic_test

import (
	"strings"
	"testing"
	"time"

	"fieldmq/drivers"
	"fieldmq/gateway/traffic"
)

const recording = `# fieldmq traffic 1
# bus panel modbus-rtu /dev/ttyUSB0 9600 8E1
# bus plc modbus-tcp
2026-11-28T19:10:00.123456Z panel > 01 03 00 00 00 02 C4 0B

2026-11-28T19:10:00.141007Z panel < 0103040000
2026-11-28T19:10:00.150022Z pins < line 17 high GPIO17
2026-11-28T19:10:00.163010Z pins < line 17 falling 2026-11-28T19:10:00.162944Z door contact
2026-11-28T19:10:00.180471Z pins > line 22 low
2026-11-28T19:10:00.183010Z pins < line 17 rising 20ms 2026-11-28T19:10:00.162944Z door contact
2026-11-28T19:10:00.183010Z pins < line 27 falling #41 20ms 2026-11-28T19:10:00.162944Z 27
2026-11-28T19:10:00.184010Z pins < line 27 low #42 27
2026-11-28T19:10:00.190000Z pins > pwm 1 62.5% fe20c000.pwm
# a remark
2026-11-28T19:10:00.200000Z plc > 00
`

func TestRecordingIsReadAsItWasWritten(t *testing.T) {
	r, err := traffic.Read("x", strings.NewReader(recording))
	if err != nil {
		t.Fatal(err)
	}
	want := traffic.Bus{Name: "panel", Driver: "modbus-rtu", Place: "/dev/ttyUSB0 9600 8E1"}
	if len(r.Buses) != 2 || r.Buses[0] != want || r.Buses[0].String() != "# bus panel modbus-rtu /dev/ttyUSB0 9600 8E1" {
		t.Errorf("%+v", r.Buses)
	}
	on := r.On("panel")
	if len(on) != 2 || !on[0].Sent || on[1].Sent || len(on[1].Bytes) != 5 || on[1].At.Sub(on[0].At) != 17551*time.Microsecond {
		t.Errorf("%+v", on)
	}
	if got := r.Lines[1].String(); got != "2026-11-28T19:10:00.141007Z panel < 01 03 04 00 00" {
		t.Error(got)
	}
	if names := strings.Join(r.Names(), " "); names != "panel pins plc" {
		t.Error(names)
	}
}

func TestLevelsOfLinesAreReadAsTheyWereWritten(t *testing.T) {
	r, err := traffic.Read("x", strings.NewReader(recording))
	if err != nil {
		t.Fatal(err)
	}
	edge := time.Date(2026, 11, 28, 19, 10, 0, 162944000, time.UTC)
	want := []drivers.Level{
		{Offset: 17, Name: "GPIO17", High: true},
		{Offset: 17, Name: "door contact", Edge: edge},
		{Offset: 22},
		{Offset: 17, Name: "door contact", High: true, Edge: edge, Held: 20 * time.Millisecond},
		{Offset: 27, Name: "27", Edge: edge, Held: 20 * time.Millisecond, Count: 41},
		{Offset: 27, Name: "27", Count: 42},
	}
	for i, l := range r.On("pins")[:len(want)] {
		if l.Level == nil || *l.Level != want[i] || l.Sent != (i == 2) || l.Bytes != nil {
			t.Errorf("level %d is %+v, want %+v", i, l.Level, want[i])
		}
		if line := (traffic.Line{Bus: "pins", Traffic: l}).String(); !strings.Contains(recording, line+"\n") {
			t.Errorf("it is written as %q", line)
		}
	}
}

func TestDutiesAreReadAsTheyWereWritten(t *testing.T) {
	r, err := traffic.Read("x", strings.NewReader(recording))
	if err != nil {
		t.Fatal(err)
	}
	on := r.On("pins")
	l := on[len(on)-1]
	if want := (drivers.Duty{Chip: "fe20c000.pwm", Channel: 1, Percent: 62.5}); l.Duty == nil || *l.Duty != want || !l.Sent || l.Bytes != nil {
		t.Errorf("got %+v", l)
	}
	if line := (traffic.Line{Bus: "pins", Traffic: l}).String(); !strings.Contains(recording, line+"\n") {
		t.Errorf("it is written as %q", line)
	}
}

func TestFaultsOfRecordingsSayTheLine(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"hello\n", `x:1: this is no recording`},
		{"", "there is nothing"},
		{traffic.Title + "\n", "there is nothing"},
		{traffic.Title + "\nyesterday panel > 01\n", `x:2: "yesterday" is not an instant`},
		{traffic.Title + "\n\n2026-11-28T19:10:00Z panel = 01\n", `x:3: "=" is not the direction`},
		{traffic.Title + "\n2026-11-28T19:10:00Z panel > 0G\n", "x:2: the bytes are not hexadecimal"},
		{traffic.Title + "\n2026-11-28T19:10:00Z panel\n", "x:2: "},
		{traffic.Title + "\n2026-11-28T19:10:00Z panel > 01 0\n", "; correct this line, or delete it"},
		{traffic.Title + "\n" + strings.Repeat("a", 1<<17), "x:2: "},
		{traffic.Title + "\n2026-11-28T19:10:00Z pins < line 17\n", `x:2: a level is "line", its offset`},
		{traffic.Title + "\n2026-11-28T19:10:00Z pins < line 17 rising\n", `x:2: a level is "line", its offset`},
		{traffic.Title + "\n2026-11-28T19:10:00Z pins < line GPIO17 high\n", `x:2: "GPIO17" is no offset`},
		{traffic.Title + "\n2026-11-28T19:10:00Z pins < line 17 up\n", `x:2: "up" is not high, low, rising or falling`},
		{traffic.Title + "\n2026-11-28T19:10:00Z pins < line 17 rising GPIO17\n", `x:2: "GPIO17" is not an instant`},
		{traffic.Title + "\n2026-11-28T19:10:00Z pins < line 17 rising 20ms\n", `x:2: a level is "line", its offset`},
		{traffic.Title + "\n2026-11-28T19:10:00Z pins < line 17 rising -20ms 2026-11-28T19:10:00Z\n", `x:2: "-20ms" is not an instant`},
		{traffic.Title + "\n2026-11-28T19:10:00Z pins < line 17 rising #x 2026-11-28T19:10:00Z\n", `x:2: "#x" is not an instant`},
		{traffic.Title + "\n2026-11-28T19:10:00Z pins > line 17 rising 2026-11-28T19:10:00Z\n", "x:2: an edge comes from the chip"},
		{traffic.Title + "\n2026-11-28T19:10:00Z pins > pwm 1 62.5%\n", `x:2: a duty is "pwm", the channel`},
		{traffic.Title + "\n2026-11-28T19:10:00Z pins > pwm one 62.5% pwmchip0\n", `x:2: "one" is no number of a channel`},
		{traffic.Title + "\n2026-11-28T19:10:00Z pins > pwm 1 62.5 pwmchip0\n", `x:2: "62.5" is no percentage`},
		{traffic.Title + "\n2026-11-28T19:10:00Z pins > pwm 1 101% pwmchip0\n", `x:2: "101%" is no percentage`},
		{traffic.Title + "\n2026-11-28T19:10:00Z pins > pwm 1 NaN% pwmchip0\n", `x:2: "NaN%" is no percentage`},
	} {
		if _, err := traffic.Read("x", strings.NewReader(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.40q: %v, want %s", c.text, err, c.want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(recording)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := traffic.Read("x", strings.NewReader(text))
		if err != nil {
			return
		}
		for _, l := range r.Lines {
			again, err := traffic.Parse(l.String())
			if err != nil || again.String() != l.String() || again.Bus != l.Bus {
				t.Errorf("%q is read as %v, %v", l.String(), again, err)
			}
		}
	})
}

func TestTapTellsOneAndStops(t *testing.T) {
	var nobody *drivers.Tap
	nobody.Sent([]byte{1})
	var heard []drivers.Traffic
	tap := &drivers.Tap{}
	tap.Listen(func(t drivers.Traffic) { heard = append(heard, t) })
	b := []byte{1}
	tap.Sent(b)
	b[0] = 2
	tap.Received(b)
	tap.Received(nil)
	tap.Listen(nil)
	tap.Sent(b)
	if len(heard) != 2 || !heard[0].Sent || heard[0].Bytes[0] != 1 || heard[1].Sent || heard[1].Bytes[0] != 2 {
		t.Errorf("%+v", heard)
	}
}
