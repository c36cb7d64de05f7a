package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const renamedYAML = `
gateway: {id: north, data: DIR/data}
broker: {listen: [{url: "mqtt://127.0.0.1:MQTT"}]}
homeassistant: {enabled: true}
buses: {plc: {driver: modbus-tcp, address: "127.0.0.1:1"}}
devices: {boiler: {bus: plc, points: {flow: {input: 0}}}}
`

// retainedNow are the topics that have something under a filter: what comes ahead
// of a mark that is asked for behind it.
func (s *site) retainedNow(filter string) string {
	s.t.Helper()
	s.publish("-t", "mark/x", "-m", "there", "-r")
	sub := s.subscribe("-t", filter, "-t", "mark/x", "--retained-only")
	defer sub.kill()
	sub.expect("mark/x")
	return strings.Join(sub.printed(), "\n")
}

func TestAGatewayUnderAnotherNameTakesTheOldOneAway(t *testing.T) {
	dir := t.TempDir()
	s := &site{t: t, file: filepath.Join(dir, "site.yaml"), mqtt: freePort(t)}
	if err := os.WriteFile(s.file, []byte(strings.NewReplacer("DIR", dir, "MQTT", s.mqtt).Replace(renamedYAML)), 0o644); err != nil {
		t.Fatal(err)
	}
	// begin starts the gateway and returns when Home Assistant is told, or would be.
	begin := func(topic string) {
		t.Helper()
		s.gateway()
		sub := s.subscribe("-t", topic)
		sub.expect(topic)
		sub.stop(syscall.SIGTERM)
	}
	begin("homeassistant/device/north/boiler/config")
	// Another gateway bridges to this broker.
	s.publish("-t", "device/west/info", "-r", "-m", `{"via":"west","points":[]}`)
	s.run.stop(syscall.SIGTERM)

	s.edit("id: north", "id: south")
	begin("homeassistant/device/south/boiler/config")
	for _, filter := range []string{"device/north/#", "homeassistant/device/north/#"} {
		if got := s.retainedNow(filter); strings.Contains(got, "north") {
			t.Errorf("left:\n%s", got)
		}
	}
	if got := s.retainedNow("device/+/info"); !strings.Contains(got, "device/west/info") || !strings.Contains(got, "device/boiler/info") {
		t.Errorf("there is only:\n%s", got)
	}
	s.run.stop(syscall.SIGTERM)

	s.edit("enabled: true", "enabled: true, prefix: ha")
	begin("ha/device/south/boiler/config")
	if got := s.retainedNow("homeassistant/#"); strings.Contains(got, "homeassistant") {
		t.Errorf("the old prefix still has:\n%s", got)
	}
	s.run.stop(syscall.SIGTERM)

	s.edit("enabled: true, prefix: ha", "enabled: false")
	s.gateway()
	for deadline := time.Now().Add(patience); ; {
		got := s.retainedNow("ha/#")
		if !strings.Contains(got, "ha/") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("Home Assistant, which is not told any more, still has:\n%s", got)
		}
	}
}
