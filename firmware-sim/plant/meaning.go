package plant

import (
	"math"
	"time"
)

// slow is how long what has words keeps its value, give or take, in the devices'
// time.
const slow = 20 * time.Minute

// choice is one of n at a time, each for a while.
func choice(seed uint64, t time.Duration, n int) int {
	period := slow + time.Duration(seed%600)*time.Second
	return int(t/period+time.Duration(seed%7)) % n
}

// worded says whether the numbers of the point have words.
func (p *Point) worded() bool { return len(p.Enum) > 0 || len(p.Flags) > 0 }

// meaning is how numbers that have words move: from one word to the next, and of
// flags through all their sets.
func (p *Point) meaning(seed uint64) func(time.Duration) float64 {
	if len(p.Enum) > 0 {
		return func(t time.Duration) float64 { return float64(p.Enum[choice(seed, t, len(p.Enum))]) }
	}
	flags := p.Flags[:min(len(p.Flags), mostMoving)]
	return func(t time.Duration) float64 {
		chosen, set := choice(seed, t, 1<<len(flags)), 0.0
		for i, bit := range flags {
			if chosen>>i&1 == 1 {
				set += math.Ldexp(1, bit)
			}
		}
		return set
	}
}

// mostMoving is the number of flags that change by themselves; their sets are
// that many bits.
const mostMoving = 16
