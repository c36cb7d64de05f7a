package bridge

import (
	"errors"
	"math/rand/v2"
	"time"

	"fieldmq/broker/packet"
)

// pause is the time between tries to connect: at least one second, which some
// clouds ask for, growing, and scattered so that a thousand gateways do not come
// back at the same moment.
type pause struct {
	least time.Duration // limits.connect_every
	tries int
}

const (
	shortest = time.Second
	// Where nobody answers a try costs the server nothing: for some minutes we
	// try every other second, so that whoever mends a cable sees it, and then
	// less often, for a metered link.
	eagerTries     = 100
	longestUnheard = 15 * time.Second
	// A server that hangs up may have restarted; one that goes on to will not change.
	eagerHungUp    = 8
	longestHungUp  = 30 * time.Second
	longestRefused = 2 * time.Minute
	// What a person has to mend is not mended in a second, and some brokers
	// ban who tries passwords often.
	leastForbidden = 30 * time.Second
)

// reset is for a connection that was of use.
func (p *pause) reset() { p.tries = 0 }

// next is how long to wait after an error.
func (p *pause) next(err error) time.Duration {
	least := max(p.least, shortest)
	tries, longest := max(0, p.tries-eagerTries), longestUnheard
	var refused *refusal
	if errors.As(err, &refused) {
		tries, longest = p.tries, longestRefused
		switch refused.reason {
		case packet.TakenOver, packet.BadUserOrPassword, packet.NotAuthorized, packet.Banned, packet.ClientIDInvalid:
			return max(least, leastForbidden) + rand.N(leastForbidden)
		}
	}
	if errors.Is(err, errHungUp) {
		tries, longest = max(0, p.tries-eagerHungUp), longestHungUp
	}
	span := min(least<<min(tries, 10), max(least, longest))
	p.tries++
	return least + rand.N(span)
}
