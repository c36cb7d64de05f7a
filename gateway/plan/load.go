package plan

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"fieldmq/configs"
	"fieldmq/drivers"
	"fieldmq/gateway"
)

// group are the points of a device that are read together.
type group struct {
	device string
	every  time.Duration
	points []*drivers.Point
	cost   cost
	time   time.Duration // of a read
}

// cost is how long the bus takes to read points.
type cost func(points []*drivers.Point) time.Duration

func newGroup(device string, every time.Duration, points []*drivers.Point, cost cost) group {
	return group{device, every, points, cost, cost(points)}
}

func groupsOf(d *gateway.Device, cost cost) []group {
	var groups []group
	for _, g := range d.Groups() {
		groups = append(groups, newGroup(d.ID, g.Every, g.Points, cost))
	}
	return groups
}

// load is the share of the bus that the group takes.
func (g group) load() float64 { return g.time.Seconds() / g.every.Seconds() }

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

// fair is the load up to which a bus has time left for writes, for repeats
// and for devices that are slow one day.
const fair = 0.8

// advise says what to change where a bus is to carry too much: first what can
// be read along with something else, then what to read less often.
func advise(groups []group) []string {
	if load(groups) <= fair {
		return nil
	}
	groups, advice := join(slices.Clone(groups))
	before := map[*drivers.Point]time.Duration{} // by a group's first point
	for _, g := range groups {
		before[g.points[0]] = g.every
	}
	for load(groups) > fair {
		slowHeaviest(groups)
	}
	for _, g := range groups {
		if was := before[g.points[0]]; g.every != was {
			advice = append(advice, fmt.Sprintf("read %v every %v, not every %v", g, configs.Duration(g.every), configs.Duration(was)))
		}
	}
	return append(advice, fmt.Sprintf("then the load is %.0f %%", 100*load(groups)))
}

// slowHeaviest has what takes the largest share of the bus be read less often, by
// one step, and what is just like it too, so that like devices stay alike.
func slowHeaviest(groups []group) {
	heaviest := slices.MaxFunc(groups, func(a, b group) int { return cmp.Compare(a.load(), b.load()) })
	for i := range groups {
		if g := &groups[i]; g.every == heaviest.every && g.time == heaviest.time {
			g.every = slower(g.every)
		}
	}
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
			both := newGroup(fast.device, fast.every, slices.Concat(fast.points, slow.points), fast.cost)
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
