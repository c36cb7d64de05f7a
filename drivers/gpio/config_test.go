package gpio

import (
	"os"
	"regexp"
	"testing"

	"fieldmq/configs"
	"fieldmq/drivers"
)

// load reads the sections of a bus and its points, and leaves to others the
// keys that are not ours.
func load(text string) ([]*drivers.Point, configs.Faults) {
	doc := configs.Parse("site.yaml", []byte(text), nil)
	var site struct {
		Buses   configs.Sections `yaml:"buses"`
		Devices configs.Sections `yaml:"devices"`
	}
	doc.Root().Decode(&site)
	settings := Driver.New()
	for _, b := range site.Buses {
		b.Decode(settings, configs.Any)
	}
	var points []*drivers.Point
	for _, d := range site.Devices {
		var keys struct {
			Points configs.Sections `yaml:"points"`
		}
		device := settings.Device()
		d.Decode(&keys, device, configs.Any)
		for _, p := range keys.Points {
			at := device.Address()
			p.Decode(at, configs.Any)
			if p.Has("write") {
				at.(*Address).AllowWrite()
			}
			points = append(points, &drivers.Point{Device: d.Name, Name: p.Name, At: at})
		}
	}
	return points, doc.Faults()
}

func TestExampleOfTheReadmeIsGood(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindStringSubmatch(string(text))
	if block == nil {
		t.Fatal("no example")
	}
	points, faults := load(block[1])
	if len(faults) > 0 || len(points) != 5 {
		t.Fatalf("%d points, faults:\n%v", len(points), faults)
	}
	if found := (&Settings{}).Check(points); len(found) > 0 {
		t.Errorf("conflicts: %v", found)
	}
	if open, flow, lamp := points[0].At.(*Address), points[1].At.(*Address), points[3].At.(*Address); open.Output() || !flow.Counter() || !lamp.Output() {
		t.Error("the points are not what the example says")
	}
}

func TestFaultsAreFoundAtTheirPlace(t *testing.T) {
	tests := map[string]string{
		"bias: up":        `bias: "up" is not as-is, disabled, pull-up or pull-down`,
		"debounce: 20":    "debounce: 20 has no unit; write 20s or 20ms",
		"debounce: 1m":    "debounce: 1m is more than 10s",
		"count: pulses":   `count: "pulses" is not rising, falling or both`,
		"direction: both": `direction: "both" is not in or out`,
		"frequency: 0":    "frequency: 0 is less than 0.1",
		"duty: 101":       "duty: 101 is more than 100",
		"initial: maybe":  `initial: "maybe" is not true, false or keep`,
	}
	for key, want := range tests {
		_, faults := load("devices: {d: {points: {p: {line: 1, " + key + "}}}}")
		if len(faults) != 1 || faults[0].Path+": "+faults[0].Text != "devices.d.points.p."+want {
			t.Errorf("%s: got %v", key, faults)
		}
	}
	_, faults := load("devices: {d: {points: {p: {bias: pull-up}}}}")
	if len(faults) != 1 || faults[0].Text != "is missing" {
		t.Errorf("a point without line: got %v", faults)
	}
}

func TestOutputBeginsWithWhatBooleansAreWrittenAs(t *testing.T) {
	for word, want := range map[string]Initial{"true": yes, "on": yes, "Off": no, "no": no, "keep": keep} {
		points, faults := load("devices: {d: {points: {p: {line: 1, write: true, initial: " + word + "}}}}")
		if len(faults) > 0 || points[0].At.(*Address).Initial != want {
			t.Errorf("%s: got %v, %v", word, points, faults)
		}
	}
}
