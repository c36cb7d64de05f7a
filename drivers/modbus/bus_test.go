package modbus

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fieldmq/drivers"
)

// TestRefusedPointIsFoundAndReadAlone: devices do not agree on the code for a
// register that they do not have.
func TestRefusedPointIsFoundAndReadAlone(t *testing.T) {
	for _, code := range []Exception{1, 2, 3, 4} {
		t.Run(code.Error(), func(t *testing.T) { synctest.Test(t, refusedPoint(code)) })
	}
}

func refusedPoint(code Exception) func(*testing.T) {
	return func(t *testing.T) {
		bad := 12
		bus, m := onMemory(func(r *pdu) Exception {
			if touches(r, bad) {
				return code
			}
			return 0
		})
		points := holdings(unitOf(newTCPSettings(), 1), 10, 12, 14, 16)
		want := fmt.Sprintf("-, %v, -, -", code)
		looks := "3:10+7 3:10+3 3:10+1 3:12+1 3:14+3"
		if code == illegalFunction { // and whether it has the function at all
			looks = "3:10+7 3:10+1 3:16+1 3:10+3 3:10+1 3:12+1 3:10+1 3:12+1 3:14+3"
		}
		for _, asked := range []string{
			looks,
			"3:10+1 3:14+3", // and does not touch it again
			"3:10+1 3:14+3",
		} {
			if got := errorsOf(t, bus, points); got != want {
				t.Errorf("got %s", got)
			}
			if got := m.takeAsked(); got != asked {
				t.Errorf("asked %s", got)
			}
		}

		time.Sleep(retryRefused)
		bad = -1 // the device has learned
		if got := errorsOf(t, bus, points); got != "-, -, -, -" {
			t.Errorf("got %s", got)
		}
		m.takeAsked()
		errorsOf(t, bus, points)
		if got := m.takeAsked(); got != "3:10+7" {
			t.Errorf("asked %s", got)
		}
	}
}

func TestGapThatTheDeviceLacksIsReadNoMore(t *testing.T) {
	for e := Exception(2); e <= 4; e++ {
		bus, m := onMemory(func(r *pdu) Exception {
			if touches(r, 13) {
				return e
			}
			return 0
		})
		points := holdings(unitOf(newTCPSettings(), 1), 10, 11, 15, 16)
		if got := errorsOf(t, bus, points); got != "-, -, -, -" {
			t.Errorf("got %s", got)
		}
		if got := m.takeAsked(); got != "3:10+7 3:10+2 3:15+2" {
			t.Errorf("asked %s", got)
		}
		if got := errorsOf(t, bus, points); got != "-, -, -, -" {
			t.Errorf("got %s", got)
		}
		if got := m.takeAsked(); got != "3:10+2 3:15+2" {
			t.Errorf("asked %s", got)
		}
	}
}

func TestLimitOfTheDeviceIsFound(t *testing.T) {
	bus, m := onMemory(func(r *pdu) Exception {
		if quantity(r) > 16 {
			return 3
		}
		return 0
	})
	var at []int
	for n := range 40 {
		at = append(at, n)
	}
	points := holdings(unitOf(newTCPSettings(), 1), at...)
	for range 2 {
		if got := errorsOf(t, bus, points); strings.Contains(got, "illegal") {
			t.Errorf("got %s", got)
		}
	}
	m.takeAsked()
	errorsOf(t, bus, points)
	if got := m.takeAsked(); got != "3:0+10 3:10+10 3:20+10 3:30+10" {
		t.Errorf("asked %s", got)
	}
}

func TestTableThatTheDeviceLacksIsAskedForLittle(t *testing.T) {
	bus, m := onMemory(func(r *pdu) Exception {
		if r.FunctionCode == 3 {
			return 1
		}
		return 0
	})
	d := unitOf(newTCPSettings(), 1)
	points := append(holdings(d, 1, 2, 3), point(d, "i", input(1, Uint16, ABCD)))
	for _, asked := range []string{"4:1+1 3:1+3 3:1+1 3:3+1", "4:1+1"} {
		if got := errorsOf(t, bus, points); got != "illegal function, illegal function, illegal function, -" {
			t.Errorf("got %s", got)
		}
		if got := m.takeAsked(); got != asked {
			t.Errorf("asked %s", got)
		}
	}
}

func TestDeviceThatRefusesAllIsStillAsked(t *testing.T) {
	bus, m := onMemory(func(r *pdu) Exception { return 2 })
	points := holdings(unitOf(newTCPSettings(), 1), 1, 2)
	for _, asked := range []string{"3:1+2 3:1+1 3:2+1", "3:1+1", "3:1+1"} {
		if got := errorsOf(t, bus, points); got != "illegal data address, illegal data address" {
			t.Errorf("got %s", got)
		}
		if got := m.takeAsked(); got != asked {
			t.Errorf("asked %s", got)
		}
	}
	m.refuse = func(*pdu) Exception { return 11 } // the box behind which it was
	samples, err := bus.Read(t.Context(), points)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range samples {
		if !errors.Is(s.Err, drivers.ErrOffline) {
			t.Errorf("got %v", s.Err)
		}
	}
}

func TestBoxWithoutTheDeviceMeansSilence(t *testing.T) {
	bus, m := onMemory(func(r *pdu) Exception { return 11 })
	samples, err := bus.Read(t.Context(), holdings(unitOf(newTCPSettings(), 1), 1, 2))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range samples {
		if !errors.Is(s.Err, drivers.ErrOffline) || errors.Is(s.Err, drivers.ErrRefused) {
			t.Errorf("got %v", s.Err)
		}
	}
	if got := m.takeAsked(); got != "3:1+2" {
		t.Errorf("asked %s", got)
	}
}

func TestPlanFollowsTheTurnaround(t *testing.T) {
	bus, m := onMemory(nil)
	points := holdings(unitOf(newTCPSettings(), 1), 1, 50)
	for _, tt := range []struct {
		trip time.Duration
		want string
	}{
		{time.Millisecond, "3:1+1 3:50+1"},
		{20 * time.Millisecond, "3:1+50"},
		{15 * time.Millisecond, "3:1+50"}, // about the same
		{time.Millisecond, "3:1+1 3:50+1"},
	} {
		m.trip = tt.trip
		errorsOf(t, bus, points)
		if got := m.takeAsked(); got != tt.want {
			t.Errorf("%v: asked %s", tt.trip, got)
		}
	}
}

func TestPlansTakeNoMemoryWithoutBound(t *testing.T) {
	bus, _ := onMemory(nil)
	d := unitOf(newTCPSettings(), 1)
	for range 3 * maxPlans {
		errorsOf(t, bus, holdings(d, 1))
	}
	if len(bus.plans) > maxPlans {
		t.Errorf("%d plans are kept", len(bus.plans))
	}
}

func TestWritesBecomeFewRequests(t *testing.T) {
	type set struct {
		at    func(*Address)
		value drivers.Value
	}
	bitOf := func(n, bit int) func(*Address) { return func(a *Address) { a.Holding, a.Bit = at0(n), &bit } }
	tests := map[string]struct {
		multiple bool
		refuse   func(*pdu) Exception
		sets     []set
		want     string
		fails    string
	}{
		"writes one register with 6": {sets: []set{{holding(1, Uint16), drivers.Int(7)}}, want: "6:1+7"},
		"writes one with 16 if told": {multiple: true, sets: []set{{holding(1, Uint16), drivers.Int(7)}}, want: "16:1+1"},
		"writes long values with 16": {sets: []set{{holding(1, Float32), drivers.Float(1)}}, want: "16:1+2"},
		"writes one coil with 5":     {sets: []set{{coil(3), drivers.Bool(true)}}, want: "5:3+65280"},
		"writes coils off":           {sets: []set{{coil(3), drivers.Bool(false)}}, want: "5:3+0"},
		"writes one with 15 if told": {multiple: true, sets: []set{{coil(3), drivers.Bool(true)}}, want: "15:3+1"},
		"joins neighbours":           {sets: []set{{holding(1, Uint16), drivers.Int(7)}, {holding(2, Uint32), drivers.Int(8)}}, want: "16:1+3"},
		"joins backwards":            {sets: []set{{holding(2, Uint32), drivers.Int(8)}, {holding(1, Uint16), drivers.Int(7)}}, want: "16:1+3"},
		"joins coils":                {sets: []set{{coil(4), drivers.Bool(true)}, {coil(3), drivers.Bool(true)}}, want: "15:3+2"},
		"keeps the order of others":  {sets: []set{{holding(9, Uint16), drivers.Int(7)}, {holding(2, Uint16), drivers.Int(8)}}, want: "6:9+7 6:2+8"},
		"keeps tables apart":         {sets: []set{{holding(1, Uint16), drivers.Int(7)}, {coil(2), drivers.Bool(true)}}, want: "6:1+7 5:2+65280"},
		"keeps what it does not own": {sets: []set{{bitOf(200, 1), drivers.Bool(true)}}, want: "3:200+1 6:200+61442"},
		"changes bits at once":       {sets: []set{{bitOf(200, 1), drivers.Bool(true)}, {bitOf(200, 15), drivers.Bool(false)}}, want: "3:200+1 6:200+28674"},
		"writes the last of a bit":   {sets: []set{{bitOf(200, 1), drivers.Bool(true)}, {bitOf(200, 1), drivers.Bool(false)}}, want: "3:200+1 6:200+61440"},
		"sends nothing if one is wrong": {
			sets:  []set{{holding(1, Uint16), drivers.Int(7)}, {holding(2, Uint16), drivers.Int(70000)}},
			fails: "write unit-1/p: refused: 70000 is not from 0 to 65535",
		},
		"writes no input": {
			sets:  []set{{input(1, Uint16, ABCD), drivers.Int(7)}},
			fails: "write unit-1/p: refused: input 1 cannot be written",
		},
		"stops at the first refusal": {
			refuse: func(*pdu) Exception { return 3 },
			sets:   []set{{holding(1, Uint16), drivers.Int(7)}, {holding(5, Uint16), drivers.Int(8)}},
			want:   "6:1+7",
			fails:  "write unit-1/p: illegal data value",
		},
		"writes one by one if it must": {
			refuse: func(r *pdu) Exception {
				if r.FunctionCode == 16 {
					return 1
				}
				return 0
			},
			sets: []set{{holding(1, Uint16), drivers.Int(7)}, {holding(2, Uint16), drivers.Int(8)}},
			want: "16:1+2 6:1+7 6:2+8",
		},
		"takes at work for agreed": {
			refuse: func(*pdu) Exception { return 5 },
			sets:   []set{{holding(1, Uint16), drivers.Int(7)}},
			want:   "6:1+7",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			bus, m := onMemory(tt.refuse)
			m.registers[200] = 0xF000
			d := unitOf(newTCPSettings(), 1)
			d.WriteMultiple = tt.multiple
			var commands []drivers.Command
			for _, s := range tt.sets {
				commands = append(commands, drivers.Command{Point: point(d, "p", s.at), Value: s.value})
			}
			err := bus.Write(t.Context(), commands)
			if text := fmt.Sprint(err); tt.fails == "" && err != nil || tt.fails != "" && text != tt.fails {
				t.Errorf("got %v", err)
			}
			if err != nil && (!errors.Is(err, drivers.ErrRefused) || errors.Is(err, drivers.ErrBus)) {
				t.Errorf("%v is no refusal", err)
			}
			if got := m.takeAsked(); got != tt.want {
				t.Errorf("asked %s, want %s", got, tt.want)
			}
			if err != nil || tt.refuse != nil {
				return
			}
			for i, c := range commands {
				if later := i+1 < len(commands) && at(commands[i+1].Point).String() == at(c.Point).String(); later {
					continue
				}
				samples, err := bus.Read(t.Context(), []*drivers.Point{c.Point})
				if err != nil || samples[0].Value != c.Value {
					t.Errorf("wrote %v, read %v, %v", c.Value, samples[0].Value, err)
				}
			}
		})
	}
}

func TestToolsAskForWhatTheyWant(t *testing.T) {
	bus, m := onMemory(func(r *pdu) Exception {
		if touches(r, 9) {
			return 2
		}
		return 0
	})
	m.registers[7] = 0x1234
	tests := map[string]struct {
		function byte
		data     []byte
		want     string
	}{
		"gets registers":          {3, words(7, 1), "1234 <nil>"},
		"gets an exception":       {3, words(9, 1), " illegal data address"},
		"knows no such function":  {99, words(7, 1), " function code 99 with 4 bytes is no request that we know"},
		"asks for no 2000 words":  {3, words(7, 2000), " function code 3 with 4 bytes is no request that we know"},
		"sends no half a request": {3, words(7), " function code 3 with 2 bytes is no request that we know"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			data, err := bus.Request(t.Context(), 1, tt.function, tt.data, time.Second)
			if got := fmt.Sprintf("%X %v", data, err); got != tt.want {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestWriteKeepsToTheLimits(t *testing.T) {
	bus, m := onMemory(nil)
	d := unitOf(newTCPSettings(), 1)
	var commands []drivers.Command
	for n := range 130 {
		commands = append(commands, drivers.Command{Point: point(d, "p", holding(n, Uint16)), Value: drivers.Int(int64(n))})
	}
	if err := bus.Write(t.Context(), commands); err != nil {
		t.Fatal(err)
	}
	if got := m.takeAsked(); got != "16:0+123 16:123+7" {
		t.Errorf("asked %s", got)
	}
}
