package serial

import (
	"testing"
	"time"

	"fieldmq/configs"
	"fieldmq/drivers"
)

func TestExpressionsTellTheLengthOfTheirFrames(t *testing.T) {
	for expression, want := range map[string]extent{
		`^T=\d\d\.\d$`:           {6, 6, false},
		`^(T=(\d{1,3}))$`:        {3, 5, false},
		`^(?:on|stand-?by)$`:     {2, 8, false},
		`^T=(\d+)$`:              {3, 0, true},
		`^T=(\d*)$`:              {2, 0, true},
		`^T=(\d{2,})$`:           {4, 0, true},
		`T=(\d)`:                 {3, 0, true}, // anything may stand around it
		`^T=(\d)`:                {3, 0, true},
		`(\d)$`:                  {1, 0, true},
		`^(\d+){0}x$`:            {1, 1, false},
		`^µ.$`:                   {2, 6, false},
		`^(?i:ok)\b$`:            {2, 2, false},
		`^(\d|\d\d|off|no \w+)$`: {1, 0, true},
	} {
		if got := described(expression); got.least != want.least || got.open != want.open || !got.open && got.most != want.most {
			t.Errorf("%s: %+v, want %+v", expression, got, want)
		}
	}
}

func TestFramesTellTheirLength(t *testing.T) {
	exact := matching(`^T=(\d)$`)
	for _, c := range []struct {
		name  string
		frame Frame
		at    *Address
		want  extent
	}{
		{"ends with LF, or CR LF", Frame{}, exact, extent{4, 5, false}},
		{"ends as it is told", Frame{Line: Bytes("\r\n")}, exact, extent{5, 5, false}},
		{"ends with a silence", Frame{Gap: 1}, exact, extent{3, 3, false}},
		{"has as many bytes as it is told", Frame{Length: 9}, matching(`T`), extent{9, 9, false}},
		{"has marks and a tail", Frame{Start: Hex{2}, End: Hex{3}, Tail: 2}, matching(`T`), extent{4, 0, true}},
		{"holds a binary value", Frame{Start: Hex{2}, End: Hex{3}}, binaryAt(5, "uint32"), extent{9, 0, true}},
		{"holds one before its end", Frame{Gap: 1}, binaryAt(-4, "uint16"), extent{4, 0, true}},
	} {
		if got := c.frame.extent(c.at); got.least != c.want.least || got.open != c.want.open || !got.open && got.most != c.want.most {
			t.Errorf("one that %s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestExchangesAreToldAsTheyWillBe(t *testing.T) {
	s := Driver.New().(*Settings)
	s.Pause = configs.Duration(30 * time.Millisecond)
	d := s.Device().(*Device)
	d.Request = Bytes("A?\n")
	var points []*drivers.Point
	for _, set := range []func(*Address){
		func(a *Address) { a.Match = `^A=(\d)$` },
		func(a *Address) { a.Match, a.Request = `^W=(\d)$`, nil },
		func(a *Address) { a.Match = `^B=(\d\d)$` },
		func(a *Address) { a.Match, a.Request = `C=(\d)`, Bytes("C?\n") },
		func(a *Address) { a.Match = `^A=(\d)$` },
	} {
		a := d.Address().(*Address)
		set(a)
		points = append(points, &drivers.Point{At: a})
	}
	all := s.Exchanges(points)
	if len(all) != 3 {
		t.Fatalf("%d exchanges: %+v", len(all), all)
	}
	// 9600 Bd, 8N1; the longest answers are A=1 and B=12, each with CR LF.
	char := time.Second / 960
	if x := all[0]; len(x.Points) != 3 || x.Least != 5 || x.Most != 11 || (x.Time-(14*char+35*time.Millisecond)).Abs() > time.Microsecond {
		t.Errorf("A and B: %+v", x)
	}
	if x := all[1]; len(x.Request) > 0 || x.Time != 0 || s.Fastest(x) < 239 || s.Fastest(x) > 241 {
		t.Errorf("W, which comes by itself: %+v, %v a second", x, s.Fastest(x))
	}
	if x := all[2]; x.Most != 0 || x.Least != 4 || (x.Time-(7*char+35*time.Millisecond)).Abs() > time.Microsecond {
		t.Errorf("C: %+v", x)
	}
}
