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
	{"bench/...", "gateway broker/... firmware-sim/... drivers/... configs", "benchmarks measure everything"},
	{"cmd/fieldmq", "gateway/... configs/... drivers/... mapping broker/... firmware-sim/...", "the binary knows everyone"},
	{"gateway/poll", "drivers", "a loop speaks points and samples, no topics"},
	{"gateway/plan", "gateway mapping drivers drivers/modbus drivers/gpio broker/mqtt configs", "a plan looks at all, and is looked at by none"},
	{"gateway/probe", "gateway mapping drivers drivers/modbus broker/mqtt configs", "looks at one device as the gateway would"},
	{"gateway/scan", "gateway gateway/probe drivers drivers/line drivers/modbus configs/profiles", "finds devices and guesses profiles"},
	{"gateway", "gateway/poll mapping drivers drivers/all broker broker/access broker/bridge broker/mqtt broker/store configs/...", "the gateway wires the rooms together"},
	{"mapping", "drivers broker/mqtt configs", "the one package that knows both languages does no I/O"},
	{"drivers/all", "drivers drivers/modbus drivers/serial drivers/gpio", "the list of drivers"},
	{"drivers/driverstest", "drivers", "what every driver must do"},
	{"drivers/line", "drivers configs", "a line carries bytes"},
	{"drivers/modbus", "drivers drivers/line configs", "no driver knows another"},
	{"drivers/serial", "drivers drivers/line configs", "no driver knows another"},
	{"drivers/gpio", "drivers configs", "no driver knows another"},
	{"drivers", "", "the field's language stands on its own"},
	{"broker/mqtt", "", "the message side's language stands on its own"},
	{"broker/packet", "broker/mqtt", "the codec knows no sessions"},
	{"broker/tree", "broker/mqtt", "the tree knows no sessions"},
	{"broker/access", "broker broker/mqtt broker/packet configs", "users and rules stand before the broker, which asks them"},
	{"broker/bridge", "broker/mqtt broker/packet configs", "the bridge is a client, and asks for two methods of the broker"},
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
		"github.com/goburrow/modbus":      {"fieldmq/drivers/modbus"},
		"periph.io/x/host/v3/gpioioctl":   {"fieldmq/drivers/gpio"},
		"github.com/coder/websocket":      {"fieldmq/broker", "fieldmq/broker/bridge"},
		"github.com/eclipse/paho.golang/": {"fieldmq/broker/bridge", "fieldmq/bench/latency"},
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
