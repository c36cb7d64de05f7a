package gateway

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync"
	"time"

	"fieldmq/broker/bridge"
	"fieldmq/drivers"
	"fieldmq/gateway/poll"
	"fieldmq/mapping"
)

// selfDriver is what the gateway's own device names as its driver and bus.
const selfDriver = "gateway"

// figures is the gateway as a device on a bus of its own: its figures are
// points like any other, and take the same way.
type figures struct {
	began time.Time

	mu      sync.Mutex
	meters  map[string]*meter         // of the buses, by name
	bridges map[string]*bridge.Bridge // by upstream
}

// meter reads the load of a bus from its loop's figures.
type meter struct {
	loop *poll.Loop
	busy time.Duration // when it was last read
	at   time.Time

	done, failed int64 // commands that came
}

// figure is the address of one of them, and the function that reads it.
type figure struct {
	name string
	kind drivers.Kind
	read func() (drivers.Value, error)
}

// addFigure adds a figure with its name, unit, kind and decimals.
type addFigure func(name, unit string, kind drivers.Kind, decimals int, read func() (drivers.Value, error))

func (f *figure) String() string     { return f.name }
func (f *figure) Kind() drivers.Kind { return f.kind }
func (*figure) Writable() bool       { return false }

var _ drivers.Bus = (*figures)(nil)

func newFigures() *figures {
	return &figures{began: time.Now(), meters: map[string]*meter{}, bridges: map[string]*bridge.Bridge{}}
}

// bus is the gateway as one more bus of the site.
func (f *figures) bus(config *Config) Bus {
	id := config.General.ID
	d := Device{
		Device: mapping.Device{
			ID: id, Name: config.General.Name, Model: "fieldmq " + Version(),
			Driver: selfDriver, Bus: selfDriver, Via: id, Reporting: mapping.DefaultReporting(),
		},
		OfflineAfter: 1,
	}
	var add addFigure = func(name, unit string, kind drivers.Kind, decimals int, read func() (drivers.Value, error)) {
		rule := mapping.NewRule(mapping.DefaultReporting())
		rule.Unit = unit
		if kind != drivers.KindBool {
			rule.Round = &decimals
		}
		d.Points = append(d.Points, mapping.Entry{
			Point: &drivers.Point{Device: id, Name: name, At: &figure{name: name, kind: kind, read: read}},
			Rule:  rule,
			Every: config.General.Every.D(),
		})
	}
	add("uptime", "s", drivers.KindInt, 0, f.uptime)
	add("memory", "By", drivers.KindInt, 0, memory)
	if _, err := cpuTemperature(); err == nil {
		add("cpu_temperature", "Cel", drivers.KindFloat, 1, cpuTemperature)
	}
	if _, err := loadAverage(); err == nil {
		add("load_average", "", drivers.KindFloat, 2, loadAverage)
	}
	for _, b := range config.Buses {
		add("bus_"+b.Name+"_load", "%", drivers.KindFloat, 1, func() (drivers.Value, error) { return f.load(b.Name) })
		add("bus_"+b.Name+"_missed", "", drivers.KindInt, 0, func() (drivers.Value, error) { return f.missed(b.Name) })
		add("bus_"+b.Name+"_rate", "/s", drivers.KindFloat, 2, f.since(b.Name, func(before, now poll.Stats, passed time.Duration) float64 {
			return float64(now.Polls-before.Polls) / passed.Seconds()
		}))
		add("bus_"+b.Name+"_round_trip", "ms", drivers.KindFloat, 2, f.since(b.Name, func(before, now poll.Stats, _ time.Duration) float64 {
			return mean(now.Durations.Sum-before.Durations.Sum, now.Durations.Count-before.Durations.Count)
		}))
		add("bus_"+b.Name+"_jitter", "ms", drivers.KindFloat, 2, f.since(b.Name, func(before, now poll.Stats, _ time.Duration) float64 {
			return mean(now.Late-before.Late, now.Starts-before.Starts)
		}))
	}
	f.upstreams(config, add)
	return Bus{Name: selfDriver, Driver: selfDriver, Settings: f, Devices: []Device{d}}
}

// watch adds the loop of a bus, whose load is one of the figures from now on.
func (f *figures) watch(bus string, loop *poll.Loop) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.meters[bus] = &meter{loop: loop, at: time.Now()}
}

// unwatch forgets the loop of a bus that is gone.
func (f *figures) unwatch(bus string, loop *poll.Loop) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if m := f.meters[bus]; m != nil && m.loop == loop {
		delete(f.meters, bus)
	}
}

// loops are those of all buses.
func (f *figures) loops() map[string]*poll.Loop {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := map[string]*poll.Loop{}
	for bus, m := range f.meters {
		all[bus] = m.loop
	}
	return all
}

// ordered counts a command by what became of it.
func (f *figures) ordered(bus string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch m := f.meters[bus]; {
	case m == nil:
	case err != nil:
		m.failed++
	default:
		m.done++
	}
}

// orders are the commands that came, by what became of them.
func (f *figures) orders(bus string) (done, failed int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if m := f.meters[bus]; m != nil {
		return m.done, m.failed
	}
	return 0, 0
}

// Device is never asked for: the gateway's own section has no keys of a driver.
func (*figures) Device() drivers.Device { return nil }

func (f *figures) Open(context.Context, *slog.Logger) (drivers.Bus, error) { return f, nil }

func (f *figures) Read(_ context.Context, points []*drivers.Point) ([]drivers.Sample, error) {
	samples := make([]drivers.Sample, len(points))
	for i, p := range points {
		value, err := p.At.(*figure).read()
		samples[i] = drivers.Sample{Point: p, Time: time.Now(), Value: value, Err: err}
	}
	return samples, nil
}

func (*figures) Write(context.Context, []drivers.Command) error { return drivers.ErrRefused }

func (*figures) Close() error { return nil }

func (f *figures) uptime() (drivers.Value, error) {
	return drivers.Int(int64(time.Since(f.began) / time.Second)), nil
}

// load is the share of the time since it was last read that a bus was busy,
// in percent.
func (f *figures) load(bus string) (drivers.Value, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.meters[bus]
	if m == nil { // the bus has not begun
		return drivers.Float(0), nil
	}
	now, busy := time.Now(), m.loop.Stats().Busy
	passed := now.Sub(m.at)
	if passed <= 0 {
		return drivers.Float(0), nil
	}
	share := 100 * float64(busy-m.busy) / float64(passed)
	m.busy, m.at = busy, now
	return drivers.Float(min(share, 100)), nil
}

// since is a figure of what a bus has done since the figure was last read: polls
// a second, how long a poll takes, how late after its instant it begins.
func (f *figures) since(bus string, figure func(before, now poll.Stats, passed time.Duration) float64) func() (drivers.Value, error) {
	var before poll.Stats
	var loop *poll.Loop
	at := f.began
	return func() (drivers.Value, error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		m := f.meters[bus]
		if m == nil { // the bus has not begun
			return drivers.Float(0), nil
		}
		if m.loop != loop { // it has begun anew
			loop, before, at = m.loop, poll.Stats{}, m.at
		}
		stats, now := loop.Stats(), time.Now()
		passed := now.Sub(at)
		if passed < shortest {
			return drivers.Float(0), nil
		}
		value := figure(before, stats, passed)
		before, at = stats, now
		return drivers.Float(value), nil
	}
}

// shortest is the time over which a rate means something.
const shortest = 100 * time.Millisecond

// mean is a time in milliseconds, one of n.
func mean(sum time.Duration, n int64) float64 {
	if n <= 0 {
		return 0
	}
	return float64(sum.Microseconds()) / 1000 / float64(n)
}

func (f *figures) missed(bus string) (drivers.Value, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.meters[bus]
	if m == nil {
		return drivers.Int(0), nil
	}
	return drivers.Int(m.loop.Stats().Missed), nil
}

// memory is what the process holds of the machine's, in bytes.
func memory() (drivers.Value, error) {
	sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(sample)
	return drivers.Int(int64(sample[0].Value.Uint64() - sample[1].Value.Uint64())), nil
}

// cpuTemperature is that of the kernel's first thermal zone.
func cpuTemperature() (drivers.Value, error) {
	n, err := readNumber("/sys/class/thermal/thermal_zone0/temp")
	return drivers.Float(n / 1000), err
}

// loadAverage is the machine's over one minute.
func loadAverage() (drivers.Value, error) {
	n, err := readNumber("/proc/loadavg")
	return drivers.Float(n), err
}

// readNumber reads the first word of a file of the kernel's.
func readNumber(path string) (float64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	n, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return n, nil
}
