package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/eclipse/paho.golang/paho"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// mostFilters is how many subscriptions go in one SUBSCRIBE; some clouds take
// no more.
const mostFilters = 8

// subscribe asks for what the rules bring in, and for the gateway's own status.
func (l *link) subscribe(ctx context.Context) error {
	const never = 2 // retained messages are not sent
	var wanted []paho.SubscribeOptions
	for _, r := range l.in {
		wanted = append(wanted, paho.SubscribeOptions{Topic: string(r.from), QoS: byte(r.qos), NoLocal: true, RetainHandling: never})
	}
	if l.status != "" {
		// With no local, a will of this client would not come.
		wanted = append(wanted, paho.SubscribeOptions{Topic: l.status, QoS: byte(mqtt.AtLeastOnce)})
	}
	for chunk := range slices.Chunk(wanted, mostFilters) {
		ack, err := l.client.Subscribe(ctx, &paho.Subscribe{Subscriptions: chunk})
		switch {
		case ack != nil:
			l.warnUnsubscribed(chunk, ack.Reasons)
		case errors.Is(err, paho.ErrInvalidArguments):
			l.log.Error("subscription refused by upstream", "error", err)
		case ctx.Err() != nil:
			return nil
		default:
			return fmt.Errorf("subscribe: %w", err)
		}
	}
	return nil
}

// warnUnsubscribed logs what the server does not let us subscribe to.
func (l *link) warnUnsubscribed(asked []paho.SubscribeOptions, codes []byte) {
	for i, code := range codes[:min(len(codes), len(asked))] {
		if r := packet.Reason(code); r.Failed() {
			l.log.Error("subscription refused by upstream", "filter", asked[i].Topic, "reason", r.String())
		}
	}
}
