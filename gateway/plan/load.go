package plan

import (
	"fmt"
	"slices"
	"time"

	"fieldmq/configs"
	"fieldmq/drivers"
	"fieldmq/drivers/modbus"
	"fieldmq/gateway"
)

// group are the points of a device that are read together, and the reads.
type group struct {
	device  string
	every   time.Duration
	points  []*drivers.Point
	planner teller
	reads   []modbus.Request
}

func newGroup(device string, every time.Duration, points []*drivers.Point, planner teller) group {
	return group{device, every, points, planner, planner.Plan(points)}
}

func groupsOf(d *gateway.Device, planner teller) []group {
	var groups []group
	for _, g := range d.Groups() {
		groups = append(groups, newGroup(d.ID, g.Every, g.Points, planner))
	}
	return groups
}

// load is the share of the bus that the group takes.
func (g group) load() float64 {
	var time time.Duration
	for _, r := range g.reads {
		time += r.Time
	}
	return time.Seconds() / g.every.Seconds()
}

// String is "meter (voltage, current, power and 50 more)".
func (g group) String() string {
	names := make([]string, len(g.points))
	for i, p := range g.points {
		names[i] = p.Name
	}
	return fmt.Sprintf("%s (%s)", g.device, few(names))
}

func load(groups []group) float64 {
	sum := 0.0
	for _, g := range groups {
		sum += g.load()
	}
	return sum
}

// requests are the reads of groups, with what they cost.
func requests(groups []group) []Request {
	var all []Request
	for _, g := range groups {
		for _, r := range g.reads {
			all = append(all, g.request(r))
		}
	}
	return all
}

func (g group) request(r modbus.Request) Request {
	sent, received := r.Bytes()
	needed := map[int]bool{}
	names := make([]string, len(r.Points))
	for n, i := range r.Points {
		names[n] = g.points[i].Name
		at := g.points[i].At.(*modbus.Address)
		for n := range at.Count() {
			needed[at.First()+n] = true
		}
	}
	return Request{
		Every:    configs.Duration(g.every),
		Unit:     r.Unit,
		Function: r.Table.Function(),
		Table:    r.Table.String(),
		First:    r.First,
		Count:    r.Count,
		Manual:   r.Table.Manual(r.First),
		Gap:      r.Count - len(needed),
		Bytes:    sent + received,
		Time:     float64(r.Time.Microseconds()) / 1000,
		Points:   names,
	}
}

// fair is the load up to which a bus has time left for writes, for repeats
// and for devices that are slow one day.
const fair = 0.8

// advise says what to change where a bus is to carry too much: first what can
// be read along with something else, then what to read less often.
func advise(groups []group) []string {
	if load(groups) <= fair {
		return nil
	}
	const most = 8 // times slower in one step, so that the burden is shared
	groups, advice := join(slices.Clone(groups))
	before := map[*drivers.Point]time.Duration{} // by a group's first point
	for _, g := range groups {
		before[g.points[0]] = g.every
	}
	for load(groups) > fair {
		heaviest := &groups[0]
		for i := range groups {
			if groups[i].load() > heaviest.load() {
				heaviest = &groups[i]
			}
		}
		for limit := most * heaviest.every; load(groups) > fair && heaviest.every < limit; {
			heaviest.every = slower(heaviest.every)
		}
	}
	for _, g := range groups {
		if was := before[g.points[0]]; g.every != was {
			advice = append(advice, fmt.Sprintf("read %v every %v, not every %v", g, configs.Duration(g.every), configs.Duration(was)))
		}
	}
	return append(advice, fmt.Sprintf("then the load is %.0f %%", 100*load(groups)))
}

// join gives groups of a device one interval where that costs less time: the
// registers of the slower one are then read along.
func join(groups []group) ([]group, []string) {
	var advice []string
	for i := 0; i < len(groups); i++ {
		for j := i + 1; j < len(groups); j++ {
			fast, slow := groups[i], groups[j]
			if fast.device != slow.device {
				continue
			}
			if slow.every < fast.every {
				fast, slow = slow, fast
			}
			both := newGroup(fast.device, fast.every, slices.Concat(fast.points, slow.points), fast.planner)
			if both.load() >= fast.load()+slow.load() {
				continue
			}
			advice = append(advice, fmt.Sprintf("read %v every %v too, together with %s",
				slow, configs.Duration(fast.every), fast.points[0].Name))
			groups[i] = both
			groups = slices.Delete(groups, j, j+1)
			j = i
		}
	}
	return groups, advice
}

// intervals are those that people write.
var intervals = [...]time.Duration{
	10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 20 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour,
}

// slower is the next longer interval.
func slower(every time.Duration) time.Duration {
	for _, next := range intervals {
		if next > every {
			return next
		}
	}
	return 2 * every
}
