package gateway

import (
	"context"
	"time"

	"fieldmq/broker/mqtt"
)

// judgeTime is how long a shadow waits to hear whether a value can be written. What
// nobody has judged is refused when it is written.
const judgeTime = 2 * time.Second

// judge says why a command to a device would be refused before it is tried: a value
// of another type, out of bounds, no word of a list.
func (g *Gateway) judge(ctx context.Context, device string, set []byte) error {
	ctx, cancel := context.WithTimeout(ctx, judgeTime)
	defer cancel()
	var found error
	err := g.inside(ctx, func() {
		for _, u := range g.units {
			r, err := u.table.Load().Request(mqtt.Message{Topic: "device/" + device + "/set", Payload: set})
			if r.Device == device {
				found = err
			}
		}
	})
	if err != nil {
		return nil
	}
	return found
}
