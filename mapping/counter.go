package mapping

import (
	"encoding/json"
	"math"
	"strconv"

	"fieldmq/configs"
	"fieldmq/drivers"
)

// Counter says whether a point counts, and how far. In YAML it is true, false,
// or {wrap: 100000}.
type Counter struct {
	On bool
	Wrapping
}

// Wrapping is how far a counter counts.
type Wrapping struct {
	// Wrap is the count, before scale, at which the device begins again with 0:
	// 100000 for five decimal digits. Default: what the type of the point holds.
	Wrap float64 `yaml:"wrap" check:"min=2"`
}

// UnmarshalConfig reads either form.
func (c *Counter) UnmarshalConfig(n *configs.Node) {
	if n.Kind() == configs.Mapping {
		*c = Counter{On: true}
		n.Decode(&c.Wrapping)
		return
	}
	*c = Counter{}
	n.Decode(&c.On)
}

// ConfigForms is what may be written, for the schema.
func (Counter) ConfigForms() []any { return []any{false, Wrapping{}} }

// total is what a counter counted, across its roll-overs and resets.
type total struct {
	whole bool
	cycle uint64 // counts after which the device begins again; zero: never
	known bool
	last  uint64 // as the device said it; of a float its bits
	sum   uint64
}

// newTotal is the total of a point that counts.
func newTotal(at drivers.Address, c Counter) *total {
	t := &total{whole: at.Kind() != drivers.KindFloat, cycle: uint64(c.Wrap)}
	if cyclic, ok := at.(drivers.Cyclic); ok && t.cycle == 0 {
		t.cycle = cyclic.Cycle()
	}
	return t
}

// add makes the total of what the device says now. The first reading is the
// total itself, so that it is what the device's display shows.
func (t *total) add(v drivers.Value) drivers.Value {
	if !t.whole {
		return t.addFloat(v.Float())
	}
	now := v.Uint()
	if t.cycle > 0 {
		now = modulo(v, t.cycle)
	}
	switch {
	case !t.known:
		t.sum = now
	case now >= t.last:
		t.sum += now - t.last
	case t.rolledOver(float64(t.last), float64(now)):
		t.sum += t.cycle - t.last + now
	default: // it was reset
		t.sum += now
	}
	t.known, t.last = true, now
	return drivers.Uint(t.sum)
}

// modulo makes a signed reading of a counter an unsigned one.
func modulo(v drivers.Value, cycle uint64) uint64 {
	if v.Kind() == drivers.KindInt && v.Int() < 0 {
		return cycle - (uint64(-(v.Int()+1))%cycle + 1)
	}
	return v.Uint() % cycle
}

func (t *total) addFloat(now float64) drivers.Value {
	last, sum := math.Float64frombits(t.last), math.Float64frombits(t.sum)
	switch {
	case !t.known:
		sum = now
	case now >= last:
		sum += now - last
	case t.rolledOver(last, now):
		sum += float64(t.cycle) - last + now
	default:
		sum += now
	}
	t.known, t.last, t.sum = true, math.Float64bits(now), math.Float64bits(sum)
	return drivers.Float(sum)
}

// rolledOver tells a counter that began again by itself from one that was
// reset: it was near its end, and is near its beginning.
func (t *total) rolledOver(last, now float64) bool {
	quarter := float64(t.cycle) / 4
	return t.cycle > 0 && last >= float64(t.cycle)-quarter && now < quarter
}

// counted is the sample with the total in place of the count.
func (p *point) counted(s drivers.Sample) drivers.Sample {
	if p.total != nil && s.Err == nil && s.Value.IsNumber() {
		s.Value = p.total.add(s.Value)
		p.device.counted = true
	}
	return s
}

// kept is a total as it is kept over a restart: what the device said last, and
// the total then.
type kept struct {
	Last string `json:"last"`
	Sum  string `json:"sum"`
}

// Counts are the totals of a device's counters, to be kept over a restart; nil
// if none has changed since they were asked for.
func (t *Table) Counts(device string) []byte {
	d := t.byID[device]
	if d == nil || !d.counted {
		return nil
	}
	d.counted = false
	all := map[string]kept{}
	for _, p := range d.points {
		if c := p.total; c != nil && c.known {
			all[p.Point.Name] = kept{strconv.FormatUint(c.last, 10), strconv.FormatUint(c.sum, 10)}
		}
	}
	text, _ := json.Marshal(all) // cannot fail: texts
	return text
}

// Recall goes on with totals that Counts gave. What is no longer a counter, or
// cannot be read, begins anew.
func (t *Table) Recall(device string, counts []byte) {
	d := t.byID[device]
	var all map[string]kept
	if d == nil || len(counts) == 0 || json.Unmarshal(counts, &all) != nil {
		return
	}
	for name, k := range all {
		p := d.byName[name]
		last, errLast := strconv.ParseUint(k.Last, 10, 64)
		sum, errSum := strconv.ParseUint(k.Sum, 10, 64)
		if p != nil && p.total != nil && errLast == nil && errSum == nil {
			p.total.known, p.total.last, p.total.sum = true, last, sum
		}
	}
}
