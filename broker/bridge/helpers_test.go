package bridge

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"

	"fieldmq/broker"
	"fieldmq/broker/mqtt"
)

// patience bounds every wait of a test. It is no promise: machines are slow.
const patience = 30 * time.Second

// until waits for a fact.
func until(t *testing.T, what string, fact func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !fact(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// cloud is a mosquitto that plays the broker upstream.
type cloud struct {
	t    *testing.T
	file string
	port string
	cmd  *exec.Cmd
	dir  string
}

// startCloud starts mosquitto with lines of its configuration; PORT stands for
// its port, DIR for a folder. A missing mosquitto fails the test.
func startCloud(t *testing.T, lines ...string) *cloud {
	t.Helper()
	if len(lines) == 0 {
		lines = []string{"listener PORT 127.0.0.1", "allow_anonymous true"}
	}
	c := &cloud{t: t, dir: t.TempDir(), port: freePort(t)}
	c.file = filepath.Join(c.dir, "mosquitto.conf")
	text := strings.NewReplacer("PORT", c.port, "DIR", c.dir).Replace(strings.Join(append(lines, "user root"), "\n") + "\n")
	if err := os.WriteFile(c.file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c.start()
	t.Cleanup(c.kill)
	return c
}

func (c *cloud) start() {
	c.t.Helper()
	c.cmd = exec.Command("mosquitto", "-c", c.file, "-v")
	out, err := c.cmd.StderrPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		c.t.Fatalf("mosquitto: %v", err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "running") {
			break
		}
	}
	go io.Copy(io.Discard, out)
}

func (c *cloud) kill() {
	c.cmd.Process.Kill()
	c.cmd.Wait()
}

func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	return port
}

// watcher is a client of the cloud that notes all that comes.
type watcher struct {
	t      *testing.T
	client *paho.Client
	mu     sync.Mutex
	got    []*packets.Publish
}

func watch(t *testing.T, address string, filters ...string) *watcher {
	t.Helper()
	raw, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	w := &watcher{t: t}
	w.client = paho.NewClient(paho.ClientConfig{
		Conn: raw,
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(r paho.PublishReceived) (bool, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.got = append(w.got, r.Packet.Packet())
			return true, nil
		}},
	})
	if _, err := w.client.Connect(t.Context(), &paho.Connect{ClientID: fmt.Sprintf("watcher-%d", time.Now().UnixNano()), CleanStart: true, KeepAlive: 60}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.client.Disconnect(&paho.Disconnect{}) })
	for _, f := range filters {
		if _, err := w.client.Subscribe(t.Context(), &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: f, QoS: 2, RetainAsPublished: true}}}); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// all are the messages so far on topics that a filter takes.
func (w *watcher) all(f mqtt.Filter) []*packets.Publish {
	w.mu.Lock()
	defer w.mu.Unlock()
	var found []*packets.Publish
	for _, p := range w.got {
		if f.Match(p.Topic) {
			found = append(found, p)
		}
	}
	return found
}

// expect waits for a payload on a topic.
func (w *watcher) expect(topic, payload string) *packets.Publish {
	w.t.Helper()
	var found *packets.Publish
	until(w.t, topic+" "+payload, func() bool {
		for _, p := range w.all(mqtt.Filter(topic)) {
			if string(p.Payload) == payload {
				found = p
				return true
			}
		}
		return false
	})
	return found
}

func (w *watcher) publish(p *paho.Publish) {
	w.t.Helper()
	if _, err := w.client.Publish(w.t.Context(), p); err != nil {
		w.t.Fatal(err)
	}
}

// property is the value of a user property, empty if there is none.
func property(p *packets.Publish, name string) string {
	for _, u := range p.Properties.User {
		if u.Key == name {
			return u.Value
		}
	}
	return ""
}

// pocket is a Keeper.
type pocket struct{ values sync.Map }

func (p *pocket) Put(key string, value []byte) error {
	p.values.Store(key, value)
	return nil
}

func (p *pocket) Get(key string) []byte {
	v, _ := p.values.Load(key)
	value, _ := v.([]byte)
	return value
}

// site is a broker with a bridge that runs.
type site struct {
	*Bridge
	t      *testing.T
	server *broker.Server
	said   uint64 // by say
	stop   func()
}

var quiet = slog.New(slog.DiscardHandler)

// config is an upstream at an address with the usual rules.
func config(url string) Config {
	c := Defaults()
	c.URL, c.ClientID = url, "box"
	c.Out = []Out{{Topic: "device/#", To: "site/device/#", QoS: 2}}
	c.In = []In{{Topic: "site/device/+/+/set", To: "device/+/+/set", QoS: 2}}
	c.WillDelay = 0
	return c
}

func status(word string) mqtt.Message {
	return mqtt.Message{Topic: "device/box/status", Payload: []byte(word), QoS: 1, Retain: true}
}

// startSite runs a bridge until the test ends or stop is called.
func startSite(t *testing.T, c Config) *site {
	t.Helper()
	return startSiteWith(t, c, quiet)
}

func startSiteWith(t *testing.T, c Config, log *slog.Logger) *site {
	t.Helper()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, server: broker.New(broker.Defaults(), quiet)}
	s.Bridge = New(c, Identity{
		Gateway: "box", Upstream: "cloud", Online: status("online"), Offline: status("offline"), Statuses: "device/+/status",
	}, s.server, &pocket{}, log)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the bridge ended with %v", err)
			}
		case <-time.After(patience):
			t.Error("the bridge does not end")
		}
	})
	t.Cleanup(s.stop)
	return s
}

func (s *site) connected() {
	s.t.Helper()
	until(s.t, "connected", func() bool { return s.Stats().Connected })
}

// listening waits until what is published on a topic there comes in.
func (s *site) listening(there *watcher, topic string) {
	s.t.Helper()
	until(s.t, "subscribed", func() bool {
		there.publish(&paho.Publish{Topic: topic, Payload: []byte("probe"), QoS: 1})
		return s.Stats().Received > 0
	})
}

// say publishes here.
func (s *site) say(topic, payload string, retain bool) {
	s.t.Helper()
	s.said++
	m := mqtt.Message{Topic: topic, Payload: []byte(payload), QoS: 1, Retain: retain}
	if err := s.server.Publish(context.Background(), m); err != nil {
		s.t.Fatal(err)
	}
}

// settled waits until all has arrived, and checks the account.
func (s *site) settled() Stats {
	s.t.Helper()
	var st Stats
	until(s.t, "nothing queued", func() bool {
		st = s.Stats()
		return st.Queued == 0 && st.Produced >= s.said
	})
	s.balanced(st)
	return st
}

func (s *site) balanced(st Stats) {
	s.t.Helper()
	sum := st.Delivered + st.Queued
	for _, n := range st.Dropped {
		sum += n
	}
	if sum != st.Produced {
		s.t.Errorf("produced %d, but delivered, queued and dropped are %d: %+v", st.Produced, sum, st)
	}
}

// proxy stands between a bridge and the cloud.
type proxy struct {
	t       *testing.T
	ln      net.Listener
	to      string
	mu      sync.Mutex
	hole    bool // bytes vanish
	shut    bool // connections are refused
	dials   int
	delay   time.Duration
	links   map[net.Conn]struct{}
	running sync.WaitGroup
}

func startProxy(t *testing.T, to string) *proxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{t: t, ln: ln, to: to, links: map[net.Conn]struct{}{}}
	p.running.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			p.running.Go(func() { p.serve(c) })
		}
	})
	t.Cleanup(func() {
		ln.Close()
		p.cut()
		p.running.Wait()
	})
	return p
}

func (p *proxy) url() string { return "mqtt://" + p.ln.Addr().String() }

func (p *proxy) set(change func(*proxy)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p)
}

// cut closes all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.links {
		c.Close()
	}
}

func (p *proxy) serve(near net.Conn) {
	defer near.Close()
	far, err := net.Dial("tcp", p.to)
	if err != nil {
		return
	}
	defer far.Close()
	p.mu.Lock()
	shut := p.shut
	p.dials++
	p.links[near], p.links[far] = struct{}{}, struct{}{}
	p.mu.Unlock()
	if shut {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { p.copy(far, near) })
	both.Go(func() { p.copy(near, far) })
	both.Wait()
	p.mu.Lock()
	delete(p.links, near)
	delete(p.links, far)
	p.mu.Unlock()
}

func (p *proxy) copy(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		p.mu.Lock()
		hole, delay := p.hole, p.delay
		p.mu.Unlock()
		time.Sleep(delay)
		if n > 0 && !hole {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// startCloudWithACL is a cloud with more lines and access rules that deny
// site/device/secret/#.
func startCloudWithACL(t *testing.T, lines []string) *cloud {
	t.Helper()
	dir := t.TempDir()
	rules := "topic readwrite site/device/a/#\ntopic readwrite site/device/box/#\ntopic read site/#\n"
	if err := os.WriteFile(filepath.Join(dir, "acl"), []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	all := []string{"listener PORT 127.0.0.1", "allow_anonymous true"}
	for _, l := range lines {
		all = append(all, strings.ReplaceAll(l, "DIR", dir))
	}
	return startCloud(t, all...)
}
