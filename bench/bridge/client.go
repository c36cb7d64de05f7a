//go:build linux

package main

import (
	"errors"
	"fmt"
	"net"
	"time"

	"fieldmq/broker/packet"
)

// helloTime is how long a broker may take to let a client in.
const helloTime = 5 * time.Second

// client is a connection that speaks MQTT 5.
type client struct {
	conn   net.Conn
	reader *packet.Reader
}

// dial connects with a session that lasts.
func dial(addr, id string, window uint32) (*client, error) {
	conn, err := net.DialTimeout("tcp", addr, helloTime)
	if err != nil {
		return nil, err
	}
	c := &client{conn: conn, reader: packet.NewReader(conn, packet.MaxPacket)}
	hello := packet.Connect{Version: packet.V5, ClientID: id}
	hello.Properties.SetNumber(packet.SessionExpiry, 3600)
	hello.Properties.SetNumber(packet.ReceiveMaximum, window)
	_ = conn.SetDeadline(time.Now().Add(helloTime)) // a closed connection fails below
	if _, err = conn.Write(hello.Append(nil)); err == nil {
		err = c.awaitConnack()
	}
	if err != nil {
		_ = conn.Close() // it is of no use
		return nil, fmt.Errorf("connect %s: %w", id, err)
	}
	return c, conn.SetDeadline(time.Time{})
}

func (c *client) awaitConnack() error {
	f, err := c.reader.Next()
	if err != nil {
		return err
	}
	if f.Type() != packet.CONNACK {
		return fmt.Errorf("%v instead of CONNACK", f.Type())
	}
	var ack packet.Connack
	if err := ack.Decode(packet.V5, f.Body); err != nil {
		return err
	}
	if ack.Reason.Failed() {
		return errors.New(ack.Reason.String())
	}
	return nil
}
