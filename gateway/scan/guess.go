package scan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"fieldmq/configs/profiles"
	"fieldmq/drivers"
	"fieldmq/gateway"
	"fieldmq/gateway/probe"
)

// Guess is a profile that a device may have, and what speaks for it.
type Guess struct {
	Profile  string   `json:"profile"`
	Model    string   `json:"model"`
	Evidence []string `json:"evidence"` // "frequency 50.01 Hz is within 45 to 65"
	Good     int      `json:"good"`     // points that the device has
	Points   int      `json:"points"`   // of all
}

// share is the part of the profile's points that the device has.
func (g Guess) share() float64 { return float64(g.Good) / float64(max(g.Points, 1)) }

// guess tries all profiles that have a fingerprint. First come those of whose
// points the device has the most.
func guess(ctx context.Context, bus drivers.Bus, words string, unit int) []Guess {
	var guesses []Guess
	for _, name := range profiles.Names() {
		if ctx.Err() != nil {
			break
		}
		config, err := site(words, map[string]any{
			probe.Device: map[string]any{"bus": "bus", "unit": unit, "profile": name},
		})
		if err != nil {
			continue // it is a profile for other kinds of buses
		}
		if g, ok := try(ctx, bus, config.Buses[0].Devices[0]); ok {
			g.Profile = name
			guesses = append(guesses, g)
		}
	}
	slices.SortStableFunc(guesses, func(a, b Guess) int {
		return cmp.Or(cmp.Compare(b.share(), a.share()), cmp.Compare(b.Good, a.Good))
	})
	return guesses
}

// enough is the share of a profile's points that a device must have.
const enough = 0.5

// try says whether the fingerprint of a device's profile fits what is there.
func try(ctx context.Context, bus drivers.Bus, d gateway.Device) (Guess, bool) {
	names := slices.Sorted(maps.Keys(d.Fingerprint))
	p, err := probe.New(d, bus)
	if err != nil || len(names) == 0 {
		return Guess{}, false
	}
	entries, err := p.Points(names...)
	if err != nil {
		return Guess{}, false
	}
	readings, err := p.Read(ctx, entries)
	if err != nil {
		return Guess{}, false
	}
	g := Guess{Model: d.Model, Points: len(d.Points)}
	for i, r := range readings {
		within := d.Fingerprint[names[i]]
		value, err := strconv.ParseFloat(r.Text(), 64)
		if r.Err != nil || err != nil || value < within.Min || value > within.Max {
			return Guess{}, false
		}
		g.Evidence = append(g.Evidence, fmt.Sprintf("%s %s %s is within %v to %v", names[i], r.Text(), r.Rule.Unit,
			drivers.Float(within.Min), drivers.Float(within.Max)))
	}
	readings, err = p.Read(ctx, d.Points)
	if err != nil {
		return Guess{}, false
	}
	for _, r := range readings {
		if r.Err == nil || errors.Is(r.Err, drivers.ErrNoValue) {
			g.Good++
		}
	}
	return g, g.share() >= enough
}
