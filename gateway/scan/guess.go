package scan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

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
	Named    bool     `json:"named"`    // the device says itself that it is this model
	Points   int      `json:"points"`   // of the profile
	Good     int      `json:"good"`     // those that the device has
	Zero     int      `json:"zero"`     // of these, the ones that were zero, which says little
	Silent   int      `json:"silent"`   // those of which nothing was heard
	score    int
}

// share is the part of the profile's points that the device has, of those of
// which something is known.
func (g Guess) share() float64 { return float64(g.Good) / float64(max(g.Points-g.Silent, 1)) }

// Guesses are what a unit may be on a bus that is written in words, the best
// first.
func Guesses(ctx context.Context, bus drivers.Bus, words string, unit int) []Guess {
	return guess(ctx, bus, words, unit, "")
}

// guess tries all profiles that have a fingerprint. First come those of the
// models that the device says it is, then those that explain most of what it
// has.
func guess(ctx context.Context, bus drivers.Bus, words string, unit int, identity string) []Guess {
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
			g.Profile, g.Named = name, named(identity, g.Model)
			guesses = append(guesses, g)
		}
	}
	slices.SortStableFunc(guesses, func(a, b Guess) int {
		return cmp.Or(order(b.Named, a.Named), cmp.Compare(b.score, a.score), cmp.Compare(a.Points, b.Points))
	})
	return guesses
}

// order compares false and true, which is more.
func order(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// named says whether what a device tells of itself has all words of a model in
// it.
func named(identity, model string) bool {
	identity = strings.ToLower(identity)
	for word := range strings.FieldsSeq(strings.ToLower(model)) {
		if !strings.Contains(identity, word) {
			return false
		}
	}
	return model != ""
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
	readings, err := insist(ctx, p, names...)
	if err != nil {
		return Guess{}, false
	}
	g := Guess{Model: d.Model}
	for i, r := range readings {
		within := d.Fingerprint[names[i]]
		if value, ok := r.Number(); !ok || value < within.Min || value > within.Max {
			return Guess{}, false
		}
		g.Evidence = append(g.Evidence, fmt.Sprintf("%s %s %s is within %v to %v", names[i], r.Text(), r.Rule.Unit,
			drivers.Float(within.Min), drivers.Float(within.Max)))
	}
	readings, err = insist(ctx, p)
	if err != nil {
		return Guess{}, false
	}
	g.Points = len(readings)
	for _, r := range readings {
		g.weigh(r)
	}
	return g, g.share() >= enough
}

// tries is how often a point is read of which nothing is heard: a line may lose
// an answer, and that is no evidence.
const tries = 3

// insist reads points, all if none is named, and those of which nothing was heard again: but once only
// where nothing at all was, for some devices are silent where they have nothing.
func insist(ctx context.Context, p *probe.Probe, names ...string) ([]probe.Reading, error) {
	entries, err := p.Points(names...)
	if err != nil {
		return nil, err
	}
	readings, err := p.Read(ctx, entries)
	for n := 1; n < tries && err == nil; n++ {
		var silent []int
		for i := range readings {
			if readings[i].Silent() {
				silent = append(silent, i)
			}
		}
		if len(silent) == 0 || n > 1 && len(silent) == len(entries) {
			break
		}
		for _, i := range silent {
			again, err := p.Read(ctx, entries[i:i+1])
			if err != nil {
				return nil, err
			}
			readings[i] = again[0]
		}
	}
	return readings, err
}

// What a reading adds to the score of a guess. Devices that lack a register
// refuse it, or answer zero.
const (
	forIt    = 4  // a value that may well be meant
	setting  = 1  // a zero where something is set: it is there at least
	zero     = -1 // a measured zero
	refused  = -4
	nonsense = -4 // a value that its unit hardly ever has
)

// weigh takes a reading of one of the profile's points into account.
func (g *Guess) weigh(r probe.Reading) {
	if r.Silent() {
		g.Silent++
		return
	}
	if r.Err != nil && !errors.Is(r.Err, drivers.ErrNoValue) {
		g.score += refused
		return
	}
	g.Good++
	value, number := r.Number()
	switch {
	case r.Err != nil: // the device says that it has no such value: it knows the place
	case !number:
		g.score += forIt
	case value == 0 && r.Rule.Write.Allowed:
		g.Zero++
		g.score += setting
	case value == 0:
		g.Zero++
		g.score += zero
	case r.Plausible():
		g.score += forIt
	default:
		g.score += nonsense
	}
}
