package bridge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
	"github.com/eclipse/paho.golang/paho/log"
)

// pinger finds links that are dead although nobody closed them. Whatever comes
// is life; PINGREQ is sent after a silence of either side only, so that it does
// not stand behind a backlog on a slow link and be missed there.
//
// PINGRESP tells one thing more: the server has read what was sent before PINGREQ. So
// they are counted.
type pinger struct{ conn *conn }

var _ paho.Pinger = (*pinger)(nil)

var errSilent = errors.New("the server does not answer")

// mostAnswer is how long the server may take to answer PINGREQ at most.
const mostAnswer = 10 * time.Second

// Run watches the connection until ctx ends or it is dead. keepAlive is what
// the server asks for, in seconds.
func (p *pinger) Run(ctx context.Context, _ net.Conn, keepAlive uint16) error {
	if keepAlive == 0 {
		return nil
	}
	idle := time.Duration(keepAlive) * time.Second / 2
	answer := min(idle, mostAnswer)
	tick := time.NewTicker(answer / 4)
	defer tick.Stop()
	var asked time.Duration // the age at which PINGREQ was written
	var sent time.Duration  // and at which it had left; 0: not yet
	patience := answer
	open := false // it is not answered
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now, heard, spoke := p.conn.age(), time.Duration(p.conn.heard.Load()), time.Duration(p.conn.spoke.Load())
		switch {
		case open && heard > asked:
			open = false
		case open && sent == 0: // a link on which nothing leaves is found dead by that
			if p.conn.gone.Load() < int64(asked) {
				continue
			}
			if sent = asked; now-asked > answer/2 { // behind much else, on a slow link
				sent, patience = now, 3*answer
			}
		case open && now-sent > patience:
			err := fmt.Errorf("%w for %v", errSilent, (now - heard).Round(time.Second))
			p.conn.fail(err)
			return err
		case !open && now-min(heard, spoke) >= idle:
			open, asked, sent, patience = true, now, 0, answer
			if _, err := p.conn.ping(); err != nil {
				return err
			}
		}
	}
}

// PacketSent implements paho.Pinger; the connection itself knows.
func (*pinger) PacketSent() {}

// PacketReceived implements paho.Pinger.
func (*pinger) PacketReceived() {}

// PingResp implements paho.Pinger.
func (p *pinger) PingResp() {
	p.conn.pongs.Add(1)
	select {
	case p.conn.answered <- struct{}{}:
	default:
	}
}

// ping sends a PINGREQ. The server has read what was written before when as many
// were answered as its number says.
func (c *conn) ping() (number int64, err error) {
	c.pinging.Lock()
	defer c.pinging.Unlock()
	c.pings++
	_, err = packets.NewControlPacket(packets.PINGREQ).WriteTo(c)
	return c.pings, err
}

// SetDebug implements paho.Pinger.
func (*pinger) SetDebug(log.Logger) {}
