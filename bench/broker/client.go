//go:build linux

package main

import (
	"fmt"
	"net"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// client is a connection that speaks MQTT 3.1.1. It reads and writes many
// packets at once, so that the load costs less than what it loads.
type client struct {
	conn   net.Conn
	reader *packet.Reader
	out    []byte
}

// helloTime is how long a broker may take to let a client in.
const helloTime = 10 * time.Second

func dial(addr, id string) (*client, error) {
	conn, err := net.DialTimeout("tcp", addr, helloTime)
	if err != nil {
		return nil, err
	}
	c := &client{conn: conn, reader: packet.NewReader(conn, packet.MaxPacket)}
	hello := packet.Connect{Version: packet.V311, CleanStart: true, ClientID: id}
	if _, err = c.ask(hello.Append(nil), packet.CONNACK); err != nil {
		_ = conn.Close() // it is of no use
		return nil, fmt.Errorf("connect %s: %w", id, err)
	}
	return c, nil
}

// ask writes a packet and waits for its answer, which comes next.
func (c *client) ask(question []byte, want packet.Type) (packet.Frame, error) {
	_ = c.conn.SetDeadline(time.Now().Add(helloTime)) // a closed connection fails below
	if _, err := c.conn.Write(question); err != nil {
		return packet.Frame{}, err
	}
	f, err := c.reader.Next()
	if err == nil && f.Type() != want {
		err = fmt.Errorf("%v instead of %v", f.Type(), want)
	}
	_ = c.conn.SetDeadline(time.Time{})
	return f, err
}

func (c *client) subscribe(filter mqtt.Filter, qos mqtt.QoS) error {
	p := packet.Subscribe{ID: 1, Subscriptions: []packet.Subscription{{Filter: filter, QoS: qos}}}
	f, err := c.ask(p.Append(nil, packet.V311), packet.SUBACK)
	if err != nil {
		return fmt.Errorf("subscribe %s: %w", filter, err)
	}
	if granted := f.Body[len(f.Body)-1]; granted != byte(qos) {
		return fmt.Errorf("subscribe %s: granted %#x, not QoS %d", filter, granted, qos)
	}
	return nil
}

// acknowledge answers a packet of QoS 1 or 2; flush sends it.
func (c *client) acknowledge(t packet.Type, id uint16) {
	c.out = packet.AppendAck(c.out, packet.V311, t, id, packet.Success)
}

// flush writes what has gathered.
func (c *client) flush() error {
	if len(c.out) == 0 {
		return nil
	}
	_, err := c.conn.Write(c.out)
	c.out = c.out[:0]
	return err
}
