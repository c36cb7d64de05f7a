package serial

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"fieldmq/configs"
	"fieldmq/drivers"
)

// load reads the sections of a bus, its devices and their points from a
// configuration, and leaves to others the keys that are not ours.
func load(text string) (*Settings, []*drivers.Point, configs.Faults) {
	doc := configs.Parse("site.yaml", []byte(text), nil)
	var site struct {
		Buses   configs.Sections `yaml:"buses"`
		Devices configs.Sections `yaml:"devices"`
	}
	doc.Root().Decode(&site)
	settings := Driver.New().(*Settings)
	for _, b := range site.Buses {
		b.Decode(settings, configs.Any)
	}
	var points []*drivers.Point
	for _, d := range site.Devices {
		var keys struct {
			Points configs.Sections `yaml:"points"`
		}
		device := settings.Device()
		d.Decode(&keys, device, configs.Any)
		for _, p := range keys.Points {
			at := device.Address()
			p.Decode(at, configs.Any)
			points = append(points, &drivers.Point{Device: d.Name, Name: p.Name, At: at})
			for _, c := range settings.Check(points[len(points)-1:]) {
				p.Bad(c.Key, "%s", c.Text)
			}
		}
	}
	return settings, points, doc.Faults()
}

func TestExamplesOfTheReadmeAreGood(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(blocks) < 3 {
		t.Fatalf("%d examples", len(blocks))
	}
	for _, block := range blocks {
		_, points, faults := load(block[1])
		if len(faults) > 0 || len(points) == 0 {
			t.Errorf("%d points, faults:\n%v", len(points), faults)
		}
		for _, p := range points {
			if _, err := newSource(p); err != nil {
				t.Errorf("%v: %v", p, err)
			}
		}
	}
}

func TestExampleOfABinarySensorReadsItsFrame(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "A sensor with binary frames")
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindStringSubmatch(rest)
	s, points, _ := load(block[1])
	got, ok := find(t, points[0].At.(*Address), "\xFF\x86\x02\x60\x47\x00\x00\x00\xD1")
	if !ok || got.value != drivers.Int(608) {
		t.Errorf("got %v, %v", got, ok)
	}
	if !s.Frame.genuine([]byte("\xFF\x86\x02\x60\x47\x00\x00\x00\xD1")) {
		t.Error("the checksum of the data sheet's frame is refused")
	}
}

func TestFaultsAreFoundAtTheirPlace(t *testing.T) {
	bus := func(frame string) string {
		return "buses:\n  b: {driver: serial, port: /dev/x, frame: {" + frame + "}}\n"
	}
	dev := func(point string) string {
		return "devices:\n  d: {points: {p: {" + point + "}}}\n"
	}
	tests := map[string]struct{ text, want string }{
		"two kinds of frame":         {bus(`line: "\n", length: 5`), "2:44: buses.b.frame: takes one of line, length, start with end, and gap"},
		"an end without start":       {bus(`end: "03"`), "2:50: buses.b.frame.end: needs start"},
		"a start alone":              {bus(`start: "03"`), "2:52: buses.b.frame.start: needs end or length"},
		"a start without a frame":    {bus(`length: 1, start: "03"`), "2:53: buses.b.frame.length: is no more than start"},
		"a length beyond max":        {bus(`length: 9, max: 5`), "2:53: buses.b.frame.length: is more than max"},
		"a tail of nothing":          {bus(`tail: 1`), "2:51: buses.b.frame.tail: needs end, behind which it stands"},
		"a checksum outside":         {bus(`length: 2, checksum: {type: sum8, at: 7}`), "2:66: buses.b.frame.checksum: does not lie within length"},
		"a checksum of many kinds":   {bus(`checksum: {type: crc16}`), `2:62: buses.b.frame.checksum.type: "crc16" is not sum8, xor8, lrc, crc8, crc8-maxim, crc16-modbus, crc16-ccitt or crc16-xmodem; did you mean "crc16-modbus"?`},
		"an unknown checksum":        {bus(`checksum: {type: crc}`), `2:62: buses.b.frame.checksum.type: "crc" is not sum8, xor8, lrc, crc8, crc8-maxim, crc16-modbus, crc16-ccitt or crc16-xmodem; did you mean "lrc"?`},
		"an order of one byte":       {bus(`checksum: {type: sum8, order: big}`), "2:75: buses.b.frame.checksum.order: is for checksums of two bytes"},
		"half a byte":                {bus(`start: "2", end: "03"`), `2:52: buses.b.frame.start: "2" is not bytes in pairs of hexadecimal digits, such as 02 FF`},
		"an unknown escape":          {bus(`line: '\q'`), `2:51: buses.b.frame.line: \q is not \r, \n, \t, \0, \\ or \x and two digits`},
		"an escape cut off":          {bus(`line: 'a\'`), `2:51: buses.b.frame.line: "a\\" ends within an escape; write \\ for a backslash`},
		"a hex escape cut off":       {bus(`line: '\x0'`), `2:51: buses.b.frame.line: "\\x0" ends within an escape; write \\ for a backslash`},
		"an escape of no digits":     {bus(`line: '\xZZ'`), `2:51: buses.b.frame.line: \xZZ is not two hexadecimal digits after \x`},
		"a gap without unit":         {bus(`gap: 20`), "2:50: buses.b.frame.gap: 20 has no unit; write 20s or 20ms"},
		"a point without place":      {dev(`type: int`), "2:19: devices.d.points.p: has no place in a frame; write match for text, or at for binary values"},
		"an open parenthesis":        {dev(`match: 'T=(\d'`), `2:27: devices.d.points.p.match: is no regular expression: a parenthesis is not closed, at 'T=(\d'`},
		"a group too far":            {dev(`match: 'T=(\d)', group: 2`), "2:44: devices.d.points.p.group: match has 1 group, not 2"},
		"a group of no name":         {dev(`match: 'T=(\d)', group: t`), "2:44: devices.d.points.p.group: match has no group (?P<t>...)"},
		"a binary type of a text":    {dev(`match: 'T', type: uint16`), "2:38: devices.d.points.p.type: uint16 is binary and needs at; write float, int, hex, bool or string"},
		"a text type of bytes":       {dev(`at: 1, type: float`), "2:33: devices.d.points.p.type: float is for text; write a binary one, such as uint8, int16 or float32"},
		"a length of a text":         {dev(`match: 'T', length: 4`), "2:40: devices.d.points.p.length: is for binary values, which have at instead of match"},
		"both kinds of place":        {dev(`match: 'T', at: 4`), "2:27: devices.d.points.p.match: stands beside at; keep one of them"},
		"a string without length":    {dev(`at: 4, type: string`), "2:19: devices.d.points.p.length: is missing: how many bytes has the string?"},
		"a length of a number":       {dev(`at: 4, type: int16, length: 2`), "2:48: devices.d.points.p.length: is for string and bcd; the others have theirs"},
		"a long bcd":                 {dev(`at: 4, type: bcd, length: 10`), "2:46: devices.d.points.p.length: a bcd has at most 9 bytes"},
		"a bit beyond":               {dev(`at: 4, bit: 8`), "2:32: devices.d.points.p.bit: 8 is not within 0 to 7"},
		"a bit of a float":           {dev(`at: 4, type: float32, bit: 8`), "2:47: devices.d.points.p.bit: is for unsigned integers; float32 is none"},
		"words without bool":         {dev(`match: 'T', true_is: ON`), "2:19: devices.d.points.p.type: must be bool for true_is and false_is"},
		"an answer to nothing":       {dev(`match: 'T', expect: OK`), "2:40: devices.d.points.p.expect: is the answer to a command, which is missing"},
		"an answer that is none":     {dev(`match: 'T', command: X, expect: '('`), `2:52: devices.d.points.p.expect: is no regular expression: a parenthesis is not closed, at '('`},
		"two places for the value":   {dev(`match: 'T', command: 'X {} {}'`), "2:41: devices.d.points.p.command: has more than one place for the value"},
		"an unknown format":          {dev(`match: 'T', command: 'X {%q}'`), `2:41: devices.d.points.p.command: "{%q}" is no format such as {%05.1f}, {%03d}, {%X} or {%-8s}`},
		"a value beyond the frame":   {bus(`length: 4`) + dev(`at: 3, type: uint16`), "4:24: devices.d.points.p.at: the value does not lie within the frame's 4 bytes"},
		"a value before the frame":   {bus(`length: 1`) + dev(`at: -2`), "4:24: devices.d.points.p.at: the value does not lie within the frame's 1 byte"},
		"a group of bytes":           {dev(`at: 4, group: 1`), "2:34: devices.d.points.p.group: is for match"},
		"nothing to repeat":          {dev(`match: '*'`), `2:27: devices.d.points.p.match: is no regular expression: there is nothing to repeat; write \* for the character, at '*'`},
		"a repetition beyond reason": {dev(`match: 'x{2000}'`), `2:27: devices.d.points.p.match: is no regular expression: invalid repeat count, at '{2000}'`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, _, faults := load(tt.text)
			if got := faults.Error(); got != "site.yaml:"+tt.want {
				t.Errorf("got  %s\nwant site.yaml:%s", got, tt.want)
			}
		})
	}
}

func TestBytesAreWrittenAsTheyAreRead(t *testing.T) {
	tests := map[string]string{
		`W\r\n`:         "W\r\n",
		`\x02A\x03`:     "\x02A\x03",
		`\\r \0\t`:      `\r ` + "\x00\t",
		"hex:02 0D ff":  "\x02\x0D\xFF",
		"say \"hi\"":    `say "hi"`,
		"hex:":          "",
		"plain":         "plain",
		"caf\u00e9 \\n": "caf\u00e9 \n",
	}
	for text, want := range tests {
		var b, again Bytes
		if err := b.UnmarshalText([]byte(text)); err != nil || string(b) != want {
			t.Errorf("%s: got %q, %v", text, b, err)
		}
		if err := again.UnmarshalText([]byte(b.String())); want != "caf\u00e9 \n" && (err != nil || string(again) != want) {
			t.Errorf("%s: %s comes back as %q, %v", text, b, again, err)
		}
	}
}

func TestCommandsCarryValues(t *testing.T) {
	set := func(kind, command string) *Address {
		return address(func(a *Address) { a.Match, a.Type, a.Command = "x", kind, Bytes(command) })
	}
	words := set("bool", "LED {}")
	words.TrueIs, words.FalseIs = "ON", "OFF"
	comma := set("float", "{}")
	comma.Decimal = "comma"
	tests := map[string]struct {
		at    *Address
		value drivers.Value
		want  string // "!" and a text for an error
	}{
		"as they are":             {set("float", "SP {}\r"), drivers.Float(21.5), "SP 21.5\r"},
		"with zeros":              {set("float", "SP {%06.2f}!"), drivers.Float(1.5), "SP 001.50!"},
		"as integers":             {set("int", "{%03d}"), drivers.Int(7), "007"},
		"as large integers":       {set("int", "{%X}"), drivers.Uint(1 << 63), "8000000000000000"},
		"as whole numbers":        {set("float", "{%d}"), drivers.Float(-7), "-7"},
		"in hex":                  {set("hex", "{}"), drivers.Int(255), "FF"},
		"as words":                {words, drivers.Bool(true), "LED ON"},
		"as the other word":       {words, drivers.Bool(false), "LED OFF"},
		"as 0 and 1":              {set("bool", "{}"), drivers.Bool(true), "1"},
		"as 0":                    {set("bool", "{%d}"), drivers.Bool(false), "0"},
		"as texts":                {set("string", "[{%-6s}]"), drivers.Text("ab"), "[ab    ]"},
		"with a comma":            {comma, drivers.Float(1.5), "1,5"},
		"not at all":              {set("bool", "TARE"), drivers.Bool(true), "TARE"},
		"but no control bytes":    {set("string", "{}"), drivers.Text("x\rRESET"), `!refused: "x\rRESET" has control characters`},
		"but no fraction as %d":   {set("float", "{%d}"), drivers.Float(1.5), "!refused: 1.5 is not a whole number"},
		"but no text as a number": {set("float", "{}"), drivers.Text("x"), `!refused: "x" is not a number`},
		"but no number as a text": {set("string", "{}"), drivers.Int(1), `!refused: "1" is not a text`},
		"but not nothing":         {set("int", "{}"), drivers.Value{}, `!refused: "" is not a integer`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			template, err := tt.at.template()
			if err != nil {
				t.Fatal(err)
			}
			got, err := template.command(tt.at, tt.value)
			if err != nil {
				got = []byte("!" + err.Error())
			}
			if string(got) != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
