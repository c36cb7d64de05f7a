package modbus

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"fieldmq/drivers"
)

// shown is a plan in a few characters: "input 0+4 holding 7+1".
func shown(plan []Request) string {
	var parts []string
	for _, q := range plan {
		parts = append(parts, fmt.Sprintf("%s %d+%d", q.Table, q.First, q.Count))
	}
	return strings.Join(parts, " ")
}

// lineCost is the cost of a line at 8N1 for a device with a turn-around.
func lineCost(baud int, turnaround time.Duration) cost {
	s := newRTUSettings()
	s.Baud = baud
	r := newRTU(nil, s)
	r.unit(1).turnaround = turnaround
	return r.cost(target{unit: 1})
}

func TestPointsAreJoinedWhereItSavesTime(t *testing.T) {
	slow, fast := lineCost(9600, 5*time.Millisecond), lineCost(115200, 5*time.Millisecond)
	floats := func(at ...int) (sets []func(*Address)) {
		for _, n := range at {
			sets = append(sets, input(n, Float32, ABCD))
		}
		return sets
	}
	tests := map[string]struct {
		cost   cost
		device func(*Device)
		points []func(*Address)
		want   string
	}{
		"joins neighbours":              {slow, nil, floats(0, 2, 4), "input 0+6"},
		"joins in any order":            {slow, nil, floats(4, 0, 2), "input 0+6"},
		"reads 10 registers along":      {slow, nil, floats(0, 12), "input 0+14"},
		"reads no 12 along":             {slow, nil, floats(0, 14), "input 0+2 input 14+2"},
		"reads 40 along on fast lines":  {fast, nil, floats(0, 42), "input 0+44"},
		"reads no 60 along":             {fast, nil, floats(0, 62), "input 0+2 input 62+2"},
		"keeps to 125 registers":        {fast, nil, floats(0, 40, 80, 120, 124), "input 0+82 input 120+6"},
		"keeps to the device's limit":   {slow, func(d *Device) { d.MaxRegisters = 4 }, floats(0, 2, 4, 6), "input 0+4 input 4+4"},
		"reads one by one if it must":   {slow, func(d *Device) { d.MaxRegisters = 2 }, floats(0, 2), "input 0+2 input 2+2"},
		"joins nothing without join":    {slow, func(d *Device) { d.Join = false }, floats(0, 2, 4), "input 0+2 input 2+2 input 4+2"},
		"keeps bits apart without join": {slow, func(d *Device) { d.Join = false }, []func(*Address){coil(0), coil(1)}, "coil 0+1 coil 1+1"},
		"keeps out of holes":            {slow, func(d *Device) { d.Holes = []Range{{3, 3}} }, floats(0, 4), "input 0+2 input 4+2"},
		"joins beside holes":            {slow, func(d *Device) { d.Holes = []Range{{10, 20}} }, floats(0, 4), "input 0+6"},
		"keeps tables apart":            {slow, nil, []func(*Address){input(0, Uint16, ABCD), holding(1, Uint16)}, "input 0+1 holding 1+1"},
		"reads a shared register once":  {slow, nil, []func(*Address){holding(7, Uint16), holding(7, Int16)}, "holding 7+1"},
		"reads what overlaps once":      {slow, nil, []func(*Address){holding(7, Uint32), holding(8, Uint16)}, "holding 7+2"},
		"joins distant coils":           {slow, nil, []func(*Address){coil(0), coil(150)}, "coil 0+151"},
		"reads no thousand coils along": {slow, nil, []func(*Address){coil(0), coil(1000)}, "coil 0+1 coil 1000+1"},
		"reads four octets of inputs":   {slow, func(d *Device) { d.MaxCoils = 8 }, []func(*Address){discrete(0), discrete(7), discrete(8)}, "discrete 0+8 discrete 8+1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := unitOf(newRTUSettings(), 1)
			if tt.device != nil {
				tt.device(d)
			}
			var points []*drivers.Point
			for _, set := range tt.points {
				points = append(points, point(d, "p", set))
			}
			if got := shown(planner{d, tt.cost, newLessons()}.plan(points)); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// TestNoPlanIsCheaper tries all ways to cut some points into reads.
func TestNoPlanIsCheaper(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	for range 300 {
		d := unitOf(newRTUSettings(), 1)
		d.MaxRegisters = 10 + random.IntN(116)
		c := lineCost(9600<<random.IntN(4), time.Duration(random.IntN(30))*time.Millisecond)
		var points []*drivers.Point
		for next := 0; len(points) < 9; next += 2 + random.IntN(60) {
			points = append(points, point(d, "p", holding(next, Float32)))
		}
		var planned time.Duration
		for _, q := range (planner{d, c, newLessons()}).plan(points) {
			planned += q.Time
		}
		if best := cheapest(points, d, c); planned != best {
			t.Fatalf("planned %v, possible %v", planned, best)
		}
	}
}

// cheapest is the least time that any way to read the points takes: each bit of
// cuts says whether a read begins at a point.
func cheapest(points []*drivers.Point, d *Device, c cost) time.Duration {
	best := time.Duration(1 << 62)
	for cuts := range 1 << (len(points) - 1) {
		total, possible := time.Duration(0), true
		for i := 0; i < len(points); {
			j := i + 1
			for j < len(points) && cuts>>(j-1)&1 == 0 {
				j++
			}
			count := at(points[j-1]).end() - at(points[i]).First()
			possible = possible && count <= d.MaxRegisters
			total += c.of(Holding, count)
			i = j
		}
		if possible {
			best = min(best, total)
		}
	}
	return best
}

func TestPlanIsKnownBeforeTheBusIsOpen(t *testing.T) {
	rtu, tcp := newRTUSettings(), newTCPSettings()
	rtu.Baud = 9600
	points := holdings(unitOf(rtu, 1), 0, 20)
	if got := shown(rtu.Plan(points)); got != "holding 0+1 holding 20+1" {
		t.Errorf("got %s", got)
	}
	if got := shown(tcp.Plan(points)); got != "holding 0+21" {
		t.Errorf("got %s", got)
	}
	if rtu.Plan(nil) != nil || tcp.Plan(points)[0].Time <= 0 {
		t.Error("no points take time, or some take none")
	}
}

func TestPlanHoldsEveryPointOnceAndWhole(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 9))
	for range 200 {
		d := unitOf(newTCPSettings(), 1)
		d.MaxRegisters = 4 + random.IntN(122)
		var points []*drivers.Point
		for range 1 + random.IntN(200) {
			typ := []Type{Uint16, Float32, Uint64}[random.IntN(3)]
			points = append(points, point(d, "p", holding(random.IntN(1000), typ)))
		}
		var seen []int
		for _, q := range (planner{d, newTCP(nil, 1).cost(target{unit: 1}), newLessons()}).plan(points) {
			for _, i := range q.Points {
				seen = append(seen, i)
				if a := at(points[i]); a.First() < q.First || a.end() > q.First+q.Count {
					t.Fatalf("%v is not within %d+%d", a, q.First, q.Count)
				}
			}
		}
		slices.Sort(seen)
		for i := range points {
			if i >= len(seen) || seen[i] != i {
				t.Fatalf("point %d is read more or less than once", i)
			}
		}
	}
}

// TestPlanIsMadeLessAndLessOften: the costs of a link vary all the time.
func TestPlanIsMadeLessAndLessOften(t *testing.T) {
	link := &fickle{}
	bus := newBus(link, quiet())
	points := holdings(unitOf(newTCPSettings(), 1), 0, 1, 2)
	var plans []*plan
	for range 1000 {
		link.turns++
		if _, err := bus.Read(t.Context(), points); err != nil {
			t.Fatal(err)
		}
		if p := bus.plans[keyOf(points)]; !slices.Contains(plans, p) {
			plans = append(plans, p)
		}
		if link.turns == 2 && len(plans) != 2 {
			t.Error("what the first answer teaches is not planned with at once")
		}
	}
	if len(plans) > 11 {
		t.Errorf("planned %d times in 1000 reads", len(plans))
	}
}

// fickle is a link whose requests cost more or less by turns.
type fickle struct {
	instant
	turns int
}

func (f *fickle) cost(target) cost {
	return cost{request: time.Duration(1+f.turns%2) * time.Millisecond, byte: time.Microsecond}
}
