package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fewYAML goes in the place of the listener of siteYAML for the page.
const fewYAML = `
    - {url: "ws://127.0.0.1:WS/mqtt", anonymous: false}
  users: DIR/users
  access:
    - {user: tenant, subscribe: ["device/boiler/#"], publish: ["device/boiler/+/set"]}
    - {user: "", subscribe: ["#"], publish: ["#"]}
buses:`

func TestPageOfAUserWhoHasOneDevice(t *testing.T) {
	dir := t.TempDir()
	s := &site{t: t, file: filepath.Join(dir, "site.yaml"), mqtt: freePort(t), ws: freePort(t)}
	text := strings.Replace(siteYAML, "\n    - url: ws://127.0.0.1:WS/mqtt\nbuses:", fewYAML, 1)
	text = strings.NewReplacer("DIR", dir, "MQTT", s.mqtt, "WS", s.ws, "PLC", freePort(t)).Replace(text)
	if err := os.WriteFile(s.file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	addUser(t, dir, "tenant", "second floor")
	s.sim = start(t, binary, "sim", "--config", s.file)
	s.sim.expect("type a fault")
	s.gateway()
	b := browse(t)
	b.size(360, 740, false)
	b.visit("http://127.0.0.1:" + s.ws + "/")
	b.sees("You need to sign in.")
	b.types("input[name=username]", "tenant")
	b.types("input[name=password]", "second floor")
	b.press("Enter", 13)
	b.sees("1 device online")
	b.until("its values", `/setpoint\s+\d/.test(document.querySelector('.tile').innerText)`)
	b.until("nothing to complain of", `!document.querySelector('.notice')`)
	b.goTo("device/boiler")
	b.types(`input[aria-label="new value of setpoint"]`, "61")
	b.press("Enter", 13)
	b.sees("the device took 61 °C")
	b.goTo("buses")
	b.sees("No gateway yet")
	b.accessible("tenant")
	b.quietly()
}
