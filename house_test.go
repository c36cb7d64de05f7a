// Package fieldmq_test keeps the plan of the house true: who may import whom.
package fieldmq_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// arrows is the plan: a package may import what stands behind it, and nothing
// else of this module. A trailing /... stands for all below. The first entry
// that fits a package counts.
var arrows = []struct {
	pkg, imports, why string
}{
	{"cmd/gendocs", "gateway configs/... drivers/... mapping broker", "the generator reads every struct that a file can fill"},
	{"bench/...", "gateway gateway/poll broker/... firmware-sim/... drivers/... configs", "benchmarks measure everything"},
	{"cmd/fieldmq", "gateway/... configs/... drivers/... mapping broker/... firmware-sim/...", "the binary knows everyone"},
	{"gateway/poll", "drivers", "a loop speaks points and samples, no topics"},
	{"gateway/arbiter", "drivers drivers/line drivers/modbus drivers/modbus/frame configs", "serves registers to other masters; no topics"},
	{"gateway/plan", "gateway mapping drivers drivers/modbus drivers/serial broker/mqtt configs", "a plan looks at all, and is looked at by none"},
	{"gateway/probe", "gateway mapping drivers drivers/modbus broker/mqtt configs", "looks at one device as the gateway would"},
	{"gateway/scan", "gateway gateway/probe drivers drivers/line drivers/modbus configs/profiles", "finds devices and guesses profiles"},
	{"gateway/journal", "", "a log knows nobody"},
	{"packaging/...", "", "makes packages of what others built"},
	{"web", "", "the page's files know nobody"},
	{"gateway/doctor", "gateway gateway/remote drivers drivers/gpio drivers/line drivers/modbus drivers/modbus/frame broker/access broker/bridge", "looks at a whole box"},
	{"gateway/sniff", "drivers/modbus drivers/modbus/frame", "listens to another master, and sends nothing"},
	{"gateway/traffic", "drivers", "the file format of recordings"},
	{"gateway/remote", "gateway broker/mqtt drivers drivers/modbus", "asks a running gateway for its buses"},
	{"gateway/levels", "configs", "how much is logged knows nothing of what is"},
	{"gateway/metrics", "", "writes a text format, and knows nothing of what is counted"},
	{"gateway", "web gateway/journal gateway/levels gateway/metrics gateway/poll gateway/arbiter mapping mapping/homeassistant drivers drivers/all drivers/modbus drivers/modbus/frame broker broker/access broker/bridge broker/mqtt broker/store configs/... gateway/traffic", "the gateway wires the rooms together"},
	{"mapping/expr", "drivers", "a language of values knows no topics"},
	{"mapping", "mapping/expr drivers broker/mqtt configs", "the one package that knows both languages does no I/O"},
	{"mapping/homeassistant", "mapping drivers", "a description of a device in another language"},
	{"drivers/all", "drivers drivers/modbus drivers/serial drivers/gpio", "the list of drivers"},
	{"drivers/driverstest", "drivers", "what every driver must do"},
	{"drivers/driverstest/board", "", "runs tests of drivers on a real kernel"},
	{"drivers/line", "drivers configs", "a line carries bytes"},
	{"drivers/modbus/frame", "drivers/modbus", "takes apart what other masters send"},
	{"drivers/modbus", "drivers drivers/line configs", "no driver knows another"},
	{"drivers/serial", "drivers drivers/line configs", "no driver knows another"},
	{"drivers/gpio", "drivers configs", "no driver knows another"},
	{"drivers", "", "the field's language stands on its own"},
	{"broker/mqtt", "", "the message side's language stands on its own"},
	{"broker/packet", "broker/mqtt", "the codec knows no sessions"},
	{"broker/tree", "broker/mqtt", "the tree knows no sessions"},
	{"broker/access", "broker broker/mqtt broker/packet configs", "users and rules stand before the broker, which asks them"},
	{"broker/bridge/sparkplug", "", "payloads know no connection"},
	{"broker/bridge", "broker broker/bridge/sparkplug broker/mqtt broker/packet configs", "the bridge is a client, and asks for three methods of the broker"},
	{"broker/store", "broker broker/mqtt broker/packet configs", "the log keeps what the broker tells it; the broker knows no disk"},
	{"broker", "broker/mqtt broker/packet broker/tree configs", "the broker knows no devices"},
	{"configs/...", "configs/...", "the ground under all"},
	{"firmware-sim/...", "firmware-sim/...", "two errors must not cancel out"},
}

type listed struct {
	ImportPath, Doc, Name string
	Imports               []string
}

// house are the module's packages.
func house(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Doc,Name,Imports", "fieldmq/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var packages []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

// fits says whether a path is the one of the plan, or below it.
func fits(plan, path string) bool {
	if root, below := strings.CutSuffix(plan, "/..."); below {
		return path == root || strings.HasPrefix(path, root+"/")
	}
	return path == plan
}

func TestImportsPointDown(t *testing.T) {
	for _, p := range house(t) {
		path := strings.TrimPrefix(p.ImportPath, "fieldmq/")
		found := false
		for _, a := range arrows {
			if !fits(a.pkg, path) {
				continue
			}
			found = true
			for _, imported := range p.Imports {
				imported, ours := strings.CutPrefix(imported, "fieldmq/")
				if ours && !allowed(a.imports, imported) {
					t.Errorf("%s imports %s: %s", path, imported, a.why)
				}
			}
			break
		}
		if !found && path != "fieldmq" {
			t.Errorf("%s has no place in the plan", path)
		}
	}
}

func allowed(plan, path string) bool {
	for _, p := range strings.Fields(plan) {
		if fits(p, path) {
			return true
		}
	}
	return false
}

func TestLibrariesHaveOneDoor(t *testing.T) {
	only := map[string][]string{
		"gopkg.in/yaml.v3":                {"fieldmq/configs"},
		"go.bug.st/serial":                {"fieldmq/drivers/line"},
		"github.com/goburrow/modbus":      {"fieldmq/drivers/modbus", "fieldmq/bench/bus"},
		"periph.io/x/host/v3/gpioioctl":   {"fieldmq/drivers/gpio"},
		"github.com/coder/websocket":      {"fieldmq/broker", "fieldmq/broker/bridge"},
		"github.com/klauspost/compress":   {"fieldmq/broker/bridge"},
		"golang.org/x/net/proxy":          {"fieldmq/broker/bridge"},
		"github.com/eclipse/paho.golang/": {"fieldmq/broker/bridge", "fieldmq/bench/latency", "fieldmq/gateway/remote"},
	}
	for _, p := range house(t) {
		for _, imported := range p.Imports {
			for library, users := range only {
				if strings.HasPrefix(imported, library) && !strings.Contains(strings.Join(users, " ")+" ", p.ImportPath+" ") {
					t.Errorf("%s imports %s, which only %v may", p.ImportPath, imported, users)
				}
			}
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	for _, p := range house(t) {
		if p.Doc == "" && p.ImportPath != "fieldmq" {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}
