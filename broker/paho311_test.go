package broker

import (
	"fmt"
	"slices"
	"testing"
	"time"

	paho311 "github.com/eclipse/paho.mqtt.golang"
)

// client311 is the client that most Go programs of 3.1.1 use.
type client311 struct {
	t *testing.T
	paho311.Client
	came chan string
}

func dial311(t *testing.T, addr, id string, set func(*paho311.ClientOptions)) *client311 {
	t.Helper()
	c := &client311{t: t, came: make(chan string, 100)}
	o := paho311.NewClientOptions().AddBroker("tcp://" + addr).SetClientID(id).SetOrderMatters(true)
	o.SetMaxReconnectInterval(50 * time.Millisecond).SetConnectRetryInterval(50 * time.Millisecond)
	o.SetDefaultPublishHandler(func(_ paho311.Client, m paho311.Message) {
		c.came <- fmt.Sprintf("%s %s %d %v", m.Topic(), m.Payload(), m.Qos(), m.Retained())
	})
	if set != nil {
		set(o)
	}
	c.Client = paho311.NewClient(o)
	c.do(c.Connect())
	t.Cleanup(func() { c.Disconnect(0) })
	return c
}

// do waits for what was asked for.
func (c *client311) do(token paho311.Token) {
	c.t.Helper()
	if !token.WaitTimeout(patience) || token.Error() != nil {
		c.t.Fatalf("got %v", token.Error())
	}
}

// expect takes the next messages.
func (c *client311) expect(want ...string) {
	c.t.Helper()
	var got []string
	for range want {
		select {
		case m := <-c.came:
			got = append(got, m)
		case <-time.After(patience):
			c.t.Fatalf("got %q, want %q", got, want)
		}
	}
	if !slices.Equal(got, want) {
		c.t.Fatalf("got %q, want %q", got, want)
	}
}

// breakOff lets the server lose the connection of a client.
func breakOff(s *Server, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.sessions[id].holder.(*conn).line.conn.Close()
}

func TestPahoOf311ExchangesMessages(t *testing.T) {
	_, addr := start(t, Defaults())
	sub, pub := dial311(t, addr, "sub", nil), dial311(t, addr, "pub", nil)
	sub.do(sub.Subscribe("t/#", 2, nil))
	for qos := range byte(3) {
		pub.do(pub.Publish("t/x", qos, false, "hello"))
		sub.expect(fmt.Sprintf("t/x hello %d false", qos))
	}
	pub.do(pub.Publish("t/kept", 1, true, "kept"))
	sub.expect("t/kept kept 1 false")
	late := dial311(t, addr, "late", nil)
	late.do(late.Subscribe("t/kept", 1, nil))
	late.expect("t/kept kept 1 true")
	sub.do(sub.Unsubscribe("t/#"))
	pub.do(pub.Publish("t/x", 1, false, "unheard"))
}

func TestPahoOf311LeavesWillsAndComesBack(t *testing.T) {
	s, addr := start(t, Defaults())
	watch := dial311(t, addr, "watch", nil)
	watch.do(watch.Subscribe("will", 1, nil))
	back := make(chan struct{}, 10)
	c := dial311(t, addr, "c", func(o *paho311.ClientOptions) {
		o.SetCleanSession(false).SetWill("will", "gone", 1, false)
		o.SetOnConnectHandler(func(paho311.Client) { back <- struct{}{} })
	})
	<-back
	c.do(c.Subscribe("t", 1, nil))
	breakOff(s, "c")
	watch.expect("will gone 1 false")
	<-back // by itself
	watch.do(watch.Publish("t", 1, false, "again"))
	c.expect("t again 1 false")
}
