package configs_test

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"fieldmq/configs"
)

// decode decodes a text that has no faults.
func decode(t *testing.T, text string, into ...any) {
	t.Helper()
	d := configs.Parse("site.yaml", []byte(text), lookup)
	d.Root().Decode(into...)
	if err := d.Err(); err != nil {
		t.Fatal(err)
	}
}

func TestGoodSiteHasNoFaults(t *testing.T) {
	s, faults := readSite("site.yaml", `# yaml-language-server: $schema=./schema.json
gateway: {id: plant-7, data: /var/lib/fieldmq, max: 2GiB}
broker:
  listen:
    - url: mqtt://127.0.0.1:1883
    - {url: "ws://0.0.0.0:8083/mqtt", anonymous: off, connections: 0x10, idle: {after: 1m}}
  access:
    - {user: dashboard, subscribe: ["device/#"]}
    - {user: "*"}
buses:
  panel: &panel {driver: modbus-rtu, port: "${PORT}", parity: none, data_bits: 8, every: 500ms}
  spare: {<<: *panel, port: /dev/ttyUSB1}
  plc: {driver: modbus-tcp, address: "192.168.1.20:502"}
  pins:
    driver: gpio
devices:
  boiler:
    bus: panel
    unit: ${UNIT}
    order: CDAB
    points:
      flow: {holding: 100, scale: -0.1, unit: Cel, offset: 1e2}
      mode: {holding: 0x66, enum: {0: off, 0x1: on, -1: no, 3: "null"}, bits: [1, -1], invalid: {a: 7}}
      pump: {coil: 3, write: true}
      setpoint: {holding: 7, write: {min: 30, max: 85}}
      empty: {coil: 0, unit: ~, scale: , write: null}
upstreams:
  cloud: {url: mqtts://c, password: a, token_file: token, out: [{topic: a, to: b, qos: 1}]}
`)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	if got := *s.Broker.Listen[0]; got.Connections != 1000 || got.Anonymous != nil {
		t.Errorf("got %+v, want the defaults of a listener", got)
	}
	second := s.Broker.Listen[1]
	if second.Connections != 16 || second.Anonymous == nil || *second.Anonymous || second.Idle.After.D() != time.Minute {
		t.Errorf("got %+v, want what is written", second)
	}
	var names []string
	for _, b := range s.Buses {
		names = append(names, b.Name)
	}
	if got, want := strings.Join(names, " "), "panel spare plc pins"; got != want {
		t.Errorf("got buses %s, want %s", got, want)
	}
	spare := line{}
	s.Buses[1].Decode(&busKeys{}, &spare)
	if spare.Port != "/dev/ttyUSB1" || spare.Parity != "none" {
		t.Errorf("got %+v, want the merged keys below the own", spare)
	}
}

func TestEnumKeepsItsWords(t *testing.T) {
	var p pointKeys
	decode(t, `enum: {0: off, 1: on, -2: yes, 3: no, 4: 007, 5: 1e3, 6: ~x}`, &p)
	want := map[int64]string{0: "off", 1: "on", -2: "yes", 3: "no", 4: "007", 5: "1e3", 6: "~x"}
	if !reflect.DeepEqual(p.Enum, want) {
		t.Errorf("got %v, want %v", p.Enum, want)
	}
}

func TestNumbersReachTheirEnds(t *testing.T) {
	var c struct {
		A int8    `yaml:"a"`
		B int64   `yaml:"b"`
		C uint64  `yaml:"c"`
		D float64 `yaml:"d"`
		E int64   `yaml:"e"`
		F float64 `yaml:"f"`
		G bool    `yaml:"g"`
	}
	decode(t, "a: -128\nb: -9223372036854775808\nc: 0xFFFFFFFFFFFFFFFF\nd: 0x10\ne: +9223372036854775807\nf: -1.5E-3\ng: Yes\n", &c)
	if c.A != math.MinInt8 || c.B != math.MinInt64 || c.C != math.MaxUint64 || c.D != 16 || c.E != math.MaxInt64 || c.F != -0.0015 || !c.G {
		t.Errorf("got %+v", c)
	}
}

func TestWhatIsNotWrittenStaysAsItIs(t *testing.T) {
	high := 85.0
	defaults := pointKeys{Scale: 2, Unit: "V", Enum: map[int64]string{1: "a"}, Write: write{Limits: limits{Max: &high}}}
	p := defaults
	decode(t, "unit: A\nenum: {2: b}\nwrite: {max: 90}\nscale:\n", &p)
	if p.Scale != 2 || p.Unit != "A" || *p.Write.Limits.Max != 90 || len(p.Enum) != 1 {
		t.Errorf("got %+v", p)
	}
	if len(defaults.Enum) != 1 || defaults.Enum[1] != "a" || high != 85 {
		t.Error("a copy of the defaults reaches the defaults")
	}
}

func TestFaultLeavesItsFieldAsItIs(t *testing.T) {
	d := configs.Parse("a.yaml", []byte("scale: x\noffset: 5000\nunit: A\nenum: {0: [], 1: a}\n"), nil)
	p := pointKeys{Scale: 2, Offset: 3}
	d.Root().Decode(&p)
	if len(d.Faults()) != 3 || p.Scale != 2 || p.Offset != 3 || p.Unit != "A" || p.Enum != nil {
		t.Errorf("got %+v with %v", p, d.Faults())
	}
}

func TestPointerToStructIsReadInPlace(t *testing.T) {
	var own gatewayKeys
	into := struct {
		Gateway *gatewayKeys  `yaml:"gateway"`
		Other   any           `yaml:"other"`
		Rest    *configs.Node `yaml:"rest"`
	}{Gateway: &own, Other: &gatewayKeys{}}
	decode(t, "gateway: {id: a}\nother: {id: b}\nrest: [1]", &into)
	if own.ID != "a" || into.Other.(*gatewayKeys).ID != "b" || into.Rest.Kind() != configs.List {
		t.Errorf("got %+v", into)
	}
}

func TestAnyTakesEveryKey(t *testing.T) {
	var b busKeys
	decode(t, "driver: x\nport: 1\nfoo: {}", &b, configs.Any)
	if b.Driver != "x" {
		t.Errorf("got %q", b.Driver)
	}
}

func TestVariablesAreFilledIn(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"${PORT}", "/dev/ttyUSB0"},
		{"a${UNIT}b${UNIT}", "a7b7"},
		{"'${YAML}'", "{a: 1}"},
		{"${EMPTY}", ""},
		{"${EMPTY:-x}", "x"},
		{"${NOPE:-}", ""},
		{"${NOPE:-a b}", "a b"},
		{"$$", "$"},
		{"$${PORT}", "${PORT}"},
		{"$PORT", "$PORT"},
		{"'^kg$'", "^kg$"},
	} {
		t.Run(c.text, func(t *testing.T) {
			var got string
			decode(t, c.text, &got)
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestVariablesStayWithoutEnvironment(t *testing.T) {
	d := configs.Parse("a.yaml", []byte("${NOPE} $$"), nil)
	var got string
	d.Root().Decode(&got)
	if got != "${NOPE} $$" || d.Err() != nil {
		t.Errorf("got %q, %v", got, d.Err())
	}
}

func TestUnknownTypeIsABug(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a channel can be decoded into")
		}
	}()
	var c struct {
		C chan int `yaml:"c"`
	}
	configs.Parse("a.yaml", []byte("c: 1"), nil).Root().Decode(&c)
}

func TestNodeTellsWhatItIs(t *testing.T) {
	d := configs.Parse("a.yaml", []byte("a:\n  b: [x, {c: d}]\nn: ~\n"), nil)
	var top struct {
		A *configs.Node `yaml:"a"`
		N *configs.Node `yaml:"n"`
	}
	d.Root().Decode(&top)
	if top.A.Kind() != configs.Mapping || top.A.Path() != "a" || top.A.Line() != 1 || top.A.Column() != 1 {
		t.Errorf("got %v %s at %d:%d", top.A.Kind(), top.A.Path(), top.A.Line(), top.A.Column())
	}
	if _, ok := top.A.Text("b"); ok || !top.A.Has("b") || top.A.Has("c") || d.Root().Has("n") || top.N != nil {
		t.Error("keys are not what they are")
	}
	top.A.Bad("b[1].c", "x")
	top.A.Bad("b[7].c", "y")
	top.A.Bad("b.z", "z")
	top.A.Bad("q", "%s", errors.New("q\n\x1b"))
	want := "a.yaml:1:1: a.q: q··\na.yaml:2:6: a.b[7].c: y\na.yaml:2:6: a.b.z: z\na.yaml:2:14: a.b[1].c: x"
	if got := d.Err().Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestMergedKeyDoesNotReplaceOne(t *testing.T) {
	var got map[string]string
	decode(t, "<<: [{a: x, b: 2}, {b: x, c: 3}]\na: 1", &got)
	if want := map[string]string{"a": "1", "b": "2", "c": "3"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestNumbersKeepToTheirType(t *testing.T) {
	var c struct {
		A uint8   `yaml:"a" check:"min=-5,max=1000"`
		B uint8   `yaml:"b" check:"min=-5,max=1000"`
		C float32 `yaml:"c"`
	}
	d := configs.Parse("a.yaml", []byte("a: -1\nb: 256\nc: 5e38\n"), nil)
	d.Root().Decode(&c)
	want := "a.yaml:1:4: a: -1 is not within 0 to 255\na.yaml:2:4: b: 256 is not within 0 to 255\na.yaml:3:4: c: 5e38 is too large"
	if got := d.Faults().Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestLongTextsAreCut(t *testing.T) {
	var c struct {
		A int      `yaml:"a"`
		C inner    `yaml:"c"`
		D []string `yaml:"d" check:"oneof=x"`
	}
	long := strings.Repeat("9", 5000)
	d := configs.Parse("a.yaml", []byte("a: "+long+"\nc: {? "+long+" : 1}\nd: ["+long+"]\n"), nil)
	d.Root().Decode(&c)
	if len(d.Faults()) != 3 {
		t.Errorf("got %d faults", len(d.Faults()))
	}
	for _, f := range d.Faults() {
		if len(f.String()) > 1100 {
			t.Errorf("a fault has %d bytes", len(f.String()))
		}
	}
}

func TestNearestOfManyWordsIsNamed(t *testing.T) {
	var c struct {
		Type string `yaml:"type" check:"oneof=int16|uint16|int32|uint32|float32"`
	}
	d := configs.Parse("a.yaml", []byte("type: Unit32"), nil)
	d.Root().Decode(&c)
	want := `a.yaml:1:7: type: "Unit32" is not int16, uint16, int32, uint32 or float32; did you mean "uint32"?`
	if got := d.Faults().Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// strict finds fault with everything.
type strict struct {
	inner  `yaml:",inline"`
	Write  write   `yaml:"write"`
	Limits limits  `yaml:"limits"`
	Mood   mood    `yaml:"mood"`
	Rest   []*mood `yaml:"rest"`
}

type inner struct {
	Number int `yaml:"number"`
}

func (i inner) Validate() error {
	if i.Number == 13 {
		return configs.Bad("number", "13 is bad luck")
	}
	return nil
}

func (s strict) Validate() error { return configs.Bad("", "is never right") }

// mood is a text with a rule.
type mood string

func (m *mood) UnmarshalText(text []byte) error { *m = mood(text); return nil }

func (m mood) Validate() error {
	if m == "bad" {
		return configs.Bad("", "%s is not good", string(m))
	}
	return nil
}

func TestValidateSeesOnlyWhatIsRightInItself(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"number: 1", "1:1: is never right"},
		{"number: x", `1:9: number: "x" is not a whole number`},
		{"number: 13", "1:9: number: 13 is bad luck"},
		{"write: {max: '${NOPE}'}", "1:14: write.max: the environment variable NOPE is not set; set it, or write ${NOPE:-default}"},
		{"limits: {min: 2, max: 1}", "1:15: limits.min: 2 is above max, 1"},
		{"mood: bad", "1:7: mood: bad is not good"},
		{"rest: [good, bad]", "1:14: rest[1]: bad is not good"},
		{"nmber: 1", `1:1: nmber: unknown key; did you mean "number"?`},
	} {
		d := configs.Parse("a.yaml", []byte(c.text), lookup)
		d.Root().Decode(&strict{})
		if got, want := d.Faults().Error(), "a.yaml:"+c.want; got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.text, got, want)
		}
	}
}

// layered decodes the sections below s as layers.
func layered(d *configs.Document, into ...any) {
	var top struct {
		S configs.Sections `yaml:"s"`
	}
	d.Root().Decode(&top)
	var layers []*configs.Node
	for _, n := range top.S {
		layers = append(layers, n.Node)
	}
	configs.Decode(layers, into...)
}

func TestLayersOverrideEachOther(t *testing.T) {
	d := configs.Parse("a.yaml", []byte(`s:
  a: {unit: 3, order: ABCD, points: {x: {coil: 1, write: {min: 1}}, y: {coil: 2}}}
  b: {bus: p, unit: 4, order: ~, points: {z: {coil: 4}, x: {coil: 3, write: {max: 2}}}}
  c: ~
`), nil)
	var keys deviceKeys
	layered(d, &keys)
	if keys.Bus != "p" || keys.Unit != 4 || keys.Order != "ABCD" {
		t.Errorf("got %+v", keys)
	}
	var names []string
	for _, p := range keys.Points {
		names = append(names, p.Name)
	}
	if got := strings.Join(names, " "); got != "x y z" {
		t.Errorf("got points %s, want x y z", got)
	}
	var p pointKeys
	var r register
	keys.Points[0].Decode(&p, &r)
	if l := p.Write.Limits; *r.Coil != 3 || *l.Min != 1 || *l.Max != 2 {
		t.Errorf("got %+v, want both layers of the point", p)
	}
	if err := d.Err(); err != nil {
		t.Error(err)
	}
}

func TestFaultsOfLayersLandWhereTheyBelong(t *testing.T) {
	d := configs.Parse("a.yaml", []byte(`s:
  a: {holdin: 1, write: {min: 5}}
  b: {holding: 2, coil: 3}
  c: {write: {max: 4}, uint: V}
`), nil)
	var p pointKeys
	layered(d, &p, &register{})
	want := `a.yaml:2:7: s.a.holdin: unknown key; did you mean "holding"?
a.yaml:2:31: s.a.write.min: 5 is above max, 4
a.yaml:4:24: s.c.uint: unknown key; did you mean "unit"?`
	if got := d.Faults().Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestLayerOfAnotherKindHidesThoseBelow(t *testing.T) {
	d := configs.Parse("a.yaml", []byte("s: {a: {write: {min: 1}}, b: {write: false}, c: {write: {max: 2}}}"), nil)
	var p pointKeys
	layered(d, &p)
	if l := p.Write.Limits; l.Min != nil || *l.Max != 2 || d.Err() != nil {
		t.Errorf("got %+v, %v", l, d.Err())
	}
}

func TestFaultsGoToTheDocumentOfTheirLayer(t *testing.T) {
	profile := configs.Parse("profile.yaml", []byte("points:\n  A: {coil: 1}\n  b: {coil: 2}\n"), nil)
	site := configs.Parse("site.yaml", []byte("{bus: x, points: {b: {coil: x}}}"), nil)
	var keys deviceKeys
	configs.Decode([]*configs.Node{profile.Root(), site.Root()}, &keys)
	for _, p := range keys.Points {
		p.Decode(&pointKeys{}, &register{})
	}
	want := `profile.yaml:2:3: points.A: "A" is not a name; use a-z, 0-9, - and _, and begin with a letter or digit, such as a
site.yaml:1:29: points.b.coil: "x" is not a whole number`
	if got := append(profile.Faults(), site.Faults()...).Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestMissingKeyIsAFaultOfTheLastLayer(t *testing.T) {
	d := configs.Parse("a.yaml", []byte("s:\n  a: {unit: 3}\n  b: {unit: 4}\n"), nil)
	layered(d, &deviceKeys{})
	if got, want := d.Faults().Error(), "a.yaml:3:6: s.b.bus: is missing"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
