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
			`site.yaml:2:15: buses.b.driver: "modbus" is none of modbus-rtu, modbus-ascii, modbus-tcp, modbus-tls, modbus-udp, modbus-rtu-tcp, modbus-ascii-tcp, modbus-rtu-udp, serial, gpio`},
		{"finds two buses on one port", "buses:\n  b: {driver: modbus-rtu, port: /dev/x}\n  c: {driver: serial, port: /dev/x}\n",
			`site.yaml:3:29: buses.c.port: bus b has /dev/x already: two buses cannot share it, but devices can share a bus`},
		{"finds two buses that wait for one device",
			"buses:\n  b: {driver: modbus-tcp, listen: ':1', registration: A}\n  c: {driver: modbus-rtu-tcp, listen: ':1', registration: A}\n",
			`site.yaml:3:59: buses.c.registration: bus b has A at :1 already`},
		{"says that the driver is missing", "buses:\n  b: {port: /dev/x}\n", `site.yaml:2:6: buses.b`},
		{"suggests the bus that was meant", head + "devices:\n  d: {bus: bb, points: {x: {holding: 1}}}\n",
			`site.yaml:6:12: devices.d.bus: there is no bus "bb"; did you mean "b"?`},
		{"does not blame a device for its bus", "buses:\n  b: {driver: nope}\ndevices:\n  d: {bus: b, unit: 1, points: {x: {holding: 1}}}\n",
			`site.yaml:2:15: buses.b.driver`},
		{"wants points", head + "devices:\n  d: {bus: b, unit: 1}\n", `site.yaml:6:6: devices.d: d has no points`},
		{"says no more of a device whose profile is not there", head + "devices:\n  d: {bus: b, unit: 1, profile: x/y}\n  e: {bus: b, unit: 1}\n",
			"xy/shtc3\nsite.yaml:7:6: devices.e: e has no points"},
		{"says once that a name is none", head + "devices:\n  Pump: {bus: b, unit: 1, points: {x: {holding: 1, sacle: 2}}}\n",
			"such as pump\nsite.yaml:6:52: devices.Pump.points.x.sacle: unknown key"},
		{"finds a range that forgot the units", head + "devices:\n  d-{1..3}: {bus: b, unit: 1, points: {x: {holding: 1}}}\n",
			`devices.d-2.points.x: d-2 and d-1 are both unit 1, point by point; give each device its own unit`},
		{"says once that the name of a point is none", head + "devices:\n  d: {bus: b, unit: 1, points: {Flow: {holding: 1}, y: {nope: 1}}}\n",
			"such as flow\nsite.yaml:6:56: devices.d.points.y: has no place"},
		{"does not call devices without a unit alike", head + "devices:\n  d: {bus: b, points: {x: {holding: 1}}}\n  e: {bus: b, points: {x: {holding: 1}}, nope: 1}\n",
			"none answers)\nsite.yaml:7:6: devices.e.unit: is missing: give the unit id of the device, 1 to 247 (0 speaks to all at once, and none answers)\nsite.yaml:7:42: devices.e.nope: unknown key"},
		{"finds bounds that no register holds", head + "devices:\n  d: {bus: b, unit: 1, points: {x: {holding: 1, scale: 0.1, write: {max: 7000}}}}\n",
			`devices.d.points.x.write.max: 7000 is not from 0 to 6553.5, which is what the point holds`},
		{"lets two devices share a unit", head + "devices:\n  d: {bus: b, unit: 1, points: {x: {holding: 1}}}\n  e: {bus: b, unit: 1, points: {y: {holding: 1}, z: {nope: 1}}}\n",
			`site.yaml:7:54: devices.e.points.z.nope: unknown key`},
		{"finds a port that is none", "upstreams: {c: {url: \"mqtt://x:99999\", out: [{topic: \"#\"}]}}\n", `upstreams.c.url: "99999" is not a port from 1 to 65535`},
		{"finds the address of a page", "buses:\n  b: {driver: modbus-tcp, address: \"http://10.0.0.1:502/\"}\n", `buses.b.address: "http://10.0.0.1:502/" is an address of the web; write 10.0.0.1:502`},
		{"knows the profiles", head + "devices:\n  d: {bus: b, unit: 1, profile: x/y, points: {x: {holding: 1}}}\n",
			`site.yaml:6:33: devices.d.profile: there is no profile "x/y"`},
		{"keeps keys of other drivers out", head + "devices:\n  d: {bus: b, unit: 1, points: {x: {line: GPIO1}}}\n", `site.yaml:6:37: devices.d.points.x.line: unknown key`},
		{"keeps the gateway's id for the gateway", "gateway: {id: d}\n" + head + "devices:\n  d: {bus: b, unit: 1, points: {x: {holding: 1}}}\n",
			`site.yaml:7:6: devices.d: "d" is the id of the gateway itself`},
		{"finds two points on one topic", head + "devices:\n  d: {bus: b, unit: 1, points: {x: {holding: 1, topic: a/b}, y: {holding: 2, topic: a/b}}}\n", "a/b"},
		{"finds two points on one topic of two buses", head + "devices:\n  d: {bus: b, unit: 1, points: {x: {holding: 1, topic: a/b}}}\n  e: {bus: g, points: {y: {line: GPIO1, topic: a/b}}}\n", "a/b"},
		{"refuses writes to an input register", head + "devices:\n  d: {bus: b, unit: 1, points: {x: {input: 1, write: true}}}\n", `devices.d.points.x.write`},
		{"finds words that no register says", head + "devices:\n  d: {bus: b, unit: 1, points: {x: {holding: 1, enum: {0: off, 70000: on}}}}\n",
			`site.yaml:6:55: devices.d.points.x.enum: 70000 is not from 0 to 65535, which is what the point holds`},
		{"finds words that no byte says", head + "devices:\n  d: {bus: t, points: {x: {at: 1, flags: {8: hot}}}}\n",
			`devices.d.points.x.flags: there is no bit 8; the bits of the point are 0 (the lowest) to 7`},
		{"finds registers that overlap", head + "devices:\n  d: {bus: b, unit: 1, points: {x: {holding: 1, type: uint32}, y: {holding: 2}}}\n", `devices.d.points.y`},
		{"finds a line used twice", head + "devices:\n  d: {bus: g, points: {x: {line: GPIO1}, y: {line: GPIO1}}}\n", `devices.d.points.y`},
		{"refuses an address without a protocol", "broker: {listen: [{url: \"127.0.0.1:1883\"}]}\n", `broker.listen[0].url`},
		{"refuses a protocol it does not speak", "broker: {listen: [{url: \"http://127.0.0.1:1883\"}]}\n", `none of mqtt://, mqtts://, ws://, wss:// and unix://`},
		{"refuses an id that is no topic level", "gateway: {id: \"a/b\"}\n", `gateway.id`},
		{"refuses a poll without a unit of time", head + "devices:\n  d: {bus: b, unit: 1, every: 5, points: {x: {holding: 1}}}\n", `site.yaml:6:31: devices.d.every: 5 has no unit; write 5s`},
		{"wants a unit id on RTU", head + "devices:\n  d: {bus: b, points: {x: {holding: 1}}}\n", `devices.d`},
		{"refuses a way to give way that is none", "broker: {queue_full: oldest}\n", `broker.queue_full: "oldest" is neither drop-newest nor drop-oldest`},
		{"refuses a quality of service that is none", "broker: {max_qos: 3}\n", `broker.max_qos: 3 is not between 0 and 2`},
		{"refuses a level that is none", "log: {rules: [{for: client=a, level: loud}]}\n", `log.rules[0].level`},
		{"refuses a level for nothing", "log: {rules: [{for: meter-7, level: debug}]}\n", `log.rules[0].for: "meter-7" is no part such as client=meter-7`},
		{"refuses an upstream of another protocol", "upstreams: {c: {url: \"http://x\", out: [{topic: \"#\"}]}}\n", `upstreams.c.url: "http://" is none of mqtt://`},
		{"wants wildcards to be carried over", "upstreams: {c: {url: \"mqtt://x\", out: [{topic: \"a/+/#\", to: \"b/#\"}]}}\n", `upstreams.c.out[0].to: the wildcards of "b/#" must be those of topic, + #, in the same order`},
		{"wants a key with a certificate", "upstreams: {c: {url: \"mqtts://x\", cert: a.crt, out: [{topic: \"#\"}]}}\n", `upstreams.c.cert: a certificate needs its key; add key`},
		{"refuses certificates without TLS", "upstreams: {c: {url: \"mqtt://x\", ca: a.crt, out: [{topic: \"#\"}]}}\n", `upstreams.c.ca: mqtt:// is not encrypted; write mqtts://`},
		{"refuses an upstream without rules", "upstreams: {c: {url: \"mqtt://x\"}}\n", `upstreams.c: nothing goes out and nothing comes in`},
		{"keeps topics of the broker itself", "upstreams: {c: {url: \"mqtt://x\", in: [{topic: \"a\", to: \"$SYS/a\"}]}}\n", `upstreams.c.in[0].to: topics that begin with $`},
		{"refuses a password without its user", "upstreams: {c: {url: \"mqtt://x\", password: x, out: [{topic: \"#\"}]}}\n", `upstreams.c.password: there is no username`},
		{"refuses one client twice", "upstreams: {c: {url: \"mqtt://x\", out: [{topic: \"#\"}]}, d: {url: \"mqtt://x\", out: [{topic: \"#\"}]}}\n", `upstreams.d`},
		{"refuses QoS 2 where a cloud has none", "upstreams: {c: {preset: aws, url: \"mqtts://x\", cert: a, key: b, out: [{topic: \"#\", qos: 2}]}}\n", `1:89: upstreams.c.out[0].qos: AWS IoT Core takes QoS 1 at most`},
		{"refuses a plain connection to AWS", "upstreams: {c: {preset: aws, url: \"mqtt://x\", username: a, out: [{topic: \"#\"}]}}\n", `1:35: upstreams.c.url: AWS IoT Core does not listen on mqtt://; write mqtts:// or wss://`},
		{"wants AWS to know who comes", "upstreams: {c: {preset: aws, url: \"mqtts://x\", out: [{topic: \"#\"}]}}\n", `upstreams.c: AWS IoT Core lets nobody in who is nobody: set cert and key`},
		{"refuses a keep alive that AWS does not take", "upstreams: {c: {preset: aws, url: \"mqtts://x\", cert: a, key: b, keep_alive: 20s, out: [{topic: \"#\"}]}}\n", `upstreams.c.keep_alive: 20s: AWS IoT Core takes 30s to 20m`},
		{"knows one broker by two URLs", "upstreams: {a: {url: \"mqtt://h\", client_id: box, out: [{topic: x}]}, b: {url: \"mqtt://H:1883\", client_id: box, out: [{topic: y}]}}\n", `upstreams.b.client_id: upstream a is the same client "box" of the same broker; they would throw each other out`},
		{"refuses a prefix that leaves no levels for devices", "upstreams: {c: {preset: aws, url: \"mqtts://x\", cert: a, key: b, out: [{topic: \"device/#\", to: \"1/2/3/4/5/6/device/#\"}]}}\n", `upstreams.c.out[0].to: 9 levels are more than the 8 that a topic may have for AWS IoT Core`},
		{"refuses more levels than AWS takes", "upstreams: {c: {preset: aws, url: \"mqtts://x\", cert: a, key: b, out: [{topic: \"a/#\", to: \"1/2/3/4/5/6/7/8/9/#\"}]}}\n", `upstreams.c.out[0].to: 9 levels are more than the 8 that a topic may have for AWS IoT Core`},
		{"refuses topics that AWS keeps", "upstreams: {c: {preset: aws, url: \"mqtts://x\", cert: a, key: b, out: [{topic: \"a/#\", to: \"$x/#\"}]}}\n", `upstreams.c.out[0].to: AWS IoT Core keeps topics that begin with $`},
		{"refuses a client id that is too long for AWS", "upstreams: {c: {preset: aws, url: \"mqtts://x\", cert: a, key: b, client_id: " + strings.Repeat("x", 129) + ", out: [{topic: \"#\"}]}}\n", `upstreams.c.client_id: 129 bytes: AWS IoT Core takes 128`},
		{"refuses a protocol that AWS does not offer", "upstreams: {c: {preset: aws, url: \"mqtts://x:443\", cert: a, key: b, alpn: [mqtt5], out: [{topic: \"#\"}]}}\n", `upstreams.c.alpn`},
		{"refuses certificates over WebSocket to AWS", "upstreams: {c: {preset: aws, url: \"wss://x\", cert: a, key: b, out: [{topic: \"#\"}]}}\n", `upstreams.c.url: AWS IoT Core takes certificates on mqtts:// only`},
		{"refuses a session that Event Grid forgets", "upstreams: {c: {preset: azure-eventgrid, url: \"mqtts://x\", cert: a, key: b, session_expiry: 9h, out: [{topic: \"#\"}]}}\n", `upstreams.c.session_expiry: 9h: Azure Event Grid takes at most 8h`},
		{"refuses a keep alive that Event Grid does not take", "upstreams: {c: {preset: azure-eventgrid, url: \"mqtts://x\", cert: a, key: b, keep_alive: 20m, out: [{topic: \"#\"}]}}\n", `upstreams.c.keep_alive: 20m: Azure Event Grid takes at most 19m20s`},
		{"wants a password for EMQX", "upstreams: {c: {preset: emqx, url: \"mqtts://x\", username: a, out: [{topic: \"#\"}]}}\n", `upstreams.c.username: EMQX Cloud Serverless wants a password with it`},
		{"counts the subscriptions of EMQX", "upstreams: {c: {preset: emqx, url: \"mqtts://x\", username: a, password: b, in: [" + strings.Repeat("{topic: x},", 10) + "]}}\n", `upstreams.c.in: 10 topic filters, and one for the gateway's own status: EMQX Cloud Serverless takes 10`},
		{"refuses a plain connection to HiveMQ Cloud", "upstreams: {c: {preset: hivemq, url: \"ws://x\", username: a, password: b, out: [{topic: \"#\"}]}}\n", `upstreams.c.url: HiveMQ Cloud does not listen on ws://`},
		{"knows that ThingsBoard has topics of its own", "upstreams: {c: {preset: thingsboard, url: \"mqtt://x\", username: a, out: [{topic: \"a/#\", to: \"b/#\"}]}}\n", `upstreams.c.out[0].to: ThingsBoard's topics are its own; leave to out`},
		{"knows that ThingsBoard's calls come by themselves", "upstreams: {c: {preset: thingsboard, url: \"mqtt://x\", username: a, in: [{topic: \"a/#\"}]}}\n", `upstreams.c.in: RPC calls and shared attributes of ThingsBoard come in by themselves`},
		{"refuses another format for ThingsBoard", "upstreams: {c: {preset: thingsboard, url: \"mqtt://x\", username: a, format: plain}}\n", `upstreams.c.format: ThingsBoard understands thingsboard only`},
		{"refuses a cloud that it does not know", "upstreams: {c: {preset: azure, url: \"mqtt://x\", out: [{topic: \"#\"}]}}\n", `upstreams.c.preset: "azure" is not aws, azure-eventgrid`},
		{"holds rules to limits without a preset", "upstreams: {c: {url: \"mqtt://x\", limits: {qos: 0}, out: [{topic: \"#\"}]}}\n", `upstreams.c.out[0].qos: the broker takes QoS 0 at most`},
		{"wants a rule for the status of devices", "upstreams: {c: {url: \"mqtt://x\", status: device, out: [{topic: \"device/+/state\"}]}}\n", `1:42: upstreams.c.status: no rule of out takes device/+/status`},
		{"refuses sessions of devices without a will", "upstreams: {c: {url: \"mqtt://x\", status: device, limits: {will: false}, out: [{topic: \"device/#\"}]}}\n", `upstreams.c.status: a device's own session needs a will`},
		{"refuses sessions of devices for ThingsBoard", "upstreams: {c: {preset: thingsboard, url: \"mqtt://x\", username: a, status: device}}\n", `upstreams.c.status: thingsboard counts devices by its own API`},
		{"refuses what is no proxy", "upstreams: {c: {url: \"mqtt://x\", proxy: \"ftp://x\", out: [{topic: \"device/#\"}]}}\n", `upstreams.c.proxy: a proxy is http://, https:// or socks5://`},
		{"refuses a policy that there is not", "upstreams: {c: {url: \"mqtt://x\", backlog: {full: drop-all}, out: [{topic: \"#\"}]}}\n", `upstreams.c.backlog.full: "drop-all"`},
		{"refuses an age below zero", "upstreams: {c: {url: \"mqtt://x\", backlog: {max_age: -1s}, out: [{topic: \"#\"}]}}\n", `upstreams.c.backlog.max_age: `},
		{"refuses a backlog that holds nothing", "upstreams: {c: {url: \"mqtt://x\", backlog: {messages: 0}, out: [{topic: \"#\"}]}}\n", `upstreams.c.backlog.messages: `},
		{"refuses a size without a unit", "upstreams: {c: {url: \"mqtt://x\", backlog: {max: 64}, out: [{topic: \"#\"}]}}\n", `upstreams.c.backlog.max: 64 has no unit`},
		{"refuses a section it does not know", "bus: {}\n", `bus: unknown key; did you mean "buses"?`},
		{"finds a name that took in its section", "buses:\n  b:{driver: gpio}\n", `2:3: buses.b:{driver: "b:{driver" is not a name; a blank is missing behind "b:"`},
		{"finds a port without its folder", "buses:\n  b: {driver: modbus-rtu, port: ttyUSB0}\n", `2:33: buses.b.port: "ttyUSB0" is not the path of a device file; write /dev/ttyUSB0`},
		{"finds a port of Windows", "buses:\n  b: {driver: serial, port: COM3}\n", `2:29: buses.b.port: "COM3" is what Windows calls a port; here it is a device file such as /dev/ttyUSB0`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Read("site.yaml", []byte(c.text), nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}
