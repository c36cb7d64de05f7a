// Package remote asks a running gateway, as any MQTT client could: tools use it
// for a bus that the gateway holds. Requests are MQTT 5 requests with a response
// topic, on device/<gateway>/tools/...; the broker's access rules decide who may
// make them.
package remote

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/eclipse/paho.golang/paho"
)

// Config is how a gateway's broker is reached.
type Config struct {
	// URL is mqtt://, mqtts:// or unix://; a user may stand in it.
	URL            string
	User, Password string
}

// Client is a connection to a gateway's broker. Ask may be called from several
// goroutines.
type Client struct {
	url  string
	mqtt *paho.Client
	id   string
	gone chan struct{} // closed when the connection is lost

	mu      sync.Mutex
	lost    error
	waiting map[string]chan []byte // by correlation data
	heard   func(topic string, payload []byte)
	replies map[string]bool // response topics that are subscribed to
	next    int
}

// dialTimeout is how long it may take to reach a broker.
const dialTimeout = 5 * time.Second

// ErrRefused is a broker that is there and does not let us in.
var ErrRefused = errors.New("the broker lets nobody in by that name and password: give them as mqtt://user@host and in FIELDMQ_PASSWORD")

// errNobody is a request that no gateway listens to.
var errNobody = errors.New("nobody listens there")

// Dial connects to a broker.
func Dial(ctx context.Context, config Config) (*Client, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	u, err := url.Parse(config.URL)
	if err != nil {
		return nil, err
	}
	if u.User != nil && config.User == "" {
		config.User = u.User.Username()
		if p, ok := u.User.Password(); ok {
			config.Password = p
		}
	}
	conn, err := dial(ctx, u)
	if err != nil {
		return nil, err
	}
	u.User = nil
	c := &Client{
		url: u.String(), gone: make(chan struct{}),
		waiting: map[string]chan []byte{}, replies: map[string]bool{},
	}
	c.mqtt = paho.NewClient(paho.ClientConfig{
		Conn:              conn,
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){c.take},
		OnClientError:     c.lose,
		OnServerDisconnect: func(d *paho.Disconnect) {
			c.lose(fmt.Errorf("the broker has ended the connection: reason code 0x%02X", d.ReasonCode))
		},
	})
	if err := c.connect(ctx, config); err != nil {
		return nil, fmt.Errorf("%s: %w", c.url, err)
	}
	return c, nil
}

func (c *Client) connect(ctx context.Context, config Config) error {
	packet := &paho.Connect{KeepAlive: 30, CleanStart: true}
	if config.User != "" {
		packet.UsernameFlag, packet.Username = true, config.User
		packet.PasswordFlag, packet.Password = config.Password != "", []byte(config.Password)
	}
	answer, err := c.mqtt.Connect(ctx, packet)
	switch {
	case answer != nil && (answer.ReasonCode == 0x86 || answer.ReasonCode == 0x87):
		return ErrRefused
	case err != nil:
		return err
	}
	if answer.Properties != nil && answer.Properties.AssignedClientID != "" {
		c.id = answer.Properties.AssignedClientID
	}
	return nil
}

func dial(ctx context.Context, u *url.URL) (net.Conn, error) {
	var d net.Dialer
	host := func(port string) string {
		if u.Port() != "" {
			port = u.Port()
		}
		return net.JoinHostPort(u.Hostname(), port)
	}
	switch u.Scheme {
	case "mqtt", "tcp":
		return d.DialContext(ctx, "tcp", host("1883"))
	case "mqtts":
		return (&tls.Dialer{Config: &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}}).DialContext(ctx, "tcp", host("8883"))
	case "unix":
		return d.DialContext(ctx, "unix", u.Path)
	}
	return nil, fmt.Errorf("%q is none of mqtt://, mqtts:// and unix://", u.Scheme+"://")
}

// URL is the broker's.
func (c *Client) URL() string { return c.url }

// Close ends the connection.
func (c *Client) Close() error { return c.mqtt.Disconnect(&paho.Disconnect{}) }

func (c *Client) lose(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lost == nil {
		c.lost = err
		close(c.gone)
	}
}

func (c *Client) take(r paho.PublishReceived) (bool, error) {
	c.mu.Lock()
	var to chan []byte
	if p := r.Packet.Properties; p != nil {
		to = c.waiting[string(p.CorrelationData)]
	}
	heard := c.heard
	c.mu.Unlock()
	switch {
	case to != nil:
		select {
		case to <- r.Packet.Payload:
		default: // a second answer to one request
		}
	case heard != nil:
		heard(r.Packet.Topic, r.Packet.Payload)
	}
	return true, nil
}

// Ask publishes a request to a device's topic and returns the answer, which
// the device gives by itself or ctx ends the wait for.
func (c *Client) Ask(ctx context.Context, device, topic string, payload []byte) ([]byte, error) {
	reply := c.reply(device)
	if err := c.listen(ctx, reply); err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.next++
	number := fmt.Sprint(c.next)
	answer := make(chan []byte, 1)
	c.waiting[number] = answer
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.waiting, number)
		c.mu.Unlock()
	}()
	sent, err := c.mqtt.Publish(ctx, &paho.Publish{
		Topic: topic, QoS: 1, Payload: payload,
		Properties: &paho.PublishProperties{ResponseTopic: reply, CorrelationData: []byte(number)},
	})
	switch {
	case sent != nil && sent.ReasonCode == 0x87:
		return nil, fmt.Errorf("%s: the broker's access rules do not let you publish to %s", c.url, topic)
	case err != nil:
		return nil, err
	case sent.ReasonCode == 0x10:
		return nil, errNobody
	}
	select {
	case payload := <-answer:
		return payload, nil
	case <-c.gone:
		return nil, c.why()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (c *Client) why() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lost
}

// listen subscribes to a response topic once.
func (c *Client) listen(ctx context.Context, topic string) error {
	c.mu.Lock()
	known := c.replies[topic]
	c.mu.Unlock()
	if known {
		return nil
	}
	if err := c.subscribe(ctx, topic); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.replies[topic] = true
	return nil
}

func (c *Client) subscribe(ctx context.Context, filter string) error {
	_, err := c.mqtt.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: filter, QoS: 1}}})
	if err != nil {
		return fmt.Errorf("%s: subscribe to %s: %w", c.url, filter, err)
	}
	return nil
}

// Follow hands over all that is published on a filter, retained messages first,
// until ctx ends or take returns false. Only one may follow at a time.
func (c *Client) Follow(ctx context.Context, filter string, take func(topic string, payload []byte) bool) error {
	type message struct {
		topic   string
		payload []byte
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	messages := make(chan message)
	c.hear(func(topic string, payload []byte) {
		select {
		case messages <- message{topic, payload}:
		case <-ctx.Done():
		}
	})
	defer c.hear(nil)
	if err := c.subscribe(ctx, filter); err != nil {
		return err
	}
	for {
		select {
		case m := <-messages:
			if !take(m.topic, m.payload) {
				return nil
			}
		case <-c.gone:
			return c.why()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// settle is how long a broker may take to hand out what it has retained, where
// it does not let us see the end of it.
const settle = time.Second

// Retained are the retained messages on a filter, by their topics.
func (c *Client) Retained(ctx context.Context, filter string) (map[string][]byte, error) {
	var mu sync.Mutex
	found := map[string][]byte{}
	c.hear(func(topic string, payload []byte) {
		mu.Lock()
		defer mu.Unlock()
		found[topic] = payload
	})
	defer c.hear(nil)
	if err := c.subscribe(ctx, filter); err != nil {
		return nil, err
	}
	// What comes back of a message of ours comes behind them.
	echo, cancel := context.WithTimeout(ctx, settle)
	defer cancel()
	if _, err := c.Ask(echo, "fieldmq", c.reply("fieldmq"), nil); err != nil {
		<-echo.Done()
	}
	if _, err := c.mqtt.Unsubscribe(ctx, &paho.Unsubscribe{Topics: []string{filter}}); err != nil {
		return nil, err
	}
	mu.Lock()
	defer mu.Unlock()
	return found, ctx.Err()
}

func (c *Client) hear(f func(topic string, payload []byte)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard = f
}

// reply is the response topic for answers of a device.
func (c *Client) reply(device string) string { return "device/" + device + "/reply/" + c.id }

// Gateways are the ids of the gateways that speak on the broker.
func (c *Client) Gateways(ctx context.Context) ([]string, error) {
	infos, err := c.Retained(ctx, "device/+/info")
	if err != nil {
		return nil, err
	}
	var ids []string
	for topic, payload := range infos {
		var info struct {
			Driver string `json:"driver"`
		}
		if json.Unmarshal(payload, &info) == nil && info.Driver == "gateway" {
			ids = append(ids, strings.Split(topic, "/")[1])
		}
	}
	return ids, nil
}
