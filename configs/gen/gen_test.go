package gen_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fieldmq/configs"
	"fieldmq/configs/gen"
)

var update = flag.Bool("update", false, "write testdata anew")

type site struct {
	// Gateway are the keys of the gateway itself.
	Gateway gateway `yaml:"gateway"`
	// Listen are the addresses that the broker serves.
	Listen []*listener `yaml:"listen" check:"min=1"`
	// Buses are the lines to the field, by name.
	Buses configs.Sections `yaml:"buses" check:"names"`
	// Devices are what is on the buses, by id.
	Devices configs.Sections `yaml:"devices" check:"names"`
}

type gateway struct {
	// ID is the gateway's name in topics: device/<id>/... Default: the host's name.
	ID string `yaml:"id" check:"name"`
	// Data is the folder
	// of the store.
	Data string `yaml:"data"`
	// Max is what the store may take.
	Max configs.Size `yaml:"max"`
	// Labels are texts of your own.
	Labels map[string]string `yaml:"labels"`
	// Token lets the gateway in.
	Token configs.Secret `yaml:"token" check:"required"`
}

type listener struct {
	URL         string `yaml:"url" check:"required"`           // where to listen
	Connections int    `yaml:"connections" check:"min=1"`      // how many at once
	Anonymous   *bool  `yaml:"anonymous"`                      // lets everybody in
	Ciphers     []byte `yaml:"ciphers" check:"min=1,max=3"`    // numbers | of suites
	Mode        string `yaml:"mode" check:"oneof=fast|strict"` // *how* it is read
}

func (l *listener) SetDefaults() { l.URL, l.Connections = "mqtt://", 1000 }

type bus struct {
	// Driver is the kind of bus.
	Driver string `yaml:"driver" check:"required"`
	pace   `yaml:",inline"`
}

type pace struct {
	// Every is how often points are read.
	Every configs.Duration `yaml:"every" check:"min=10ms"`
}

type serial struct {
	// Port is the serial port. Required.
	Port string `yaml:"port" check:"required"`
	// Baud is the speed of the line. Default 9600. More is not better.
	Baud int `yaml:"baud" check:"min=50,max=115200"`
	// DataBits is 8 bits or fewer.
	DataBits int `yaml:"data_bits" check:"oneof=7|8"`
}

type pins struct{}

type device struct {
	// Bus is the name of a bus.
	Bus string `yaml:"bus" check:"required"`
	// Points are the quantities, by name.
	Points configs.Sections `yaml:"points" check:"names"`
}

type point struct {
	// Scale and offset change raw values. Default: 1, for most.
	Scale float64 `yaml:"scale" check:"min=-10"`
	// Write says whether the point may be written.
	Write write `yaml:"write"`
	// Enum gives numbers their words.
	Enum map[int64]string `yaml:"enum"`
	// Order is the order of words. Default: as on the wire. It never changes.
	Order order `yaml:"order"`
}

type order string

func (o *order) UnmarshalText(text []byte) error { *o = order(text); return nil }

func (o order) ConfigForms() []any { return []any{"ABCD", "CDAB"} }

type write struct{}

func (w *write) UnmarshalConfig(*configs.Node) {}

func (w write) ConfigForms() []any { return []any{false, limits{}} }

type limits struct {
	// Min is the smallest value.
	Min *float64 `yaml:"min"`
}

type register struct {
	// Holding is a holding register.
	Holding *uint16 `yaml:"holding"`
	// Line is the register's place in a line.
	Line int8 `yaml:"line"`
	// Invert swaps true and false.
	Invert bool `yaml:"invert"`
}

type wire struct {
	// Line is a GPIO line.
	Line string `yaml:"line"`
	// Invert swaps true and false.
	Invert bool `yaml:"invert"`
}

func siteSection() gen.Section {
	drivers := func(serial, pins any) []gen.Choice {
		return []gen.Choice{
			{Name: "serial", Doc: "Devices on a wire.", Structs: []any{serial}},
			{Name: "rs485", Doc: "Devices on two wires.", Structs: []any{serial}},
			{Name: "pins", Doc: "Lines of a chip.", Structs: []any{pins}},
		}
	}
	return gen.Section{
		Title:   "site.yaml",
		Doc:     "All keys.",
		Structs: []any{&site{Gateway: gateway{Data: "/var/lib", Max: 1 << 30}}},
		Sections: []gen.Section{
			{
				Key: "buses", Title: "Buses", Doc: "A bus has one owner.", By: "driver",
				Structs: []any{&bus{pace: pace{Every: 1e9}}},
				Choices: drivers(&serial{Baud: 9600, DataBits: 8}, &pins{}),
			},
			{
				Key: "devices", Title: "Devices",
				Structs: []any{&device{}},
				Sections: []gen.Section{{
					Key: "points", Title: "Points",
					Structs: []any{&point{Scale: 1}},
					Choices: drivers(&register{}, &wire{}),
				}},
			},
		},
	}
}

func source() *gen.Source { return gen.NewSource("fieldmq", "../..") }

func TestSchemaIsAsInTestdata(t *testing.T) {
	got, err := gen.Schema(siteSection(), source())
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "schema.json", got)
}

func TestReferenceIsAsInTestdata(t *testing.T) {
	got, err := gen.Reference(siteSection(), source())
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "reference.md", got)
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	name = filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what is generated; look at the difference that go test -update makes", name)
	}
}

func TestReferencesOfTheSchemaLeadSomewhere(t *testing.T) {
	text, err := gen.Schema(siteSection(), source())
	if err != nil {
		t.Fatal(err)
	}
	var top map[string]any
	if err := json.Unmarshal(text, &top); err != nil {
		t.Fatal(err)
	}
	defs := top["$defs"].(map[string]any)
	count := 0
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, each := range v {
				walk(each)
			}
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				count++
				if defs[strings.TrimPrefix(ref, "#/$defs/")] == nil {
					t.Errorf("%s is not there", ref)
				}
			}
			for _, each := range v {
				walk(each)
			}
		}
	}
	walk(top)
	if count == 0 {
		t.Error("the schema has no references")
	}
}

type mute struct {
	Silent int `yaml:"silent"`
}

type odd struct {
	// Strange is what no file can hold.
	Strange chan int `yaml:"strange"`
}

type mystery struct {
	// Shy tells nobody what it takes.
	Shy shy `yaml:"shy"`
}

type shy struct{}

func (s *shy) UnmarshalConfig(*configs.Node) {}

func TestWhatCannotBeDescribedIsAnError(t *testing.T) {
	for _, c := range []struct {
		name, want string
		section    gen.Section
	}{
		{"a field without comment", "gen_test.mute.Silent has no comment", gen.Section{Structs: []any{&mute{}}}},
		{"a field of a strange type", "cannot describe a field of type chan int", gen.Section{Structs: []any{&odd{}}}},
		{"a type that reads itself", "gen_test.shy reads itself", gen.Section{Structs: []any{&mystery{}}}},
		{"sections that nobody described", "the key buses has no Section", gen.Section{Structs: []any{&site{}}}},
		{"sections that are not there", "no field of type configs.Sections has the key nothing",
			gen.Section{Structs: []any{&bus{}}, Sections: []gen.Section{{Key: "nothing"}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := gen.Schema(c.section, source())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if _, err := gen.Reference(c.section, source()); err == nil {
				t.Error("the reference can be written")
			}
		})
	}
}
