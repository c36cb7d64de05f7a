// Package scan finds Modbus devices of which nobody knows the speed, the parity
// or the unit id, and guesses what they are. It only reads.
//
// All devices of a serial line have one speed: the likely unit ids are asked at
// all likely speeds first, and once somebody has answered all others at that
// one alone.
package scan

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"time"

	"fieldmq/drivers"
	"fieldmq/drivers/line"
	"fieldmq/drivers/modbus"
	"fieldmq/gateway"
	"fieldmq/gateway/probe"
)

// Config is what to look for, and where.
type Config struct {
	// Buses are written as probe.Words has them. A serial port without a speed
	// is tried at all that are likely.
	Buses []string
	// Last is the highest unit id to ask, 1 to 247.
	Last int
	// Timeout is how long to wait for a unit that may not be there.
	Timeout time.Duration
	// Budget is the longest time for all of it.
	Budget time.Duration
	// Borrow gets a bus that another program has: see Run. May be nil.
	Borrow func(ctx context.Context, words string) (bus *modbus.Bus, line string, err error)
	// Progress is told what is tried next, Found what was found, at once.
	Progress func(text string)
	Found    func(Found)
}

// Found is a device that answered.
type Found struct {
	Bus      string   `json:"bus"` // in words, with its line: "/dev/ttyUSB0 9600 8N1"
	Unit     int      `json:"unit"`
	Identity string   `json:"identity,omitempty"` // what it says of itself
	Answer   string   `json:"answer"`             // to the first question
	SunSpec  *SunSpec `json:"sunspec,omitempty"`  // nil: it has no such chain
	Guesses  []Guess  `json:"guesses,omitempty"`  // the best first
}

// scanner is one scan.
type scanner struct {
	Config
	found []Found
	lent  map[string]*modbus.Bus // that another program has open, by line
}

// Run scans until all is asked, the budget is spent or ctx has ended, and
// returns what was found by then. An error says which buses could not be
// looked at. A line that another program has is borrowed from it where that can
// be done, and looked at with the speed that it has.
func Run(ctx context.Context, c Config) ([]Found, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Budget)
	defer cancel()
	s := &scanner{Config: c, lent: map[string]*modbus.Bus{}}
	var errs []error
	for i, words := range c.Buses {
		if ctx.Err() != nil {
			break
		}
		// What one bus leaves of the budget is for the others.
		left := time.Until(deadline(ctx)) / time.Duration(len(c.Buses)-i)
		share, end := context.WithTimeout(ctx, left)
		if err := s.bus(share, words); err != nil && share.Err() == nil {
			errs = append(errs, fmt.Errorf("%s: %w", words, err))
		}
		end()
	}
	return s.found, errors.Join(errs...)
}

func deadline(ctx context.Context) time.Time {
	at, _ := ctx.Deadline() // Run has set it
	return at
}

// bus scans one bus: pass by pass, and in each pass line by line, until one of
// the lines has turned out to be the right one.
func (s *scanner) bus(ctx context.Context, words string) error {
	lines, err := candidates(words)
	if err != nil {
		return err
	}
	if lent, end := s.borrow(ctx, lines[0], words); lent != "" {
		defer end()
		lines = []string{lent}
	}
	passes := s.passes()
	if s.indifferent(ctx, words) {
		passes = []pass{{1, 1, firstHolding}}
	}
	for _, p := range passes {
		for _, words := range lines {
			n, err := s.line(ctx, words, p)
			if err != nil {
				return err
			}
			if n > 0 {
				lines = []string{words}
				break
			}
		}
	}
	return nil
}

// borrow returns the line of a bus that another program has and lends, or
// nothing.
func (s *scanner) borrow(ctx context.Context, first, words string) (lent string, end func()) {
	if s.Borrow == nil {
		return "", nil
	}
	own, err := open(ctx, first)
	if err == nil {
		own.Close()
	}
	var network *net.OpError
	if !line.InUse(err) && !errors.As(err, &network) {
		return "", nil
	}
	bus, lent, err := s.Borrow(ctx, words)
	if err != nil {
		return "", nil // the first pass says why the bus cannot be opened
	}
	s.lent[lent] = bus
	return lent, func() {
		delete(s.lent, lent)
		bus.Close()
	}
}

// open opens a bus, unless it is one that is lent.
func (s *scanner) open(ctx context.Context, words string) (bus *modbus.Bus, end func(), err error) {
	if bus := s.lent[words]; bus != nil {
		return bus, func() {}, nil
	}
	if bus, err = open(ctx, words); err != nil {
		return nil, nil, err
	}
	return bus, func() { bus.Close() }, nil
}

// pass is one question to some unit ids, both ends included.
type pass struct {
	first, last int
	question
}

// passes are the unit ids by likelihood: devices come with unit 1, and are
// numbered from there. The likely ones are asked something else if they are silent.
func (s *scanner) passes() []pass {
	all := []pass{{1, 4, firstHolding}, {1, 4, firstInput}, {5, 20, firstHolding}, {5, 20, firstInput}, {21, 247, firstHolding}}
	var some []pass
	for _, p := range all {
		if p.last = min(p.last, s.Last); p.first <= p.last {
			some = append(some, p)
		}
	}
	return some
}

// knows says whether a unit of a bus was found already.
func (s *scanner) knows(words string, unit int) bool {
	return slices.ContainsFunc(s.found, func(f Found) bool { return f.Bus == words && f.Unit == unit })
}

// line asks some units on a bus whose speed is fixed, and returns how many
// answered.
func (s *scanner) line(ctx context.Context, words string, units pass) (heard int, err error) {
	if ctx.Err() != nil {
		return 0, nil
	}
	s.Progress(fmt.Sprintf("%s: units %d to %d, %s%s", words, units.first, units.last, units.register, left(ctx)))
	bus, end, err := s.open(ctx, words)
	if err != nil {
		return 0, err
	}
	defer end()
	for unit := units.first; unit <= units.last && ctx.Err() == nil; unit++ {
		if unit > units.first && (unit-units.first)%8 == 0 {
			s.Progress(fmt.Sprintf("%s: unit %d of %d%s", words, unit, units.last, left(ctx)))
		}
		if s.knows(words, unit) {
			continue
		}
		answer, ok, err := s.ask(ctx, bus, unit, units.question)
		if err != nil {
			return heard, err
		}
		if !ok {
			continue
		}
		heard++
		f := Found{Bus: words, Unit: unit, Answer: answer}
		f.Identity = s.identity(ctx, bus, unit)
		if chain, who := s.sunSpec(ctx, bus, unit); chain != nil {
			f.SunSpec = chain
			if f.Identity == "" {
				f.Identity = who
			}
		}
		f.Guesses = guess(ctx, bus, words, unit, f.Identity)
		s.found = append(s.found, f)
		s.Found(f)
	}
	return heard, nil
}

// left says how much of the time is left.
func left(ctx context.Context) string {
	at, ok := ctx.Deadline()
	if !ok {
		return ""
	}
	return fmt.Sprintf("; %v left for this bus", time.Until(at).Round(time.Second))
}

// identity is what a unit says of itself, if it knows one of the two ways to
// ask; few do.
func (s *scanner) identity(ctx context.Context, bus *modbus.Bus, unit int) string {
	if text, err := bus.Identity(ctx, byte(unit), s.Timeout); err == nil {
		return text
	}
	text, _ := bus.ServerID(ctx, byte(unit), s.Timeout) // empty where it fails
	return text
}

// unlikely is a unit id that hardly any device has.
const unlikely = 246

// indifferent says whether a device on the network answers whatever the unit
// id is, as many do; it is one device then.
func (s *scanner) indifferent(ctx context.Context, words string) bool {
	section, err := probe.BusSection(words)
	if err != nil || section["driver"] != modbus.TCP.Name || s.Last < unlikely {
		return false
	}
	bus, end, err := s.open(ctx, words)
	if err != nil {
		return false // which the first pass says
	}
	defer end()
	_, all, err := s.ask(ctx, bus, unlikely, firstHolding)
	return all && err == nil
}

// question is what a unit is asked to see whether it is there.
type question struct {
	function byte
	register string
}

// Some devices are silent where others decline, and any answer may get lost: so
// there are two.
var (
	firstHolding = question{3, "holding 0"}
	firstInput   = question{4, "input 0"}
)

// ask looks whether a unit is there. Any answer proves it, and one that declines
// does so too.
func (s *scanner) ask(ctx context.Context, bus *modbus.Bus, unit int, q question) (answer string, ok bool, err error) {
	data, err := bus.Request(ctx, byte(unit), q.function, []byte{0, 0, 0, 1}, s.Timeout)
	switch {
	case ctx.Err() != nil, errors.Is(err, drivers.ErrBus):
		return "", false, err
	case errors.Is(err, drivers.ErrOffline):
		return "", false, nil
	case err != nil:
		return q.register + ": " + err.Error(), true, nil
	}
	return fmt.Sprintf("%s is %04X", q.register, data), true, nil
}

// open opens a bus that is written in words.
func open(ctx context.Context, words string) (*modbus.Bus, error) {
	config, err := site(words, nil)
	if err != nil {
		return nil, err
	}
	bus, err := config.Buses[0].Settings.Open(ctx, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	return bus.(*modbus.Bus), nil // the words know no other drivers
}

// site is the configuration of a bus in words with some devices.
func site(words string, devices map[string]any) (*gateway.Config, error) {
	section, err := probe.BusSection(words)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(map[string]any{ // JSON is YAML
		"gateway": map[string]any{"id": "gateway"},
		"buses":   map[string]any{"bus": section},
		"devices": devices,
	})
	if err != nil {
		return nil, err
	}
	return gateway.Read(words, text, nil)
}
