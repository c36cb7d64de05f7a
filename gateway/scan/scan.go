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
	"time"

	"fieldmq/drivers"
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
	// Progress is told what is tried next, Found what was found, at once.
	Progress func(text string)
	Found    func(Found)
}

// Found is a device that answered.
type Found struct {
	Bus      string  `json:"bus"` // in words, with its line: "/dev/ttyUSB0 9600 8N1"
	Unit     int     `json:"unit"`
	Identity string  `json:"identity,omitempty"` // what it says of itself
	Answer   string  `json:"answer"`             // to the first question
	Guesses  []Guess `json:"guesses,omitempty"`  // the best first
}

// scanner is one scan.
type scanner struct {
	Config
	found []Found
}

// Run scans until all is asked, the budget is spent or ctx has ended, and
// returns what was found by then. An error says which buses could not be
// looked at.
func Run(ctx context.Context, c Config) ([]Found, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Budget)
	defer cancel()
	s := &scanner{Config: c}
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
	passes := s.passes()
	if s.indifferent(ctx, words) {
		passes = []span{{1, 1}}
	}
	for _, units := range passes {
		for _, words := range lines {
			n, err := s.line(ctx, words, units)
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

// span are unit ids, both ends included.
type span struct{ first, last int }

// passes are the unit ids by likelihood: devices come with unit 1, and are
// numbered from there.
func (s *scanner) passes() []span {
	all := []span{{1, 4}, {5, 20}, {21, 247}}
	var some []span
	for _, p := range all {
		if p.last = min(p.last, s.Last); p.first <= p.last {
			some = append(some, p)
		}
	}
	return some
}

// line asks some units on a bus whose speed is fixed, and returns how many
// answered.
func (s *scanner) line(ctx context.Context, words string, units span) (heard int, err error) {
	if ctx.Err() != nil {
		return 0, nil
	}
	s.Progress(fmt.Sprintf("%s: units %d to %d", words, units.first, units.last))
	bus, err := open(ctx, words)
	if err != nil {
		return 0, err
	}
	defer bus.Close()
	for unit := units.first; unit <= units.last && ctx.Err() == nil; unit++ {
		answer, ok, err := s.ask(ctx, bus, unit)
		if err != nil {
			return heard, err
		}
		if !ok {
			continue
		}
		heard++
		f := Found{Bus: words, Unit: unit, Answer: answer}
		f.Identity, _ = bus.Identity(ctx, byte(unit), s.Timeout) // few know it
		f.Guesses = guess(ctx, bus, words, unit)
		s.found = append(s.found, f)
		s.Found(f)
	}
	return heard, nil
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
	bus, err := open(ctx, words)
	if err != nil {
		return false // which the first pass says
	}
	defer bus.Close()
	_, all, err := s.ask(ctx, bus, unlikely)
	return all && err == nil
}

// ask asks a unit for its first holding register. Any answer proves that it is
// there, and one that declines does so too.
func (s *scanner) ask(ctx context.Context, bus *modbus.Bus, unit int) (answer string, ok bool, err error) {
	const readHolding = 3
	data, err := bus.Request(ctx, byte(unit), readHolding, []byte{0, 0, 0, 1}, s.Timeout)
	switch {
	case ctx.Err() != nil, errors.Is(err, drivers.ErrBus):
		return "", false, err
	case errors.Is(err, drivers.ErrOffline):
		return "", false, nil
	case err != nil:
		return "holding 0: " + err.Error(), true, nil
	}
	return fmt.Sprintf("holding 0 is %04X", data), true, nil
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
