package modbus

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"fieldmq/drivers"
)

// memoir is what a device taught us, with the evidence, as it is kept over
// restarts and shown to people.
type memoir struct {
	Unit    int       `json:"unit"`
	Refused []refused `json:"refused,omitempty"` // alone, so they are asked for alone, and seldom
	Apart   []apart   `json:"apart,omitempty"`   // both sides answer, but not together
	// Function codes that the device declined.
	NoMaskWrite bool `json:"no_mask_write,omitempty"`
	NoReadWrite bool `json:"no_read_write,omitempty"`
}

type refused struct {
	Table string    `json:"table"`
	First int       `json:"first"`
	Count int       `json:"count"`
	Code  Exception `json:"code"`
	Why   string    `json:"why"`
	Since time.Time `json:"since"`
}

type apart struct {
	Table string    `json:"table"`
	First int       `json:"first"` // of what lies between
	End   int       `json:"end"`   // where the right side begins
	Since time.Time `json:"since"`
}

var _ drivers.Learner = (*Bus)(nil)

// Lessons is what was learned of the device of a point.
func (b *Bus) Lessons(of *drivers.Point) []byte {
	a := at(of)
	known := b.known[a.device]
	if known == nil {
		return nil
	}
	m := memoir{Unit: a.device.Unit, NoMaskWrite: known.noMask, NoReadWrite: known.noReadWrite}
	for _, p := range slices.SortedFunc(maps.Keys(known.refusals), byPlace) {
		if p.table == Called {
			continue
		}
		r := known.refusals[p]
		m.Refused = append(m.Refused, refused{p.table.String(), p.first, p.end - p.first, r.exception, r.exception.Error(), r.since.UTC()})
	}
	for _, g := range known.gaps {
		m.Apart = append(m.Apart, apart{g.table.String(), g.first, g.end, g.since.UTC()})
	}
	if len(m.Refused) == 0 && len(m.Apart) == 0 && !m.NoMaskWrite && !m.NoReadWrite {
		return nil
	}
	text, err := json.Marshal(m)
	if err != nil {
		return nil
	}
	return text
}

func byPlace(a, b place) int {
	return cmp.Or(cmp.Compare(a.table, b.table), cmp.Compare(a.first, b.first), cmp.Compare(a.end, b.end))
}

// Learn goes on with what Lessons gave, or with nothing. What was learned of
// another unit is left.
func (b *Bus) Learn(of *drivers.Point, text []byte) error {
	d := at(of).device
	delete(b.known, d)
	clear(b.plans)
	clear(b.places)
	if len(text) == 0 {
		return nil
	}
	var m memoir
	if err := json.Unmarshal(text, &m); err != nil {
		return fmt.Errorf("what was learned of unit %d cannot be read: %w", d.Unit, err)
	}
	if m.Unit != d.Unit {
		return nil
	}
	known := b.lessons(d)
	known.noMask, known.noReadWrite = m.NoMaskWrite, m.NoReadWrite
	for _, r := range m.Refused {
		t, ok := tableOf(r.Table)
		if ok && 0 <= r.First && 0 < r.Count && r.First+r.Count <= registers {
			known.refusals[place{t, r.First, r.First + r.Count}] = refusal{exception: r.Code, since: r.Since}
		}
	}
	for _, g := range m.Apart {
		if t, ok := tableOf(g.Table); ok && 0 <= g.First && g.First <= g.End && g.End <= registers {
			known.gaps = append(known.gaps, gap{t, g.First, g.End, g.Since})
		}
	}
	return nil
}

// tableOf is the table of a name.
func tableOf(name string) (Table, bool) {
	for t := range Called {
		if t.String() == name {
			return t, true
		}
	}
	return 0, false
}
