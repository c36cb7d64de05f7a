package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
	"golang.org/x/sync/errgroup"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

const (
	// receiveMaximum is how many messages the server may have under way to us.
	receiveMaximum = 100
	// connackTimeout is how long the server may take to answer CONNECT and
	// SUBSCRIBE.
	connackTimeout = 10 * time.Second
	// unanswered is how long a message may go without acknowledgement until the
	// connection counts as broken.
	unanswered = 60 * time.Second
	// farewell is how long the end of the gateway may take.
	farewell = 2 * time.Second
)

// link is one connection to the upstream.
type link struct {
	*Bridge
	conn    *conn
	client  *paho.Client
	aliases aliases
}

// connect dials, and carries messages until the connection ends or ctx does.
// The error says why there is no connection.
func (b *Bridge) connect(ctx context.Context) error {
	raw, err := b.config.dial(ctx)
	if err != nil {
		return err
	}
	l := &link{Bridge: b, conn: newConn(raw)}
	go l.conn.flush()
	defer l.conn.Close() // waits for flush
	return l.run(ctx)
}

func (l *link) run(ctx context.Context) error {
	publishing := context.WithoutCancel(ctx) // what is acknowledged must have been published
	l.client = paho.NewClient(paho.ClientConfig{
		Conn:          l.conn,
		Session:       l.protocol,
		PingHandler:   &pinger{l.conn},
		PacketTimeout: connackTimeout,
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(r paho.PublishReceived) (bool, error) {
			l.receive(publishing, r.Packet.Packet())
			return true, nil
		}},
	})
	request, err := l.request()
	if err != nil {
		return err
	}
	ack, err := l.client.Connect(ctx, request)
	if err != nil {
		return l.notConnected(ack, err)
	}
	began := time.Now()
	l.here(ack.SessionPresent)
	if l.status != "" {
		l.queue.assert(l.word(l.identity.Online))
	}
	l.aliases.limit = l.queue.allowed().aliases
	err = l.carry(ctx)
	<-l.client.Done()
	if time.Since(began) > time.Minute || l.queue.progressed() {
		l.pause.reset()
	}
	if topic := l.queue.end(l.guilt()); topic != "" {
		l.log.Error("message given up: upstream disconnects over it", "topic", topic)
	}
	return l.lost(err)
}

// request is the CONNECT.
func (l *link) request() (*paho.Connect, error) {
	password, err := l.config.Password.Reveal()
	if err != nil {
		return nil, err
	}
	// No store keeps the number: the clock makes it rise over restarts.
	l.session.Store(max(l.session.Load()+1, time.Now().Unix()))
	expiry, maximum, largest := seconds(l.config.SessionExpiry.D()), uint16(receiveMaximum), uint32(mostPacket)
	c := &paho.Connect{
		ClientID:     l.config.ClientID,
		Username:     l.config.Username,
		UsernameFlag: l.config.Username != "",
		Password:     []byte(password),
		PasswordFlag: password != "",
		CleanStart:   l.config.CleanStart,
		KeepAlive:    uint16(min(math.MaxUint16, seconds(l.config.KeepAlive.D()))),
		Properties: &paho.ConnectProperties{
			SessionExpiryInterval: &expiry, ReceiveMaximum: &maximum, MaximumPacketSize: &largest, RequestProblemInfo: true,
		},
	}
	if l.status != "" {
		l.addWill(c)
	}
	return c, nil
}

// addWill makes the server say that the gateway is offline when it is gone.
func (l *link) addWill(c *paho.Connect) {
	will, number := l.word(l.identity.Offline), l.number()
	delay := seconds(l.config.WillDelay.D())
	c.WillMessage = &paho.WillMessage{Topic: will.Topic, Payload: will.Payload, QoS: byte(will.QoS), Retain: will.Retain}
	c.WillProperties = &paho.WillProperties{WillDelayInterval: &delay, ContentType: will.ContentType}
	c.WillProperties.User.Add(number.Name, number.Value)
}

func seconds(d time.Duration) uint32 { return uint32(min(d/time.Second, math.MaxUint32)) }

// notConnected is why CONNECT failed.
func (l *link) notConnected(ack *paho.Connack, err error) error {
	switch {
	case ack != nil && ack.ReasonCode == 1: // of 3.1.1, which has no other word for it
		return &refusal{"CONNACK", packet.UnsupportedVersion, ""}
	case ack != nil && ack.ReasonCode >= 0x80:
		return &refusal{"CONNACK", packet.Reason(ack.ReasonCode), ack.Properties.ReasonString}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return err
	}
	return fmt.Errorf("%w: %w", errHandshake, errors.Join(err, l.conn.reason()))
}

// carry sends and subscribes until the connection is lost, or ctx ends and
// goodbye is said.
func (l *link) carry(ctx context.Context) error {
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	group, working := errgroup.WithContext(working)
	group.Go(func() error { return l.send(working) })
	group.Go(func() error { return l.subscribe(working) })
	group.Go(func() error {
		select {
		case <-working.Done():
			return nil
		case <-l.client.Done():
			return io.EOF
		case <-ctx.Done():
			l.sayGoodbye()
			return errStopped
		}
	})
	err := group.Wait()
	l.conn.fail(err)
	return err
}

// errStopped: ctx ended, and goodbye is said.
var errStopped = errors.New("stopped")

// send writes what the queue gives, until ctx ends.
func (l *link) send(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		now := time.Now()
		if l.queue.overdue(now.Add(-unanswered)) {
			return fmt.Errorf("%w although it lives", errUnanswered)
		}
		f, wait := l.queue.next(now)
		if f.entry != nil {
			if err := l.publish(f, now); err != nil {
				return err
			}
			continue
		}
		if wait == 0 || wait > unanswered/4 {
			wait = unanswered / 4 // to look what is overdue
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
		case <-l.queue.bell:
		case <-timer.C:
		}
	}
	return nil
}

// errUnanswered: a message is not acknowledged.
var errUnanswered = fmt.Errorf("the broker has not acknowledged a message for %v", unanswered)

// publish writes one message, or for one that the server has but did not finish
// with, the PUBREL.
func (l *link) publish(f flight, now time.Time) error {
	if f.released {
		_, err := (&packets.Pubrel{PacketID: f.id}).WriteTo(l.conn)
		return err
	}
	p := f.encode(now)
	if f.entry.first && !f.replay {
		n := l.number()
		p.Properties.User = append(p.Properties.User, packets.User{Key: n.Name, Value: n.Value})
	}
	l.aliases.use(p)
	_, err := p.WriteTo(l.conn)
	return err
}

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

// sayGoodbye lets what was published until now go, then that the gateway is
// offline, and disconnects.
func (l *link) sayGoodbye() {
	deadline := time.Now().Add(farewell)
	l.finishReading(deadline)
	l.queue.close()
	l.untilIdle(deadline)
	reason := packet.Success
	if l.status != "" {
		l.queue.assert(l.word(l.identity.Offline))
		if !l.untilIdle(deadline.Add(farewell / 2)) {
			reason = packet.DisconnectWithWill
		}
	}
	// An error means that the link is gone, and the will says it.
	_ = l.client.Disconnect(&paho.Disconnect{ReasonCode: byte(reason)})
}

// untilIdle waits until all that is current has arrived.
func (l *link) untilIdle(deadline time.Time) bool {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !l.queue.idle() {
		select {
		case <-l.client.Done():
			return false
		case now := <-tick.C:
			if now.After(deadline) {
				return false
			}
		}
	}
	return true
}

// lost is why the connection ended.
func (l *link) lost(err error) error {
	if r, ok := l.protocol.parted(); ok {
		return r
	}
	if cause := l.conn.reason(); cause != nil {
		return cause
	}
	return err
}

// guilt says how sure it is that the server ended the connection because of a
// message.
func (l *link) guilt() int {
	if r, ok := l.protocol.parted(); ok {
		switch r.reason {
		case packet.Malformed, packet.ProtocolError, packet.ImplementationError, packet.NotAuthorized, packet.TopicInvalid,
			packet.TopicAliasInvalid, packet.TooLarge, packet.PayloadInvalid, packet.RetainUnsupported, packet.QoSUnsupported:
			return guiltNamed
		}
		return 0
	}
	if errors.Is(l.conn.reason(), io.EOF) {
		return guiltUnnamed
	}
	return 0
}

// aliases shorten topics to numbers on one connection. [MQTT-3.3.2.3.4]
type aliases struct {
	limit uint16
	known map[string]uint16
}

// use replaces the topic of a packet by its alias, or gives it one.
func (a *aliases) use(p *packets.Publish) {
	alias, known := a.known[p.Topic]
	switch {
	case known:
		p.Topic = ""
	case len(a.known) < int(a.limit):
		if a.known == nil {
			a.known = map[string]uint16{}
		}
		alias = uint16(len(a.known) + 1)
		a.known[p.Topic] = alias
	default:
		return
	}
	p.Properties.TopicAlias = &alias
}
