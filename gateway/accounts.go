package gateway

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"

	"fieldmq/broker/bridge"
	"fieldmq/broker/mqtt"
)

// accountsRoot is where the accounts of upstreams stand, beside the broker's own
// figures: $SYS/broker/upstreams/<name>/produced, delivered, queued, bytes and dropped
// as numbers, .../devices/<id> as one JSON object, and .../others for what is of no
// device. What was produced is delivered, queued or dropped for a reason, always, and
// over restarts where there is a store.
const accountsRoot = "$SYS/broker/upstreams/"

// accounts publishes what becomes of messages for upstreams, each figure when it has
// changed.
type accounts struct {
	gateway *Gateway
	said    map[string]string // by topic
}

// tellAccounts publishes the accounts of all upstreams until ctx ends.
func (g *Gateway) tellAccounts(ctx context.Context, every time.Duration) error {
	if every == 0 {
		return nil
	}
	a := &accounts{gateway: g, said: map[string]string{}}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			a.tell(ctx)
		}
	}
}

func (a *accounts) tell(ctx context.Context) {
	now := map[string]string{}
	for name, b := range a.gateway.figures.allBridges() {
		accountsOf(now, accountsRoot+name+"/", b)
	}
	var messages []mqtt.Message
	for _, topic := range slices.Sorted(maps.Keys(now)) {
		if now[topic] != a.said[topic] {
			messages = append(messages, mqtt.Message{Topic: topic, Payload: []byte(now[topic]), Retain: true})
		}
	}
	for _, topic := range slices.Sorted(maps.Keys(a.said)) {
		if _, stays := now[topic]; !stays {
			messages = append(messages, mqtt.Message{Topic: topic, Retain: true})
		}
	}
	a.said = now
	if err := a.gateway.server.Publish(ctx, messages...); ctx.Err() == nil {
		a.gateway.complaints.tell(a.gateway.log, err)
	}
}

// accountsOf adds what one upstream has, by topic.
func accountsOf(all map[string]string, root string, b *bridge.Bridge) {
	s := b.Stats()
	all[root+"produced"] = strconv.FormatUint(s.Produced, 10)
	all[root+"delivered"] = strconv.FormatUint(s.Delivered, 10)
	all[root+"queued"] = strconv.FormatUint(s.Queued, 10)
	all[root+"bytes"] = strconv.FormatInt(s.Bytes, 10)
	all[root+"dropped"] = strconv.FormatUint(s.Lost(), 10)
	for device, account := range b.Accounts() {
		text, _ := json.Marshal(account) // numbers and strings
		switch {
		case device == "":
			all[root+"others"] = string(text)
		case mqtt.ValidTopic(device):
			all[root+"devices/"+device] = string(text)
		}
	}
}

// mostReported is how many accounts stand in the report of an upstream at most. It
// stays smaller than what clouds take as a message; all of them stand under $SYS.
const mostReported = 500

// accounts are those of the gateway and the site's devices that had something to
// tell, and what is left of the sums without them.
func (c *Config) accounts(sum bridge.Account, all map[string]bridge.Account) (own map[string]bridge.Account, others bridge.Account) {
	own, others = map[string]bridge.Account{}, sum.Less(bridge.Account{})
	add := func(id string) {
		account, counted := all[id]
		if _, twice := own[id]; counted && !twice && len(own) < mostReported {
			own[id], others = account, others.Less(account)
		}
	}
	add(c.General.ID)
	for i := range c.Buses {
		for _, d := range c.Buses[i].Devices {
			add(d.ID)
		}
	}
	return own, others
}
