package plan

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Change is one thing that differs between two plans.
type Change struct {
	What string `json:"what"` // "point meter/voltage"
	Old  string `json:"old"`  // empty: it is new
	New  string `json:"new"`  // empty: it is gone
}

// String is one line of a difference.
func (c Change) String() string {
	switch {
	case c.Old == "":
		return fmt.Sprintf("+ %s: %s", c.What, c.New)
	case c.New == "":
		return fmt.Sprintf("- %s: %s", c.What, c.Old)
	}
	return fmt.Sprintf("~ %s: %s -> %s", c.What, c.Old, c.New)
}

// Difference is what changes from one plan to another: loads, devices, points,
// topics and requests, in this order.
func Difference(before, after *Plan) []Change {
	old, now := before.facts(), after.facts()
	byName := func(facts []fact) map[string]string {
		m := make(map[string]string, len(facts))
		for _, f := range facts {
			m[f.what] = f.is
		}
		return m
	}
	was, is := byName(old), byName(now)
	changes := []Change{}
	done := map[string]bool{}
	for _, f := range slices.Concat(old, now) {
		if c := (Change{f.what, was[f.what], is[f.what]}); c.Old != c.New && !done[f.what] {
			changes = append(changes, c)
		}
		done[f.what] = true
	}
	slices.SortStableFunc(changes, func(a, b Change) int { return a.rank() - b.rank() })
	return changes
}

// order is that of the kinds of changes.
var order = [...]string{"messages", "upstream", "load", "device", "point", "topic", "request"}

func (c Change) rank() int {
	kind, _, _ := strings.Cut(c.What, " ")
	return slices.Index(order[:], kind)
}

// PrintDifference writes changes for people.
func PrintDifference(w io.Writer, changes []Change) error {
	if len(changes) == 0 {
		_, err := fmt.Fprintln(w, "no difference")
		return err
	}
	for _, c := range changes {
		if _, err := fmt.Fprintln(w, c); err != nil {
			return err
		}
	}
	return nil
}

// fact is what a plan says of one thing.
type fact struct{ what, is string }

func (p *Plan) facts() []fact {
	var all []fact
	say := func(what, format string, args ...any) {
		all = append(all, fact{what, fmt.Sprintf(format, args...)})
	}
	say("messages a day", "%s to %s, %d retained", bytes(p.Quiet), bytes(p.Busy), p.Retained)
	for _, u := range p.Upstreams {
		say("upstream "+u.Name, "%s", u.volume())
	}
	for _, b := range p.Buses {
		if b.Told {
			say("load of bus "+b.Name, "%s", share(b.Load, b.Open))
		}
		for _, d := range b.Devices {
			say("device "+d.ID, "bus %s, load %s", b.Name, d.bill())
			for _, pt := range d.Points {
				name := d.ID + "/" + pt.Name
				say("point "+name, "%s %s, every %v", pt.Place, pt.Type, pt.Every)
				say("topic "+pt.Topic, "%s", name)
			}
			for _, r := range d.Requests {
				say(fmt.Sprintf("request %s unit %d %s", b.Name, r.Unit, r.place()), "%s, every %v, %.1f ms", d.ID, r.Every, r.Time)
			}
			for _, m := range d.Messages {
				if m.Request != "" {
					say(fmt.Sprintf("request %s %s", b.Name, m.Request), "%s, every %v, %s ms", d.ID, m.Every, m.time())
				}
			}
		}
	}
	return all
}
