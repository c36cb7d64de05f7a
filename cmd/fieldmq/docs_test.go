package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"fieldmq/broker/mqtt"
	"fieldmq/gateway"
)

// guides are the pages whose commands and files are tried.
var guides = []string{"technician.md", "operator.md", "engineer.md"}

// blocks are the blocks of a language in a page.
func blocks(t *testing.T, page, language string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../docs", page))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```").FindAllStringSubmatch(string(text), -1) {
		found = append(found, m[1])
	}
	return found
}

// TestCommandsOfTheGuides runs each line of each sh block, beside a gateway with
// simulated devices.
func TestCommandsOfTheGuides(t *testing.T) {
	s := startSite(t)
	s.allOnline()
	dir := t.TempDir()
	if err := os.Symlink(binary, filepath.Join(dir, "fieldmq")); err != nil {
		t.Fatal(err)
	}
	for _, client := range []string{"mosquitto_sub", "mosquitto_pub"} { // the guides have the port that people have
		script := fmt.Sprintf("#!/bin/sh\nexec /usr/bin/%s -p %s \"$@\"\n", client, s.mqtt)
		if err := os.WriteFile(filepath.Join(dir, client), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, page := range guides {
		commands := 0
		for _, block := range blocks(t, page, "sh") {
			for line := range strings.Lines(block) {
				commands++
				cmd := exec.Command("bash", "-c", line)
				cmd.Dir = filepath.Dir(s.file)
				cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%s: %s%v\n%s", page, line, err, out)
				}
			}
		}
		if commands < 3 {
			t.Errorf("%s has %d commands", page, commands)
		}
	}
}

func TestFilesOfTheGuidesHaveNoFaults(t *testing.T) {
	for _, page := range append(guides, "coming-from.md") {
		for i, block := range blocks(t, page, "yaml") {
			if _, err := gateway.Read(fmt.Sprintf("%s-%d.yaml", page, i+1), []byte(block), nil); err != nil {
				t.Errorf("%v in\n%s", err, block)
			}
		}
	}
}

func TestLinksOfTheGuidesLeadSomewhere(t *testing.T) {
	for _, page := range append(guides, "coming-from.md", "TOPICS.md", "../README.md") {
		text, err := os.ReadFile(filepath.Join("../../docs", page))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\]\(([^)#]+)\)`).FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join("../../docs", filepath.Dir(page), m[1])); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
}

// TestFlowForNodeRED: its nodes are wired to each other, and are about what the gateway
// speaks of. `make nodered` runs it.
func TestFlowForNodeRED(t *testing.T) {
	text, err := os.ReadFile("../../docs/examples/node-red.json")
	if err != nil {
		t.Fatal(err)
	}
	var nodes []struct {
		ID, Type, Topic, Broker string
		Wires                   [][]string
	}
	if err := json.Unmarshal(text, &nodes); err != nil {
		t.Fatal(err)
	}
	known := map[string]string{}
	for _, n := range nodes {
		known[n.ID] = n.Type
	}
	for _, n := range nodes {
		if n.Broker != "" && strings.HasPrefix(n.Type, "mqtt ") && known[n.Broker] != "mqtt-broker" {
			t.Errorf("%s has no broker", n.ID)
		}
		for _, wires := range n.Wires {
			for _, to := range wires {
				if known[to] == "" {
					t.Errorf("%s is wired to nothing: %s", n.ID, to)
				}
			}
		}
		if n.Topic != "" && !mqtt.Filter("device/+/#").Match(strings.ReplaceAll(n.Topic, "+", "x")) {
			t.Errorf("%s is about %s", n.ID, n.Topic)
		}
	}
}

// Telegraf is not in Debian: that its file is TOML, and says what it should, is what
// can be seen without it.
func TestTelegrafReadsStates(t *testing.T) {
	const read = `import json, tomllib; print(json.dumps(tomllib.load(open("../../docs/examples/telegraf.conf", "rb"))))`
	text, errs, code := output(t, debianPython, "-c", read)
	if code != 0 {
		t.Fatal(errs)
	}
	type consumer struct {
		Servers, Topics []string
		QoS             int
		DataFormat      string                                      `json:"data_format"`
		TimeKey         string                                      `json:"json_time_key"`
		TimeFormat      string                                      `json:"json_time_format"`
		Parsing         []struct{ Topic, Measurement, Tags string } `json:"topic_parsing"`
	}
	var file struct {
		Inputs struct {
			Consumer []consumer `json:"mqtt_consumer"`
		}
		Outputs map[string]any
	}
	if err := json.Unmarshal([]byte(text), &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Inputs.Consumer) != 1 || len(file.Outputs) == 0 {
		t.Fatalf("%+v", file)
	}
	c := file.Inputs.Consumer[0]
	const states = "device/+/state"
	got := strings.TrimSpace(fmt.Sprintln(c.Servers, c.Topics, c.QoS, c.DataFormat, c.TimeKey, c.TimeFormat, c.Parsing))
	if want := "[tcp://127.0.0.1:1883] [" + states + "] 1 json ts unix_ms [{" + states + " measurement/_/_ _/device/_}]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
