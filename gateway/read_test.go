package gateway

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"fieldmq/configs/profiles"
)

// read reads a text without faults.
func read(t *testing.T, text string) *Config {
	t.Helper()
	config, err := Read("site.yaml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func TestExamplesHaveNoFaults(t *testing.T) {
	files, err := filepath.Glob("../configs/examples/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no examples", err)
	}
	for _, f := range files {
		config, err := Load(f)
		if err != nil {
			t.Error(err)
			continue
		}
		if _, points := config.Count(); points == 0 {
			t.Errorf("%s has no points", f)
		}
	}
}

// block is a YAML block of a document.
var block = regexp.MustCompile("(?s)```yaml\n(.*?)```")

func TestYAMLInDocumentsHasNoFaults(t *testing.T) {
	files, err := filepath.Glob("../drivers/*/README.md")
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, "../README.md")
	found := 0
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range block.FindAllSubmatch(text, -1) {
			if !strings.Contains(string(m[1]), "devices:") {
				continue // a detail, not a site
			}
			found++
			if _, err := Read(f, m[1], nil); err != nil {
				t.Errorf("block %d: %v", i+1, err)
			}
		}
	}
	if found < 4 {
		t.Errorf("%d sites in the documents, want one in the README and one a driver", found)
	}
}

func TestProfilesHaveNoFaults(t *testing.T) {
	for _, name := range profiles.Names() {
		config := read(t, "buses: {b: {driver: modbus-rtu, port: /dev/x}}\n"+
			"devices: {d: {bus: b, unit: 1, profile: "+name+"}}\n")
		if devices, points := config.Count(); devices != 1 || points == 0 {
			t.Errorf("%s: %d devices, %d points", name, devices, points)
		}
	}
}

func TestKeysCascade(t *testing.T) {
	config := read(t, `
buses:
  b: {driver: modbus-tcp, address: "10.0.0.1", every: 7s, heartbeat: 2m, offline_after: 5}
devices:
  one:
    bus: b
    heartbeat: 90s
    points:
      x: {holding: 1}
      y: {holding: 2, every: 3s, heartbeat: 30s}
  two:
    bus: b
    points: {x: {holding: 1}}
`)
	one, two := config.Buses[0].Devices[0], config.Buses[0].Devices[1]
	for _, c := range []struct {
		what      string
		got, want any
	}{
		{"x reads as its bus says", one.Points[0].Every, 7 * time.Second},
		{"y reads as it says", one.Points[1].Every, 3 * time.Second},
		{"x beats as its device says", one.Points[0].Rule.Heartbeat.D(), 90 * time.Second},
		{"y beats as it says", one.Points[1].Rule.Heartbeat.D(), 30 * time.Second},
		{"another device beats as the bus says", two.Points[0].Rule.Heartbeat.D(), 2 * time.Minute},
		{"offline after what the bus says", two.OfflineAfter, 5},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %v, want %v", c.what, c.got, c.want)
		}
	}
	groups := one.Groups()
	if len(groups) != 2 || groups[0].Every != 7*time.Second || len(groups[1].Points) != 1 {
		t.Errorf("groups %v", groups)
	}
}

func TestProfileLiesBelowTheDevice(t *testing.T) {
	config := read(t, `
buses:
  b: {driver: modbus-rtu, port: /dev/ttyUSB0}
devices:
  m:
    bus: b
    unit: 3
    profile: eastron/sdm630
    model: My meter
    points:
      frequency: {round: 1}
      extra: {input: 0x0F00}
`)
	d := config.Buses[0].Devices[0]
	if d.Model != "My meter" {
		t.Errorf("model %q, want the device's own", d.Model)
	}
	var names []string
	for _, e := range d.Points {
		names = append(names, e.Point.Name)
		if e.Point.Name == "frequency" && (e.Rule.Round == nil || *e.Rule.Round != 1 || e.Rule.Unit != "Hz") {
			t.Errorf("frequency is not its profile's with the device's rounding: %+v", e.Rule)
		}
	}
	if !slices.Contains(names, "voltage_l1") || names[len(names)-1] != "extra" {
		t.Errorf("points %v", names)
	}
}

func TestFaultsOfASite(t *testing.T) {
	const head = "buses:\n  b: {driver: modbus-rtu, port: /dev/x}\n  t: {driver: serial, port: /dev/y}\n  g: {driver: gpio}\n"
	for _, c := range []struct{ name, text, want string }{
		{"names the drivers there are", "buses:\n  b: {driver: modbus}\n",
			`site.yaml:2:15: buses.b.driver: "modbus" is none of modbus-rtu, modbus-tcp, serial, gpio`},
		{"says that the driver is missing", "buses:\n  b: {port: /dev/x}\n", `site.yaml:2:6: buses.b`},
		{"suggests the bus that was meant", head + "devices:\n  d: {bus: bb, points: {x: {holding: 1}}}\n",
			`site.yaml:6:12: devices.d.bus: there is no bus "bb"; did you mean "b"?`},
		{"does not blame a device for its bus", "buses:\n  b: {driver: nope}\ndevices:\n  d: {bus: b, unit: 1, points: {x: {holding: 1}}}\n",
			`site.yaml:2:15: buses.b.driver`},
		{"wants points", head + "devices:\n  d: {bus: b, unit: 1}\n", `site.yaml:6:6: devices.d: d has no points`},
		{"knows the profiles", head + "devices:\n  d: {bus: b, unit: 1, profile: x/y, points: {x: {holding: 1}}}\n",
			`site.yaml:6:33: devices.d.profile: there is no profile "x/y"`},
		{"keeps keys of other drivers out", head + "devices:\n  d: {bus: b, unit: 1, points: {x: {line: GPIO1}}}\n", `site.yaml:6:37: devices.d.points.x.line: unknown key`},
		{"keeps the gateway's id for the gateway", "gateway: {id: d}\n" + head + "devices:\n  d: {bus: b, unit: 1, points: {x: {holding: 1}}}\n",
			`site.yaml:7:6: devices.d: "d" is the id of the gateway itself`},
		{"finds two points on one topic", head + "devices:\n  d: {bus: b, unit: 1, points: {x: {holding: 1, topic: a/b}, y: {holding: 2, topic: a/b}}}\n", "a/b"},
		{"finds two points on one topic of two buses", head + "devices:\n  d: {bus: b, unit: 1, points: {x: {holding: 1, topic: a/b}}}\n  e: {bus: g, points: {y: {line: GPIO1, topic: a/b}}}\n", "a/b"},
		{"refuses writes to an input register", head + "devices:\n  d: {bus: b, unit: 1, points: {x: {input: 1, write: true}}}\n", `devices.d.points.x.write`},
		{"finds registers that overlap", head + "devices:\n  d: {bus: b, unit: 1, points: {x: {holding: 1, type: uint32}, y: {holding: 2}}}\n", `devices.d.points.y`},
		{"finds a line used twice", head + "devices:\n  d: {bus: g, points: {x: {line: GPIO1}, y: {line: GPIO1}}}\n", `devices.d.points.y`},
		{"refuses an address without a protocol", "broker: {listen: [{url: \"127.0.0.1:1883\"}]}\n", `broker.listen[0].url`},
		{"refuses a protocol it does not speak", "broker: {listen: [{url: \"http://127.0.0.1:1883\"}]}\n", `none of mqtt://, mqtts://, ws://, wss:// and unix://`},
		{"refuses an id that is no topic level", "gateway: {id: \"a/b\"}\n", `gateway.id`},
		{"refuses a poll without a unit of time", head + "devices:\n  d: {bus: b, unit: 1, every: 5, points: {x: {holding: 1}}}\n", `site.yaml:6:31: devices.d.every: 5 has no unit; write 5s`},
		{"wants a unit id on RTU", head + "devices:\n  d: {bus: b, points: {x: {holding: 1}}}\n", `devices.d`},
		{"refuses an upstream of another protocol", "upstreams: {c: {url: \"http://x\", out: [{topic: \"#\"}]}}\n", `upstreams.c.url: "http://" is none of mqtt://`},
		{"wants wildcards to be carried over", "upstreams: {c: {url: \"mqtt://x\", out: [{topic: \"a/+/#\", to: \"b/#\"}]}}\n", `upstreams.c.out[0].to: the wildcards of "b/#" must be those of topic, + #, in the same order`},
		{"wants a key with a certificate", "upstreams: {c: {url: \"mqtts://x\", cert: a.crt, out: [{topic: \"#\"}]}}\n", `upstreams.c.cert: a certificate needs its key; add key`},
		{"refuses certificates without TLS", "upstreams: {c: {url: \"mqtt://x\", ca: a.crt, out: [{topic: \"#\"}]}}\n", `upstreams.c.ca: mqtt:// is not encrypted; write mqtts://`},
		{"refuses an upstream without rules", "upstreams: {c: {url: \"mqtt://x\"}}\n", `upstreams.c: nothing goes out and nothing comes in`},
		{"finds what can only go in circles", "upstreams: {c: {url: \"mqtt://x\", out: [{topic: \"a/#\"}], in: [{topic: \"a/#\"}]}}\n", `upstreams.c.in[0]: "a/#" comes in and goes out again`},
		{"keeps topics of the broker itself", "upstreams: {c: {url: \"mqtt://x\", in: [{topic: \"a\", to: \"$SYS/a\"}]}}\n", `upstreams.c.in[0].to: topics that begin with $`},
		{"refuses a password without its user", "upstreams: {c: {url: \"mqtt://x\", password: x, out: [{topic: \"#\"}]}}\n", `upstreams.c.password: there is no username`},
		{"refuses one client twice", "upstreams: {c: {url: \"mqtt://x\", out: [{topic: \"#\"}]}, d: {url: \"mqtt://x\", out: [{topic: \"#\"}]}}\n", `upstreams.d`},
		{"refuses a size without a unit", "upstreams: {c: {url: \"mqtt://x\", backlog: {max: 64}, out: [{topic: \"#\"}]}}\n", `upstreams.c.backlog.max: 64 has no unit`},
		{"refuses a section it does not know", "bus: {}\n", `bus: unknown key; write gateway, broker, store, buses, devices or upstreams`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Read("site.yaml", []byte(c.text), nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}
