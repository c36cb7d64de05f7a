package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/eclipse/paho.golang/paho"

	"fieldmq/broker/bridge/sparkplug"
	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// edgeLink is an edge node with what it takes to reach its hosts. It belongs to
// the goroutine of run.
type edgeLink struct {
	*Bridge
	edge    *edge
	here    <-chan mqtt.Message // what there is of devices, and who is online
	client  *paho.Client
	conn    *conn
	arrived chan mqtt.Message // from upstream
	hostAt  int64             // time of the last state of the primary host
	asked   question
}

// mostArrived is how many commands wait; more are refused.
const mostArrived = 100

// runEdge speaks Sparkplug until ctx ends.
func (b *Bridge) runEdge(ctx context.Context) {
	here := make(chan mqtt.Message)
	listening, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	messages := b.broker.Subscribe(listening, "device/+/info", "device/+/status")
	go func() {
		defer close(done)
		for m := range messages {
			select {
			case here <- m:
			case <-listening.Done():
				return
			}
		}
	}()
	defer func() { stop(); <-done }()
	b.newEdgeLink(here).run(ctx)
}

func (b *Bridge) newEdgeLink(here <-chan mqtt.Message) *edgeLink {
	l := &edgeLink{Bridge: b, edge: newEdge(&b.config, b.identity.Gateway), here: here}
	b.queue.mu.Lock()
	defer b.queue.mu.Unlock()
	b.queue.holds = func(topic string) bool { return l.edge.waits(deviceOf(topic)) }
	return l
}

// acquaintance is how long the first birth waits at most for the gateway's own
// figures, which are the node's.
const acquaintance = 5 * time.Second

// getToKnow follows the devices until the node's own figures are known.
func (l *edgeLink) getToKnow(ctx context.Context) {
	enough := time.After(acquaintance)
	for l.edge.devices[l.edge.gateway] == nil {
		select {
		case <-ctx.Done():
			return
		case <-enough:
			return
		case m := <-l.here:
			l.follow(m)
		}
	}
}

// run connects again and again, and follows the devices all the time.
func (l *edgeLink) run(ctx context.Context) {
	l.getToKnow(ctx)
	for ctx.Err() == nil {
		err := l.session(ctx)
		l.edge.away()
		l.queue.end(0)
		if ctx.Err() != nil {
			return
		}
		l.away(err)
		for wait := time.After(l.pause.next(err)); wait != nil; {
			select {
			case <-ctx.Done():
				return
			case <-wait:
				wait = nil
			case m := <-l.here:
				l.follow(m)
			}
		}
	}
}

// follow takes in what there is of a device, and sends what follows from it.
func (l *edgeLink) follow(m mqtt.Message) {
	if out := l.edge.observe(m, time.Now()); len(out) > 0 {
		l.send(out...)
		l.queue.revisit() // who is born can be told of
	}
}

// send publishes with QoS 0 and never retained, as all but the death is.
// [tck-id-topics-nbirth-mqtt] [tck-id-topics-ddata-mqtt]
func (l *edgeLink) send(messages ...mqtt.Message) {
	for _, m := range messages {
		l.pacer.take(len(m.Topic) + len(m.Payload))
		_, err := l.client.Publish(context.Background(), &paho.Publish{Topic: m.Topic, Payload: m.Payload})
		if err != nil {
			l.log.Debug("not sent", "topic", m.Topic, "error", err) // the end of the connection says why
			return
		}
	}
}

// session is one connection. The error says why there is none any more.
func (l *edgeLink) session(ctx context.Context) error {
	raw, err := l.config.dial(ctx)
	if err != nil {
		return err
	}
	c := newConn(raw)
	go c.flush()
	defer c.Close() // waits for flush
	l.conn, l.asked = c, question{}
	l.arrived = make(chan mqtt.Message, mostArrived)
	arrived := l.arrived
	l.client = paho.NewClient(paho.ClientConfig{
		Conn:          c,
		PingHandler:   &pinger{c},
		PacketTimeout: connackTimeout,
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(r paho.PublishReceived) (bool, error) {
			select {
			case arrived <- mqtt.Message{Topic: r.Packet.Topic, Payload: r.Packet.Payload, Retain: r.Packet.Retain}:
			default: // a host that floods us has itself to blame
			}
			return true, nil
		}},
	})
	l.number()
	request, err := l.connectPacket()
	if err != nil {
		return err
	}
	ack, err := l.client.Connect(ctx, request)
	if err != nil {
		return (&link{Bridge: l.Bridge, conn: c}).notConnected(ack, err)
	}
	began := time.Now()
	l.Bridge.here(false)
	err = l.carry(ctx)
	<-l.client.Done()
	if time.Since(began) > time.Minute {
		l.pause.reset()
	}
	if cause := c.reason(); cause != nil && !errors.Is(err, errHostAway) {
		return cause
	}
	return err
}

// number gives the connection its bdSeq: one more than the last, from 0 to 255.
// [tck-id-payloads-nbirth-bdseq-repeat]
func (l *edgeLink) number() {
	key := own(l.identity.Upstream) + "bdseq"
	last, err := strconv.ParseUint(string(l.keeper.Get(key)), 10, 8)
	l.edge.bdSeq = (last + 1) % 256
	if err != nil {
		l.edge.bdSeq = 0
	}
	if err := l.keeper.Put(key, strconv.AppendUint(nil, l.edge.bdSeq, 10)); err != nil {
		l.log.Warn("bdSeq is not kept, and may come again", "error", err)
	}
}

// connectPacket is the CONNECT, with the node's death as its will.
// [tck-id-message-flow-edge-node-birth-publish-will-message]
func (l *edgeLink) connectPacket() (*paho.Connect, error) {
	password, err := l.config.Password.Reveal()
	if err != nil {
		return nil, err
	}
	expiry := uint32(0)
	death := sparkplug.Payload{
		Time: uint64(time.Now().UnixMilli()), Seq: -1,
		Metrics: []sparkplug.Metric{{Name: "bdSeq", Time: uint64(time.Now().UnixMilli()), Type: sparkplug.Int64, Value: int64(l.edge.bdSeq)}},
	}
	return &paho.Connect{
		ClientID:     l.config.ClientID,
		Username:     l.config.Username,
		UsernameFlag: l.config.Username != "",
		Password:     []byte(password),
		PasswordFlag: password != "",
		CleanStart:   true,
		KeepAlive:    uint16(min(math.MaxUint16, seconds(l.config.KeepAlive.D()))),
		Properties:   &paho.ConnectProperties{SessionExpiryInterval: &expiry, RequestProblemInfo: true},
		WillMessage:  &paho.WillMessage{Topic: l.edge.topic("NDEATH", ""), Payload: death.Append(nil), QoS: byte(mqtt.AtLeastOnce)},
	}, nil
}

// errHostAway: the primary host has said that it is away.
var errHostAway = errors.New("the primary host is away")

// carry subscribes, gives birth, and says what is new, until the connection or
// ctx ends.
func (l *edgeLink) carry(ctx context.Context) error {
	var wanted []paho.SubscribeOptions
	for _, filter := range []string{l.edge.topic("NCMD", ""), l.edge.topic("DCMD", "") + "/+", l.stateTopic()} {
		if filter != "" {
			wanted = append(wanted, paho.SubscribeOptions{Topic: filter, QoS: byte(mqtt.AtLeastOnce)})
		}
	}
	if _, err := l.client.Subscribe(ctx, &paho.Subscribe{Subscriptions: wanted}); err != nil {
		return err
	}
	if l.config.PrimaryHost == "" {
		l.giveBirth(ctx)
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		wait := l.tell(ctx)
		if wait == 0 {
			wait = time.Hour // something else wakes us
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			l.leave()
			return errStopped
		case <-l.client.Done():
			return io.EOF
		case <-timer.C:
		case <-l.queue.bell:
		case <-l.conn.answered:
			l.answered()
		case m := <-l.here:
			l.follow(m)
		case m := <-l.arrived:
			if err := l.hear(ctx, m); err != nil {
				l.leave()
				return err
			}
		}
	}
}

// leave lets what was told be read, and ends the
// connection so that the server publishes the death.
// [tck-id-operational-behavior-edge-node-intentional-disconnect-ndeath]
func (l *edgeLink) leave() {
	l.untilRead()
	_ = l.client.Disconnect(&paho.Disconnect{ReasonCode: byte(packet.DisconnectWithWill)}) // or the link is gone, and it does so anyway
}

func (l *edgeLink) stateTopic() string {
	if l.config.PrimaryHost == "" {
		return ""
	}
	return spRoot + "STATE/" + l.config.PrimaryHost
}

// hear takes what came from upstream: a command, or how the primary host is.
func (l *edgeLink) hear(ctx context.Context, m mqtt.Message) error {
	if m.Topic == l.stateTopic() {
		return l.host(ctx, m.Payload)
	}
	if m.Retain {
		return nil // a command that stands there would be carried out again and again
	}
	again, orders, err := l.edge.command(m)
	if err != nil {
		l.log.Warn("command not understood", "topic", m.Topic, "error", err)
		return nil
	}
	l.mu.Lock()
	l.received += int64(len(orders))
	l.mu.Unlock()
	if err := l.broker.Publish(ctx, orders...); err != nil {
		l.log.Error("publish", "error", err)
	}
	if again && l.edge.live { // [tck-id-operational-behavior-data-commands-rebirth-action-3]
		l.giveBirth(ctx)
	}
	return nil
}

// host follows the primary host: births wait until it is there, and the
// connection ends when it goes.
// [tck-id-message-flow-edge-node-birth-publish-phid-wait]
func (l *edgeLink) host(ctx context.Context, payload []byte) error {
	var state struct {
		Online    bool
		Timestamp int64
	}
	if json.Unmarshal(payload, &state) != nil || state.Timestamp < l.hostAt {
		return nil
	}
	l.hostAt = state.Timestamp
	switch {
	case state.Online && !l.edge.live:
		l.giveBirth(ctx)
	case !state.Online && l.edge.live:
		return errHostAway
	}
	return nil
}
