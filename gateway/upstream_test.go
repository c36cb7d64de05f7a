package gateway

import (
	"context"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"fieldmq/broker"
	"fieldmq/broker/mqtt"
)

// startUpstream serves a broker that plays the cloud, and returns its address.
func startUpstream(t *testing.T) (server *broker.Server, address string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server = broker.New(broker.Defaults(), quiet)
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() { server.Run(ctx) })
	serving.Go(func() { server.Serve(ctx, ln, broker.ListenerOptions{Anonymous: true}) })
	t.Cleanup(func() {
		cancel()
		serving.Wait()
	})
	return server, ln.Addr().String()
}

// arrive waits until each topic has had its payload.
func arrive(t *testing.T, server *broker.Server, want map[string]string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for m := range server.Subscribe(ctx, "#") {
		if want[m.Topic] == string(m.Payload) {
			delete(want, m.Topic)
		}
		if len(want) == 0 {
			return
		}
	}
	t.Fatalf("never came: %v", want)
}

func TestUpstreamKnowsWhatTheGatewayKnows(t *testing.T) {
	up, address := startUpstream(t)
	config := read(t, strings.ReplaceAll(`
gateway: {id: box, every: 1s}
broker: {listen: [{url: "mqtt://127.0.0.1:0"}]}
upstreams: {cloud: {url: "mqtt://UP", out: [{topic: "device/#", to: "site/device/#"}]}}
`, "UP", address))
	if config.Upstreams[0].ClientID != "box" {
		t.Errorf("client id %q, want the gateway's id", config.Upstreams[0].ClientID)
	}
	g, err := Open(t.Context(), config, quiet)
	if err != nil {
		t.Fatal(err)
	}
	stop := background(t, g.Run)
	arrive(t, up, map[string]string{"site/device/box/status": "online", "site/device/box/upstream_cloud_connected": "true"})
	number := g.sessionNumbers("box")["cloud"]
	if number == 0 || g.sessionNumbers("meter") != nil {
		t.Errorf("session %d; that of a meter: %v", number, g.sessionNumbers("meter"))
	}
	expect(t, g, map[string]string{"device/box/upstream_cloud_session": strconv.FormatInt(number, 10)})
	expect(t, g, map[string]string{"device/box/upstream_cloud_dropped": "0"})
	stop()
	for m := range up.Subscribe(t.Context(), "site/device/box/status") {
		if string(m.Payload) != "offline" || !m.Retain || m.QoS != mqtt.AtLeastOnce {
			t.Errorf("the upstream holds %s, want offline", m.Payload)
		}
		break
	}
}
