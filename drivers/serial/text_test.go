package serial

import (
	"errors"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"fieldmq/drivers"
)

// address is a point's address that a test changes.
func address(set func(*Address)) *Address {
	d := Driver.New().Device().(*Device)
	a := d.Address().(*Address)
	set(a)
	return a
}

func matching(match string) *Address { return address(func(a *Address) { a.Match = match }) }

// find compiles an address and looks into one frame.
func find(t *testing.T, a *Address, frame string) (reading, bool) {
	t.Helper()
	if err := a.Validate(); err != nil {
		t.Fatal(err)
	}
	s, err := newSource(&drivers.Point{At: a})
	if err != nil {
		t.Fatal(err)
	}
	return s.find([]byte(frame))
}

func TestTextHoldsValues(t *testing.T) {
	set := func(kind, match string) *Address {
		return address(func(a *Address) { a.Type, a.Match = kind, match })
	}
	words := address(func(a *Address) { a.Type, a.Match, a.TrueIs, a.FalseIs = "bool", `door (\w+)`, "OPEN", "SHUT" })
	oneWord := address(func(a *Address) { a.Type, a.Match, a.TrueIs = "bool", `door (\w+)`, "OPEN" })
	comma := address(func(a *Address) { a.Match, a.Decimal = `T=(\S+)`, "comma" })
	named := address(func(a *Address) { a.Match, a.Group = `T=(?P<t>\S+) H=(?P<h>\S+)`, "h" })
	second := address(func(a *Address) { a.Match, a.Group = `T=(\S+) H=(\S+)`, "2" })
	all := address(func(a *Address) { a.Match, a.Group = `\d+`, "0" })
	tests := map[string]struct {
		at    *Address
		frame string
		want  drivers.Value
	}{
		"reads a weight":            {matching(`ST,GS,\s*([+-]?\d+\.\d+)\s*kg`), "ST,GS,+0012.34 kg", drivers.Float(12.34)},
		"reads a sign with blanks":  {matching(`([+-]\s*[\d.]+)`), "ST,GS,-   12.34kg", drivers.Float(-12.34)},
		"reads an exponent":         {matching(`=(.*)`), "P=1.5e-3", drivers.Float(0.0015)},
		"reads a decimal comma":     {comma, "T=-3,5", drivers.Float(-3.5)},
		"reads the whole match":     {matching(`\d+`), "n 42!", drivers.Float(42)},
		"reads a named group":       {named, "T=21.4 H=55", drivers.Float(55)},
		"reads a numbered group":    {second, "T=21.4 H=55", drivers.Float(55)},
		"reads group 0":             {all, "n 42", drivers.Float(42)},
		"reads an integer":          {set("int", `=(.*)`), "N= +007 ", drivers.Int(7)},
		"reads a large integer":     {set("int", `=(.*)`), "N=18446744073709551615", drivers.Uint(math.MaxUint64)},
		"reads hexadecimal digits":  {set("hex", `=(.*)`), "N=0x1aF", drivers.Int(0x1AF)},
		"reads a text":              {set("string", `=(.*)`), "S= W\u00fcrth ", drivers.Text("W\u00fcrth")},
		"makes a text printable":    {set("string", `=(.*)`), "S=20\xB0\x01C", drivers.Text("20\uFFFD\uFFFDC")},
		"reads on":                  {set("bool", `(\w+)$`), "pump ON", drivers.Bool(true)},
		"reads 0":                   {set("bool", `(\w+)$`), "pump 0", drivers.Bool(false)},
		"reads a word for true":     {words, "door OPEN", drivers.Bool(true)},
		"reads a word for false":    {words, "door SHUT", drivers.Bool(false)},
		"reads another word":        {oneWord, "door AJAR", drivers.Bool(false)},
		"reads a frame of any byte": {matching(`=(\d+)`), "\xFF\x00=5\xFE", drivers.Float(5)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, ok := find(t, tt.at, tt.frame)
			if !ok || got.err != nil || got.value != tt.want {
				t.Errorf("got %v, %v, %v; want %v", got.value, got.err, ok, tt.want)
			}
			if got.value.Kind() != tt.at.Kind() && got.value.Kind() != drivers.KindUint {
				t.Errorf("kind %v, but Kind is %v", got.value.Kind(), tt.at.Kind())
			}
		})
	}
}

func TestTextWithoutAValueSaysWhy(t *testing.T) {
	set := func(kind string) *Address {
		return address(func(a *Address) { a.Type, a.Match, a.Invalid = kind, `=(.*)`, []string{"----", "OL"} })
	}
	words := address(func(a *Address) { a.Type, a.Match, a.TrueIs, a.FalseIs = "bool", `=(.*)`, "OPEN", "SHUT" })
	tests := map[string]struct {
		at   *Address
		said string
		want string
	}{
		"knows the words for none":     {set(""), " OL ", "no value"},
		"takes no word for a number":   {set(""), "ERR", `"ERR" is not a number`},
		"takes no infinity":            {set(""), "inf", `"inf" is not a number`},
		"takes no NaN":                 {set(""), "NaN", `"NaN" is not a number`},
		"takes no number beyond all":   {set(""), "1e999", `"1e999" is not a number`},
		"takes no hexadecimal float":   {set(""), "0x1p4", `"0x1p4" is not a number`},
		"takes no underscore":          {set("int"), "1_000", `"1_000" is not an integer`},
		"takes no fraction":            {set("int"), "1.5", `"1.5" is not an integer`},
		"takes no comma for a point":   {set(""), "1,5", `"1,5" is not a number`},
		"takes no empty text":          {set("int"), "", `"" is not an integer`},
		"takes no odd word for a bool": {set("bool"), "maybe", `"maybe" is neither true nor false`},
		"takes only the words it has":  {words, "1", `"1" is neither true nor false`},
		"quotes no more than a little": {set("int"), strings.Repeat("x", 1000), `"` + strings.Repeat("x", 40) + `"... is not an integer`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, ok := find(t, tt.at, "="+tt.said)
			if !ok || got.err == nil || got.err.Error() != tt.want {
				t.Errorf("got %v, %v, %v", got.value, got.err, ok)
			}
		})
	}
	if got, _ := find(t, set(""), "=OL"); !errors.Is(got.err, drivers.ErrNoValue) {
		t.Errorf("got %v", got.err)
	}
}

func TestFrameOfAnotherPointIsNoFault(t *testing.T) {
	optional := address(func(a *Address) { a.Match, a.Group = `T=(\d+)( H=(\d+))?`, "3" })
	for _, tt := range []struct {
		at    *Address
		frame string
	}{{matching(`^T=(\d+)`), "H=5"}, {optional, "T=5"}} {
		if got, ok := find(t, tt.at, tt.frame); ok {
			t.Errorf("%s holds %v, %v", tt.frame, got.value, got.err)
		}
	}
}

func TestAddressStandsInForItself(t *testing.T) {
	d := Driver.New().Device().(*Device)
	d.ID, d.Request, d.Match = "1.", Bytes("#{address}\r"), `^{address}>(\d+)`
	a := d.Address().(*Address)
	if got := string(a.request()); got != "#1.\r" {
		t.Errorf("request %q", got)
	}
	if got, ok := find(t, a, "1.>5"); !ok || got.value != drivers.Float(5) {
		t.Errorf("got %v, %v", got.value, ok)
	}
	if _, ok := find(t, a, "12>5"); ok {
		t.Error("the address is an expression")
	}
}

// FuzzText checks that whatever comes is a value of its kind, or a reason.
func FuzzText(f *testing.F) {
	for _, s := range []string{"=12.5", "=+  3", "=-", "=0x1F", "=on", "=\xFF\xFE", "=1e400", "=----", "=99999999999999999999", "==="} {
		f.Add(s)
	}
	var sources []*source
	for _, kind := range textTypes {
		a := address(func(a *Address) { a.Type, a.Match, a.Invalid = kind, `=(.*)`, []string{"----"} })
		s, err := newSource(&drivers.Point{At: a})
		if err != nil {
			f.Fatal(err)
		}
		sources = append(sources, s)
	}
	f.Fuzz(func(t *testing.T, frame string) {
		for _, s := range sources {
			got, ok := s.find([]byte(frame))
			checkReading(t, s.Address, got, ok)
		}
	})
}

// checkReading checks what holds for everything that is found.
func checkReading(t *testing.T, a *Address, got reading, ok bool) {
	t.Helper()
	v := got.value
	switch {
	case !ok || got.err != nil:
		if v != (drivers.Value{}) && !errors.Is(got.err, drivers.ErrNoValue) {
			t.Errorf("%v: a value beside an error: %v", a.kind(), v)
		}
	case v.Kind() == drivers.KindUint && a.Kind() == drivers.KindInt:
	case v.Kind() != a.Kind():
		t.Errorf("%v: kind %v", a.kind(), v.Kind())
	case v.Kind() == drivers.KindFloat && (math.IsNaN(v.Float()) || math.IsInf(v.Float(), 0)):
		t.Errorf("%v: %v", a.kind(), v)
	case v.Kind() == drivers.KindText && (!utf8.ValidString(v.String()) || strings.ContainsAny(v.String(), "\x00\n\r\x7f")):
		t.Errorf("text %q", v)
	}
}

// Whoever compares it with the file finds it there letter by letter.
func TestExpressionsAreShownAsTheyAreWritten(t *testing.T) {
	for match, want := range map[string]string{
		`(\d+)\s*kg`: `match '(\d+)\s*kg'`,
		`it's`:       `match 'it''s'`,
		"a\x02b":     `match "a\x02b"`,
	} {
		if got := (&Address{Match: match}).String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
