// Package scale simulates a weighing scale that speaks lines of text.
package scale

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"fieldmq/firmware-sim/faults"
	"fieldmq/firmware-sim/signal"
	"fieldmq/firmware-sim/talker"
)

// One load lies on the scale for a turn. It is exchanged for the next during
// the last part of it, and the scale says that it is moving.
const (
	turn   = 10 * time.Second
	moving = 3 * time.Second
	// heaviest is the scale's range, in kg.
	heaviest = 60.0
)

// New returns a weighing scale that sends "ST,GS,+0012.34 kg" twice a second,
// with US for ST while the load moves, and answers the request W.
func New(seed uint64, broken *faults.Source) *talker.Talker {
	line := func(elapsed time.Duration) []byte { return weighing(seed, elapsed) }
	return &talker.Talker{
		Messages: []talker.Message{{Text: line, Every: 500 * time.Millisecond, Request: []byte("W\r\n")}},
		Faults:   broken,
	}
}

func weighing(seed uint64, elapsed time.Duration) []byte {
	number, within := elapsed/turn, elapsed%turn
	state, weight := "ST", load(seed, number)
	if since := within - (turn - moving); since >= 0 {
		state = "US"
		weight = swinging(weight, load(seed, number+1), since)
	}
	return fmt.Appendf(nil, "%s,GS,%+08.2f kg\r\n", state, weight)
}

// load is the weight of one turn; every third the scale is empty.
func load(seed uint64, number time.Duration) float64 {
	if number%3 == 2 {
		return 0
	}
	r := rand.New(rand.NewPCG(signal.Seed(seed, "load"), uint64(number)))
	return math.Round(100*heaviest*r.Float64()) / 100
}

// swinging is the way from one weight to the next, with an oscillation that
// dies down.
func swinging(from, to float64, within time.Duration) float64 {
	left := math.Exp(-4 * within.Seconds() / moving.Seconds())
	return to + (from-to)*left*math.Cos(5*within.Seconds())
}
