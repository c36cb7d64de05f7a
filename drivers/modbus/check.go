package modbus

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"fieldmq/drivers"
)

// check finds points that no request can fetch, and points of a device that
// share a part of their registers, which is a slip in a number.
func check(points []*drivers.Point) []drivers.Conflict {
	var found []drivers.Conflict
	for _, p := range points {
		if text := unreadable(at(p)); text != "" {
			found = append(found, drivers.Conflict{Point: p, Key: at(p).key(), Text: text})
		}
		if key, text := at(p).unwritten(); text != "" {
			found = append(found, drivers.Conflict{Point: p, Key: key, Text: text})
		}
	}
	return slices.Concat(found, overlaps(points), twins(points))
}

// twins finds devices that are one and the same: all of their points stand at
// the same places under the same names, as where a range forgot the unit id.
func twins(points []*drivers.Point) []drivers.Conflict {
	var order []string
	devices := map[string][]*drivers.Point{}
	for _, p := range points {
		if devices[p.Device] == nil {
			order = append(order, p.Device)
		}
		devices[p.Device] = append(devices[p.Device], p)
	}
	var found []drivers.Conflict
	first := map[string]string{} // of like devices, by what is in them
	for _, id := range order {
		var content strings.Builder
		for _, p := range devices[id] {
			fmt.Fprintf(&content, "%s %v %s\n", p.Name, p.At, at(p).ValueType())
		}
		if at(devices[id][0]).device.Unit == noUnit {
			continue // said already
		}
		twin, known := first[content.String()]
		if !known {
			first[content.String()] = id
			continue
		}
		p := devices[id][0]
		found = append(found, drivers.Conflict{Point: p, Text: fmt.Sprintf(
			"%s and %s are both unit %d, point by point; give each device its own unit, in a range such as unit: {1..8}", id, twin, at(p).device.Unit)})
	}
	return found
}

// at is the address of a point of this driver.
func at(p *drivers.Point) *Address { return p.At.(*Address) }

// unwritten says what is wrong with a point that is not written, or nothing.
func (a *Address) unwritten() (key, text string) {
	switch {
	case a.written:
		return "", ""
	case a.device.broadcast():
		return "", "unit 0 speaks to all units at once, and none answers: a point of it can only be written (write: true)"
	case a.Call != nil && a.Call.Data.value:
		return "call.data", valueMark + " stands for what is written: add write: true"
	}
	return "", ""
}

// unreadable says why no request can fetch a point, or nothing.
func unreadable(a *Address) string {
	if a.Call != nil {
		return ""
	}
	first, end := a.span()
	switch most := a.device.most(a.Table()); {
	case a.Count() > most:
		return fmt.Sprintf("takes %d registers, but its device gives only %d in one request (max_registers)", a.Count(), most)
	case end-first > most:
		return fmt.Sprintf("takes %d registers together with its scale_register, but its device gives only %d in one request (max_registers)",
			end-first, most)
	}
	for _, hole := range a.device.Holes {
		if a.Sunspec == nil && hole.meets(first, end) {
			return fmt.Sprintf("lies in %v, which the device's holes forbid to ask for", hole)
		}
	}
	return ""
}

// overlaps finds points that share some but not all of their registers with one before
// them, each once.
func overlaps(points []*drivers.Point) []drivers.Conflict {
	sorted := slices.DeleteFunc(slices.Clone(points), func(p *drivers.Point) bool {
		_, part := at(p).field() // bits of the register of another point are fine
		return part || at(p).Call != nil
	})
	slices.SortStableFunc(sorted, func(p, q *drivers.Point) int {
		return cmp.Or(
			cmp.Compare(p.Device, q.Device),
			cmp.Compare(at(p).Table(), at(q).Table()),
			cmp.Compare(at(p).block(), at(q).block()),
			cmp.Compare(at(p).First(), at(q).First()),
		)
	})
	before := map[*drivers.Point]*overlap{}
	for i, p := range sorted {
		for _, q := range sorted[i+1:] {
			if q.Device != p.Device || at(q).Table() != at(p).Table() || at(q).block() != at(p).block() || at(q).First() >= at(p).end() {
				break
			}
			if at(q).First() != at(p).First() || at(q).Count() != at(p).Count() {
				if before[q] == nil {
					before[q] = &overlap{first: p}
				}
				before[q].points++
			}
		}
	}
	var found []drivers.Conflict
	for _, q := range sorted {
		if o := before[q]; o != nil {
			found = append(found, o.conflict(q))
		}
	}
	return found
}

// overlap is what a point shares registers with.
type overlap struct {
	first  *drivers.Point
	points int
}

func (o *overlap) conflict(q *drivers.Point) drivers.Conflict {
	a, b := at(o.first), at(q)
	text := fmt.Sprintf("%s at %d shares registers with %s, which is a %s at %d and takes %d",
		b.ValueType(), b.First(), o.first.Name, a.ValueType(), a.First(), a.Count())
	switch others := o.points - 1; {
	case others == 1:
		text += ", and with another point"
	case others > 1:
		text += fmt.Sprintf(", and with %d other points", others)
	}
	return drivers.Conflict{Point: q, Key: b.key(), Text: text}
}
