package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestDemoMovesValues(t *testing.T) {
	stdout, stderr, code := output(t, binary, "demo", "--for", "5s")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	for _, want := range []string{
		"device/meter/status online", "device/boiler/status online", "device/tank/status online",
		"device/weigher/status online", "device/door/status online", "device/demo/status online",
		"device/meter/voltage 2", "device/tank/level ", "device/weigher/weight ", "device/door/water ", "device/demo/uptime ",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the demo did not print %q", want)
		}
	}
	values := map[string]bool{}
	for line := range strings.Lines(stdout) {
		if v, ok := strings.CutPrefix(line, "device/meter/power "); ok {
			values[v] = true
		}
	}
	if len(values) < 2 {
		t.Errorf("the meter's power took the values %v, want it to move", values)
	}
	if !strings.Contains(stderr, "mosquitto_sub") || !strings.Contains(stderr, "ws://") {
		t.Errorf("the demo does not say where to look: %s", stderr)
	}
	if t.Failed() {
		t.Log(stdout, stderr)
	}
}

func TestDemoMakesWayForOtherBrokers(t *testing.T) {
	port := start(t, "mosquitto", "-p", "1883") // a broker of the user's, perhaps there already
	port.wait(0, "that it runs or cannot", func(line string) bool {
		return strings.Contains(line, "running") || strings.Contains(line, "in use")
	})
	_, stderr, code := output(t, binary, "demo", "--for", "1s")
	if code != 0 || !strings.Contains(stderr, "is taken by another program") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

func TestSubscribersGetValuesOfEveryBus(t *testing.T) {
	s := startSite(t)
	for _, version := range []string{"311", "5"} {
		for qos := range 3 {
			t.Run(fmt.Sprintf("MQTT %s, QoS %d", version, qos), func(t *testing.T) {
				sub := s.subscribe("-V", version, "-q", strconv.Itoa(qos), "-t", "device/#")
				for _, want := range []string{
					"device/meter/voltage ", "device/boiler/mode ", "device/tank/level ", "device/weigher/weight ",
					"device/door/open ", "device/meter/state ", "device/boiler/info ", "device/box/uptime ",
				} {
					sub.expect(want)
				}
				sub.stop(syscall.SIGTERM)
			})
		}
	}
}

func TestSubscribersGetValuesByWebSocket(t *testing.T) {
	s := startSite(t)
	page := dialWebSocket(t, "ws://127.0.0.1:"+s.ws+"/mqtt", "device/+/status")
	for range simDevices {
		page.next(t)
	}
}

func TestValuesAreRetainedWithTheirTime(t *testing.T) {
	s := startSite(t)
	s.allOnline()
	before := time.Now().Add(-time.Minute).UnixMilli()
	sub := start(t, "mosquitto_sub", "-h", "127.0.0.1", "-p", s.mqtt, "-V", "5", "-C", "1", "-t", "device/meter/state", "-F", "%r %C %F %P %p")
	line := sub.expect("{")
	sub.code()
	var state struct {
		TS      int64
		Voltage float64
	}
	if err := json.Unmarshal([]byte(line[strings.Index(line, "{"):]), &state); err != nil {
		t.Fatalf("%v in %s", err, line)
	}
	if state.TS < before || state.TS > time.Now().UnixMilli() || state.Voltage < 180 || state.Voltage > 280 {
		t.Errorf("state %+v", state)
	}
	for _, want := range []string{"1 application/json 1", fmt.Sprintf("ts:%d", state.TS)} {
		if !strings.Contains(line, want) {
			t.Errorf("%q is not in %s", want, line)
		}
	}
}

func TestCommandsAreCarriedOutAndAnswered(t *testing.T) {
	s := startSite(t)
	s.allOnline()
	sub := s.subscribe("-t", "device/#")
	sub.expect("device/boiler/setpoint ")
	for _, c := range []struct{ topic, payload, value, reply string }{
		{"device/boiler/setpoint/set", "61.5", "device/boiler/setpoint 0 61.5", `{"ok":true,"point":"setpoint","value":61.5}`},
		{"device/boiler/mode/set", "heating", "device/boiler/mode 0 heating", `"value":"heating"`},
		{"device/boiler/pump/set", "true", "device/boiler/pump ", `"value":true`},
		{"device/tank/count/set", "70000", "device/tank/count 0 70000", `"value":70000`},
		{"device/door/lamp/set", "true", "device/door/lamp 0 true", `"value":true`},
		{"device/boiler/set", `{"setpoint":42,"mode":"off"}`, "device/boiler/setpoint 0 42", `"values":{"setpoint":42,"mode":"off"}`},
		{"device/boiler/setpoint/set", "85.5", "", `85.5 is above the maximum 85`},
		{"device/boiler/mode/set", "hot", "", `is none of off, heating, fault`},
		{"device/boiler/flow/set", "1", "", `read-only`},
		{"device/boiler/nothing/set", "1", "", `there is no point`},
	} {
		from := sub.count()
		s.publish("-t", c.topic, "-m", c.payload, "-q", "1")
		device := strings.Split(c.topic, "/")[1]
		line, _ := sub.expectAfter(from, "device/"+device+"/reply ")
		if !strings.Contains(line, c.reply) {
			t.Errorf("%s %s: answered %s, want %s", c.topic, c.payload, line, c.reply)
		}
		if c.value != "" {
			sub.expectAfter(from, c.value)
		}
	}
}

func TestAnswerGoesToTheResponseTopic(t *testing.T) {
	s := startSite(t)
	s.allOnline()
	stdout, stderr, _ := output(t, "mosquitto_rr", "-h", "127.0.0.1", "-p", s.mqtt, "-V", "5", "-W", "10",
		"-t", "device/boiler/setpoint/set", "-e", "answers/here", "-m", "55")
	if !strings.Contains(stdout, `{"ok":true,"point":"setpoint","value":55}`) {
		t.Errorf("mosquitto_rr got %q %s", stdout, stderr)
	}
}

func TestGetIsAnsweredWithFreshValues(t *testing.T) {
	s := startSite(t)
	s.allOnline()
	sub := s.subscribe("-t", "device/door/#")
	sub.expect("device/door/status 1 online")
	s.publish("-V", "5", "-q", "1", "-t", "device/door/get", "-n")
	sub.expect("device/door/state 0 ")
	sub.expect(`device/door/reply 0 {"ok":true}`)
}

func TestRetainedCommandIsRefused(t *testing.T) {
	s := startSite(t)
	s.allOnline()
	sub := s.subscribe("-t", "device/boiler/reply", "-t", "device/boiler/setpoint")
	sub.expect("device/boiler/setpoint ")
	s.publish("-r", "-q", "1", "-t", "device/boiler/setpoint/set", "-m", "77")
	sub.expect("retained")
	for _, line := range sub.printed() {
		if strings.HasSuffix(line, " 77") {
			t.Error("a retained command was carried out")
		}
	}
}

func TestSilentDeviceGoesOfflineAloneAndComesBack(t *testing.T) {
	s := startSite(t)
	s.allOnline()
	sub := s.subscribe("-t", "device/+/status", "-t", "device/+/health", "-t", "device/boiler/state", "-t", "device/meter/state")
	sub.expect("device/boiler/status 1 online")
	from := sub.count()
	s.sim.say("boiler silence")
	_, from = sub.expectAfter(from, "device/boiler/status 0 offline")
	sub.expectAfter(0, `"status":"offline"`)
	sub.expectAfter(0, `"errors":{"flow":"no answer"`)
	sub.expectAfter(from, "device/meter/state 0 ") // it shares the line with the boiler
	s.sim.say("boiler ok")
	sub.expectAfter(from, "device/boiler/status 0 online")
	for _, line := range sub.printed() {
		if strings.Contains(line, "/status") && strings.HasSuffix(line, " offline") && !strings.Contains(line, "boiler") {
			t.Errorf("another device went offline: %s", line)
		}
	}
}

func TestUnpluggedAdapterIsOpenedAgain(t *testing.T) {
	s := startSite(t)
	s.allOnline()
	sub := s.subscribe("-t", "device/+/status")
	sub.expect("device/meter/status 1 online")
	s.sim.kill()
	from := sub.count()
	for _, d := range []string{"meter", "tank", "weigher", "door"} {
		sub.expectAfter(from, "device/"+d+"/status 0 offline")
	}
	from = sub.count()
	s.sim = start(t, binary, "sim", "--config", s.file)
	for _, d := range []string{"meter", "tank", "weigher", "door"} {
		sub.expectAfter(from, "device/"+d+"/status 0 online")
	}
}

func TestStopTellsEveryone(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			s := startSite(t)
			s.allOnline()
			sub := s.subscribe("-t", "device/+/status")
			sub.expect("device/box/status 1 online")
			if code := s.run.stop(signal); code != 0 {
				t.Errorf("exit %d", code)
			}
			for _, d := range append(simDevices, "box") {
				sub.expect("device/" + d + "/status 0 offline")
			}
		})
	}
}

func TestKilledGatewayComesBackWithTheTruth(t *testing.T) {
	s := startSite(t)
	s.allOnline()
	s.run.kill()
	s.sim.say("boiler silence")
	s.sim.expect("faults now")
	s.gateway()
	sub := s.subscribe("-t", "device/+/status")
	for _, d := range []string{"meter", "tank", "weigher", "door", "box"} {
		sub.wait(0, d+" online", func(line string) bool {
			return strings.HasPrefix(line, "device/"+d+"/status") && strings.HasSuffix(line, "online")
		})
	}
	for _, line := range sub.printed() {
		if strings.HasPrefix(line, "device/boiler/status") && strings.HasSuffix(line, "online") {
			t.Error("a silent device is online after a restart")
		}
	}
	sub.expect("device/boiler/status 1 offline")
}

func TestMessagesOfEveryKindGetThrough(t *testing.T) {
	s := startSite(t)
	for _, from := range []string{"311", "5"} {
		for _, to := range []string{"311", "5"} {
			for qos := range 3 {
				q := strconv.Itoa(qos)
				topic := "other/" + from + "/" + to + "/" + q
				live := start(t, "mosquitto_sub", "-h", "127.0.0.1", "-p", s.mqtt, "-V", to, "-q", q, "-t", topic, "-t", topic+"/ready", "-F", "%t %r %q %p")
				s.publish("-V", from, "-q", q, "-r", "-t", topic+"/ready", "-m", "r")
				live.expect("/ready ")
				s.publish("-V", from, "-q", q, "-r", "-t", topic, "-m", "hello")
				live.expect(topic + " 0 " + q + " hello")
				live.stop(syscall.SIGTERM)
				late := start(t, "mosquitto_sub", "-h", "127.0.0.1", "-p", s.mqtt, "-V", to, "-q", q, "-t", topic, "-F", "%t %r %q %p")
				late.expect(topic + " 1 " + q + " hello")
				late.stop(syscall.SIGTERM)
				s.publish("-V", from, "-q", q, "-r", "-t", topic, "-n")
				stdout, _, _ := output(t, "mosquitto_sub", "-h", "127.0.0.1", "-p", s.mqtt, "-V", to, "-t", topic, "-W", "1")
				if stdout != "" {
					t.Errorf("%s is retained after it was cleared: %s", topic, stdout)
				}
			}
		}
	}
}

func TestSessionIsKeptForAClientThatIsAway(t *testing.T) {
	s := startSite(t)
	for _, version := range []string{"311", "5"} {
		for _, qos := range []string{"1", "2"} {
			args := []string{"-h", "127.0.0.1", "-p", s.mqtt, "-V", version, "-q", qos, "-c", "-i", "away" + version + qos, "-t", "away"}
			if version == "5" {
				args = append(args, "-x", "3600")
			}
			output(t, "mosquitto_sub", append(args, "-E")...) // subscribes and goes
			for i := range 20 {
				s.publish("-V", version, "-q", qos, "-t", "away", "-m", strconv.Itoa(i))
			}
			stdout, stderr, _ := output(t, "mosquitto_sub", append(args, "-C", "20", "-W", "20")...)
			want := ""
			for i := range 20 {
				want += strconv.Itoa(i) + "\n"
			}
			if stdout != want {
				t.Errorf("MQTT %s, QoS %s: got %q %s", version, qos, stdout, stderr)
			}
		}
	}
}

func TestWillOfAClientThatIsKilled(t *testing.T) {
	s := startSite(t)
	for _, version := range []string{"311", "5"} {
		watcher := s.subscribe("-t", "wills/#")
		victim := s.subscribe("-V", version, "-t", "x", "--will-topic", "wills/"+version, "--will-payload", "gone", "--will-qos", "1", "--will-retain", "-k", "10")
		s.publish("-t", "wills/ready", "-m", version, "-r")
		watcher.expect("wills/ready")
		time.Sleep(300 * time.Millisecond) // the victim has connected, or the will below is missed and the test fails
		victim.kill()
		watcher.expect("wills/" + version + " 0 gone")
		watcher.stop(syscall.SIGTERM)
	}
}

func TestPortInUseIsSaidInOneSentence(t *testing.T) {
	s := startSite(t)
	_, stderr, code := output(t, binary, "run", "--config", s.file)
	if code != 1 || strings.Count(strings.TrimSpace(stderr), "\n") != 0 || !strings.Contains(stderr, s.mqtt) || !strings.Contains(stderr, "broker.listen") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

func TestCheckListsAllFaults(t *testing.T) {
	file := filepath.Join(t.TempDir(), "site.yaml")
	text := "buses:\n  panel: {driver: modbus-rtu, port: /dev/ttyUSB0, parity: evn}\ndevices:\n  m: {bus: panel, unit: 300, points: {x: {holding: 1, typ: int16}}}\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	_, stderr, code := output(t, binary, "check", file)
	if code != 3 {
		t.Errorf("exit %d, want 3", code)
	}
	for _, want := range []string{file + ":2:59: ", `"evn"`, file + ":4:25: ", "300", file + ":4:55: ", `did you mean "type"?`} {
		if !strings.Contains(stderr, want) {
			t.Errorf("%q is not in\n%s", want, stderr)
		}
	}
	stdout, _, code := output(t, binary, "check", "--json", file)
	var faults []struct {
		File         string
		Line, Column int
		Text         string
	}
	if err := json.Unmarshal([]byte(stdout), &faults); err != nil || code != 3 || len(faults) != 3 || faults[0].Line != 2 {
		t.Errorf("exit %d, %v: %s", code, err, stdout)
	}
}

func TestExitCodes(t *testing.T) {
	good := filepath.Join(t.TempDir(), "good.yaml")
	away := filepath.Join(t.TempDir(), "away.yaml")
	for file, text := range map[string]string{
		good: "gateway: {id: a}\n",
		away: "buses: {b: {driver: modbus-rtu, port: /dev/not-there}}\ndevices: {d: {bus: b, unit: 1, points: {x: {holding: 1}}}}\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"is done", []string{"version"}, 0, "fieldmq "},
		{"is done with a good file", []string{"check", good}, 0, "no faults"},
		{"has no such command", []string{"rnu"}, 2, "run"},
		{"has no such flag", []string{"run", "--nope"}, 2, "--nope"},
		{"takes its file as a word", []string{"run", good + "x"}, 3, "no such file"},
		{"takes one file", []string{"run", good, good}, 2, "Usage: fieldmq run [file]"},
		{"takes no argument", []string{"demo", "site.yaml"}, 2, "site.yaml"},
		{"says which help is meant", []string{"passwd"}, 2, "fieldmq passwd --help"},
		{"has no such part", []string{"store", "/nope"}, 2, "/nope"},
		{"says how a profile is printed", []string{"profiles", "eastron/sdm630"}, 2, "profiles show eastron/sdm630"},
		{"has no such file", []string{"check", good + "x"}, 3, "no such file"},
		{"has no such log level", []string{"run", "--log-level", "loud", "--config", good}, 2, "loud"},
		{"has no such fault", []string{"demo", "--fault", "meter nonsense"}, 2, "nonsense"},
		{"knows its points before it opens a port", []string{"explain", away, "d", "y"}, 2, "those there are: x"},
		{"knows them for a look, too", []string{"read", "-c", away, "d", "y"}, 2, "those there are: x"},
		{"finds nobody at an address", []string{"read", "-b", "127.0.0.1:1", "holding", "0"}, 4, "refused"},
		{"teaches", []string{"--help"}, 0, "fieldmq demo"},
	} {
		t.Run(c.name, func(t *testing.T) {
			stdout, stderr, code := output(t, binary, c.args...)
			if code != c.code || !strings.Contains(stdout+stderr, c.says) {
				t.Errorf("exit %d, want %d: %s%s", code, c.code, stdout, stderr)
			}
		})
	}
}

func TestVersionForPrograms(t *testing.T) {
	stdout, _, _ := output(t, binary, "version", "--json")
	var v map[string]string
	if err := json.Unmarshal([]byte(stdout), &v); err != nil || v["version"] == "" || v["arch"] == "" {
		t.Errorf("%v: %s", err, stdout)
	}
}

func TestKeptDemoRunsAsASite(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "site.yaml")
	if _, stderr, code := output(t, binary, "demo", "--write", file); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	if _, stderr, code := output(t, binary, "check", file); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	// The ports of this test, so that it does not depend on who else runs here.
	for _, r := range [][2]string{{"/tmp/fieldmq-demo", dir}, {":1883", ":" + freePort(t)}, {":8083", ":" + freePort(t)}, {":5020", ":" + freePort(t)}} {
		text = bytes.ReplaceAll(text, []byte(r[0]), []byte(r[1]))
	}
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
	sim := start(t, binary, "sim", "--config", file)
	sim.expect("type a fault")
	run := start(t, binary, "run", "--config", file)
	for _, d := range []string{"meter", "boiler", "tank", "weigher", "door"} {
		run.wait(0, d+" online", func(line string) bool {
			return strings.Contains(line, "device online") && strings.Contains(line, "device="+d)
		})
	}
}
