package bridge

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/eclipse/paho.golang/paho"

	"fieldmq/broker/packet"
)

// request is the CONNECT.
func (l *link) request() (*paho.Connect, error) {
	password, err := l.config.Password.Reveal()
	if err != nil {
		return nil, err
	}
	l.countSession()
	expiry, maximum, largest := seconds(l.config.SessionExpiry.D()), uint16(receiveMaximum), uint32(mostPacket)
	c := &paho.Connect{
		ClientID:     l.config.ClientID,
		Username:     l.config.Username,
		UsernameFlag: l.config.Username != "",
		Password:     []byte(password),
		PasswordFlag: password != "",
		CleanStart:   l.config.CleanStart,
		KeepAlive:    uint16(min(math.MaxUint16, seconds(l.config.KeepAlive.D()))),
		Properties: &paho.ConnectProperties{
			SessionExpiryInterval: &expiry, ReceiveMaximum: &maximum, MaximumPacketSize: &largest, RequestProblemInfo: true,
		},
	}
	if l.status != "" && l.config.Limits.Will {
		l.addWill(c)
	}
	return c, nil
}

// countSession gives the connection a number above that of the one before. The
// first of all is the time, so that it is above those of a gateway whose folder was
// lost, too.
func (l *link) countSession() {
	key := own(l.identity.Upstream) + "session"
	last, err := strconv.ParseInt(string(l.keeper.Get(key)), 10, 64)
	if err != nil {
		last = time.Now().Unix()
	}
	next := max(last, l.session.Load()) + 1
	if err := l.keeper.Put(key, strconv.AppendInt(nil, next, 10)); err != nil {
		l.log.Warn("the number of the connection is not kept, and may come again", "error", err)
	}
	l.session.Store(next)
}

// addWill makes the server say that the gateway is offline when it is gone.
func (l *link) addWill(c *paho.Connect) {
	will, number := l.word(l.identity.Offline), l.number()
	delay := seconds(l.config.WillDelay.D())
	c.WillMessage = &paho.WillMessage{Topic: will.Topic, Payload: will.Payload, QoS: byte(min(will.QoS, l.config.Limits.QoS)), Retain: will.Retain && l.config.Limits.Retain}
	c.WillProperties = &paho.WillProperties{WillDelayInterval: &delay, ContentType: will.ContentType}
	c.WillProperties.User.Add(number.Name, number.Value)
}

func seconds(d time.Duration) uint32 { return uint32(min(d/time.Second, math.MaxUint32)) }

// notConnected is why CONNECT failed.
func (l *link) notConnected(ack *paho.Connack, err error) error {
	switch {
	case ack != nil && ack.ReasonCode == 1: // of 3.1.1, which has no other word for it
		return &refusal{"CONNACK", packet.UnsupportedVersion, ""}
	case ack != nil && ack.ReasonCode >= 0x80:
		return &refusal{"CONNACK", packet.Reason(ack.ReasonCode), ack.Properties.ReasonString}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return err
	}
	return fmt.Errorf("%w: %w", errHandshake, errors.Join(err, l.conn.reason()))
}
