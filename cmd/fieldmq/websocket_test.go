package main

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/paho"
)

// page is a client that comes by WebSocket, as a web page does.
type page struct{ messages chan *paho.Publish }

func dialWebSocket(t *testing.T, address, filter string) *page {
	t.Helper()
	server, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	p := &page{messages: make(chan *paho.Publish, 1000)}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	cm, err := autopaho.NewConnection(ctx, autopaho.ClientConfig{
		ServerUrls:       []*url.URL{server},
		KeepAlive:        20,
		ReconnectBackoff: autopaho.NewConstantBackoff(100 * time.Millisecond),
		OnConnectionUp: func(cm *autopaho.ConnectionManager, _ *paho.Connack) {
			if _, err := cm.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: filter, QoS: 1}}}); err != nil {
				t.Errorf("subscribe: %v", err)
			}
		},
		ClientConfig: paho.ClientConfig{
			ClientID: "page",
			OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(r paho.PublishReceived) (bool, error) {
				p.messages <- r.Packet
				return true, nil
			}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		<-cm.Done()
	})
	return p
}

func (p *page) next(t *testing.T) *paho.Publish {
	t.Helper()
	select {
	case m := <-p.messages:
		return m
	case <-time.After(patience):
		t.Fatal("nothing arrived by WebSocket")
		return nil
	}
}
