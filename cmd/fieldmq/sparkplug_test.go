package main

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fieldmq/broker/bridge/sparkplug"
)

const sparkplugYAML = `
upstreams:
  scada:
    url: mqtt://127.0.0.1:CLOUD
    keep_alive: 2s
    format: sparkplug
    group: plant
    EXTRA
`

// startSparkplug is startSite as an edge node of a mosquitto.
func startSparkplug(t *testing.T, extra string) (s *site, host *process, port string) {
	t.Helper()
	s, port = newSparkplug(t, extra)
	host = startHost(t, port)
	s.gateway()
	return s, host, port
}

// startHost runs a mosquitto, and a host that listens there.
func startHost(t *testing.T, port string) *process {
	t.Helper()
	startMosquitto(t, "-p", port)
	return start(t, "mosquitto_sub", "-h", "127.0.0.1", "-p", port, "-V", "5", "-q", "1", "-t", "spBv1.0/#", "-F", "%t %q %r %x")
}

// newSparkplug is a site with its simulator, that is to be an edge node.
func newSparkplug(t *testing.T, extra string) (s *site, port string) {
	t.Helper()
	port = freePort(t)
	dir := t.TempDir()
	s = &site{t: t, file: filepath.Join(dir, "site.yaml"), mqtt: freePort(t), ws: freePort(t)}
	text := strings.NewReplacer("DIR", dir, "MQTT", s.mqtt, "WS", s.ws, "PLC", freePort(t), "CLOUD", port, "EXTRA", extra).Replace(siteYAML + sparkplugYAML)
	if err := os.WriteFile(s.file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	s.sim = start(t, binary, "sim", "--config", s.file)
	s.sim.expect("type a fault")
	return s, port
}

// heard waits for a message of a kind from a line on, and takes it apart.
func heard(t *testing.T, host *process, from int, kind string, fits func(sparkplug.Payload) bool) (p sparkplug.Payload, next int) {
	t.Helper()
	_, next = host.wait(from, kind, func(line string) bool {
		parts := strings.Fields(line)
		if len(parts) != 4 || parts[0] != "spBv1.0/plant/"+kind {
			return false
		}
		b, err := hex.DecodeString(parts[3])
		if err == nil {
			p, err = sparkplug.Parse(b)
		}
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		return fits(p)
	})
	return p, next
}

// What is read while no host can be reached is on disk, and told as the past.
func TestSparkplugBacklogSurvivesKill9(t *testing.T) {
	s, port := newSparkplug(t, "")
	s.edit("{id: box}", fmt.Sprintf("{id: box, data: %q}", filepath.Join(filepath.Dir(s.file), "data")))
	s.gateway()
	s.allOnline()
	here := s.subscribe("-t", "device/boiler/flow")
	here.wait(0, "five values", func(string) bool { return here.count() >= 5 })
	killed := uint64(time.Now().UnixMilli())
	s.run.kill()
	s.gateway()
	s.allOnline()
	host := startHost(t, port)
	birth, next := heard(t, host, 0, "DBIRTH/box/boiler", anything)
	flow := metric(birth, "flow").Alias
	told := 0
	heard(t, host, next, "DDATA/box/boiler", func(p sparkplug.Payload) bool {
		for _, m := range p.Metrics {
			if m.Alias == flow && m.Historical && m.Value != nil && m.Time < killed {
				told++
			}
		}
		return told >= 4 // the fifth may not have been acknowledged
	})
	heard(t, host, next, "DDATA/box/boiler", func(p sparkplug.Payload) bool {
		return len(p.Metrics) > 0 && !p.Metrics[0].Historical && p.Metrics[0].Time > killed
	})
}

func anything(sparkplug.Payload) bool { return true }

// metric is a metric of a payload by its name.
func metric(p sparkplug.Payload, name string) *sparkplug.Metric {
	for i := range p.Metrics {
		if p.Metrics[i].Name == name {
			return &p.Metrics[i]
		}
	}
	return &sparkplug.Metric{}
}

// command sends a command as a host does.
func command(t *testing.T, port, topic string, metrics ...sparkplug.Metric) {
	t.Helper()
	p := sparkplug.Payload{Time: uint64(time.Now().UnixMilli()), Seq: -1, Metrics: metrics}
	file := filepath.Join(t.TempDir(), "command")
	if err := os.WriteFile(file, p.Append(nil), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := output(t, "mosquitto_pub", "-h", "127.0.0.1", "-p", port, "-t", topic, "-f", file); code != 0 {
		t.Fatal(errs)
	}
}

func TestSparkplugNodeWithItsDevices(t *testing.T) {
	s, host, port := startSparkplug(t, "")
	birth, _ := heard(t, host, 0, "NBIRTH/box", anything)
	if birth.Seq != 0 || metric(birth, "bdSeq").Value != int64(0) || metric(birth, "uptime").Type != sparkplug.Int64 {
		t.Errorf("born as %+v", birth)
	}
	boiler, _ := heard(t, host, 0, "DBIRTH/box/boiler", anything)
	flow := metric(boiler, "flow")
	if flow.Type != sparkplug.Double || !flow.Aliased || metric(boiler, "mode").Type != sparkplug.String || metric(boiler, "pump").Type != sparkplug.Boolean {
		t.Errorf("born as %+v", boiler)
	}
	_, next := heard(t, host, 0, "DDATA/box/boiler", anything)
	// A command by name, and its effect.
	command(t, port, "spBv1.0/plant/DCMD/box/boiler", sparkplug.Metric{Name: "setpoint", Time: 1, Type: sparkplug.Double, Value: 47.5})
	setpoint := metric(boiler, "setpoint")
	_, next = heard(t, host, next, "DDATA/box/boiler", func(p sparkplug.Payload) bool {
		for _, m := range p.Metrics {
			if m.Alias == setpoint.Alias && m.Value == 47.5 {
				return true
			}
		}
		return false
	})
	// A device falls silent, and comes back.
	s.sim.say("boiler silence")
	_, next = heard(t, host, next, "DDEATH/box/boiler", anything)
	s.sim.say("all ok")
	_, next = heard(t, host, next, "DBIRTH/box/boiler", anything)
	// All is born again when a host asks.
	command(t, port, "spBv1.0/plant/NCMD/box", sparkplug.Metric{Name: "Node Control/Rebirth", Time: 1, Type: sparkplug.Boolean, Value: true})
	birth, next = heard(t, host, next, "NBIRTH/box", anything)
	if metric(birth, "bdSeq").Value != int64(0) || birth.Seq != 0 {
		t.Errorf("born again as %+v", birth)
	}
	_, next = heard(t, host, next, "DBIRTH/box/boiler", anything)
	// Its end is told, whatever it dies of, with the number of its birth.
	s.run.kill()
	death, _ := heard(t, host, next, "NDEATH/box", anything)
	if metric(death, "bdSeq").Value != int64(0) || death.Seq != -1 {
		t.Errorf("died as %+v", death)
	}
	for _, line := range host.printed() {
		parts := strings.Fields(line)
		if kind := strings.Split(parts[0], "/")[2]; parts[2] != "0" || (kind == "NDEATH") != (parts[1] == "1") && !strings.HasSuffix(kind, "CMD") {
			t.Errorf("QoS %s, retained %s: %s", parts[1], parts[2], parts[0])
		}
	}
}

func TestSparkplugWaitsForItsPrimaryHost(t *testing.T) {
	s, host, port := startSparkplug(t, "primary_host: scada")
	s.allOnline()
	say := func(online bool, at int) {
		t.Helper()
		state := fmt.Sprintf(`{"online":%v,"timestamp":%d}`, online, at)
		if _, errs, code := output(t, "mosquitto_pub", "-h", "127.0.0.1", "-p", port, "-r", "-t", "spBv1.0/STATE/scada", "-m", state); code != 0 {
			t.Fatal(errs)
		}
	}
	say(false, 1000)
	here := s.subscribe("-t", "device/meter/state")
	here.wait(0, "three states", func(string) bool { return here.count() >= 3 })
	for _, line := range host.printed() {
		if !strings.Contains(line, "/STATE/") {
			t.Errorf("told though the host is away: %.80s", line)
		}
	}
	say(true, 2000)
	_, next := heard(t, host, 0, "DBIRTH/box/meter", anything)
	_, next = heard(t, host, next, "DDATA/box/meter", func(p sparkplug.Payload) bool { return len(p.Metrics) > 0 && p.Metrics[0].Historical })
	say(false, 1500) // late news
	say(false, 3000)
	_, next = heard(t, host, next, "NDEATH/box", anything)
	say(true, 4000)
	birth, _ := heard(t, host, next, "NBIRTH/box", anything)
	if metric(birth, "bdSeq").Value == int64(0) {
		t.Error("the number of the connection is the same")
	}
}
