package main

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// demoSite is a demo that runs, with the address of its page and its brokers.
type demoSite struct {
	*process
	page  string
	watch []string // -h host -p port of the gateway's broker
}

var addresses = regexp.MustCompile(`-h (\S+) -p (\d+)`)

func startDemo(t *testing.T, args ...string) *demoSite {
	t.Helper()
	d := &demoSite{process: start(t, binary, append([]string{"demo"}, args...)...)}
	d.page = strings.Fields(d.expect("page "))[1]
	m := addresses.FindStringSubmatch(d.expect("watch "))
	d.watch = []string{"-h", m[1], "-p", m[2]}
	return d
}

// fault breaks something of the demo.
func (d *demoSite) fault(text string) {
	d.t.Helper()
	published(d.t, d.watch[3], "-t", faultTopic, "-m", text)
}

// quietly fails the test for what the page's console calls an error.
func (b *browser) quietly() {
	b.t.Helper()
	if said := b.said(); said != "" {
		b.t.Errorf("the page's console: %s", said)
	}
}

// goTo shows a view.
func (b *browser) goTo(view string) { b.eval(fmt.Sprintf("location.hash = %s", quoted("#/"+view))) }

func TestPageShowsWhatTheGatewayDoes(t *testing.T) {
	d := startDemo(t)
	b := browse(t)
	b.size(1360, 900, false)
	b.visit(d.page)
	b.sees("Demo plant", "Energy meter", "Boiler", "Tank and pump", "Scale", "Door and water meter", "5 devices online")
	b.until("a voltage", `/voltage\s+2\d\d/.test(document.body.innerText)`)
	b.ripen()
	b.accessible("devices")

	b.goTo("device/boiler")
	b.sees("device/boiler/setpoint", "30 to 85 °C", "unit 2 holding 101")
	b.until("a line in a chart", `document.querySelector('.chart canvas')`)
	b.click(".wire button")
	b.sees("02 04 00 64 00 03") // input registers 100 to 102 of unit 2
	b.accessible("device")
	b.types(`input[aria-label="new value of setpoint"]`, "62.5")
	b.press("Enter", 13)
	b.sees("the device took 62.5 °C")
	b.types(`input[aria-label="new value of setpoint"]`, "99")
	b.press("Enter", 13)
	b.sees("above the maximum 85")
	b.until("the pump on", `document.querySelector('button[aria-label=pump]')?.ariaChecked === 'true'`)
	b.click("button[aria-label=pump]")
	b.sees("the device took off")
	b.until("an account that adds up", `(() => {
		const n = [...document.querySelectorAll('.accounts tbody td.num')].map(td => +td.innerText.replace(/\s/g, ''));
		return document.querySelector('.accounts tbody th')?.innerText === 'cloud' && n[0] > 0 && n[0] === n[1] + n[2] + n[3];
	})()`)
	b.until("the pump off", `document.querySelector('button[aria-label=pump]').ariaChecked === 'false'`)

	b.goTo("buses")
	b.sees("panel", "modbus-rtu", "None since the start.", "Energy meter")
	b.until("polls", `/Polls a second\s+\d/.test(document.body.innerText)`)
	b.accessible("buses")

	b.goTo("broker")
	b.sees("ws://127.0.0.1", "page-", "Retained messages")
	published(t, d.watch[3], "-t", "device/old/x", "-r", "-m", "nobody needs this")
	b.types(".retained-search input[type=search]", "nobody needs")
	b.click(".retained-search button")
	b.sees("device/old/x")
	b.accessible("broker")
	b.eval("window.confirm = () => true")
	b.click(`button[aria-label="delete device/old/x"]`)
	b.sees("Nothing is retained there.")
	left, _, _ := output(t, "mosquitto_sub", append(d.watch, "-t", "device/old/#", "-W", "1", "-v")...)
	if left != "" {
		t.Errorf("still retained: %s", left)
	}

	b.goTo("log")
	b.sees("bus open", "device online", "upstream is connected")
	b.types("input[type=search]", "upstream")
	b.until("fewer entries", `!document.body.innerText.includes('bus open')`)
	b.accessible("log")
	b.types("input[type=search]", "")
	b.click(".raise summary")
	b.chooses(".raise select", "bus=panel")
	b.click(".raise button")
	b.sees("debug until")
	b.until("what is debugged", `[...document.querySelectorAll('.entry.debug')].some(e => /panel\s+exchange/.test(e.innerText))`)
	b.accessible("log-debug")
	b.click(".raised button")
	b.until("the level as it was", `!document.querySelector('.raised')`)

	b.goTo("config")
	b.sees("Will be busy", "id: demo", "in force since")
	b.accessible("config")

	b.goTo("fleet")
	b.sees("1 gateway", "5 devices online")
	b.accessible("fleet")

	b.goTo("upstreams")
	b.sees("1 link up")
	b.accessible("upstreams")

	b.visit("about:blank")
	b.visit(d.page)
	b.until("what was before the page was loaded again", `[...document.querySelectorAll('.spark path')].some(p => (p.getAttribute('d') ?? '').split('L').length > 8)`)
	b.quietly()
}

func TestPageShowsTrouble(t *testing.T) {
	d := startDemo(t)
	b := browse(t)
	b.size(1360, 900, true)
	b.visit(d.page)
	b.sees("5 devices online")
	d.fault("boiler silence")
	b.sees("1 offline")
	b.until("the dead device first, with its reason and last values", `/^Boiler\s+No answer for \d+ s\s+flow\s+\d/.test(document.querySelector('.tile').innerText)`)
	b.accessible("offline")
	b.goTo("buses")
	b.until("the errors", `/Errors\s+no answer\s+\d/.test(document.body.innerText)`)
	b.shot("buses-dark")
	b.goTo("log")
	b.sees("device offline", "no answer")
	d.fault("boiler ok")
	b.until("in the log, as it happens, that the device is back", `/device offline[^]*device boiler/.test(document.body.innerText) && /device online device boiler[^]*device offline/.test(document.body.innerText)`)
	b.goTo("devices")
	b.sees("5 devices online")

	b.goTo("upstreams")
	b.sees("1 link up")
	d.fault("cloud silence")
	b.sees("1 down", "away for")
	b.until("a backlog that grows", `+(/Backlog\s+(\d+) messages/.exec(document.body.innerText)?.[1] ?? 0) > 100`)
	b.shot("upstreams-away")
	// It lasts for seconds only, in which a busy machine may not look.
	b.eval(`new MutationObserver(() => { window.drained ||= document.querySelector('[role=progressbar]') !== null })
		.observe(document.body, {subtree: true, childList: true})`)
	d.fault("cloud ok")
	b.until("the drain", `window.drained`)
	b.shot("upstreams-drain")
	b.until("the end of it", `/Backlog\s+empty/.test(document.body.innerText)`)
	b.sees("1 link up")
	b.quietly()
	d.stop(os.Interrupt)
	b.sees("No connection for")
}

// doubtYAML has a device that is not what its profile says, and points of flags.
const doubtYAML = `
gateway: {id: box, name: Plant}
broker: {listen: [{url: "mqtt://127.0.0.1:MQTT"}, {url: "ws://127.0.0.1:WS/mqtt"}]}
buses:
  panel: {driver: modbus-rtu, port: DIR/panel, baud: 115200, every: 200ms}
  desk:  {driver: serial, port: DIR/desk, every: 200ms}
devices:
  meter:
    bus: panel
    unit: 1
    model: Acme 7
    fingerprint: {voltage: {min: 380, max: 420}}
    points: {voltage: {input: 0, unit: V}}
  pump:
    bus: panel
    unit: 2
    points:
      relays: {holding: 0, flags: {0: fan, 3: valve, 4: horn}, write: true}
      alarms: {input: 1, flags: {0: hot, 5: dry}}
  heater:
    bus: desk
    points:
      temp: {match: 'T=(\d+\.\d)', request: "T?\n"}
      dose: {match: 'D=(\d+)'}
upstreams:
  cloud: {url: "mqtt://127.0.0.1:1", out: [{topic: "device/#"}]}
  plant: {url: "mqtt://127.0.0.1:2", format: sparkplug, group: g}
`

func TestPageShowsDoubtAndFlagsAndWhatIsPlanned(t *testing.T) {
	dir := t.TempDir()
	s := &site{t: t, file: filepath.Join(dir, "site.yaml"), mqtt: freePort(t), ws: freePort(t)}
	text := strings.NewReplacer("DIR", dir, "MQTT", s.mqtt, "WS", s.ws).Replace(doubtYAML)
	if err := os.WriteFile(s.file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	start(t, binary, "sim", "--config", s.file).expect("type a fault")
	s.gateway()
	b := browse(t)
	b.size(1100, 900, false)
	b.visit("http://127.0.0.1:" + s.ws + "/")
	b.sees("3 devices online", "1 in doubt")
	b.until("the doubt in its tile", `/Is it Acme 7\? voltage is 2\d\d, not 380 to 420\./.test(document.querySelector('.tile .notice')?.innerText)`)
	b.accessible("doubt")
	b.goTo("device/meter")
	b.until("the doubt", `/Is it Acme 7\? voltage is 2\d\d, not 380 to 420\./.test(document.querySelector('main > .notice')?.innerText)`)
	b.accessible("doubt-device")

	flag := func(name string) string {
		return fmt.Sprintf(`[...document.querySelectorAll('.control button.chip')].find(c => c.innerText === '%s')`, name)
	}
	flip := func(name string) {
		b.until("a button for "+name, flag(name))
		b.eval(flag(name) + ".click()")
	}
	s.publish("-t", "device/pump/relays/set", "-m", "horn,bit9")
	b.goTo("device/pump")
	b.until("what is set, as words", `[...document.querySelectorAll('.points .flag')].map(f => f.innerText).join().startsWith('horn,bit9')`)
	b.until("what could be, and what has no word", `document.querySelector('.control')?.innerText.replace(/\s+/g, ' ').startsWith('fan valve horn bit9 Write')`)
	flip("fan")
	b.until("the fan chosen", flag("fan")+`?.ariaPressed === 'true'`)
	flip("horn")
	b.accessible("flags-device")
	b.click(".control .field > button")
	b.sees("the device took fan,bit9")
	b.until("it as words", `[...document.querySelectorAll('.points .flag')].map(f => f.innerText).join().startsWith('fan,bit9')`)
	flip("bit9")
	flip("fan")
	b.until("nothing chosen", `!document.querySelector('.control .chip[aria-pressed=true]')`)
	b.click(".control .field > button")
	b.sees("the device took none")
	s.publish("-t", "device/pump/relays/set", "-m", "fan,valve,horn")
	b.goTo("devices")
	b.until("the words in the tile", `[...document.querySelectorAll('.tile .flag')].map(f => f.innerText).join().includes('fan,valve,horn')`)
	b.shot("flags")

	b.goTo("config")
	b.until("the bytes of each upstream", `(() => {
		const rows = [...document.querySelectorAll('main tr')].map(r => r.innerText.replace(/\s+/g, ' '));
		return rows.some(r => /cloud by its rules [\d.]+ [KM]iB [\d.]+ [KM]iB/.test(r)) && rows.some(r => r.includes('plant by its rules shows when it runs'));
	})()`)
	b.until("the texts that are asked for", `[...document.querySelectorAll('.bus')].some(c => /desk[^]*at least [\d.]+ %[^]*"T\?\\n"[^]*200ms[^]*≥ \d+\.\d ms[^]*speaks by itself[^]*at most \d+\/s/.test(c.innerText))`)
	b.accessible("planned")
	for _, view := range []string{"devices", "device/meter", "device/pump", "config"} {
		b.goTo(view)
		b.until("the view "+view, `document.querySelector('main h1') && !document.querySelector('.empty')`)
		b.size(360, 740, false)
		b.until(view+" no wider than the phone", `document.documentElement.scrollWidth === 360`) // charts follow a frame later
		b.shot("doubt-phone-" + strings.ReplaceAll(view, "/", "-"))
		b.size(1100, 900, true)
		b.accessible("doubt-dark-" + strings.ReplaceAll(view, "/", "-"))
	}
	b.quietly()
}

func TestPageOnAPhoneAndByKeyboard(t *testing.T) {
	d := startDemo(t)
	b := browse(t)
	b.size(360, 740, false)
	b.visit(d.page)
	b.sees("5 devices online")
	for _, view := range []string{"devices", "device/boiler", "fleet", "buses", "broker", "upstreams", "log", "config"} {
		b.goTo(view)
		b.until("the view "+view, `document.querySelector('main h1') && !document.querySelector('.empty')`)
		if wide := b.eval(`document.documentElement.scrollWidth`); wide != 360.0 {
			t.Errorf("%s is %v px wide on a phone of 360", view, wide)
		}
		b.shot("phone-" + strings.ReplaceAll(view, "/", "-"))
	}
	b.goTo("devices")
	b.until("the first tile", `document.querySelector('.tile a')`)
	for range 30 {
		b.press("Tab", 9)
		if b.eval(`document.activeElement.matches('.tile a')`) == true {
			break
		}
	}
	b.press("Enter", 13)
	b.until("the device that was reached by keys", `location.hash.startsWith('#/device/')`)
	b.quietly()
}

// usersYAML goes in the place of the listener of siteYAML for the page.
const usersYAML = `
    - {url: "ws://127.0.0.1:WS/mqtt", anonymous: false}
  users: DIR/users
  access:
    - {user: operator, subscribe: ["device/#"], publish: ["device/#"]}
    - {user: viewer, subscribe: ["device/+/status", "device/+/info", "device/+/state", "device/+/health", "device/+/reply/#"], publish: ["device/+/+/get"]}
    - {user: "", subscribe: ["#"], publish: ["#"]}
buses:`

func TestPageAsksWhoYouAre(t *testing.T) {
	dir := t.TempDir()
	s := &site{t: t, file: filepath.Join(dir, "site.yaml"), mqtt: freePort(t), ws: freePort(t)}
	text := regexp.MustCompile(`\n    - url: ws:.*\nbuses:`).ReplaceAllLiteralString(siteYAML, usersYAML)
	text = strings.NewReplacer("DIR", dir, "MQTT", s.mqtt, "WS", s.ws, "PLC", freePort(t)).Replace(text)
	if err := os.WriteFile(s.file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	addUser(t, dir, "operator", "open sesame")
	addUser(t, dir, "viewer", "just look")
	s.sim = start(t, binary, "sim", "--config", s.file)
	s.sim.expect("type a fault")
	s.gateway()

	b := browse(t)
	b.size(1000, 800, false)
	b.visit("http://127.0.0.1:" + s.ws + "/")
	b.sees("You need to sign in.")
	b.accessible("login")
	login := func(user, password string) {
		b.types("input[name=username]", user)
		b.types("input[name=password]", password)
		b.press("Enter", 13)
	}
	login("viewer", "guess")
	b.sees("The user name or the password is wrong.")
	login("viewer", "just look")
	b.sees("5 devices online", "Your user may not see everything.", "device/+/bus/+")
	b.shot("viewer")
	b.goTo("device/boiler")
	b.until("switch, list and field, which cannot be used, with the reason", `(() => {
		const all = [...document.querySelectorAll('.control')];
		return all.length === 3 && all.every(c => c.querySelector(':is(button, select, input):disabled') && c.innerText.includes('your user may not do this'));
	})()`)
	b.accessible("viewer-device")
	b.goTo("log")
	b.until("levels that cannot be raised", `document.querySelector('.raise button:disabled')`)
	b.click(".who button") // sign out
	b.sees("You need to sign in.")
	login("operator", "open sesame")
	b.goTo("device/boiler")
	b.until("the pump", `document.querySelector('button[aria-label=pump]:not([disabled])')`)
	b.click("button[aria-label=pump]")
	b.sees("the device took")
	b.goTo("broker")
	b.sees("operator", "127.0.0.1:")
	b.goTo("config")
	b.sees("baud: 19200")
	s.edit("baud: 19200", "baud: fast")
	b.click(".reload button")
	b.sees("changed nothing: 1 fault", "buses.panel.baud")
	b.shot("config-faults")
	s.edit("baud: fast", "baud: 19200")
	s.edit(`{user: operator, subscribe: ["device/#"], publish: ["device/#"]}`, `{user: operator, subscribe: ["device/#"], publish: ["device/box/#"]}`)
	b.click(".reload button")
	b.sees("Read again at")
	b.goTo("device/boiler")
	b.until("the pump", `document.querySelector('button[aria-label=pump]:not([disabled])')`)
	b.click("button[aria-label=pump]")
	b.sees("your user may not do this") // it is told when it tries
	b.quietly()
}

func TestPageIsADashboardInTheCloud(t *testing.T) {
	cloud, ws := freePort(t), freePort(t)
	dir := t.TempDir()
	config := filepath.Join(dir, "mosquitto.conf")
	if err := os.WriteFile(config, []byte("listener "+cloud+" 127.0.0.1\nlistener "+ws+" 127.0.0.1\nprotocol websockets\nallow_anonymous true\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	startMosquitto(t, "-v", "-c", config)
	var sites []*site
	for _, id := range []string{"north", "south"} {
		s := &site{t: t, file: filepath.Join(t.TempDir(), "site.yaml"), mqtt: freePort(t), ws: freePort(t)}
		text := siteYAML + upstreamYAML + `      - {topic: "plant/device/+/+/get", to: "device/+/+/get"}` + "\n"
		text = strings.NewReplacer("    in:  [{topic", "    in:\n      - {topic", `/set"}]`, `/set"}`).Replace(text)
		text = strings.NewReplacer("DIR", filepath.Dir(s.file), "MQTT", s.mqtt, "WS", s.ws, "PLC", freePort(t), "CLOUD", cloud,
			"plant/", id+"/", "{id: box}", "{id: "+id+", name: Plant "+id+"}").Replace(text)
		if err := os.WriteFile(s.file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		s.sim = start(t, binary, "sim", "--config", s.file)
		s.sim.expect("type a fault")
		s.gateway()
		sites = append(sites, s)
	}
	files := http.FileServer(http.Dir("../../web/dist"))
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/settings.json" {
			fmt.Fprintf(w, `{"broker":"ws://127.0.0.1:%s/mqtt","prefix":"+/","title":"All plants"}`, ws)
			return
		}
		files.ServeHTTP(w, r)
	}))
	defer web.Close()

	b := browse(t)
	b.size(1360, 900, false)
	b.visit(web.URL)
	b.sees("All plants", "10 devices online", "north", "south")
	b.goTo("fleet")
	b.sees("2 gateways", "Plant north", "Plant south")
	b.accessible("fleet-cloud")
	b.goTo("device/south%2Fboiler")
	b.goTo("device/south/boiler")
	b.sees("south/device/boiler/setpoint")
	b.types(`input[aria-label="new value of setpoint"]`, "61")
	b.press("Enter", 13)
	b.sees("the device took 61 °C")
	sites[0].run.kill()
	b.goTo("fleet")
	b.sees("1 offline")
	b.goTo("devices")
	b.sees("5 devices online", "Its gateway Plant north is offline")
	b.shot("cloud-devices")
	b.visit(web.URL + "/?prefix=south/")
	b.sees("5 devices online")
	b.until("only the devices of that prefix", `!document.body.innerText.includes('offline')`)
	b.quietly()
}

// accessible fails the test for what axe-core finds on the page, and takes a
// picture of it.
func (b *browser) accessible(name string) {
	b.t.Helper()
	b.shot(name)
	if b.eval("typeof axe") != "object" {
		b.call("Runtime.evaluate", map[string]any{"expression": unzipped(b.t, "testdata/axe-4.14.1.min.js.gz")}, nil)
	}
	found := b.eval(`axe.run(document, {resultTypes: ['violations']}).then(r => r.violations.map(v => v.id + ': ' + v.help + '\n' + v.nodes.map(n => '  ' + n.html + '\n  ' + n.any.concat(n.all).map(a => a.message).join('; ')).join('\n')).join('\n'))`)
	if found != "" {
		b.t.Errorf("%s is not accessible:\n%s", name, found)
	}
}

func unzipped(t *testing.T, file string) string {
	t.Helper()
	packed, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	in, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
