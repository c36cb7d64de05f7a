package bridge

import (
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// law is what a cloud does not take; zero is no law.
type law struct {
	rate, payload, topic, slashes int
	window, windowBytes           int
	qos                           mqtt.QoS
	noRetain, noWill              bool
	keepAlive                     [2]int
	session                       uint32
	clientID                      int
	alpn                          string
	user                          string
	every                         time.Duration
	resets                        bool // it cuts off without a good-bye
}

// strict is a cloud of ours that cuts off who breaks its law, as clouds do, and
// notes why.
type strict struct {
	law
	ln net.Listener

	mu       sync.Mutex
	broken   []string // laws that were
	came     []mqtt.Message
	times    []time.Time
	hellos   []packet.Connect
	dials    []time.Time
	protocol string
	conns    map[net.Conn]struct{}
	serving  sync.WaitGroup
	hold     bool // PUBACKs wait
	deaf     bool // PINGREQs are not answered
	admit    func(*packet.Connect) packet.Reason
	answer   func(*packet.Publish) packet.Reason
	down     func(packet.Frame) []byte // what to send when a packet came, nil: nothing
}

// startStrict serves TLS if a certificate is given.
func startStrict(t *testing.T, l law, config *tls.Config) *strict {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if config != nil {
		ln = tls.NewListener(ln, config)
	}
	s := &strict{law: l, ln: ln, conns: map[net.Conn]struct{}{}}
	s.serving.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			s.serving.Go(func() { s.serve(c) })
		}
	})
	t.Cleanup(func() {
		ln.Close()
		s.mu.Lock()
		for c := range s.conns {
			c.Close()
		}
		s.mu.Unlock()
		s.serving.Wait()
	})
	return s
}

func (s *strict) addr() string { return s.ln.Addr().String() }

func (s *strict) serve(c net.Conn) {
	defer c.Close()
	s.mu.Lock()
	s.conns[c] = struct{}{}
	s.mu.Unlock()
	if secure, ok := c.(*tls.Conn); ok {
		if err := secure.Handshake(); err != nil {
			return
		}
		s.mu.Lock()
		s.protocol = secure.ConnectionState().NegotiatedProtocol
		s.mu.Unlock()
	}
	under := &underway{sizes: map[uint16]int{}}
	for in := packet.NewReader(c, packet.MaxPacket); ; {
		f, err := in.Next()
		if err != nil {
			return
		}
		answer, breach := s.judge(f, under)
		if breach != "" {
			s.mu.Lock()
			s.broken = append(s.broken, breach)
			s.mu.Unlock()
			s.cutOff(c)
			return
		}
		if s.down != nil {
			answer = append(answer, s.down(f)...)
		}
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}

// cutOff ends a connection. A server that has not read all that came resets it, and
// many never close TLS in its own words.
func (s *strict) cutOff(c net.Conn) {
	if secure, ok := c.(*tls.Conn); ok && s.resets {
		c = secure.NetConn()
	}
	if plain, ok := c.(*net.TCPConn); ok && s.resets {
		plain.SetLinger(0)
	}
	c.Close()
}

// underway is what one connection has under way.
type underway struct {
	sizes map[uint16]int
	bytes int
}

// judge answers a packet, or says which law it breaks.
func (s *strict) judge(f packet.Frame, under *underway) (answer []byte, breach string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch f.Type() {
	case packet.CONNECT:
		return s.connect(f)
	case packet.SUBSCRIBE:
		var p packet.Subscribe
		if err := p.Decode(packet.V5, f.Body); err != nil {
			return nil, err.Error()
		}
		if len(p.Subscriptions) > 8 {
			return nil, fmt.Sprintf("%d filters in a SUBSCRIBE", len(p.Subscriptions))
		}
		return packet.AppendSuback(nil, packet.V5, packet.SUBACK, p.ID, make([]packet.Reason, len(p.Subscriptions))), ""
	case packet.PUBLISH:
		var p packet.Publish
		if err := p.Decode(packet.V5, f); err != nil {
			return nil, err.Error()
		}
		return s.publish(&p, under)
	case packet.PINGREQ:
		if s.deaf {
			return nil, ""
		}
		return packet.AppendPing(nil, packet.PINGRESP), ""
	}
	return nil, ""
}

func (s *strict) connect(f packet.Frame) (answer []byte, breach string) {
	var c packet.Connect
	if err := c.Decode(f.Body); err != nil {
		return nil, err.Error()
	}
	s.hellos = append(s.hellos, c)
	now := time.Now()
	defer func() { s.dials = append(s.dials, now) }()
	alive := int(c.KeepAlive)
	switch {
	case s.noWill && c.Will != nil:
		return nil, "a will"
	case s.noRetain && c.Will != nil && c.Will.Message.Retain:
		return nil, "a retained will"
	case c.Will != nil && c.Will.Message.QoS > s.qos:
		return nil, "the QoS of the will"
	case s.keepAlive[1] > 0 && (alive < s.keepAlive[0] || alive > s.keepAlive[1]):
		return nil, fmt.Sprintf("keep alive %d", alive)
	case s.session > 0 && c.Properties.Number(packet.SessionExpiry) > s.session:
		return nil, fmt.Sprintf("session expiry %d", c.Properties.Number(packet.SessionExpiry))
	case s.clientID > 0 && len(c.ClientID) > s.clientID:
		return nil, "client id too long"
	case s.alpn != "" && s.protocol != s.alpn:
		return nil, fmt.Sprintf("ALPN %q", s.protocol)
	case s.user != "" && c.User != s.user:
		return nil, fmt.Sprintf("user %q", c.User)
	case s.every > 0 && len(s.dials) > 0 && now.Sub(s.dials[len(s.dials)-1]) < s.every:
		return nil, "connected again too soon"
	}
	if s.admit != nil {
		if r := s.admit(&c); r.Failed() {
			return (&packet.Connack{Reason: r}).Append(nil, packet.V5), ""
		}
	}
	var ack packet.Connack // it does not say what it wants: real ones say less than they enforce
	return ack.Append(nil, packet.V5), ""
}

func (s *strict) publish(p *packet.Publish, under *underway) (answer []byte, breach string) {
	now := time.Now()
	s.times = append(s.times, now)
	size := len(p.Topic) + len(p.Payload)
	switch {
	case s.rate > 0 && s.tooMany():
		return nil, fmt.Sprintf("more than %d messages a second", s.rate)
	case s.payload > 0 && len(p.Payload) > s.payload:
		return nil, fmt.Sprintf("a payload of %d bytes", len(p.Payload))
	case s.topic > 0 && len(p.Topic) > s.topic:
		return nil, fmt.Sprintf("a topic of %d bytes", len(p.Topic))
	case s.slashes > 0 && strings.Count(string(p.Topic), "/") > s.slashes:
		return nil, fmt.Sprintf("topic %s", p.Topic)
	case p.QoS > s.qos:
		return nil, fmt.Sprintf("QoS %d", p.QoS)
	case s.noRetain && p.Retain:
		return nil, "a retained message"
	case s.window > 0 && len(under.sizes) >= s.window:
		return nil, fmt.Sprintf("%d messages in flight", len(under.sizes)+1)
	case s.windowBytes > 0 && under.bytes > 0 && under.bytes >= s.windowBytes:
		return nil, fmt.Sprintf("%d bytes in flight", under.bytes+size)
	}
	if s.answer != nil {
		if r := s.answer(p); r.Failed() {
			return packet.AppendAck(nil, packet.V5, packet.PUBACK, p.ID, r), ""
		}
	}
	m := mqtt.Message{Topic: string(p.Topic), Payload: slices.Clone(p.Payload), QoS: p.QoS, Retain: p.Retain}
	p.Describe(&m)
	s.came = append(s.came, m)
	if p.QoS == 0 {
		return nil, ""
	}
	if !s.hold {
		return packet.AppendAck(nil, packet.V5, packet.PUBACK, p.ID, packet.Success), ""
	}
	under.sizes[p.ID], under.bytes = size, under.bytes+size
	return nil, ""
}

// tooMany judges the rate as servers do: by a bucket that holds a second's worth,
// for a network bunches what was sent apart.
func (s *strict) tooMany() bool {
	level, last := float64(s.rate), time.Time{}
	for _, at := range s.times {
		if !last.IsZero() {
			level = min(float64(s.rate), level+at.Sub(last).Seconds()*float64(s.rate))
		}
		last = at
		level--
	}
	return level < 0
}

// on are the messages on topics that a filter takes.
func (s *strict) on(f mqtt.Filter) []mqtt.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.came), func(m mqtt.Message) bool { return !f.Match(m.Topic) })
}

// lawful fails the test if a law was broken.
func (s *strict) lawful(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.broken) > 0 {
		t.Errorf("broken: %q", s.broken)
	}
}
