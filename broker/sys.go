package broker

import (
	"fmt"
	"math"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"fieldmq/broker/mqtt"
)

// sysPrefix begins the topics that are the server's own. Their names below it
// are mosquitto's, so that what people have for that works here.
const sysPrefix = "$SYS/broker/"

// sys publishes what the server counts, each figure when it has changed. It is
// used by the goroutine of the server's timers only.
type sys struct {
	server  *Server
	began   time.Time
	last    time.Time // that they were published; zero: never
	figures []figure
	loads   []load
	census  census
	heap    [1]metrics.Sample
	maxHeap uint64
}

// figure is one topic.
type figure struct {
	topic string
	value func() string
	last  string // as it was published
}

// census is what is found by asking all sessions of clients outside: bytes are
// those of the messages that wait or are under way.
type census struct{ total, connected, most, queued, bytes, inflight int }

// load is how often something happens a minute, as exponentially weighted
// averages over the last one, five and fifteen.
type load struct {
	count    *atomic.Int64
	last     int64
	averages [len(windows)]float64
}

var windows = [...]time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute}

func newSys(s *Server, now time.Time) *sys {
	y := &sys{server: s, began: now}
	y.heap[0].Name = "/memory/classes/heap/objects:bytes"
	y.say("version", func() string { return "fieldmq version " + s.Version })
	y.say("uptime", func() string { return fmt.Sprintf("%d seconds", int(time.Since(y.began).Seconds())) })
	y.clients()
	y.traffic()
	y.stock()
	return y
}

func (y *sys) clients() {
	c := &y.census
	y.number("clients/total", func() int { return c.total })
	y.number("clients/connected", func() int { return c.connected })
	y.number("clients/disconnected", func() int { return c.total - c.connected })
	y.number("clients/active", func() int { return c.connected }) // mosquitto's older word for it
	y.number("clients/inactive", func() int { return c.total - c.connected })
	y.number("clients/maximum", func() int { return c.most })
	y.sum("clients/expired", &y.server.figures.ExpiredSessions)
}

func (y *sys) traffic() {
	f := &y.server.figures
	for _, way := range []struct {
		name string
		sum  *Traffic
	}{{"received", &f.Received}, {"sent", &f.Sent}} {
		y.sum("messages/"+way.name, &way.sum.Packets)
		y.sum("publish/messages/"+way.name, &way.sum.Publishes)
		y.sum("publish/bytes/"+way.name, &way.sum.Payload)
		y.sum("bytes/"+way.name, &way.sum.Bytes)
		y.watch("messages/"+way.name, &way.sum.Packets)
		y.watch("publish/"+way.name, &way.sum.Publishes)
		y.watch("bytes/"+way.name, &way.sum.Bytes)
	}
	y.sum("publish/messages/dropped", &f.Dropped)
	y.watch("publish/dropped", &f.Dropped)
	y.watch("sockets", &f.Sockets)
	y.watch("connections", &f.Connections)
}

func (y *sys) stock() {
	s, c := y.server, &y.census
	y.number("subscriptions/count", s.tree.Len)
	y.number("shared_subscriptions/count", s.tree.Shared)
	y.number("retained messages/count", s.retained.Len)
	y.number("messages/stored", func() int { return s.retained.Len() + c.queued })
	y.number("messages/inflight", func() int { return c.inflight })
	y.number("store/messages/count", func() int { return s.retained.Len() + c.queued })
	y.number("store/messages/bytes", func() int { return c.bytes })
	y.number("heap/current", func() int { return int(y.heap[0].Value.Uint64()) })
	y.number("heap/maximum", func() int { return int(y.maxHeap) })
}

func (y *sys) number(name string, n func() int) {
	y.say(name, func() string { return strconv.Itoa(n()) })
}

func (y *sys) sum(name string, n *atomic.Int64) {
	y.say(name, func() string { return strconv.FormatInt(n.Load(), 10) })
}

func (y *sys) say(name string, value func() string) {
	y.figures = append(y.figures, figure{topic: sysPrefix + name, value: value})
}

// watch publishes how often a minute count grows.
func (y *sys) watch(name string, count *atomic.Int64) {
	n := len(y.loads)
	y.loads = append(y.loads, load{count: count})
	for i, w := range windows {
		y.say(fmt.Sprintf("load/%s/%dmin", name, int(w.Minutes())), func() string {
			return strconv.FormatFloat(y.loads[n].averages[i], 'f', 2, 64)
		})
	}
}

// fire publishes, and says when to do so again.
func (y *sys) fire(now time.Time) time.Time {
	every := y.server.cfg().SysInterval.D()
	if every == 0 {
		y.hide(now)
		return time.Time{}
	}
	y.census = y.server.count()
	metrics.Read(y.heap[:])
	y.maxHeap = max(y.maxHeap, y.heap[0].Value.Uint64())
	since := every
	if !y.last.IsZero() {
		since = max(now.Sub(y.last), time.Millisecond)
	}
	y.last = now
	for i := range y.loads {
		y.loads[i].step(since)
	}
	y.server.withCourier(func(k *courier) {
		for i := range y.figures {
			f := &y.figures[i]
			if value := f.value(); value != f.last {
				f.last = value
				k.carry(mqtt.Message{Topic: f.topic, Payload: []byte(value), Retain: true}, nil, nil, now)
			}
		}
	})
	return now.Add(every)
}

// hide takes back what is retained of the figures.
func (y *sys) hide(now time.Time) {
	y.server.withCourier(func(k *courier) {
		for i := range y.figures {
			if f := &y.figures[i]; f.last != "" {
				f.last = ""
				k.carry(mqtt.Message{Topic: f.topic, Retain: true}, nil, nil, now)
			}
		}
	})
}

// step takes the growth of the last interval in.
func (l *load) step(interval time.Duration) {
	count := l.count.Load()
	rate := float64(count-l.last) * float64(time.Minute) / float64(interval)
	l.last = count
	for i, w := range windows {
		old := math.Exp(-float64(interval) / float64(w))
		l.averages[i] = old*l.averages[i] + (1-old)*rate
	}
}

// count asks all sessions of clients outside.
func (s *Server) count() (c census) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.connected, c.most = s.connected, s.mostConnected
	for _, held := range s.sessions {
		if held.inner {
			continue
		}
		c.total++
		held.mu.Lock()
		c.queued += held.queue.len()
		c.inflight += held.inflight.len()
		c.bytes += held.queue.bytes + held.inflight.bytes
		held.mu.Unlock()
	}
	return c
}

// topicLevel writes a client identifier as one level of a topic: "%", "/", "+"
// and "#" become %25, %2F, %2B and %23.
var topicLevel = strings.NewReplacer("%", "%25", "/", "%2F", "+", "%2B", "#", "%23")

// announce publishes that a client outside has come or gone. Where one
// connection takes over from another, the client only comes. Lock held: the
// server's, so that events are in order.
func (s *Server) announce(k *courier, client *session, event string, now time.Time) {
	if client.inner || s.cfg().SysInterval == 0 {
		return
	}
	topic := sysPrefix + "clients/" + topicLevel.Replace(client.id) + "/" + event
	if len(topic) > mqtt.MaxTopic {
		return
	}
	k.carry(mqtt.Message{Topic: topic, Payload: strconv.AppendInt(nil, now.UnixMilli(), 10)}, nil, nil, now)
}
