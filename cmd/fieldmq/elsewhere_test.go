package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const elsewhereYAML = `
gateway: {id: box, data: DIR/data}
broker: {listen: [{url: "mqtt://127.0.0.1:MQTT"}]}
buses: {plc: {driver: modbus-tcp, address: "127.0.0.1:1"}}
devices: {boiler: {bus: plc, points: {flow: {input: 0}}}}
upstreams:
  cloud: {url: "mqtt://127.0.0.1:CLOUD", out: [{topic: "#", to: "site-a/#"}]}
`

// What is retained and does not change would stay unknown under the new names.
func TestARuleThatSendsElsewhereHasAllStatesToldThere(t *testing.T) {
	dir, cloud := t.TempDir(), freePort(t)
	startMosquitto(t, "-p", cloud)
	s := &site{t: t, file: filepath.Join(dir, "site.yaml"), mqtt: freePort(t)}
	text := strings.NewReplacer("DIR", dir, "MQTT", s.mqtt, "CLOUD", cloud).Replace(elsewhereYAML)
	if err := os.WriteFile(s.file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	s.gateway()
	s.publish("-t", "sign/x", "-m", "kept", "-r")
	there := &site{t: t, mqtt: cloud}
	arrives := func(prefix string) {
		t.Helper()
		for _, topic := range []string{"device/boiler/status", "device/boiler/info", "sign/x"} {
			sub := there.subscribe("-t", prefix+topic)
			sub.expect(prefix + topic)
			sub.kill()
		}
	}
	arrives("site-a/")
	s.edit(`"site-a/#"`, `"site-b/#"`)
	if printed, errs, code := output(t, binary, "reload", "--config", s.file); code != 0 {
		t.Fatal(printed, errs)
	}
	arrives("site-b/")
	s.run.kill() // and over a restart
	s.edit(`"site-b/#"`, `"site-c/#"`)
	s.gateway()
	arrives("site-c/")
}
