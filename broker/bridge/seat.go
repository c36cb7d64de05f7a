package bridge

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/eclipse/paho.golang/paho"

	"fieldmq/broker/packet"
)

// seat is the session of one device upstream: connected while the device is
// online, with offline as its will.
type seat struct {
	*presence
	clientID, topic string
	pause           pause
	news            chan struct{} // want has changed, or someone contradicts; room for one

	mu    sync.Mutex
	want  string // status here; empty: the device is removed
	said  string // what the server has from us
	known bool   // it has something
	again bool   // someone contradicted
}

// set is told of the status here.
func (s *seat) set(word string) {
	s.mu.Lock()
	s.want = word
	s.mu.Unlock()
	s.ring()
}

func (s *seat) ring() {
	select {
	case s.news <- struct{}{}:
	default:
	}
}

// due is what is to be said now, if anything.
func (s *seat) due() (word string, due bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.want, !s.known || s.again || s.want != s.said
}

func (s *seat) note(word string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said, s.known, s.again = word, true, false
}

// doubt makes a device that is offline say so again: the server may have
// forgotten it. Of one that is online the connection tells.
func (s *seat) doubt() {
	s.mu.Lock()
	s.known = s.known && s.said == string(s.identity.Online.Payload)
	s.mu.Unlock()
	s.ring()
}

// lose notes that the connection is gone and the will may have spoken.
func (s *seat) lose() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known = false
}

// run keeps the server informed until ctx ends.
func (s *seat) run(ctx context.Context) {
	for ctx.Err() == nil {
		if _, due := s.due(); !due {
			select {
			case <-ctx.Done():
			case <-s.news:
			}
			continue
		}
		err := s.visit(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			continue
		}
		s.lose()
		select {
		case <-ctx.Done():
		case <-time.After(s.pause.next(err)):
		}
	}
}

// visit connects, says the status, and stays as long as the device is online.
func (s *seat) visit(ctx context.Context) error {
	if err := s.turn(ctx); err != nil {
		return err
	}
	raw, err := s.config.dial(ctx)
	if err != nil {
		return s.failed(err)
	}
	c := newConn(raw)
	go c.flush()
	defer c.Close()      // waits for flush
	var parting *refusal // written before Done
	client := paho.NewClient(paho.ClientConfig{
		Conn: c, PingHandler: &pinger{c}, PacketTimeout: connackTimeout,
		OnServerDisconnect: func(d *paho.Disconnect) { parting = &refusal{"DISCONNECT", packet.Reason(d.ReasonCode), ""} },
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(r paho.PublishReceived) (bool, error) {
			s.hear(r.Packet.Topic, string(r.Packet.Payload))
			return true, nil
		}},
	})
	number := strconv.FormatInt(s.nextNumber(), 10)
	request, err := s.request(number)
	if err != nil {
		return s.failed(err)
	}
	ack, err := client.Connect(ctx, request)
	if err != nil {
		return s.failed((&link{Bridge: s.Bridge, conn: c}).notConnected(ack, err))
	}
	s.trouble(s.clientID, nil)
	err = s.stay(ctx, client, number)
	<-client.Done()
	switch {
	case err == nil:
		s.pause.reset()
		return nil
	case parting != nil:
		return s.failed(parting)
	}
	return err
}

func (s *seat) failed(err error) error {
	s.trouble(s.clientID, err)
	return err
}

// turn waits until the gateway itself is connected and it is this device's turn:
// where the gateway is not let in, its devices do not try.
func (s *seat) turn(ctx context.Context) error {
	const look = 200 * time.Millisecond
	for !s.isConnected() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(look):
		}
	}
	return s.connects.wait(ctx)
}

// request is the CONNECT of a device. The session lasts a little longer than the
// will is delayed, so that who comes back in time is not said to be gone.
func (s *seat) request(number string) (*paho.Connect, error) {
	password, err := s.config.Password.Reveal()
	if err != nil {
		return nil, err
	}
	delay := seconds(s.config.WillDelay.D())
	expiry := delay + 60
	will := s.word(string(s.identity.Offline.Payload))
	c := &paho.Connect{
		ClientID:     s.clientID,
		Username:     s.config.Username,
		UsernameFlag: s.config.Username != "",
		Password:     []byte(password),
		PasswordFlag: password != "",
		KeepAlive:    uint16(min(65_535, seconds(s.config.KeepAlive.D()))),
		Properties:   &paho.ConnectProperties{SessionExpiryInterval: &expiry, RequestProblemInfo: true},
		WillMessage:  &paho.WillMessage{Topic: will.Topic, Payload: will.Payload, QoS: byte(will.QoS), Retain: will.Retain},
		WillProperties: &paho.WillProperties{
			WillDelayInterval: &delay, ContentType: will.ContentType, User: paho.UserProperties{{Key: propSession, Value: number}},
		},
	}
	return c, nil
}

// stay says what is due until the device is offline, the connection is lost, or
// ctx ends: then it says that the device is gone. Where it cannot say so, the will
// does.
func (s *seat) stay(ctx context.Context, client *paho.Client, number string) error {
	err := s.follow(ctx, client, number)
	switch {
	case isDone(client):
		return errLost
	case ctx.Err() != nil:
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
		defer cancel()
		err = s.say(last, client, s.lastWord(), number)
	}
	if err != nil {
		return errors.Join(err, client.Disconnect(&paho.Disconnect{ReasonCode: byte(packet.DisconnectWithWill)}))
	}
	return client.Disconnect(&paho.Disconnect{})
}

// follow says each status here until one is not online, and fails when the
// connection is lost or ctx ends.
func (s *seat) follow(ctx context.Context, client *paho.Client, number string) error {
	// With no local, a will of this client would not come.
	filter := paho.SubscribeOptions{Topic: s.topic, QoS: byte(s.word("").QoS)}
	if _, err := client.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{filter}}); err != nil && !isDone(client) {
		s.log.Debug("no subscription to a device's status", "client", s.clientID, "error", err)
	}
	for {
		word, due := s.due()
		if due {
			if err := s.say(ctx, client, word, number); err != nil {
				return err
			}
		}
		if word != string(s.identity.Online.Payload) {
			return nil
		}
		select {
		case <-s.news:
		case <-client.Done():
			return errLost
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// lastWord is what is true of the device once the gateway is gone: an online one
// is offline, one that is removed stays so.
func (s *seat) lastWord() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.want == string(s.identity.Online.Payload) {
		return string(s.identity.Offline.Payload)
	}
	return s.want
}

// errLost: the connection of a device ended by itself.
var errLost = errors.New("the connection is lost")

func isDone(client *paho.Client) bool {
	select {
	case <-client.Done():
		return true
	default:
		return false
	}
}

// say publishes a status and waits until the server has it.
func (s *seat) say(ctx context.Context, client *paho.Client, word, number string) error {
	m := s.word(word)
	s.note(word) // before it comes back to hear
	p := &paho.Publish{
		Topic: m.Topic, Payload: m.Payload, QoS: byte(m.QoS), Retain: m.Retain,
		Properties: &paho.PublishProperties{ContentType: m.ContentType, User: paho.UserProperties{
			{Key: propSession, Value: number}, {Key: propHop, Value: s.mark()},
		}},
	}
	bounded, cancel := context.WithTimeout(ctx, ackTimeout)
	defer cancel()
	_, err := client.Publish(bounded, p)
	return err
}

// hear is told what comes on the device's own topic: a late will, or what a
// broker that was restored believes, is contradicted.
func (s *seat) hear(topic, word string) {
	s.mu.Lock()
	stale := topic == s.topic && s.known && word != s.said
	s.again = s.again || stale
	s.mu.Unlock()
	if stale {
		s.ring()
	}
}
