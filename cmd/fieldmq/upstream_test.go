package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// upstreamYAML bridges siteYAML to a broker.
const upstreamYAML = `
upstreams:
  cloud:
    url: mqtt://127.0.0.1:CLOUD
    keep_alive: 2s
    will_delay: 0s
    out: [{topic: "device/#", to: "plant/device/#"}]
    in:  [{topic: "plant/device/+/+/set", to: "device/+/+/set"}]
`

// startBridged is startSite with a mosquitto as its upstream.
func startBridged(t *testing.T, more ...string) (s *site, cloud *process, port string) {
	t.Helper()
	port = freePort(t)
	cloud = startMosquitto(t, "-v", "-p", port)
	dir := t.TempDir()
	s = &site{t: t, file: filepath.Join(dir, "site.yaml"), mqtt: freePort(t), ws: freePort(t)}
	text := strings.NewReplacer("DIR", dir, "MQTT", s.mqtt, "WS", s.ws, "PLC", freePort(t), "CLOUD", port).Replace(siteYAML + upstreamYAML + strings.Join(more, "\n"))
	if err := os.WriteFile(s.file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	s.sim = start(t, binary, "sim", "--config", s.file)
	s.sim.expect("type a fault")
	s.gateway()
	return s, cloud, port
}

// above is a mosquitto_sub at the upstream that prints "topic retain payload".
func above(t *testing.T, port string, args ...string) *process {
	t.Helper()
	return start(t, "mosquitto_sub", append([]string{"-h", "127.0.0.1", "-p", port, "-V", "5", "-q", "1", "-F", "%t %r %p"}, args...)...)
}

func TestDemoHasACloud(t *testing.T) {
	demo := start(t, binary, "demo", "--for", "60s")
	line := demo.expect("cloud    mosquitto_sub")
	_, port, _ := strings.Cut(line, "-p ")
	port, _, _ = strings.Cut(port, " ")
	sub := above(t, port, "-t", "demo/#")
	sub.expect("demo/device/meter/voltage ")
	sub.expect("demo/device/demo/status")
	above(t, port, "-t", "demo/device/demo/status").expect("demo/device/demo/status 1 online")
	sub.wait(0, "that it is connected", func(line string) bool {
		return strings.HasPrefix(line, "demo/device/demo/upstream_cloud_connected ") && strings.HasSuffix(line, " true")
	})
	_, errs, code := output(t, "mosquitto_pub", "-h", "127.0.0.1", "-p", port, "-t", "demo/device/boiler/setpoint/set", "-m", "47.5", "-q", "1")
	if code != 0 {
		t.Fatal(errs)
	}
	sub.expect("demo/device/boiler/setpoint 0 47.5")
	demo.stop(syscall.SIGTERM)
	sub.expect("demo/device/demo/status 0 offline")
}

func TestCloudLearnsOfTheEndOfTheGateway(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(*process)
	}{
		{"by will when it is killed", (*process).kill},
		{"in its own words when it is stopped", func(p *process) { p.stop(syscall.SIGTERM) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _, port := startBridged(t)
			sub := above(t, port, "-t", "plant/device/+/status")
			for _, d := range append(simDevices, "box") {
				sub.wait(0, d+" online", func(line string) bool {
					return strings.HasPrefix(line, "plant/device/"+d+"/status ") && strings.HasSuffix(line, " online")
				})
			}
			from := sub.count()
			c.end(s.run)
			_, _ = sub.expectAfter(from, "plant/device/box/status 0 offline")
			late := above(t, port, "-t", "plant/device/box/status")
			late.expect("plant/device/box/status 1 offline")
			from = late.count()
			s.gateway()
			_, _ = late.expectAfter(from, "plant/device/box/status 0 online")
		})
	}
}

func TestEachDeviceTurnsOfflineByItselfWhereAskedFor(t *testing.T) {
	s, _, port := startBridged(t, "    status: device\n")
	sub := above(t, port, "-t", "plant/device/+/status")
	await := func(from int, word string) {
		for _, d := range append(simDevices, "box") {
			sub.wait(from, d+" "+word, func(line string) bool {
				return strings.HasPrefix(line, "plant/device/"+d+"/status ") && strings.HasSuffix(line, " "+word)
			})
		}
	}
	await(0, "online")
	from := sub.count()
	s.run.kill()
	await(from, "offline")
	from = sub.count()
	s.gateway()
	await(from, "online")
}

// stamps are the times of the states that a mosquitto_sub printed.
func stamps(p *process) []string {
	var found []string
	for _, line := range p.printed() {
		if m := regexp.MustCompile(`"ts":(\d+)`).FindStringSubmatch(line); m != nil {
			found = append(found, m[1])
		}
	}
	return found
}

func TestEverySampleOfAnOutageReachesTheCloud(t *testing.T) {
	s, cloud, port := startBridged(t)
	s.allOnline()
	here := s.subscribe("-q", "1", "-t", "device/meter/state")
	there := above(t, port, "-t", "plant/device/meter/state")
	here.expect(`"ts"`)
	there.expect(`"ts"`)
	cloud.cmd.Process.Signal(syscall.SIGSTOP) // nobody closes a connection, nobody answers
	s.run.expect("upstream is away")
	cloud.cmd.Process.Signal(syscall.SIGCONT)
	from := there.count()
	until := len(stamps(here)) + 3
	here.wait(0, "three more states", func(string) bool { return len(stamps(here)) >= until })
	_, _ = there.expectAfter(from, `"ts"`)
	want := stamps(here)
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		got := stamps(there)
		missing := slices.DeleteFunc(slices.Clone(want[1:]), func(ts string) bool { return slices.Contains(got, ts) })
		if len(missing) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d states are not in the cloud: %v", len(missing), len(want), missing)
		}
	}
}
