package gateway

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"fieldmq/drivers"
	"fieldmq/firmware-sim/plant"
)

// flowOf runs a site with a counter on a simulated chip until it has counted on
// from a number, and returns the last count that was published.
func flowOf(t *testing.T, text string, from int) int {
	t.Helper()
	g, err := Open(t.Context(), read(t, text), quiet)
	if err != nil {
		t.Fatal(err)
	}
	stop := background(t, g.Run)
	count := 0
	looking, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for m := range g.Server().Subscribe(looking, "device/door/flow") {
		if _, err := fmt.Sscan(string(m.Payload), &count); err != nil {
			t.Fatal(err)
		}
		if kept, err := strconv.Atoi(string(g.service.Keeper().Get("gpio/door/flow"))); kept < count {
			t.Errorf("%d was told, %d is kept (%v)", count, kept, err)
		}
		if count > from+3 {
			break
		}
	}
	if count <= from+3 {
		t.Fatalf("the count stays at %d", count)
	}
	stop()
	return count
}

func TestPulsesAreCountedOnAfterARestart(t *testing.T) {
	dir := t.TempDir()
	p, err := plant.New(plant.Options{Dir: dir, Speed: 1, Buses: []plant.Bus{
		{Name: "pins", Kind: plant.GPIO, Lines: []plant.Line{{Name: "GPIO27", Moves: plant.Counts}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	field, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(field) }()
	defer func() { stop(); <-ended }()
	text := strings.NewReplacer("DATA", filepath.Join(dir, "data"), "CHIP", p.Port("pins")).Replace(`
gateway: {id: box, data: DATA}
broker: {listen: [{url: "mqtt://127.0.0.1:0"}]}
buses: {pins: {driver: gpio, chip: CHIP, every: 100ms}}
devices: {door: {bus: pins, points: {flow: {line: GPIO27, count: rising}}}}
`)
	first := flowOf(t, text, 0)
	if second := flowOf(t, text, first); second < first+3 || second > first+1000 {
		t.Errorf("counted to %d, then from the start to %d", first, second)
	}
	if err := os.RemoveAll(filepath.Join(dir, "data")); err != nil {
		t.Fatal(err)
	}
	if anew := flowOf(t, text, 0); anew > 100 {
		t.Errorf("without its folder it goes on at %d", anew)
	}
}

// writes is a Keeper that counts.
type writes struct {
	forgetful
	n   int
	err error
}

func (w *writes) Put(key string, value []byte) error {
	w.n++
	if w.err != nil {
		return w.err
	}
	return w.forgetful.Put(key, value)
}

type flowLine struct{ drivers.Address }

func (flowLine) Counter() bool { return true }

type flowChip struct{ drivers.Settings }

func (flowChip) SetCount(*drivers.Point, int64)     {}
func (flowChip) Count(*drivers.Point) (int64, bool) { return 0, false }

func TestACountIsWrittenWhenItIsTold(t *testing.T) {
	keeper := &writes{}
	c := newPulses(flowChip{}, keeper, quiet)
	flow := &drivers.Point{Device: "door", Name: "flow", At: flowLine{}}
	for _, step := range []struct {
		name   string
		count  int64
		told   bool
		err    error
		writes int // by then
		kept   string
	}{
		{"the first", 1, true, nil, 1, "1"},
		{"the same", 1, true, nil, 1, "1"},
		{"grown and not told", 2, false, nil, 1, "1"},
		{"told later", 2, true, nil, 2, "2"},
		{"the disk refuses", 3, true, os.ErrPermission, 3, "2"},
		{"and takes it again", 3, true, nil, 4, "3"},
	} {
		keeper.err = step.err
		c.take([]drivers.Sample{{Point: flow, Value: drivers.Int(step.count)}}, step.told)
		if kept := string(keeper.Get("gpio/door/flow")); kept != step.kept || keeper.n != step.writes {
			t.Errorf("%s: %s is kept after %d writes, want %s after %d", step.name, kept, keeper.n, step.kept, step.writes)
		}
	}
}
