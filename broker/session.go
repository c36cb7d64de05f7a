package broker

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
	"fieldmq/broker/tree"
)

// session is what the broker knows of a client, connected or away.
// [MQTT-4.1.0-1]
type session struct {
	server *Server
	id     string
	inner  bool // of a client in this process

	// durable: it outlives its connection, so the store hears of its messages.
	durable bool

	// stored: what waits for it waits in the store only, where it reads by itself.
	stored bool
	feed   atomic.Pointer[Feed] // that is open

	denied atomic.Pointer[[]mqtt.Filter] // what never reaches the client; nil: nobody has asked

	// The server's lock guards these.
	holder holder // who is connected; nil: the client is away
	user   string // whose it is; empty: nobody's
	source *Peer  // of the will; nil: this process
	expiry time.Duration
	will   *packet.Will
	expire timer     // the session's end
	speak  timer     // the will's
	left   time.Time // when the client left, in what was loaded

	mu       sync.Mutex
	conn     *conn  // where messages go; nil: they wait
	inbox    *inbox // of a subscriber in this process
	gone     bool   // has ended, takes nothing
	held     bool   // a subscription is fetching retained messages, others wait
	full     bool   // the queue has overflowed since it was last empty
	subs     map[mqtt.Filter]struct{}
	subBytes int // of all filters
	queue    queue
	crowd    crowd
	inflight inflight
	received map[uint16]struct{} // QoS 2: between PUBREC and PUBREL [MQTT-4.3.3-10]
}

// holder is a client's end of a session.
type holder interface {
	// leave ends the connection because of r. It does not wait.
	leave(r packet.Reason)
}

// online says whether a message would reach the client now.
func (s *session) online() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn != nil || s.inbox != nil
}

// denies says whether a topic must not reach the client, whatever it has
// subscribed to.
func (s *session) denies(topic string) bool {
	denied := s.denied.Load()
	return denied != nil && slices.ContainsFunc(*denied, func(f mqtt.Filter) bool { return f.Match(topic) })
}

// offer gives the session the message of a courier: onto the line if nothing
// stands before it, into the queue otherwise.
func (s *session) offer(k *courier, how *tree.Delivery, share mqtt.Filter, now time.Time) {
	p := &k.pub
	d := delivery{
		qos:    min(p.QoS, how.QoS),               // [MQTT-3.8.4-8]
		retain: p.Retain && how.RetainAsPublished, // [MQTT-3.3.1-12] [MQTT-3.3.1-13]
		ids:    how.IDs,
		share:  share,
	}
	if s.durable && d.qos > 0 {
		d.number = k.number
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.conn
	// Who publishes with QoS 2 to itself gets PUBREC first, and does not have to
	// tell its own message from one with the same identifier.
	echo := c != nil && s == k.from && p.QoS == mqtt.ExactlyOnce
	k.echoed = k.echoed || echo
	if c != nil && !echo && s.queue.len() == 0 && s.ready(c, d.qos) {
		sent, mine := s.send(c, p, &d, now)
		if mine {
			k.lines = append(k.lines, &c.line)
		}
		if sent {
			return
		}
	}
	if s.gone || d.qos == 0 && c == nil && s.inbox == nil {
		s.settled(&d)
		return
	}
	d.message = p.keep()
	if s.queue.len() == 0 {
		s.crowd.moved = now
	}
	s.enqueue(d)
	if c != nil && s.crowded(now) {
		k.crowded = s
	}
}

// ready says whether flow control lets a message go. [MQTT-4.9.0-2]
func (s *session) ready(c *conn, qos mqtt.QoS) bool {
	if s.held || s.inflight.unsent > 0 {
		return false
	}
	return qos == 0 || s.inflight.len() < c.quota && s.inflight.bytes < s.server.cfg().MaxQueuedBytes
}

// send puts a message on the line. It fails if the line is full; mine says that
// the caller is to flush it.
func (s *session) send(c *conn, p *publication, d *delivery, now time.Time) (sent, mine bool) {
	if d.qos > 0 {
		d.message = p.keep()
	}
	if len(d.ids) > 0 || c.aliases.limit > 0 {
		return s.transmit(c, &p.Message, d, p.left(now))
	}
	f := p.encoded(c.version, d.qos, d.retain, now)
	if len(f.bytes) > c.maxPacket { // [MQTT-3.1.2-24] [MQTT-3.1.2-25]
		s.lose(d)
		return true, false
	}
	buf, ok := c.line.begin(true)
	if !ok {
		return false, false
	}
	at := len(buf) + f.id
	buf = append(buf, f.bytes...)
	var id uint16
	if d.qos > 0 {
		id = s.fly(d)
		buf[at], buf[at+1] = byte(id>>8), byte(id)
		if d.exact() {
			c.line.promise()
		}
	}
	c.line.sent.publish(len(p.Payload))
	mine = c.line.commit(buf)
	if c.verbose.Load() {
		c.logSent(&p.Message, d, id, false)
	}
	return true, mine
}

// transmit encodes a message for this client alone and puts it on the line. It
// fails if the line is full.
func (s *session) transmit(c *conn, m *mqtt.Message, d *delivery, left uint32) (sent, mine bool) {
	out := packet.Outgoing{Message: m, QoS: d.qos, Retain: d.retain, Expiry: left, SubscriptionIDs: d.ids}
	out.ID = s.inflight.next()
	switch c.publish(&out, d, &mine) {
	case lineWasFull:
		return false, false
	case tooLarge:
		s.lose(d)
	case published:
		if c.verbose.Load() {
			c.logSent(m, d, out.ID, false)
		}
	}
	return true, mine
}

// fly puts a delivery in flight.
func (s *session) fly(d *delivery) uint16 {
	id := s.inflight.add(*d)
	if d.number != 0 {
		s.server.note(Sent{ClientID: s.id, Number: d.number, PacketID: id})
	}
	return id
}

// lose gives a delivery up.
func (s *session) lose(d *delivery) {
	s.server.figures.Dropped.Add(1)
	s.settled(d)
}

// settled tells the store that the client has the message, or never will.
func (s *session) settled(d *delivery) {
	if d.number != 0 {
		s.server.note(Settled{ClientID: s.id, Number: d.number})
	}
}

// queuedAtMostOnce is how many messages may stand in a queue before one of
// QoS 0: who is that slow will rather have the next value.
const queuedAtMostOnce = 1000

// What a client may still have waiting for it when there is too much for all together:
// so many messages and bytes, or as much as it has already, so that those with little
// do not suffer for those with much.
const (
	scarceLen    = 100
	scarceReplay = 1000 // retained messages that a subscription brought
	scarceBytes  = 64 << 10
)

// enqueue lets a message wait, within the limits.
func (s *session) enqueue(d delivery) {
	cfg := s.server.cfg()
	limit, bytes := cfg.MaxQueued, cfg.MaxQueuedBytes-d.cost()
	switch {
	case d.replay:
		limit, bytes = limit+cfg.MaxRetained, cfg.MaxQueuedBytes
	case d.qos == 0:
		limit = min(limit, queuedAtMostOnce)
	}
	if !s.inner && s.server.hoard.bytes.Load() >= int64(cfg.MaxQueuedTotal) {
		least := scarceLen
		if d.replay {
			least = scarceReplay
		}
		limit = min(limit, max(s.queue.len(), least))
		bytes = min(bytes, max(s.queue.bytes-d.cost(), scarceBytes))
	}
	if s.queue.over(limit, bytes) {
		if !s.full {
			s.full = true
			s.server.log.Warn("queue full, messages are dropped", "client", s.id, "queued", s.queue.len(), "bytes", s.queue.bytes, "bytes_of_all", s.server.hoard.bytes.Load(), "full", cfg.QueueFull)
		}
		if !s.makeRoom(&d, limit, bytes) {
			s.lose(&d)
			return
		}
	}
	s.queue.push(d)
	if s.inbox != nil {
		s.inbox.ring()
	}
}

// makeRoom drops the oldest messages until a new one has place, if they are to
// give way to it. It says whether it has.
func (s *session) makeRoom(d *delivery, limit, bytes int) bool {
	if s.server.cfg().QueueFull != DropOldest || bytes < 0 {
		return false
	}
	for s.queue.over(limit, bytes) {
		if s.queue.len() == 0 || s.queue.at(0).qos > d.qos {
			return false
		}
		oldest := s.queue.pop()
		s.lose(&oldest)
	}
	return true
}

// refill moves what waits onto the line as far as it goes, and flushes it.
func (s *session) refill(now time.Time) {
	if l := s.moveQueue(now); l != nil {
		l.flush()
	}
}

func (s *session) moveQueue(now time.Time) *line {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.crowd.ease(&s.queue)
	c := s.conn
	if c == nil || s.held {
		return nil
	}
	if !s.resend(c, now) {
		return &c.line
	}
	for s.queue.len() > 0 {
		d := s.queue.at(0)
		if d.message.expired(now) { // [MQTT-3.3.2-5]
			s.server.figures.Expired.Add(1)
			s.settled(d)
			s.queue.pop()
			continue
		}
		if !s.ready(c, d.qos) {
			return &c.line
		}
		if sent, _ := s.transmit(c, &d.message.Message, d, d.message.left(now)); !sent {
			return &c.line
		}
		s.queue.pop()
		s.crowd.moved = now
	}
	s.full = false
	return &c.line
}

// resend repeats what was under way when the last connection ended, in order.
// [MQTT-4.4.0-1] [MQTT-4.6.0-1]
func (s *session) resend(c *conn, now time.Time) (done bool) {
	in := &s.inflight
	for in.unsent > 0 {
		i := in.len() - in.unsent
		if i >= c.quota {
			return false
		}
		switch c.repeat(in.at(i), now) {
		case lineWasFull:
			return false
		case tooLarge: // for this connection, though not for the last one
			s.server.figures.Dropped.Add(1)
			s.settle(i)
		case published:
			in.unsent--
		}
	}
	return true
}
