package arbiter

import (
	"errors"
	"net/netip"
	"slices"

	"fieldmq/drivers/modbus"
	"fieldmq/drivers/modbus/frame"
)

// Exceptions of a gateway. (APS 7)
const (
	failure     = modbus.Exception(4)
	busy        = modbus.Exception(6)
	unreachable = modbus.Exception(10) // "gateway path unavailable"
	noAnswer    = modbus.Exception(11) // "gateway target device failed to respond"
)

// welcome says whether any rule is for a client; the zero address is the
// master of a serial line.
func (c *Config) welcome(from netip.Addr) bool {
	return slices.ContainsFunc(c.rules(from), func(r Rule) bool { return r.is(from) })
}

// rules are those that hold: the default is for clients on this machine.
func (c *Config) rules(from netip.Addr) []Rule {
	if len(c.Allow) == 0 && (!from.IsValid() || from.IsLoopback()) {
		return []Rule{{}}
	}
	return c.Allow
}

// judge is nil for a request that a rule allows, else the exception that says
// what none allows: the unit, its function, or its registers.
func (c *Config) judge(from netip.Addr, unit byte, q frame.Request) error {
	verdict := error(unreachable)
	for _, r := range c.rules(from) {
		switch {
		case !r.is(from) || !r.reaches(unit):
		case !r.does(q.Function):
			if errors.Is(verdict, unreachable) {
				verdict = frame.IllegalFunction
			}
		case !r.covers(q.Read) || !r.covers(q.Write):
			verdict = frame.IllegalAddress
		default:
			return nil
		}
	}
	return verdict
}

func (r *Rule) is(from netip.Addr) bool {
	if len(r.From) == 0 {
		return true
	}
	return slices.ContainsFunc(r.From, func(n Network) bool { return n.Contains(from) })
}

func (r *Rule) reaches(unit byte) bool {
	if len(r.Units) == 0 {
		return unit != 0
	}
	return inside(r.Units, int(unit), 1)
}

func (r *Rule) does(function byte) bool {
	f := int(function)
	switch {
	case slices.Contains(writing, f) && !r.Write:
		return false
	case len(r.Functions) == 0:
		return true
	}
	return inside(r.Functions, f, 1)
}

func (r *Rule) covers(s frame.Span) bool {
	return s.Count == 0 || len(r.Registers) == 0 || inside(r.Registers, s.First, s.Count)
}

// inside says whether each of count numbers lies in one of the ranges.
func inside(ranges []modbus.Range, first, count int) bool {
	for n := first; n < first+count; {
		i := slices.IndexFunc(ranges, func(r modbus.Range) bool { return r.First <= n && n <= r.Last })
		if i < 0 {
			return false
		}
		n = ranges[i].Last + 1
	}
	return true
}
