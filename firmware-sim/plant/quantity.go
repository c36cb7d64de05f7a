package plant

import (
	"time"

	"fieldmq/firmware-sim/signal"
)

// span is where values of a unit usually lie.
type span struct{ low, high float64 }

// spans are those of what changes both ways.
var spans = map[string]span{
	"Cel": {15, 80}, "K": {288, 353}, "%": {0, 100},
	"V": {228, 232}, "A": {0.5, 16}, "Hz": {49.95, 50.05},
	"W": {100, 4000}, "kW": {0.1, 4}, "V.A": {110, 4200}, "var": {10, 900},
	"bar": {1, 3}, "kPa": {100, 300}, "hPa": {980, 1040}, "Pa": {98000, 104000},
	"/min": {1200, 1700}, "m/s": {0, 12}, "L/min": {0, 40}, "m3/h": {0, 3},
	"lx": {50, 900}, "[ppm]": {420, 1200}, "deg": {0, 359}, "kg": {0, 60},
}

// rates are, an hour, those of what only grows.
var rates = map[string]span{
	"W.h": {200, 3000}, "kW.h": {0.2, 3}, "MW.h": {0.01, 0.1}, "kvar.h": {0.1, 0.5},
	"L": {100, 900}, "m3": {0.1, 2}, "{count}": {100, 2000}, "h": {1, 1.001},
}

// counted is how many hours a counter ran before the simulation began.
const counted = 1000

// quantity is how a value of the point's unit moves.
func quantity(p Point, seed uint64) func(time.Duration) float64 {
	bounded := p.Min < p.Max
	if rate, grows := rates[p.Unit]; grows && !p.Writable && !bounded {
		w := signal.Within(seed, rate.low, rate.high)
		return func(t time.Duration) float64 { return counted*rate.low + w.Sum(t) }
	}
	s, known := spans[p.Unit]
	if !known {
		s = span{0, 100}
	}
	if bounded {
		s = span{p.Min, p.Max}
	}
	return signal.Within(seed, s.low, s.high).At
}
