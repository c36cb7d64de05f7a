package modbus

import (
	"cmp"
	"fmt"
	"slices"

	"fieldmq/drivers"
)

// check finds points that no request can fetch, and points of a device that
// share a part of their registers, which is a slip in a number.
func check(points []*drivers.Point) []drivers.Conflict {
	var found []drivers.Conflict
	for _, p := range points {
		if text := unreadable(at(p)); text != "" {
			found = append(found, drivers.Conflict{Point: p, Key: at(p).Table().String(), Text: text})
		}
	}
	return append(found, overlaps(points)...)
}

// at is the address of a point of this driver.
func at(p *drivers.Point) *Address { return p.At.(*Address) }

// unreadable says why no request can fetch a point, or nothing.
func unreadable(a *Address) string {
	if most := a.device.most(a.Table()); a.Count() > most {
		return fmt.Sprintf("takes %d registers, but its device gives only %d in one request (max_registers)", a.Count(), most)
	}
	for _, hole := range a.device.Holes {
		if hole.meets(a.First(), a.end()) {
			return fmt.Sprintf("lies in %v, which the device's holes forbid to ask for", hole)
		}
	}
	return ""
}

// overlaps finds points that share some but not all of their registers.
func overlaps(points []*drivers.Point) []drivers.Conflict {
	sorted := slices.DeleteFunc(slices.Clone(points), func(p *drivers.Point) bool {
		_, part := at(p).field() // bits of the register of another point are fine
		return part
	})
	slices.SortStableFunc(sorted, func(p, q *drivers.Point) int {
		return cmp.Or(
			cmp.Compare(p.Device, q.Device),
			cmp.Compare(at(p).Table(), at(q).Table()),
			cmp.Compare(at(p).First(), at(q).First()),
		)
	})
	var found []drivers.Conflict
	for i, p := range sorted {
		for _, q := range sorted[i+1:] {
			if q.Device != p.Device || at(q).Table() != at(p).Table() || at(q).First() >= at(p).end() {
				break
			}
			if at(q).First() != at(p).First() || at(q).Count() != at(p).Count() {
				found = append(found, conflict(p, q))
			}
		}
	}
	return found
}

func conflict(p, q *drivers.Point) drivers.Conflict {
	a, b := at(p), at(q)
	return drivers.Conflict{
		Point: q,
		Key:   b.Table().String(),
		Text: fmt.Sprintf("%s at %d shares registers with %s, which is a %s at %d and takes %d",
			b.ValueType(), b.First(), p.Name, a.ValueType(), a.First(), a.Count()),
	}
}
