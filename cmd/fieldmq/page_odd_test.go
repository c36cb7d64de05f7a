package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var allViews = []string{"devices", "fleet", "buses", "broker", "upstreams", "log", "config"}

func TestPageBearsWhatOthersPublish(t *testing.T) {
	d := startDemo(t)
	b := browse(t)
	b.size(1100, 900, false)
	b.visit(d.page)
	b.sees("5 devices online")
	for _, m := range [][2]string{
		{"device/esp1/info", `{"name":"a sensor with a firmware of its own"}`},
		{"device/esp2/info", `{"name":7,"points":[1,{},{"name":"x"}],"via":"demo"}`},
		{"device/esp3/info", `[1]`},
		{"device/esp4/state", `{"a":{"b":1},"c":null,"errors":5}`},
		{"device/esp5/info", `{"name":"<img src=x onerror=alert(1)>","via":"demo","points":[{"name":"<b>p</b>","type":"number","topic":"p"}]}`},
		{"device/esp5/state", `{"ts":"now","<b>p</b>":{"y":1}}`},
		{"device/esp5/health", `{"since":"x","status":5}`},
		{"device/esp5/status", `{"x":1}`},
		{"device/demo/bus/odd", `{"a":1}`},
		{"device/demo/upstream/odd", `{"a":1}`},
		{"device/demo/reload/result", `{"faults":7}`},
		{"device/demo/broker", `{"listeners":{}}`},
	} {
		published(t, d.watch[3], "-t", m[0], "-m", m[1], "-r")
	}
	b.sees("<img src=x onerror=alert(1)>")
	for _, view := range append(allViews, "device/boiler", "device/esp1", "device/esp2", "device/esp5", "device/%", "device/50%25/%zz") {
		b.goTo(view)
		b.until("something at "+view, `document.querySelector('main h1')`)
	}
	b.goTo("devices")
	b.sees("Boiler", "<b>p</b>")
	b.visit("about:blank")
	b.visit(d.page)
	b.sees("Boiler", "<b>p</b>")
	b.quietly()
}

func TestPageForgetsWhatWentWhileItWasAway(t *testing.T) {
	s := startSite(t)
	b := browse(t)
	b.size(1100, 900, false)
	b.visit("http://127.0.0.1:" + s.ws + "/")
	b.sees("5 devices online")
	s.run.kill()
	b.sees("No connection for")
	text, err := os.ReadFile(s.file)
	if err != nil {
		t.Fatal(err)
	}
	before, _, _ := strings.Cut(string(text), "  weigher:")
	if err := os.WriteFile(s.file, []byte(before), 0o644); err != nil {
		t.Fatal(err)
	}
	s.gateway()
	b.sees("3 devices online")
	b.until("no device that is no more", `!/weigher|door/.test(document.body.innerText)`)
	b.goTo("buses")
	b.until("the buses", `document.querySelectorAll('.bus').length > 0`)
}

func TestPageKnowsThatClocksDiffer(t *testing.T) {
	d := startDemo(t)
	for _, hours := range []int{3, -3} {
		b := browse(t)
		b.size(1100, 900, false)
		b.call("Page.addScriptToEvaluateOnNewDocument", map[string]any{"source": fmt.Sprintf(`{
			const D = Date, now = () => D.now() + %d * 3600e3;
			Date = class extends D { constructor(...a) { a.length ? super(...a) : super(now()); } static now() { return now(); } };
		}`, hours)}, nil)
		b.visit(d.page)
		b.sees("5 devices online")
		b.goTo("upstreams")
		b.until("for how long the link has been up", `/connected for ([1-9]\d* s|\d+ min)/.test(document.body.innerText)`)
		b.goTo("broker")
		b.until("when the page itself was heard", `/page-[^]*5\.0\s+(now|\d+ s ago)/.test(document.body.innerText)`)
		b.goTo("devices")
		b.until("how old the values are", `[...document.querySelectorAll('.tile-foot')].every(f => /(now|\d+ s ago|\d+ min ago)$/.test(f.innerText.trim()))`)
		b.quietly()
	}
}

func TestPageThatDoesNotFindItsBrokerAsksWhereItIs(t *testing.T) {
	s := startSite(t)
	files := http.FileServer(http.Dir("../../web/dist"))
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/settings.json" {
			http.NotFound(w, r)
			return
		}
		files.ServeHTTP(w, r)
	}))
	defer web.Close()
	listener := "url: ws://127.0.0.1:" + s.ws + "/mqtt"
	s.edit(listener, listener+"\n      origins: ["+web.URL+"]")
	s.run.kill()
	s.gateway()
	b := browse(t)
	b.size(1100, 900, false)
	b.visit(web.URL)
	b.sees("the broker does not answer", "Broker: ws://")
	b.visit("about:blank")
	b.visit(web.URL + "/?broker=broker:8083#/devices")
	b.sees("“broker:8083” is no address of a WebSocket listener")
	b.accessible("nowhere")
	b.types(".where-form input", "wss://")
	b.press("Enter", 13)
	b.sees("“wss://” is no address")
	b.types(".where-form input", "ws://127.0.0.1:"+s.ws+"/mqtt")
	b.press("Enter", 13)
	b.sees("5 devices online")
	// A link to the gateway's own page does not lead to another broker.
	b.visit("about:blank")
	b.visit("http://127.0.0.1:" + s.ws + "/?broker=ws://localhost:" + s.ws + "/mqtt")
	b.sees("the broker does not answer")
	b.visit("about:blank")
	b.visit(web.URL)
	b.sees("5 devices online")
	b.eval("localStorage.setItem('fieldmq.settings', '{not JSON')")
	b.visit("about:blank")
	b.visit(web.URL)
	b.sees("the broker does not answer")
}

// oddYAML has names that are long or strange, and points that are not read.
const oddYAML = `
gateway: {id: box, name: "Großanlage <Nord> & Söhne, die einen sehr langen Namen hat"}
broker: {listen: [{url: "mqtt://127.0.0.1:MQTT"}, {url: "ws://127.0.0.1:WS/mqtt"}]}
buses:
  panel: {driver: modbus-tcp, address: "127.0.0.1:PLC", every: 200ms}
devices:
  pump:
    bus: panel
    name: "Wärmepumpe, Technikraum im zweiten Untergeschoss hinter der Lüftungsanlage"
    points:
      a-very-long-name-of-a-point_that_goes_on_and_on_and_on_0123456789: {holding: 40, scale: 0.001, unit: "10*3/uL"}
      text:     {holding: 44, type: string, length: 60}
      relays:   {holding: 120, flags: {0: lüfter, 15: ein_sehr_langes_wort_fuer_ein_bit_das_niemand_braucht}, write: true}
      setpoint: {holding: 0, type: int16, scale: 0.1, unit: Cel, write: {min: 30, max: 85}}
      reset:    {coil: 9, read: false, write: true}
      alarms:   {holding: 130, flags: {0: hot, 1: dry}, read: false, write: true}
  blank:
    bus: panel
    unit: 2
    name: "   "
    points: {x: {holding: 0}}
  wide:
    bus: panel
    unit: 3
    name: "EinNameOhneEineEinzigeStelleAnDerEinBrowserEineZeileUmbrechenKannWeilErSoLangIst"
    points: {x: {holding: 0}}
`

func TestPageOfASiteWithOddNames(t *testing.T) {
	dir := t.TempDir()
	s := &site{t: t, file: filepath.Join(dir, "site.yaml"), mqtt: freePort(t), ws: freePort(t)}
	text := strings.NewReplacer("MQTT", s.mqtt, "WS", s.ws, "PLC", freePort(t)).Replace(oddYAML)
	if err := os.WriteFile(s.file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	start(t, binary, "sim", "--config", s.file).expect("type a fault")
	s.gateway()
	b := browse(t)
	b.size(1360, 900, false)
	b.visit("http://127.0.0.1:" + s.ws + "/")
	b.sees("3 devices online")
	b.until("a name for what has none", `[...document.querySelectorAll('.tile h2')].some(h => h.innerText === 'blank')`)
	b.goTo("device/pump")
	b.until("topics that can be read", `(() => {
		const all = [...document.querySelectorAll('.points .copy code')];
		return all.length === 6 && all.every(c => c.getBoundingClientRect().height < 90);
	})()`)
	b.shot("odd-device")
	b.types(`input[aria-label="new value of setpoint"]`, "62,5")
	b.press("Enter", 13)
	b.sees("the device took 62.5 °C")
	b.click(`[aria-label=reset] button`)
	b.sees("the device took on")
	b.click(`[aria-label="new value of alarms"] .chip`)
	b.click(`[aria-label="new value of alarms"] > button`)
	b.sees("the device took hot")
	b.accessible("odd-device")
	b.size(360, 740, true)
	for _, view := range append(allViews, "device/pump", "device/wide") {
		b.goTo(view)
		b.until("the view "+view, `document.querySelector('main h1')`)
		b.until(view+" no wider than the phone", `document.documentElement.scrollWidth === 360`)
		b.until(view+" in its cards, or in those that scroll", `[...document.querySelectorAll('.card > *, .tile > *')].every(e =>
			e.getBoundingClientRect().right <= e.parentElement.getBoundingClientRect().right + 1 || getComputedStyle(e.parentElement).overflowX === 'auto')`)
		b.shot("odd-phone-" + strings.ReplaceAll(view, "/", "-"))
	}
	b.quietly()
}

func TestPageDoesNotDrawWhatNobodyVouchesFor(t *testing.T) {
	d := startDemo(t)
	b := browse(t)
	b.size(1100, 900, false)
	b.visit(d.page)
	b.sees("5 devices online")
	now := time.Now().UnixMilli()
	publish := func(id, status string, args ...string) {
		published(t, d.watch[3], "-t", "device/"+id+"/info", "-r", "-m", `{"name":"Test `+id+`","via":"demo","points":[{"name":"v","type":"number","topic":"x"}]}`)
		published(t, d.watch[3], "-t", "device/"+id+"/status", "-r", "-m", status)
		published(t, d.watch[3], append([]string{"-V", "5", "-t", "device/" + id + "/state", "-m", fmt.Sprintf(`{"ts":%d,"v":1}`, now-60_000)}, args...)...)
		published(t, d.watch[3], append([]string{"-V", "5", "-t", "device/" + id + "/state", "-m", fmt.Sprintf(`{"ts":%d,"v":2}`, now-40_000)}, args...)...)
	}
	publish("well", "online", "-D", "publish", "message-expiry-interval", "3600")
	publish("late", "online", "-D", "publish", "message-expiry-interval", "8")
	publish("away", "offline", "-D", "publish", "message-expiry-interval", "3600")
	line := func(id string) string {
		return fmt.Sprintf(`[...document.querySelectorAll('.tile')].find(e => e.innerText.includes('Test %s'))?.querySelector('.spark path')?.getAttribute('d')`, id)
	}
	b.until("a line up to now", `/H96$/.test(`+line("well")+`)`)
	b.until("a line that ends", `/L[\d. ]+$/.test(`+line("late")+`)`)
	b.until("another", `/L[\d. ]+$/.test(`+line("away")+`)`)
	b.until("why", `/no news for \d+ s/.test([...document.querySelectorAll('.tile')].find(e => e.innerText.includes('Test late')).innerText)`)
	b.accessible("late")
	b.quietly()
}
