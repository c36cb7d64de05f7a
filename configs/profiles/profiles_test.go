package profiles_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"fieldmq/configs/profiles"
	"fieldmq/drivers"
	"fieldmq/drivers/modbus"
)

func TestProfilesSayWhatDevicesMean(t *testing.T) {
	for _, name := range profiles.Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, name)
			proven := map[string]bool{}
			for _, v := range vectors(t, name) {
				b.run(v)
				for point := range v.Want {
					proven[point] = true
				}
				for point := range v.Write {
					proven[point] = proven[point] || v.Call != ""
				}
			}
			for _, e := range slices.Concat(b.device.Points, b.device.Computed) {
				if !proven[e.Point.Name] {
					t.Errorf("no vector proves %s", e.Point.Name)
				}
			}
		})
	}
}

func TestEveryVectorHasItsProfile(t *testing.T) {
	files, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, maker := range files {
		types, err := os.ReadDir("testdata/" + maker.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range types {
			if name := maker.Name() + "/" + strings.TrimSuffix(f.Name(), ".yaml"); !slices.Contains(profiles.Names(), name) {
				t.Errorf("testdata has vectors of %s, which is no profile", name)
			}
		}
	}
}

func TestProfileRequestsStayWithinTheDevice(t *testing.T) {
	b := newBench(t, "eastron/sdm630")
	points := make([]*drivers.Point, len(b.device.Points))
	for i, e := range b.device.Points {
		points[i] = e.Point
	}
	// Eastron's meters answer 40 parameters, which are 80 registers, at once.
	type span struct{ first, count int }
	var got []span
	settings := modbus.TCP.New().(*modbus.TCPSettings)
	for _, r := range settings.Plan(points) {
		got = append(got, span{r.First, r.Count})
	}
	if want := []span{{0x0000, 80}, {0x00EA, 16}, {0x0156, 40}}; !slices.Equal(got, want) {
		t.Errorf("planned %v, want %v", got, want)
	}
}

func TestUnknownProfileIsRefusedWithThoseThereAre(t *testing.T) {
	_, err := profiles.Read("eastron/nothing", "")
	if err == nil || !strings.Contains(err.Error(), "eastron/sdm630") {
		t.Errorf("got %v", err)
	}
}
