package bridge

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/configs"
)

// How Config.Status says that a device is online.
const (
	statusGateway = "gateway"
	statusDevice  = "device"
)

// presence gives each device that is online a small session of its own upstream,
// with its own will, for clouds and consumers that want each device's status to
// turn by itself. It follows what the broker here says of the devices; the
// gateway's own status is the bridge's.
type presence struct {
	*Bridge
	connects *connects
	sitting  sync.WaitGroup

	mu     sync.Mutex
	seats  map[string]*seat // by topic there
	number int64            // of the last session
	told   string           // trouble that was logged
}

// newPresence is nil where the gateway speaks for its devices.
func newPresence(b *Bridge) *presence {
	if b.config.Status != statusDevice {
		return nil
	}
	return &presence{Bridge: b, connects: newConnects(), seats: map[string]*seat{}}
}

// nextNumber tells the sessions of devices apart, and rises: it is above all numbers
// of earlier connections of the gateway, which are kept over restarts, whatever the
// clock says. JavaScript still knows it exactly.
func (p *presence) nextNumber() int64 {
	const most = 1_000_000 // on one connection of the gateway
	p.mu.Lock()
	defer p.mu.Unlock()
	p.number = max(p.number, p.session.Load()*most) + 1
	return p.number
}

// speaksFor says whether a message here is a status that goes upstream on a
// session of its own.
func (p *presence) speaksFor(topic string) bool {
	return p != nil && p.identity.Statuses.Match(topic) && topic != p.identity.Online.Topic
}

// run follows the statuses here until ctx ends. Then all devices say that they
// are offline, as long as a farewell may take.
func (p *presence) run(ctx context.Context) {
	if p == nil {
		return
	}
	defer p.sitting.Wait()
	for m := range p.broker.Subscribe(ctx, p.identity.Statuses) {
		there, by := carry(p.out, m.Topic)
		if by == nil || !p.speaksFor(m.Topic) || crossed(&m, p.mark()) {
			continue
		}
		if s := p.seat(ctx, m.Topic, there, len(m.Payload) > 0); s != nil {
			s.set(string(m.Payload))
		}
	}
}

// seat is the place of the device of a topic here, which is made if it is wanted.
func (p *presence) seat(ctx context.Context, topic, there string, wanted bool) *seat {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.seats[there]
	if s != nil || !wanted {
		return s
	}
	s = &seat{
		presence: p, clientID: p.config.ClientID + "-" + deviceIn(topic), topic: there,
		pause: pause{least: p.config.Limits.ConnectEvery.D()}, news: make(chan struct{}, 1),
	}
	p.seats[there] = s
	p.sitting.Go(func() { s.run(ctx) })
	return s
}

// forgotten notes that the server has no memory of us.
func (p *presence) forgotten() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.seats {
		s.doubt()
	}
}

// deviceIn is the id in device/<id>/...
func deviceIn(topic string) string {
	_, rest, _ := strings.Cut(topic, "/")
	id, _, _ := strings.Cut(rest, "/")
	return id
}

// trouble logs why a session of a device cannot be had, once for each reason;
// empty: one was had.
func (p *presence) trouble(clientID string, err error) {
	text := ""
	if err != nil {
		text = explain(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if text != "" && text != p.told {
		p.log.Warn("a device has no session upstream", "client", clientID, "reason", text)
	}
	p.told = text
}

// connects bounds how often devices connect.
type connects struct {
	mu     sync.Mutex
	bucket bucket
}

// mostConnects is how many devices connect in a second: a thousand that come
// back at once are what clouds cut off for.
const mostConnects = 10

func newConnects() *connects { return &connects{bucket: newBucket(mostConnects)} }

// wait waits for a turn; it fails when ctx ends.
func (c *connects) wait(ctx context.Context) error {
	for {
		c.mu.Lock()
		wait := c.bucket.wait(time.Now(), 1)
		if wait == 0 {
			c.bucket.level--
		}
		c.mu.Unlock()
		if wait == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for a turn to connect: %w", ctx.Err())
		case <-time.After(wait):
		}
	}
}

// validateStatus finds what status: device cannot do.
func (c *Config) validateStatus() (faults []error) {
	if c.Status != statusDevice {
		return nil
	}
	taken := false
	for _, o := range c.Out {
		taken = taken || o.Topic.Match("device/x/status")
	}
	switch {
	case c.Format != formatPlain:
		faults = append(faults, configs.Bad("status", "%s counts devices by its own API; leave status out", c.Format))
	case !c.Limits.Will:
		faults = append(faults, configs.Bad("status", "a device's own session needs a will, and limits.will is false"))
	case !taken:
		faults = append(faults, configs.Bad("status", "no rule of out takes device/+/status, so nothing would be said"))
	}
	return faults
}

// word is the status of a device as a message.
func (s *seat) word(text string) mqtt.Message {
	m := s.identity.Offline
	m.Topic, m.Payload = s.topic, []byte(text)
	m.QoS = min(m.QoS, s.config.Limits.QoS)
	m.Retain = m.Retain && s.config.Limits.Retain
	return m
}
