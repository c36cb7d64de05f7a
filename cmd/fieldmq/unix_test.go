package main

import (
	"os"
	"path/filepath"
	"testing"
)

const unixYAML = `
broker:
  listen: [{url: "mqtt://127.0.0.1:PORT"}, {url: "unix://DIR/mqtt.sock"}]
`

// A unix socket serves clients on this machine, and one that a killed broker
// left behind is no obstacle.
func TestUnixSocketServesClients(t *testing.T) {
	b := newBroker(t, unixYAML, func(string) {})
	socket := filepath.Join(b.dir, "mqtt.sock")
	exchange := func() {
		t.Helper()
		sub := talkative(t, "--unix", socket, "-t", "device/#", "-q", "1")
		sub.expect("Subscribed")
		if out, errs, code := output(t, "mosquitto_pub", "--unix", socket, "-q", "1", "-t", "device/a/b", "-m", "hello"); code != 0 {
			t.Fatalf("exit %d: %s%s", code, out, errs)
		}
		sub.expect("device/a/b hello")
	}
	exchange()
	info, err := os.Stat(socket)
	if err != nil || info.Mode().Perm()&0o007 != 0 {
		t.Errorf("the socket is open to everybody: %v, %v", info.Mode(), err)
	}
	b.kill()
	b.process = start(t, binary, "broker", "--config", filepath.Join(b.dir, "broker.yaml"))
	b.expect("unix://")
	exchange()
}
