package configs_test

import (
	"strings"
	"testing"
)

// faulty are files and what is wrong with them, in file order.
var faulty = []struct{ name, text, want string }{
	// Syntax.
	{"empty file", "", `1:1: the file is empty`},
	{"comments only", "# nothing\n", `1:1: the file is empty`},
	{"only the mark of a document", "---\n", `1:1: the file is empty`},
	{"no file of text", "\x7fELF\x00\x01", `1:1: an invisible character (U+007F); delete it or write a space`},
	{"UTF-16 without a mark", "g\x00a\x00", `1:2: a byte that is zero, which no text has; if an editor saved the file as UTF-16, save it as UTF-8`},
	{"second document", "gateway: {id: a}\n---\ngateway: {id: b}\n", `2:1: a second document begins here; a file holds one`},
	{"garbage after the end", "gateway: {id: a}\n...\n]\n", `3:1: this does not belong to what stands above; look at the brackets there`},
	{"lower indentation in a list", "broker:\n  listen:\n    - url: a://b\n   - url: c://d\n", `4:4: the indentation does not fit the lines above, or a quote ended too early`},
	{"range in a name in braces", "devices:\n  a: {points: {p-{0..9}: {coil: {0..9}}}}\n", `2:3: in braces a name with a range needs quotes: "meter-{1..8}"`},
	{"no blank behind a colon", "buses:\n  plc:{driver: gpio, chip: a}\n", `2:3: a blank is missing behind "plc:"`},
	{"deeper indentation of a key", "gateway:\n  id: a\n   data: b\n", `3:4: a ":" too many, or indentation that does not fit; a text with ": " in it needs quotes`},
	{"shallower indentation of a key", "gateway:\n    id: a\n  data: b\n", `3:3: the indentation does not fit the lines above, or a quote ended too early`},
	{"tab in the indentation", "gateway:\n\tid: a\n", `2:2: a tab in the indentation; write spaces`},
	{"text after a bracket", "{gateway: {id: a}} b\n", `1:1: this does not belong to what stands above; look at the brackets there`},
	{"directive", "%YAML 3.0\n---\na: b\n", `1:1: not YAML: found incompatible YAML document`},
	{"tab after a dash", "broker:\n  access:\n    -\tuser: a\n", `3:5: a tab in the indentation; write spaces`},
	{"open bracket", "broker:\n  listen: [a, b\ngateway: {id: a}\n", `2:3: a "[" is not closed, or a "," is missing`},
	{"open brace", "gateway: {id: a\nbroker:\n", `1:1: a "{" is not closed, or a "," is missing`},
	{"variable in braces", "gateway: {data: ${DIR}}\n", `1:1: in braces a variable needs quotes: "${NAME}"`},
	{"quotes of a word processor", "gateway:\n  data: “/var”\n", `2:9: gateway.data: “ is no quote to a program, but a letter; write " or '`},
	{"open quote", "gateway:\n  id: \"a\n  data: b\n", `2:3: a quote is not closed`},
	{"key without colon", "gateway:\n  id: a\n  data\n", `3:3: a key without a ":"`},
	{"bare star", "broker:\n  access:\n    - {user: *, subscribe: []}\n", `3:5: a value cannot begin with * or & unless it is in quotes`},
	{"unknown anchor", "gateway:\n  id: *me\n", `2:3: the name after the * is not defined above; a value that begins with * needs quotes`},
	{"at sign", "gateway:\n  id: @a\n", `2:3: a value cannot begin with this character; put the value in quotes`},
	{"escape", "gateway:\n  id: \"\\d+\"\n", `2:3: an unknown escape in double quotes; in single quotes a \ stands for itself`},
	{"Latin-1", "gateway:\n  id: 21\xb0C\n", `2:9: the byte 0xB0 is not UTF-8; save the file as UTF-8`},
	{"control character", "gateway:\n  id: a\x07\n", `2:8: an invisible character (U+0007); delete it or write a space`},
	{"space from a web page", "gateway:\n  id:\u00a0a\n", `2:6: an invisible character (U+00A0); delete it or write a space`},
	{"tag", "gateway: !include gateway.yaml\n", `1:10: gateway: tags such as !include are not understood; delete it`},
	{"key twice", "gateway:\n  id: a\n  data: b\n  id: c\n", `4:3: gateway.id: stands here a second time; the first is on line 2`},
	{"list as key", "gateway:\n  [a]: b\n", `2:3: gateway: a key must be a word`},
	{"empty key", "gateway:\n  '': b\n", `2:3: gateway: a key must be a word`},
	{"alias of itself", "gateway: &g\n  id: *g\n", `2:7: gateway.id: contains itself`},
	{"merge of a text", "gateway:\n  <<: a\n", `2:7: gateway.<<: must name a section with keys, such as *defaults`},
	{"fault of a merged key", "gateway: {<<: {id: B}}\n", `1:20: gateway.id: "B" is not a name; use a-z, 0-9, - and _, and begin with a letter or digit, such as b`},
	{"tag, and nothing else", "buses: {p: {driver: modbus-rtu, port: !x y}}\n", `1:39: buses.p.port: tags such as !x are not understood; delete it`},
	{"fault behind an alias, once", "devices:\n  a: &a {bus: x, unit: 0}\n  b: *a\nbuses: {x: {driver: gpio}}\n", `2:24: devices.a.unit: 0 is not within 1 to 247`},

	// Structure.
	{"list at the top", "- gateway\n", `1:1: must be a section with keys, not a list`},
	{"text at the top", "gateway\n", `1:1: must be a section with keys, not a single value`},
	{"unknown key", "gatewya: {id: a}\n", `1:1: gatewya: unknown key; did you mean "gateway"?`},
	{"unknown key like no other", "gateway: {x-ray: a}\n", `1:11: gateway.x-ray: unknown key; write id, data or max`},
	{"unknown key with strange letters", "gateway: {\"\\e[31m\": a}\n", `1:11: gateway.·[31m: unknown key; write id, data or max`},
	{"no blank behind a colon", point("holding:1"), `4:10: devices.d.points.p.holding:1: unknown key; a blank is missing behind its colon`},
	{"decimals behind a comma in braces", point("coil: 1, scale: 0,1"), `4:28: devices.d.points.p.1: unknown key; in braces a comma begins another key, and decimals stand behind a point: 0.1`},
	{"text for a section", "gateway: plant\n", `1:10: gateway: must be a section with keys, not a single value`},
	{"section for a text", "gateway:\n  id:\n    a: b\n", `2:3: gateway.id: must be a single value, not a section with keys`},
	{"section for a list", "broker:\n  listen:\n    url: a://b\n", `2:3: broker.listen: must be a list, not a section with keys`},
	{"text for a list", "broker:\n  listen: a://b\n", `2:11: broker.listen: must be a list, not a single value`},
	{"list for sections", "buses: [a]\n", `1:8: buses: must be a section with keys, not a list`},
	{"short list", "broker: {listen: []}\n", `1:18: broker.listen: has 0 entries; the least is 1`},
	{"empty entry", "broker:\n  access:\n    - user: a\n      subscribe: [a, ]\n    - user: b\n      subscribe:\n        -\n        - b\n", `7:10: broker.access[1].subscribe[0]: is empty; write a value`},
	{"missing key of an entry", "broker:\n  access:\n    - user: a\n    - subscribe: []\n", `4:7: broker.access[1].user: is missing`},
	{"name with a space", "buses:\n  Panel 1: {driver: gpio}\n", `2:3: buses.Panel 1: "Panel 1" is not a name; use a-z, 0-9, - and _, and begin with a letter or digit, such as panel-1`},
	{"name in a value", "gateway: {id: _}\n", `1:15: gateway.id: "_" is not a name; use a-z, 0-9, - and _, and begin with a letter or digit`},

	// Drivers.
	{"driver missing", "buses:\n  panel: {port: /dev/ttyUSB0, bade: 1}\n", `2:10: buses.panel.driver: is missing`},
	{"driver empty", "buses:\n  panel:\n    driver:\n    port: a\n", `3:5: buses.panel.driver: is missing`},
	{"bus empty", "buses:\n  panel:\n", `2:3: buses.panel.driver: is missing`},
	{"driver unknown", "buses:\n  panel: {driver: modbus, port: a}\n", `2:19: buses.panel.driver: "modbus" is not modbus-rtu, modbus-tcp or gpio`},
	{"port missing", "buses:\n  panel: {driver: modbus-rtu}\n", `2:10: buses.panel.port: is missing`},
	{"port misspelt", "buses:\n  panel: {driver: modbus-rtu, prot: /dev/ttyUSB0}\n", `2:31: buses.panel.prot: unknown key; did you mean "port"?`},
	{"key of another driver", "buses:\n  plc: {driver: modbus-tcp, address: a, baud: 9600}\n", `2:41: buses.plc.baud: unknown key; write driver, every or address`},
	{"word unknown", "buses:\n  panel: {driver: modbus-rtu, port: a, parity: evn}\n", `2:48: buses.panel.parity: "evn" is not even, odd or none`},
	{"number not among those allowed", "buses:\n  panel: {driver: modbus-rtu, port: a, data_bits: 0x5}\n", `2:51: buses.panel.data_bits: "5" is not 7 or 8`},
	{"rule of Validate", "buses:\n  panel: {driver: modbus-rtu, port: a, parity: none, data_bits: 7}\n", `2:65: buses.panel.data_bits: 7N1 is not a format that anything speaks`},
	{"no rule of Validate after another fault", "buses:\n  panel: {driver: modbus-rtu, port: a, parity: none, data_bits: 7, baud: x}\n", `2:74: buses.panel.baud: "x" is not a whole number`},
	{"bus unknown", "buses:\n  panel: {driver: gpio}\ndevices:\n  meter: {bus: panle}\n", `4:16: devices.meter.bus: there is no bus "panle"; did you mean "panel"?`},

	// Numbers.
	{"number too small", device("unit: 0"), `3:21: devices.d.unit: 0 is not within 1 to 247`},
	{"number too large for its type", device("unit: 300"), `3:21: devices.d.unit: 300 is not within 1 to 247`},
	{"number beyond all bounds", device("unit: 99999999999999999999"), `3:21: devices.d.unit: 99999999999999999999 is too large`},
	{"negative number", point("holding: -1"), `4:19: devices.d.points.p.holding: -1 is not within 0 to 65535`},
	{"register beyond the last", point("holding: 65536"), `4:19: devices.d.points.p.holding: 65536 is not within 0 to 65535`},
	{"fraction", point("holding: 1.5"), `4:19: devices.d.points.p.holding: "1.5" is not a whole number`},
	{"leading zero", point("holding: 0100"), `4:19: devices.d.points.p.holding: 0100 begins with a zero, which some programs read as octal; write 100`},
	{"leading zero of a small number", point("holding: 07"), `4:19: devices.d.points.p.holding: 07 begins with a zero, which some programs read as octal; write 7`},
	{"binary", point("holding: 0b11"), `4:19: devices.d.points.p.holding: "0b11" is not a whole number`},
	{"underscore", point("holding: 1_000"), `4:19: devices.d.points.p.holding: "1_000" is not a whole number`},
	{"text for a number", point("holding: forty"), `4:19: devices.d.points.p.holding: "forty" is not a whole number`},
	{"number below an open range", "broker: {listen: [{url: a://b, connections: 0}]}\n", `1:45: broker.listen[0].connections: 0 is less than 1`},
	{"comma", point("coil: 1, scale: '0,1'"), `4:26: devices.d.points.p.scale: "0,1" is not a number; write 0.1`},
	{"not a number", point("coil: 1, scale: .nan"), `4:26: devices.d.points.p.scale: ".nan" is not a number`},
	{"infinity", point("coil: 1, scale: -.inf"), `4:26: devices.d.points.p.scale: "-.inf" is not a number`},
	{"infinity in words", point("coil: 1, scale: inf"), `4:26: devices.d.points.p.scale: "inf" is not a number`},
	{"number larger than any", point("coil: 1, scale: 1e999"), `4:26: devices.d.points.p.scale: "1e999" is too large`},
	{"number with a leading zero", point("coil: 1, scale: 010"), `4:26: devices.d.points.p.scale: 010 begins with a zero, which some programs read as octal; write 10`},
	{"number above its bound", point("coil: 1, offset: 1000.5"), `4:27: devices.d.points.p.offset: 1000.5 is more than 1000`},
	{"number below its bound", point("coil: 1, offset: -1e4"), `4:27: devices.d.points.p.offset: -1e4 is less than -1000`},

	// Texts with a meaning.
	{"span without unit", device("every: 5"), `3:22: devices.d.every: 5 has no unit; write 5s or 5ms`},
	{"span of nonsense", device("every: soon"), `3:22: devices.d.every: "soon" is not a time span such as 300ms, 5s, 2m or 1h`},
	{"span below zero", device("every: -5s"), `3:22: devices.d.every: -5s is negative`},
	{"span too short", device("every: 1ms"), `3:22: devices.d.every: 1ms is less than 10ms`},
	{"span too long", "broker: {listen: [{url: a://b, idle: {after: 1d}}]}\n", `1:46: broker.listen[0].idle.after: 1d is more than 1h`},
	{"size without unit", "gateway: {max: 5}\n", `1:16: gateway.max: 5 has no unit; write 5MiB or 5B`},
	{"size with another unit", "gateway: {max: 5MIB}\n", `1:16: gateway.max: "5MIB" is not a size such as 512KiB, 10MB or 2GiB`},
	{"size with half a unit", "gateway: {max: 5M}\n", `1:16: gateway.max: "M" is not a unit; the units are B, kB, KiB, MB, MiB, GB, GiB, TB and TiB`},
	{"size too small", "gateway: {max: 5B}\n", `1:16: gateway.max: 5B is less than 1MiB`},
	{"text too short", "gateway: {data: ''}\n", `1:17: gateway.data: has 0 characters; the least is 1`},
	{"text too long", "gateway: {data: /äöüäöüäöüäöüäöüäöüäöü}\n", `1:17: gateway.data: has 22 characters; the most is 20`},
	{"word that a type does not know", device("order: DCBA"), `3:22: devices.d.order: "DCBA" is not ABCD or CDAB`},
	{"not a bool", "broker: {listen: [{url: a://b, anonymous: maybe}]}\n", `1:43: broker.listen[0].anonymous: "maybe" is not true or false`},

	// Keys of several forms, maps, lists.
	{"neither form", point("coil: 1, write: perhaps"), `4:26: devices.d.points.p.write: "perhaps" is not true or false`},
	{"third form", point("coil: 1, write: [1]"), `4:26: devices.d.points.p.write: must be a single value, not a list`},
	{"fault within a form", point("coil: 1, write: {min: 5, max: 4}"), `4:32: devices.d.points.p.write.min: 5 is above max, 4`},
	{"no fault from half of a form", point("coil: 1, write: {min: 5, max: '4,0'}"), `4:40: devices.d.points.p.write.max: "4,0" is not a number; write 4.0`},
	{"key of an enum", point("coil: 1, enum: {0: off, x: on}"), `4:34: devices.d.points.p.enum.x: "x" is not a whole number`},
	{"key of an enum in two ways", point("coil: 1, enum: {1: off, 0x1: on}"), `4:34: devices.d.points.p.enum.0x1: stands here a second time, written in another way`},
	{"rule of a value in a map", point("coil: 1, invalid: {a: 7, b: 8}"), `4:38: devices.d.points.p.invalid.b: 8 does not fit in three bits`},
	{"long list", point("coil: 1, bits: [1, 2, 3]"), `4:25: devices.d.points.p.bits: has 3 entries; the most is 2`},
	{"entry of a list", point("coil: 1, bits: [1, 200]"), `4:29: devices.d.points.p.bits[1]: 200 is not within -128 to 127`},
	{"rule that blames the section", point("unit: V"), "4:8: devices.d.points.p: needs one of holding and coil\n4:8: devices.d.points.p.write.min: is of no use so"},
	{"rule that blames a key within a key", point("write: {min: 1}"), "4:8: devices.d.points.p: needs one of holding and coil\n4:23: devices.d.points.p.write.min: is of no use so"},
	{"rule of an entry", "broker:\n  listen:\n    - url: a\n", `3:12: broker.listen[0].url: "a" is not an address such as mqtt://127.0.0.1:1883`},
	{"rule across entries", upstreams("token: a, out: [{topic: a, to: b}, {topic: c, to: c}]"), `2:65: upstreams.u.out[1].to: leads back to c`},

	// Secrets and variables.
	{"secret missing", upstreams("password: a"), `2:6: upstreams.u.token: is missing; write it, or token_file`},
	{"secret misspelt", upstreams("tokn: hunter2"), `2:15: upstreams.u.tokn: unknown key; did you mean "token"?`},
	{"file of a secret misspelt", upstreams("token_fil: a"), `2:15: upstreams.u.token_fil: unknown key; did you mean "token_file"?`},
	{"secret twice", upstreams("token: a, token_file: b"), `2:37: upstreams.u.token_file: stands beside token; keep one of them`},
	{"secret as a list", upstreams("token: [a]"), `2:22: upstreams.u.token: must be a single value, not a list`},
	{"variable not set", "gateway:\n  data: ${NOPE}/x\n", `2:9: gateway.data: the environment variable NOPE is not set; set it, or write ${NOPE:-default}`},
	{"variable not closed", "gateway:\n  data: ${PORT\n", `2:9: gateway.data: ${ is not closed; write $${ for a plain ${`},
	{"variable without a name", "gateway: {data: '${1}'}\n", `1:17: gateway.data: ${1} does not name an environment variable; write $${ for a plain ${`},
	{"variable of another type", device(`unit: "${PORT}"`), `3:21: devices.d.unit: "/dev/ttyUSB0" is not a whole number`},
	{"variable that looks like structure", `gateway: ${YAML}`, `1:10: gateway: must be a section with keys, not a single value`},

	// All at once.
	{"many", `gateway:
  id: Plant 7
  dta: /var
buses:
  panel: {driver: modbus-rtu, port: /dev/ttyUSB0, parity: evn, baud: 010}
  plc: {driver: modbus-tcp, addres: "192.168.1.20:502"}
devices:
  meter:
    bus: panle
    unit: 300
    points:
      a: {holding: 70000, scale: abc}
      b: {coil: 1, write: {mni: 1}}
upstreams:
  cloud:
    token: ${TOKEN}
    out:
      - {qos: 3}
`, `2:7: gateway.id: "Plant 7" is not a name; use a-z, 0-9, - and _, and begin with a letter or digit, such as plant-7
3:3: gateway.dta: unknown key; did you mean "data"?
5:59: buses.panel.parity: "evn" is not even, odd or none
5:70: buses.panel.baud: 010 begins with a zero, which some programs read as octal; write 10
6:29: buses.plc.addres: unknown key; did you mean "address"?
9:10: devices.meter.bus: there is no bus "panle"; did you mean "panel"?
10:11: devices.meter.unit: 300 is not within 1 to 247
12:20: devices.meter.points.a.holding: 70000 is not within 0 to 65535
12:34: devices.meter.points.a.scale: "abc" is not a number
13:28: devices.meter.points.b.write.mni: unknown key; did you mean "min"?
15:3: upstreams.cloud.url: is missing
16:12: upstreams.cloud.token: the environment variable TOKEN is not set; set it, or write ${TOKEN:-default}
18:9: upstreams.cloud.out[0].topic: is missing
18:15: upstreams.cloud.out[0].qos: 3 is not within 0 to 2`},
}

// device is a file with a device that has some keys, on line 3 from column 15.
func device(keys string) string {
	return "buses: {b: {driver: gpio}}\ndevices:\n  d: {bus: b, " + keys + "}\n"
}

// point is a file with a point that has some keys, on line 4 from column 10.
func point(keys string) string {
	return "buses: {b: {driver: gpio}}\ndevices:\n  d: {bus: b, points: {\n    p: { " + keys + "}}}\n"
}

// upstreams is a file with an upstream that has some keys, on line 2 from
// column 15.
func upstreams(keys string) string {
	return "upstreams:\n  u: {url: a, " + keys + "}\n"
}

func TestFaultsHaveTheirPlace(t *testing.T) {
	for _, c := range faulty {
		t.Run(c.name, func(t *testing.T) {
			_, faults := readSite("site.yaml", c.text)
			got := strings.ReplaceAll(faults.Error(), "site.yaml:", "")
			if got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}
