package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"syscall"
	"time"

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
	// ackTimeout is how long a message may go without acknowledgement until the
	// connection counts as broken.
	ackTimeout = 60 * time.Second
	// farewell is how long the end of the gateway may take.
	farewell = 2 * time.Second
)

// link is one connection to the upstream.
type link struct {
	*Bridge
	conn    *conn
	client  *paho.Client
	aliases aliases

	questions  []mqtt.Message // of the format, that the sender has still to ask
	subscribed atomic.Bool    // answers come
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
	if !ack.SessionPresent {
		l.presence.forgotten()
	}
	if l.status != "" {
		l.queue.assert(l.word(l.identity.Online))
	}
	l.aliases.limit = l.queue.allowed().aliases
	err = l.carry(ctx)
	<-l.client.Done()
	lost := l.lost(err)
	switch brief := time.Since(began) < time.Minute; {
	case brief && hungUp(lost):
		lost = fmt.Errorf("%w: %w", errHungUp, lost)
	case !brief || l.queue.progressed():
		l.pause.reset()
	}
	if topic := l.queue.end(l.guilt()); topic != "" {
		l.log.Error("message given up: upstream disconnects over it", "topic", topic)
	}
	return lost
}

// carry sends and subscribes until the connection is lost, or ctx ends and
// goodbye is said.
func (l *link) carry(ctx context.Context) error {
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	group, working := errgroup.WithContext(working)
	group.Go(func() error { return l.send(working) })
	group.Go(func() error {
		err := l.subscribe(working)
		l.subscribed.Store(err == nil)
		l.queue.ring()
		return err
	})
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
	switch cause := l.conn.reason(); {
	case !hungUp(cause):
		return 0
	case l.config.Limits.HangsUp && !wasReset(cause): // a network resets, too
		return guiltNamed
	}
	return guiltUnnamed
}

// hungUp says whether the other side ended a connection, without a word.
func hungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || wasReset(err)
}

// wasReset says whether it did so without reading what had arrived.
func wasReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
