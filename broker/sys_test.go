package broker

import (
	"context"
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fieldmq/broker/packet"
	"fieldmq/broker/tree"
	"fieldmq/configs"
)

// counting is a server that publishes its figures.
func counting(t *testing.T) (s *Server, addr string) {
	t.Helper()
	cfg := Defaults()
	cfg.SysInterval = configs.Duration(5 * time.Millisecond)
	s = New(cfg, quiet())
	run(t, func(ctx context.Context) error { return s.Run(ctx) })
	return s, listen(t, s, ListenerOptions{Name: "test", Anonymous: true})
}

// figureOf is the retained value of a figure.
func figureOf(s *Server, name string) string {
	m, ok := s.retained.Get(sysPrefix + name)
	if !ok {
		return ""
	}
	return string(m.Payload)
}

// meter counts the bytes of a connection.
type meter struct {
	net.Conn
	in, out int
}

func (m *meter) Read(b []byte) (int, error) {
	n, err := m.Conn.Read(b)
	m.in += n
	return n, err
}

func (m *meter) Write(b []byte) (int, error) {
	n, err := m.Conn.Write(b)
	m.out += n
	return n, err
}

func TestFiguresCountWhatWentOverTheWire(t *testing.T) {
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			s, addr := counting(t)
			c := open(t, addr, v)
			wire := &meter{Conn: c.conn}
			c.conn, c.reader = wire, packet.NewReader(wire, packet.MaxPacket)
			c.send((&packet.Connect{Version: v, CleanStart: true, ClientID: "c"}).Append(nil))
			c.connack()
			c.subscribe("t", 2)
			c.subscribe("$share/g/other", 2)
			for range 3 {
				c.send(c.packet(text("t", strings.Repeat("x", 200), 1), 7))
				c.lookAhead(packet.PUBACK)
				c.ack(packet.PUBACK, 7)
				c.receive()
			}
			c.publish(retained("kept", "y"))
			c.ping()
			for name, want := range map[string]string{
				"publish/messages/received": "4", "publish/messages/sent": "3", "publish/bytes/received": "601", "publish/bytes/sent": "600",
				"messages/received": "11", // CONNECT, 2 SUBSCRIBE, 4 PUBLISH, 3 PUBACK, PINGREQ
				"messages/sent":     "11", // CONNACK, 2 SUBACK, 4 PUBACK, 3 PUBLISH, PINGRESP
				"bytes/received":    fmt.Sprint(wire.out), "bytes/sent": fmt.Sprint(wire.in),
				"clients/total": "1", "clients/connected": "1", "clients/disconnected": "0", "clients/maximum": "1",
				"subscriptions/count": "2", "shared_subscriptions/count": "1", "messages/inflight": "0",
			} {
				deadline := time.Now().Add(patience)
				for figureOf(s, name) != want {
					if time.Now().After(deadline) {
						t.Fatalf("%s is %s, want %s", name, figureOf(s, name), want)
					}
					time.Sleep(time.Millisecond)
				}
			}
		})
	}
}

func TestFiguresFollowSessions(t *testing.T) {
	s, addr := counting(t)
	c := dialAs(t, addr, lasting(packet.V5, "c"))
	c.subscribe("t", 1)
	c.cut()
	p := dial(t, addr, packet.V5, "p")
	waitFor(t, "client that is away", func() bool { return figureOf(s, "clients/disconnected") == "1" })
	p.publish(text("t", "x", 1))
	waitFor(t, "message that waits", func() bool { return figureOf(s, "store/messages/bytes") == fmt.Sprint(2+overhead) })
	if got := figureOf(s, "clients/maximum"); got != "2" && got != "1" {
		t.Errorf("maximum %s", got)
	}
}

func TestFiguresAreSentWhenTheyChange(t *testing.T) {
	cfg := Defaults()
	s := New(cfg, quiet())
	now := time.Now()
	y := newSys(s, now)
	in := s.newSession("in", true)
	in.inbox = &inbox{bell: make(chan struct{}, 1)}
	s.tree.Subscribe(in, "$SYS/#", tree.Options{})
	y.fire(now)
	first := in.queue.len()
	if first != len(y.figures) {
		t.Errorf("%d of %d figures", first, len(y.figures))
	}
	s.figures.Dropped.Add(1)
	y.fire(now)
	var again []string
	for i := first; i < in.queue.len(); i++ {
		again = append(again, strings.TrimPrefix(in.queue.at(i).message.Topic, sysPrefix))
	}
	for _, topic := range again {
		if strings.HasPrefix(topic, "heap/") || strings.Contains(topic, "dropped") || strings.Contains(topic, "retained") || strings.Contains(topic, "stored") || topic == "store/messages/count" {
			continue
		}
		t.Errorf("%s is sent again", topic)
	}
	if !slices.Contains(again, "publish/messages/dropped") {
		t.Errorf("got %q", again)
	}
}

func TestLoadIsAMovingAverage(t *testing.T) {
	var count atomic.Int64
	l := load{count: &count}
	for range 600 { // 100 minutes of two a second
		count.Add(20)
		l.step(10 * time.Second)
	}
	for i, want := range []float64{120, 120, 119.8} {
		if got := l.averages[i]; math.Abs(got-want) > 0.1 {
			t.Errorf("after long: got %v, want %v", l.averages, want)
		}
	}
	for range 6 { // a minute of nothing
		l.step(10 * time.Second)
	}
	for i, want := range []float64{120 / math.E, 120 * math.Exp(-0.2), 119.85 * math.Exp(-1./15)} {
		if got := l.averages[i]; math.Abs(got-want) > 0.1 {
			t.Errorf("after a minute of silence: got %v, want %v", got, want)
		}
	}
}

func TestClientsAreAnnounced(t *testing.T) {
	s, addr := counting(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	events := s.Subscribe(ctx, "$SYS/broker/clients/+/connected", "$SYS/broker/clients/+/disconnected")
	first := dial(t, addr, packet.V5, "a/b+#%")
	second := dial(t, addr, packet.V5, "a/b+#%")
	first.disconnected(packet.TakenOver)
	second.leave()
	dial(t, addr, packet.V311, "end")
	var got []string
	for m := range events {
		topic := strings.TrimPrefix(m.Topic, sysPrefix+"clients/")
		if got = append(got, topic); topic == "end/connected" {
			cancel()
		}
	}
	const id = "a%2Fb%2B%23%25"
	if want := []string{id + "/connected", id + "/connected", id + "/disconnected", "end/connected"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFiguresStayOutOfTheStore(t *testing.T) {
	cfg := Defaults()
	cfg.MaxRetained = 1
	store := &memory{}
	s := New(cfg, quiet())
	s.Store = store
	newSys(s, time.Now()).fire(time.Now())
	if figureOf(s, "uptime") == "" || figureOf(s, "heap/maximum") == "" {
		t.Error("no figures")
	}
	for _, r := range store.records {
		t.Errorf("the store was told %+v", r)
	}
}

// TestFiguresHaveMosquittosNames asks a mosquitto for its own.
func TestFiguresHaveMosquittosNames(t *testing.T) {
	theirs := mosquittoFigures(t)
	s := New(Defaults(), quiet())
	newSys(s, time.Now()).fire(time.Now())
	for _, name := range theirs {
		if _, ok := s.retained.Get(name); !ok {
			t.Errorf("%s is missing", name)
		}
	}
	if len(theirs) < 50 {
		t.Errorf("mosquitto has only %q", theirs)
	}
}

// mosquittoFigures are the topics that Debian's mosquitto publishes under $SYS.
func mosquittoFigures(t *testing.T) []string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	_ = l.Close() // it is the port that is wanted
	file := filepath.Join(t.TempDir(), "mosquitto.conf")
	settings := "listener " + port + " 127.0.0.1\nallow_anonymous true\nsys_interval 1\n"
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	server := exec.Command("mosquitto", "-c", file)
	if err := server.Start(); err != nil {
		t.Fatalf("%v: install Debian's mosquitto (it is in /usr/sbin)", err)
	}
	defer func() {
		_ = server.Process.Kill()
		_ = server.Wait() // it was killed
	}()
	addr := net.JoinHostPort("127.0.0.1", port)
	waitFor(t, "answer of mosquitto", func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	c := dial(t, addr, packet.V311, "c")
	c.subscribe("$SYS/#", 0)
	names := map[string]int{}
	for names["$SYS/broker/uptime"] < 3 { // so two whole rounds
		names[c.take().Topic]++
	}
	var all []string
	for name := range names {
		all = append(all, name)
	}
	return all
}

func TestFiguresGoAndComeBack(t *testing.T) {
	s, _ := counting(t)
	waitFor(t, "figures", func() bool { return figureOf(s, "version") != "" })
	cfg := *s.cfg()
	every := cfg.SysInterval
	cfg.SysInterval = 0
	s.SetLimits(cfg)
	waitFor(t, "end of all figures", func() bool { return s.retained.Len() == 0 })
	cfg.SysInterval = every
	s.SetLimits(cfg)
	waitFor(t, "figures again", func() bool { return figureOf(s, "version") != "" })
}
