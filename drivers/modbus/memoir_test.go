package modbus

import (
	"strings"
	"testing"

	"fieldmq/drivers"
)

// picky is a memory that refuses a register, reading from one to another, and
// masks.
func picky() (*Bus, *memory) {
	return onMemory(func(r *pdu) Exception {
		switch {
		case r.FunctionCode == 22:
			return illegalFunction
		case reads(r) && touches(r, 12), reads(r) && touches(r, 29) && touches(r, 30):
			return illegalAddress
		}
		return 0
	})
}

func TestLessonsSurviveARestart(t *testing.T) {
	bus, m := picky()
	d := unitOf(newTCPSettings(), 7)
	d.MaskWrite = true
	points := holdings(d, 10, 12, 14, 28, 32)
	if got := bus.Lessons(points[0]); got != nil {
		t.Errorf("learned %s of nothing", got)
	}
	const want = "-, illegal data address, -, -, -"
	if got := errorsOf(t, bus, points); got != want {
		t.Errorf("got %s", got)
	}
	if err := bus.Write(t.Context(), []drivers.Command{order(d, drivers.Int(1), func(a *Address) { holding(40, Unset)(a); a.Bits = &Range{0, 3} })}); err != nil {
		t.Error(err)
	}
	errorsOf(t, bus, points)
	m.takeAsked()
	errorsOf(t, bus, points)
	settled := m.takeAsked()
	text := bus.Lessons(points[0])
	for _, part := range []string{`"unit":7`, `"table":"holding","first":12,"count":1,"code":2,"why":"illegal data address","since":"2`,
		`"first":29,"end":32`, `"no_mask_write":true`} {
		if !strings.Contains(string(text), part) {
			t.Errorf("%s is not in %s", part, text)
		}
	}

	after, m := picky()
	if err := after.Learn(points[0], text); err != nil {
		t.Fatal(err)
	}
	if again := after.Lessons(points[0]); string(again) != string(text) {
		t.Errorf("got  %s\nwant %s", again, text)
	}
	errorsOf(t, after, points) // asks once more for what was refused, alone
	if got := m.takeAsked(); got != settled+" 3:12+1" {
		t.Errorf("asked %s, and before the restart %s", got, settled)
	}
	if err := after.Learn(points[0], nil); err != nil || after.Lessons(points[0]) != nil {
		t.Errorf("%v, and %s is not forgotten", err, after.Lessons(points[0]))
	}

	other := unitOf(newTCPSettings(), 8) // the device has another unit id now
	if err := after.Learn(holdings(other, 1)[0], text); err != nil || after.Lessons(holdings(other, 1)[0]) != nil {
		t.Error("what was learned of one unit is believed of another")
	}
}

func FuzzLearn(f *testing.F) {
	f.Add([]byte(`{"unit":1,"refused":[{"table":"holding","first":12,"count":1,"code":2}],"apart":[{"table":"coil","first":3,"end":5}]}`))
	f.Add([]byte(`{"unit":1,"refused":[{"table":"call","first":-1,"count":70000}]}`))
	f.Add([]byte(`[`))
	f.Fuzz(func(t *testing.T, text []byte) {
		bus, _ := onMemory(nil)
		points := holdings(unitOf(newTCPSettings(), 1), 10, 12, 14)
		if err := bus.Learn(points[0], text); err != nil {
			return
		}
		if got := errorsOf(t, bus, points); got != "-, -, -" {
			t.Errorf("%s: got %s", text, got)
		}
		bus.Lessons(points[0])
	})
}
