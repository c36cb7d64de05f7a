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
type pause struct{ tries int }

const (
	shortest = time.Second
	// Where nobody answers a try costs the server nothing.
	longestUnheard = 15 * time.Second
	longestRefused = 2 * time.Minute
	// What a person has to mend is not mended in a second, and some brokers
	// ban who tries passwords often.
	leastForbidden = 30 * time.Second
)

// reset is for a connection that was of use.
func (p *pause) reset() { p.tries = 0 }

// next is how long to wait after an error.
func (p *pause) next(err error) time.Duration {
	longest := longestUnheard
	var refused *refusal
	if errors.As(err, &refused) {
		longest = longestRefused
		switch refused.reason {
		case packet.TakenOver, packet.BadUserOrPassword, packet.NotAuthorized, packet.Banned, packet.ClientIDInvalid:
			return leastForbidden + rand.N(leastForbidden)
		}
	}
	span := min(shortest<<min(p.tries, 10), longest)
	p.tries++
	return shortest + rand.N(span)
}
