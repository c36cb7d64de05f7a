package bridge

import (
	"crypto/tls"
	"fmt"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"

	"fieldmq/broker/mqtt"
	"fieldmq/configs"
)

func TestMessagesGoOutAndCommandsComeIn(t *testing.T) {
	c := startCloud(t)
	far := watch(t, "127.0.0.1:"+c.port, "site/#", "answers")
	s := startSite(t, config("mqtt://127.0.0.1:"+c.port))
	s.connected()
	s.listening(far, "site/device/probe/x/set")
	m := mqtt.Message{
		Topic: "device/meter/voltage", Payload: []byte("230.1"), QoS: 1, Retain: true, Expiry: time.Minute, UTF8: true, ContentType: "text/plain",
		UserProperties: []mqtt.UserProperty{{Name: "ts", Value: "123"}},
	}
	if err := s.server.Publish(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	got := far.expect("site/device/meter/voltage", "230.1")
	if !got.Retain || got.Properties.ContentType != "text/plain" || property(got, "ts") != "123" || got.Properties.MessageExpiry == nil ||
		*got.Properties.PayloadFormat != 1 || property(got, "replay") != "" {
		t.Errorf("got %v, want it as it was published", got)
	}
	for qos := range byte(3) {
		payload := strconv.Itoa(int(qos))
		requests := s.server.Subscribe(t.Context(), "device/boiler/+/set")
		far.publish(&paho.Publish{Topic: "site/device/boiler/setpoint/set", Payload: []byte(payload), QoS: qos, Properties: &paho.PublishProperties{
			ResponseTopic: "answers", CorrelationData: []byte("c" + payload),
		}})
		for m := range requests {
			if m.Retain || m.Topic != "device/boiler/setpoint/set" || string(m.Payload) != payload || m.QoS != mqtt.QoS(qos) {
				t.Errorf("got %+v", m)
			}
			answer := mqtt.Message{Topic: m.ResponseTopic, Payload: []byte("ok" + payload), CorrelationData: m.CorrelationData, QoS: 1}
			if err := s.server.Publish(t.Context(), answer); err != nil {
				t.Fatal(err)
			}
			break
		}
		if a := far.expect("answers", "ok"+payload); string(a.Properties.CorrelationData) != "c"+payload {
			t.Errorf("the answer is %v", a)
		}
	}
	s.settled()
}

func TestNothingIsLostOrOutOfOrderOverCuts(t *testing.T) {
	for qos := mqtt.QoS(1); qos <= 2; qos++ {
		t.Run(fmt.Sprintf("QoS %d", qos), func(t *testing.T) {
			c := startCloud(t, "listener PORT 127.0.0.1", "allow_anonymous true", "max_queued_messages 0", "max_inflight_messages 0")
			far := watch(t, "127.0.0.1:"+c.port, "site/device/+/event")
			p := startProxy(t, "127.0.0.1:"+c.port)
			s := startSite(t, config(p.url()))
			s.connected()
			const cuts, each = 3, 400
			for i := range cuts * each {
				if i%each == each/2 {
					go p.cut()
				}
				m := mqtt.Message{Topic: fmt.Sprintf("device/d%d/event", i%3), Payload: []byte(strconv.Itoa(i)), QoS: qos}
				if err := s.server.Publish(t.Context(), m); err != nil {
					t.Fatal(err)
				}
				time.Sleep(500 * time.Microsecond)
			}
			s.settled()
			last, seen := map[string]int{}, map[string]int{}
			until(t, "all arrived", func() bool { return len(far.all("#")) >= cuts*each })
			for _, m := range far.all("#") {
				n, err := strconv.Atoi(string(m.Payload))
				if err != nil {
					t.Fatal(err)
				}
				seen[string(m.Payload)]++
				if seen[string(m.Payload)] == 1 && n < last[m.Topic] {
					t.Errorf("%s: %d came after %d", m.Topic, n, last[m.Topic])
				}
				last[m.Topic] = max(n, last[m.Topic])
			}
			if len(seen) != cuts*each {
				t.Errorf("%d of %d arrived", len(seen), cuts*each)
			}
			for payload, times := range seen {
				if qos == 2 && times > 1 {
					t.Errorf("%s came %d times with QoS 2", payload, times)
				}
			}
		})
	}
}

func TestCurrentValuesGoFirstAndHistoryNeverSetsThemBack(t *testing.T) {
	c := startCloud(t)
	p := startProxy(t, "127.0.0.1:"+c.port)
	far := watch(t, "127.0.0.1:"+c.port, "site/#")
	conf := config(p.url())
	conf.Drain = 100
	s := startSite(t, conf)
	s.connected()
	s.say("device/meter/status", "online", true)
	far.expect("site/device/meter/status", "online")
	p.set(func(p *proxy) { p.shut = true })
	p.cut()
	until(t, "away", func() bool { return !s.Stats().Connected })
	for i := range 50 {
		s.say("device/meter/voltage", strconv.Itoa(i), true)
	}
	s.say("device/meter/status", "offline", true)
	before := len(far.all("#"))
	p.set(func(p *proxy) { p.shut = false })
	s.settled()
	far.expect("site/device/meter/voltage", "48")
	var order []string
	for _, m := range far.all("#")[before:] {
		if m.Topic == "site/device/box/status" {
			continue
		}
		order = append(order, string(m.Payload))
		replayed := string(m.Payload) != "49" && m.Topic == "site/device/meter/voltage"
		if m.Retain == replayed || (property(m, "replay") == "1") != replayed || replayed && property(m, "ts") == "" {
			t.Errorf("%s %s: retain %v, replay %q, ts %q", m.Topic, m.Payload, m.Retain, property(m, "replay"), property(m, "ts"))
		}
	}
	if len(order) < 51 || order[0] != "offline" || order[1] != "49" || order[2] != "0" || order[50] != "48" {
		t.Errorf("order %v, want status, newest value, history", order)
	}
	late := watch(t, "127.0.0.1:"+c.port, "site/#")
	late.expect("site/device/meter/voltage", "49")
}

func TestDeadLinkIsFound(t *testing.T) {
	c := startCloud(t)
	p := startProxy(t, "127.0.0.1:"+c.port)
	conf := config(p.url())
	conf.KeepAlive = configs.Duration(2 * time.Second)
	s := startSite(t, conf)
	s.connected()
	p.set(func(p *proxy) { p.hole = true })
	until(t, "found dead", func() bool { return !s.Stats().Connected })
	s.say("device/a/event", "x", false)
	far := watch(t, "127.0.0.1:"+c.port, "site/#")
	p.set(func(p *proxy) { p.hole = false })
	far.expect("site/device/a/event", "x")
}

func TestRestartOfTheCloudBringsAllStatesBack(t *testing.T) {
	c := startCloud(t) // without persistence: it forgets
	s := startSite(t, config("mqtt://127.0.0.1:"+c.port))
	s.connected()
	s.say("device/meter/status", "online", true)
	s.say("device/meter/model", "x1", true)
	s.settled()
	c.kill()
	until(t, "away", func() bool { return !s.Stats().Connected })
	s.say("device/meter/event", "while away", false)
	c.start()
	far := watch(t, "127.0.0.1:"+c.port, "site/#")
	far.expect("site/device/meter/status", "online")
	far.expect("site/device/meter/model", "x1")
	far.expect("site/device/box/status", "online")
	far.expect("site/device/meter/event", "while away")
	s.settled()
}

func TestPoisonIsSetAsideAndTheRestGoesOn(t *testing.T) {
	for _, c := range []struct {
		name   string
		lines  []string
		poison func(*site)
		reason string
	}{
		{"told in CONNACK", []string{"max_packet_size 2000"}, func(s *site) { s.say("device/a/event", string(make([]byte, 3000)), false) }, droppedLarge},
		{"refused by PUBACK", []string{"message_size_limit 2000"}, func(s *site) { s.say("device/a/event", string(make([]byte, 3000)), false) }, droppedLarge},
		{"refused by access rules", []string{"acl_file DIR/acl"}, func(s *site) { s.say("device/secret/event", "x", false) }, "not authorized"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cl := startCloudWithACL(t, c.lines)
			far := watch(t, "127.0.0.1:"+cl.port, "site/#")
			s := startSite(t, config("mqtt://127.0.0.1:"+cl.port))
			s.connected()
			s.say("device/a/event", "before", false)
			c.poison(s)
			s.say("device/a/event", "after", false)
			far.expect("site/device/a/event", "before")
			far.expect("site/device/a/event", "after")
			if st := s.settled(); st.Dropped[c.reason] != 1 {
				t.Errorf("dropped %v, want one %q", st.Dropped, c.reason)
			}
		})
	}
}

// Whoever closes a connection with something unread in it resets it.
func TestGuiltIsFoundHoweverTheServerHangsUp(t *testing.T) {
	a := newAuthority(t)
	a.issue("server", time.Now().Add(time.Hour))
	pair, err := tls.LoadX509KeyPair(a.file("server.crt"), a.file("server.key"))
	if err != nil {
		t.Fatal(err)
	}
	secure := &tls.Config{Certificates: []tls.Certificate{pair}}
	for _, c := range []struct {
		name   string
		resets bool
		tls    *tls.Config
	}{
		{"closed", false, nil}, {"reset", true, nil}, {"closed in TLS", false, secure}, {"reset under TLS", true, secure},
	} {
		t.Run(c.name, func(t *testing.T) {
			cloud := startStrict(t, law{qos: 2, payload: 2000, resets: c.resets}, c.tls)
			conf := config("mqtt://" + cloud.addr())
			if c.tls != nil {
				conf.URL, conf.CA = "mqtts://"+cloud.addr(), a.file("ca.crt")
			}
			s := startSite(t, conf)
			s.connected()
			s.say("device/a/event", string(make([]byte, 3000)), false)
			until(t, "suspicion", func() bool {
				s.queue.mu.Lock()
				defer s.queue.mu.Unlock()
				return s.queue.suspect != nil
			})
		})
	}
}

func TestLoopIsCut(t *testing.T) {
	c := startCloud(t)
	conf := config("mqtt://127.0.0.1:" + c.port)
	conf.Out = []Out{{Topic: "device/#", To: "x/device/#", QoS: 1}}
	conf.In = []In{{Topic: "+/device/#", To: "+/device/#", QoS: 1}, {Topic: "y/#", To: "device/#", QoS: 1}}
	s := startSite(t, conf)
	s.connected()
	far := watch(t, "127.0.0.1:"+c.port, "x/#")
	s.listening(far, "y/a")
	s.say("device/b", "own", false)
	far.expect("x/device/b", "own")
	s.settled()
	if got := far.all("x/device/a"); len(got) != 0 {
		t.Errorf("what came in went out again: %v", got)
	}
}

func TestRetainedCommandIsNotFetched(t *testing.T) {
	c := startCloud(t)
	far := watch(t, "127.0.0.1:"+c.port)
	far.publish(&paho.Publish{Topic: "site/device/boiler/pump/set", Payload: []byte("true"), QoS: 1, Retain: true})
	s := startSite(t, config("mqtt://127.0.0.1:"+c.port))
	s.connected()
	s.listening(far, "site/device/probe/x/set")
	commands := s.server.Subscribe(t.Context(), "device/boiler/#")
	far.publish(&paho.Publish{Topic: "site/device/boiler/lamp/set", Payload: []byte("true"), QoS: 1, Retain: true})
	for m := range commands {
		if m.Topic != "device/boiler/lamp/set" || m.Retain {
			t.Errorf("got %+v, want the live command alone, not retained", m)
		}
		break
	}
	if refused := s.Stats().Refused; len(refused) != 0 {
		t.Errorf("the server was asked for what is refused: %v", refused)
	}
}

func TestOnlineIsSaidAgainWhenAStaleOfflineComes(t *testing.T) {
	c := startCloud(t)
	s := startSite(t, config("mqtt://127.0.0.1:"+c.port))
	s.connected()
	far := watch(t, "127.0.0.1:"+c.port, "site/device/box/status")
	far.expect("site/device/box/status", "online")
	s.say("device/x/event", "subscribed by now", false)
	s.settled()
	far.publish(&paho.Publish{Topic: "site/device/box/status", Payload: []byte("offline"), QoS: 1, Retain: true})
	until(t, "online again", func() bool {
		got := far.all("#")
		return len(got) >= 3 && string(got[len(got)-1].Payload) == "online" && property(got[len(got)-1], "session") != ""
	})
}

func TestNothingIsLeftRunning(t *testing.T) {
	c := startCloud(t)
	p := startProxy(t, "127.0.0.1:"+c.port)
	before := runtime.NumGoroutine()
	s := startSite(t, config(p.url()))
	for range 3 {
		s.connected()
		p.cut()
		until(t, "away", func() bool { return !s.Stats().Connected })
	}
	s.connected()
	s.stop()
	until(t, "as many goroutines as before", func() bool { return runtime.NumGoroutine() <= before })
}

func TestSlowLinkCarriesAsMuchAsItsWindowAllows(t *testing.T) {
	c := startCloud(t, "listener PORT 127.0.0.1", "allow_anonymous true", "max_inflight_messages 100", "max_queued_messages 0")
	p := startProxy(t, "127.0.0.1:"+c.port)
	p.set(func(p *proxy) { p.delay = 10 * time.Millisecond })
	s := startSite(t, config(p.url()))
	s.connected()
	began := time.Now()
	for range 2000 {
		s.say("device/a/event", "x", false)
	}
	s.settled()
	// One message at a time would take 2000 round trips, forty seconds.
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("2000 messages took %v", took)
	}
}

func TestGatewaySaysOfflineWhenItStops(t *testing.T) {
	c := startCloud(t)
	far := watch(t, "127.0.0.1:"+c.port, "site/#")
	s := startSite(t, config("mqtt://127.0.0.1:"+c.port))
	s.connected()
	far.expect("site/device/box/status", "online")
	s.say("device/meter/status", "offline", true)
	s.stop()
	far.expect("site/device/meter/status", "offline")
	far.expect("site/device/box/status", "offline")
}

func TestWillSaysOfflineWhenTheLinkIsGone(t *testing.T) {
	c := startCloud(t)
	p := startProxy(t, "127.0.0.1:"+c.port)
	far := watch(t, "127.0.0.1:"+c.port, "site/#")
	s := startSite(t, config(p.url()))
	s.connected()
	far.expect("site/device/box/status", "online")
	p.set(func(p *proxy) { p.shut = true })
	p.cut()
	far.expect("site/device/box/status", "offline")
}
