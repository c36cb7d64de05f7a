package broker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// ErrGone: the session of a client in this process has ended.
var ErrGone = errors.New("session has ended")

// ConnectOptions say who connects from within the process.
type ConnectOptions struct {
	ClientID  string
	Will      *mqtt.Message // published if the session ends by Drop; nil: none
	WillDelay time.Duration // how long after that
}

// Client is a session of this process. It costs no socket and no goroutine.
// Clients outside cannot take its client id.
type Client struct {
	server  *Server
	session *session

	mu   sync.Mutex
	gone bool
}

// Connect opens a session for a client in this process. A client that holds
// the id is disconnected.
func (s *Server) Connect(ctx context.Context, o ConnectOptions) (*Client, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c := &Client{server: s}
	e := entry{id: o.ClientID, inner: true, holder: c}
	if o.Will != nil {
		if !mqtt.ValidTopic(o.Will.Topic) {
			return nil, fmt.Errorf("connect %q: %q is no topic", o.ClientID, o.Will.Topic)
		}
		e.will = &packet.Will{Message: *o.Will, Delay: o.WillDelay}
		e.expiry = o.WillDelay // or the end of the session would speak at once
	}
	session, err := s.enter(&e)
	if err != nil {
		return nil, fmt.Errorf("connect %q: %w", o.ClientID, err)
	}
	c.session = session
	return c, nil
}

// Publish publishes messages in the name of the client.
func (c *Client) Publish(ctx context.Context, messages ...mqtt.Message) error {
	c.mu.Lock()
	gone := c.gone
	c.mu.Unlock()
	if gone {
		return ErrGone
	}
	return c.server.publish(ctx, c.session, Received{}, messages)
}

// Disconnect ends the session in good order: the will is forgotten.
func (c *Client) Disconnect() { c.end(false) }

// Drop ends the session as a broken connection would: the server publishes the
// will.
func (c *Client) Drop() { c.end(true) }

func (c *Client) end(withWill bool) {
	if c.ended() {
		c.server.exit(c.session, c, withWill, nil)
	}
}

// ended says whether this call is the one that ends the client.
func (c *Client) ended() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	first := !c.gone
	c.gone = true
	return first
}

// leave implements holder: another client took the session over.
func (c *Client) leave(packet.Reason) { c.ended() }

// Publish publishes messages from this process, in order. It fails for a topic
// that is none, and then publishes nothing, or if the store does. A message's
// payload is the server's from then on.
func (s *Server) Publish(ctx context.Context, messages ...mqtt.Message) error {
	return s.publish(ctx, nil, Received{}, messages)
}

// publish publishes messages, and waits for the store if that has any of them. The
// origin, if there is one, goes to the store with the message.
func (s *Server) publish(ctx context.Context, from *session, origin Received, messages []mqtt.Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for i := range messages {
		if !mqtt.ValidTopic(messages[i].Topic) {
			return fmt.Errorf("publish: %.80q is no topic", messages[i].Topic)
		}
	}
	owes, refused := false, error(nil)
	s.withCourier(func(k *courier) {
		now := time.Now()
		k.origin = origin
		for i := range messages {
			k.carry(messages[i], from, nil, now)
			owes = owes || messages[i].QoS > mqtt.AtMostOnce && k.noted
		}
		if refused = k.refused; refused == nil && k.origin != (Received{}) {
			s.note(k.origin)
		}
		k.origin = Received{}
	})
	if refused != nil || !owes {
		return refused
	}
	return s.commit(ctx)
}

// Retained returns the retained messages that a filter takes, in order of their
// topics, as a new subscriber gets them.
func (s *Server) Retained(filter mqtt.Filter) []mqtt.Message {
	var messages []mqtt.Message
	for _, m := range s.offered(filter, time.Now()) {
		messages = append(messages, m.Message)
	}
	return messages
}
