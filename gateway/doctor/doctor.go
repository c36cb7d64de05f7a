// Package doctor looks for what is wrong on a box: ports, wiring, clock, disk, the
// gateway's own broker, and the way to the cloud. Each finding says what, where,
// and what to do. It reads and asks; it changes nothing.
package doctor

import (
	"context"
	"fmt"

	"fieldmq/gateway"
)

// Level is how bad a finding is.
type Level string

// The levels.
const (
	OK   Level = "ok"
	Warn Level = "warn" // works, and may not for long
	Bad  Level = "bad"  // does not work
)

// Finding is one thing that was looked at.
type Finding struct {
	Level Level  `json:"level"`
	Part  string `json:"part"`  // port, wiring, clock, disk, broker or cloud
	Where string `json:"where"` // the bus, the folder, the address
	What  string `json:"what"`
	Do    string `json:"do,omitempty"` // what to do about it
}

// Site is what is looked at.
type Site struct {
	*gateway.Config
	// Running asks the gateway that runs, if one does; nil: none.
	Running Running
	// Parts are those to look at; none: all.
	Parts []string
}

// Running is a gateway that runs and holds ports and connections.
type Running interface {
	// Retained is what is retained on a topic; nil: nothing.
	Retained(ctx context.Context, topic string) ([]byte, error)
}

// Parts are all parts in the order in which they are looked at.
var Parts = []string{"clock", "disk", "port", "wiring", "broker", "cloud"}

// doctor is one examination.
type doctor struct {
	Site
	tell func(Finding)
}

// Examine looks at a site and tells findings as they come, until all is looked
// at or ctx ends.
func Examine(ctx context.Context, site Site, tell func(Finding)) {
	d := &doctor{site, tell}
	looks := map[string]func(context.Context){
		"clock": d.clock, "disk": d.disk, "port": d.ports, "wiring": d.wiring, "broker": d.broker, "cloud": d.cloud,
	}
	for _, part := range Parts {
		if ctx.Err() == nil && d.wanted(part) {
			looks[part](ctx)
		}
	}
}

func (d *doctor) wanted(part string) bool {
	for _, p := range d.Parts {
		if p == part {
			return true
		}
	}
	return len(d.Parts) == 0
}

// report is the findings about one place.
type report struct {
	*doctor
	part, where string
}

func (d *doctor) about(part, where string) report { return report{d, part, where} }

func (r report) ok(format string, args ...any) { r.say(OK, "", format, args...) }

func (r report) warn(do, format string, args ...any) { r.say(Warn, do, format, args...) }

func (r report) bad(do, format string, args ...any) { r.say(Bad, do, format, args...) }

func (r report) say(level Level, do, format string, args ...any) {
	r.tell(Finding{level, r.part, r.where, fmt.Sprintf(format, args...), do})
}
