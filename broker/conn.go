package broker

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"fieldmq/broker/packet"
)

// conn is a network connection. Its goroutine reads and does all that packets
// ask for; what it has to say goes onto its line.
type conn struct {
	server *Server
	cfg    *Config // as it was when the client came, for what it is told in CONNACK
	roster *roster // of the listener that it came by, whose lock guards seated
	seated bool
	log    *slog.Logger // nil before CONNECT has said whose it is; see logger
	reader *packet.Reader
	line   line
	peer   *Peer                        // outlives it, as the source of what is retained
	heard  atomic.Int64                 // when the client was last heard, in Unix nanoseconds
	watch  timer                        // connect time-out, then keep alive
	cause  atomic.Pointer[packet.Error] // why the server ended it, if it did

	verbose  atomic.Bool // each packet is logged
	handling sync.Mutex  // held while a packet is handled
	waits    atomic.Bool // for the client to say something

	// Set by CONNECT, before greeted is.
	greeted   atomic.Bool // CONNACK is on the line
	refused   bool        // CONNACK said no, and the log why
	session   *session
	version   packet.Version
	bridge    bool          // of another broker, as packet.Connect has it
	resumed   bool          // the session goes on from an earlier connection
	keepAlive time.Duration // the client's silence that ends it; 0: any
	expiry    time.Duration // of the session, as asked for
	maxPacket int           // what the client takes, in bytes
	quota     int           // messages in flight to the client
	aliases   aliases       // of topics to the client; the session's lock guards it
	known     [][]byte      // topics by the client's alias

	// The reader's own.
	batch    *batch    // what it publishes; nil: nothing yet
	now      time.Time // of the current batch
	settled  bool      // the session's queue may move, after this batch
	answers  []byte    // to this batch
	owes     bool      // the store must have something before they go
	answered int       // how many answers there are
	received tally     // since the last batch
	part     int       // bytes of long packets since the client was heard, or of its CONNECT; see hearPart
}

// errHungUp ends a connection whose client has closed it without a word.
var errHungUp = errors.New("closed by the client")

// errDisconnected ends a connection whose client has said good-bye.
var errDisconnected = errors.New("disconnected by the client")

func (s *Server) newConn(nc net.Conn, r *roster) *conn {
	c := &conn{
		server: s,
		cfg:    s.cfg(),
		roster: r,
		peer:   r.options.peer(nc.RemoteAddr()),
	}
	c.reader = s.newReader(nc, &c.waits, min(c.cfg.MaxPacketSize, maxConnect))
	c.reader.OnPart(c.hearPart)
	c.line.conn, c.line.raw, c.line.spares, c.line.sum = nc, rawConn(nc), &s.spares, &s.figures.Sent
	c.line.room.L = &c.line.mu
	c.line.refill = func() {
		if c.session != nil {
			c.session.refill(time.Now())
		}
	}
	// Who cannot be told by the store that it fails will hear it with its answers.
	c.line.settle = func() { _ = s.commit(context.Background()) }
	c.watch.fire = c.checkAlive
	return c
}

// logger is the connection's own, also before it is known whose it is. Then it
// is made for each line: most connections have none to write.
func (c *conn) logger() *slog.Logger {
	if c.log != nil {
		return c.log
	}
	return c.server.log.With("remote", c.line.conn.RemoteAddr().String())
}

// serve reads until the connection ends, and returns when all is cleaned up.
func (c *conn) serve() {
	c.heard.Store(time.Now().UnixNano())
	c.server.timers.set(&c.watch, time.Now().Add(c.cfg.ConnectTimeout.D()))
	err := c.read()
	if c.batch != nil {
		c.batch.flush()
	}
	if c.session == nil {
		c.endConnect()
	}
	c.received.addTo(&c.server.figures.Received)
	if fault := c.giveAnswers(); fault != nil {
		err = fault
	}
	c.endPublishing()
	c.end(err)
	c.line.end()
	c.server.timers.stop(&c.watch)
}

func (c *conn) read() error {
	for {
		f, err := c.reader.Next()
		if err != nil {
			return err
		}
		if c.now.IsZero() {
			c.now = time.Now()
			c.heard.Store(c.now.UnixNano())
			c.listenLevel()
		}
		c.received.packets++
		c.received.bytes += int64(f.Size())
		if err := c.handleUnlessEnded(f); err != nil {
			return err
		}
		if c.batch.full() || !c.reader.Buffered() {
			if err := c.endBatch(); err != nil {
				return err
			}
		}
	}
}

// handleUnlessEnded handles a packet. What a client that was thrown out had
// sent, and was not told that it arrived, must not come behind what its next
// connection sends: that one waits for the packet at hand. [MQTT-4.6.0-6]
func (c *conn) handleUnlessEnded(f packet.Frame) error {
	c.handling.Lock()
	defer c.handling.Unlock()
	if own := c.cause.Load(); own != nil {
		return own
	}
	err := c.handle(f)
	if c.verbose.Load() {
		c.logReceived(f, err)
	}
	return err
}

// endBatch sends what the packets of one read have brought about: first to
// others, then the answers, and waits where the client is too fast.
func (c *conn) endBatch() error {
	if c.batch != nil {
		c.batch.flush()
	}
	if err := c.giveAnswers(); err != nil {
		return err
	}
	if c.settled {
		c.settled = false
		c.session.refill(c.now)
	}
	c.line.flush()
	c.line.wait()
	if c.batch != nil {
		c.batch.giveWay()
		c.endPublishing()
	}
	c.received.addTo(&c.server.figures.Received)
	c.now = time.Time{}
	return nil
}

// answer prepares a packet for the client; endBatch sends it.
func (c *conn) answer(write func([]byte) []byte) {
	c.answers = write(c.answers)
	c.answered++
}

// giveAnswers puts the answers onto the line, once the store has what they
// promise to have.
func (c *conn) giveAnswers() error {
	if c.owes {
		c.owes = false
		var err error
		if c.batch != nil {
			err = c.batch.refused
		}
		if err == nil {
			err = c.server.commit(context.Background())
		}
		if err != nil {
			c.answers = nil
			return packet.Errorf(packet.Unspecified, "store: %v", err)
		}
	}
	if len(c.answers) == 0 {
		return nil
	}
	if c.verbose.Load() {
		c.logAnswers()
	}
	c.line.append(c.answers, c.answered)
	c.answered = 0
	if c.answers = c.answers[:0]; cap(c.answers) > biggestArena {
		c.answers = nil
	}
	return nil
}

// handle does what one packet asks for.
func (c *conn) handle(f packet.Frame) error {
	if own := c.cause.Load(); own != nil {
		return own // the rest of a batch comes from nobody
	}
	if c.session == nil {
		if f.Type() != packet.CONNECT { // [MQTT-3.1.0-1]
			return packet.Errorf(packet.ProtocolError, "%v before CONNECT", f.Type())
		}
		return c.connect(f)
	}
	switch f.Type() {
	case packet.PUBLISH:
		return c.receive(f)
	case packet.PUBACK, packet.PUBREC, packet.PUBREL, packet.PUBCOMP:
		return c.acknowledge(f)
	case packet.SUBSCRIBE:
		return c.subscribe(f)
	case packet.UNSUBSCRIBE:
		return c.unsubscribe(f)
	case packet.PINGREQ: // [MQTT-3.12.4-1]
		if len(f.Body) > 0 {
			return packet.Errorf(packet.Malformed, "PINGREQ with a body")
		}
		c.answer(func(buf []byte) []byte { return packet.AppendPing(buf, packet.PINGRESP) })
		return nil
	case packet.DISCONNECT:
		return c.disconnect(f)
	}
	// A second CONNECT [MQTT-3.1.0-2], AUTH without a method [MQTT-4.12.0-6],
	// and what only servers send.
	return packet.Errorf(packet.ProtocolError, "%v from a client that is connected", f.Type())
}

// acknowledge does what PUBACK, PUBREC, PUBREL and PUBCOMP ask for.
func (c *conn) acknowledge(f packet.Frame) error {
	var p packet.Ack
	if err := p.Decode(c.version, f); err != nil {
		return err
	}
	switch f.Type() {
	case packet.PUBACK:
		c.settled = true
		return c.session.acknowledged(c, p.ID)
	case packet.PUBREC:
		c.settled = true
		answer, with, err := c.session.receivedBy(c, p.ID, p.Reason)
		if err != nil {
			return err
		}
		if answer {
			c.ack(packet.PUBREL, p.ID, with)
		}
	case packet.PUBREL:
		// One that is repeated after a reconnect may have had its answer.
		if c.session.released(c, p.ID) || c.resumed {
			c.ack(packet.PUBCOMP, p.ID, packet.Success)
		} else {
			c.ack(packet.PUBCOMP, p.ID, packet.IDNotFound)
		}
	case packet.PUBCOMP:
		c.settled = true
		return c.session.completed(c, p.ID)
	}
	return nil
}

func (c *conn) ack(t packet.Type, id uint16, r packet.Reason) {
	c.owes = true
	c.answered++
	c.answers = packet.AppendAck(c.answers, c.version, t, id, r)
}

// disconnect does what DISCONNECT asks for.
func (c *conn) disconnect(f packet.Frame) error {
	var p packet.Disconnect
	if err := p.Decode(c.version, f); err != nil {
		return err
	}
	expiry := c.expiry
	if p.Properties.Has(packet.SessionExpiry) {
		asked := p.Properties.Number(packet.SessionExpiry)
		if asked != 0 && c.expiry == 0 { // [MQTT-3.14.2-2]
			return packet.Errorf(packet.ProtocolError, "session expiry set at DISCONNECT")
		}
		expiry = c.cfg.sessionExpiry(asked)
	}
	c.server.exit(c.session, c, p.Reason != packet.Success, &expiry) // [MQTT-3.14.4-3]
	return errDisconnected
}

// end takes leave of the client and tells the log why.
func (c *conn) end(err error) {
	var fault *packet.Error
	switch own := c.cause.Load(); {
	case own != nil:
		fault = own
	case errors.As(err, &fault):
		c.leaveFor(fault)
	case errors.Is(err, io.EOF):
		err = errHungUp
	}
	if fault != nil {
		err = fault
	}
	if c.session == nil {
		c.endStranger(err)
		return
	}
	c.server.exit(c.session, c, true, nil)
	c.log.Info("client disconnected", "reason", err)
}

// audible is how many bytes of a packet are a sign of life. A client that sends a
// long one over a slow line cannot ping in the middle of it.
const audible = 1000

// strangersRoom is how many bytes of CONNECTs that have not come to their end are
// kept, of all connections together: nobody knows yet whose they are. Most come in
// one piece, and take none of it.
const strangersRoom = 32 << 20

// hearPart hears a client by n bytes of a packet that has not come to its end.
func (c *conn) hearPart(n int) {
	c.part += n
	switch {
	case c.session == nil:
		if c.server.strangers.Add(int64(n)) > c.server.strangersRoom {
			c.leaveFor(packet.Errorf(packet.ServerBusy, "too many long CONNECTs at once"))
		}
	case c.part >= audible:
		c.part = 0
		c.heard.Store(time.Now().UnixNano())
	}
}

// endConnect gives back what a CONNECT has taken of strangersRoom.
func (c *conn) endConnect() {
	c.server.strangers.Add(-int64(c.part))
	c.part = 0
}

// endStranger tells why a client did not get in, unless its CONNECT was answered
// and the log has it. Who only looked whether somebody listens is not worth a line.
func (c *conn) endStranger(err error) {
	level := slog.LevelInfo
	var fault *packet.Error
	leaving := errors.As(err, &fault) && fault.Reason == packet.ShuttingDown
	if c.refused || leaving || errors.Is(err, errHungUp) || errors.Is(err, syscall.ECONNRESET) {
		level = slog.LevelDebug
	}
	c.logger().Log(context.Background(), level, "connection ended before CONNECT", "listener", c.peer.Listener, "reason", err)
}

// leave implements holder.
func (c *conn) leave(r packet.Reason) { c.leaveFor(packet.Errorf(r, "ended by the server")) }

// leaveFor ends the connection and tells a client of 5.0 why. [MQTT-4.13.1-1]
// It does not wait.
func (c *conn) leaveFor(fault *packet.Error) {
	c.cause.CompareAndSwap(nil, fault)
	c.line.close(func(buf []byte) []byte {
		if c.greeted.Load() && c.version == packet.V5 {
			buf = packet.AppendDisconnect(buf, c.version, fault.Reason, nil)
		}
		return buf
	})
}

// checkAlive ends the connection of a client that was silent for too long, and
// says when to look again. [MQTT-3.1.2-22]
func (c *conn) checkAlive(now time.Time) time.Time {
	if !c.greeted.Load() {
		c.leaveFor(packet.Errorf(packet.KeepAliveTimeout, "no CONNECT in time"))
		return time.Time{}
	}
	if c.keepAlive == 0 {
		return time.Time{}
	}
	if due := time.Unix(0, c.heard.Load()).Add(c.keepAlive); due.After(now) {
		return due
	}
	c.leaveFor(packet.Errorf(packet.KeepAliveTimeout, "silent for %v", c.keepAlive))
	return time.Time{}
}
