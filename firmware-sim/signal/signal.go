// Package signal makes values that move as measured ones do: a day's curve
// with flutter on top. A signal is a function of elapsed time, so it needs
// neither state nor a goroutine, and the same seed gives the same values.
package signal

import (
	"math"
	"math/rand/v2"
	"time"
)

// Wave is a mean with a day's curve and flutter around it. The zero Wave is
// zero for ever.
type Wave struct {
	mean  float64
	tones []tone
}

// tone is one sine. Several without a common period look irregular, and unlike
// noise they have an integral.
type tone struct {
	amplitude float64
	omega     float64 // radians a second
	phase     float64
}

const day = 24 * time.Hour

// flutter has the periods of what makes a value differ from one look to the
// next. Simulated time runs some hundred times faster than a clock.
var flutter = []time.Duration{131 * time.Second, 313 * time.Second, 727 * time.Second, 1723 * time.Second}

// New returns a wave about mean that a day moves by up to swing and all the
// rest by up to jitter, both ways.
func New(seed uint64, mean, swing, jitter float64) Wave {
	r := rand.New(rand.NewPCG(seed, 0x77617665))
	w := Wave{mean: mean}
	w.add(r, 0.75*swing, day)
	w.add(r, 0.25*swing, day/2)
	for _, period := range flutter {
		w.add(r, jitter/float64(len(flutter)), period)
	}
	return w
}

func (w *Wave) add(r *rand.Rand, amplitude float64, period time.Duration) {
	w.tones = append(w.tones, tone{
		amplitude: amplitude,
		omega:     2 * math.Pi / period.Seconds(),
		phase:     2 * math.Pi * r.Float64(),
	})
}

// Within returns a wave that covers low to high and stays between them.
func Within(seed uint64, low, high float64) Wave {
	half := (high - low) / 2
	return New(seed, low+half, 0.8*half, 0.2*half)
}

// At is the value when t has passed.
func (w Wave) At(t time.Duration) float64 {
	v := w.mean
	for _, n := range w.tones {
		v += n.amplitude * math.Sin(n.omega*t.Seconds()+n.phase)
	}
	return v
}

// Sum is the integral from zero to t, in the wave's unit times hours: what a
// counter shows that runs at the wave's rate. It never falls while the wave is
// positive.
func (w Wave) Sum(t time.Duration) float64 {
	v := w.mean * t.Seconds()
	for _, n := range w.tones {
		v += n.amplitude / n.omega * (math.Cos(n.phase) - math.Cos(n.omega*t.Seconds()+n.phase))
	}
	return v / time.Hour.Seconds()
}

// Clock returns how much time has passed since now for a world that runs
// faster than ours by the factor.
func Clock(factor float64) func() time.Duration {
	start := time.Now()
	return func() time.Duration { return time.Duration(float64(time.Since(start)) * factor) }
}

// Seed derives the seed of one value from that of the whole, so that a new
// value does not change the others.
func Seed(seed uint64, names ...string) uint64 {
	const prime = 1099511628211 // FNV-1a, 64 bits
	for _, name := range names {
		for i := range len(name) {
			seed = (seed ^ uint64(name[i])) * prime
		}
		seed = (seed ^ 0xFF) * prime // ends a name: "ab","c" is not "a","bc"
	}
	return seed
}
