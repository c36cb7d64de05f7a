package bridge

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"fieldmq/broker"
	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
	"fieldmq/broker/store"
)

// life is a broker on a store with a bridge that has no connection: a test plays the
// server. It ends without a word, as by kill -9, and a copy of its files is the
// beginning of the next one.
type life struct {
	t      *testing.T
	dir    string
	store  *store.Store
	server *broker.Server
	*Bridge
}

func newLife(t *testing.T, dir string, c Config) *life {
	t.Helper()
	cfg := store.Defaults()
	cfg.Segment, cfg.KeepFree = 64<<10, 0
	return newLifeIn(t, dir, c, cfg)
}

// newLifeIn is newLife with a store of certain limits.
func newLifeIn(t *testing.T, dir string, c Config, cfg store.Config) *life {
	t.Helper()
	l := &life{t: t, dir: dir}
	var err error
	if l.store, err = store.Open(dir, cfg, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	l.server = broker.New(broker.Defaults(), quiet)
	l.server.Store = l.store
	if err := l.server.Load(); err != nil {
		t.Fatal(err)
	}
	l.Bridge = New(c, Identity{
		Gateway: "box", Upstream: "cloud", Online: status("online"), Offline: status("offline"), Statuses: "device/+/status",
	}, l.server, l.store, quiet)
	if err := l.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	return l
}

// crash copies what kill -9 would leave, and begins the next life with it.
func (l *life) crash() *life {
	l.t.Helper()
	dir := l.t.TempDir()
	names, err := filepath.Glob(filepath.Join(l.dir, "*.log"))
	if err != nil {
		l.t.Fatal(err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			l.t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), text, 0o600); err != nil {
			l.t.Fatal(err)
		}
	}
	if err := l.store.Close(); err != nil {
		l.t.Fatal(err)
	}
	return newLife(l.t, dir, l.config)
}

func (l *life) say(topic, payload string, retain bool) {
	l.t.Helper()
	m := mqtt.Message{Topic: topic, Payload: []byte(payload), QoS: 1, Retain: retain}
	if err := l.server.Publish(l.t.Context(), m); err != nil {
		l.t.Fatal(err)
	}
}

// next is the next flight, for which the disk is seen to.
func (l *life) next(now time.Time) (flight, time.Duration) {
	for {
		turn := l.queue.next(now)
		if !turn.flush {
			return turn.flight, turn.wait
		}
		if err := l.feed.Flush(l.t.Context()); err != nil {
			l.t.Fatal(err)
		}
		l.queue.flushed()
	}
}

func durableConfig() Config {
	c := Defaults()
	c.Out = []Out{{Topic: "device/#", To: "site/device/#", QoS: 2}}
	return c
}

// TestNothingIsLostOverCrashes throws everything at a bridge in random order, kill -9
// too, and compares what arrives with what was published.
func TestNothingIsLostOverCrashes(t *testing.T) {
	for seed := range uint64(12) {
		random := rand.New(rand.NewPCG(seed, 7))
		l := newLife(t, t.TempDir(), durableConfig())
		window := 1 + random.IntN(20)
		var under []flight
		connected := false
		now := time.Now()
		newest, retained, order := map[string]int{}, map[string]int{}, map[string]int{}
		seen := map[int]int{}
		published, again, faults := 0, 0, 0
		apply := func(f flight) {
			topic := f.entry.message.Topic
			n, _ := strconv.Atoi(string(f.entry.message.Payload))
			if f.retain && n < retained[topic] {
				t.Fatalf("seed %d: %s is set back from %d to %d", seed, topic, retained[topic], n)
			}
			if f.retain {
				retained[topic] = n
			}
			if !f.entry.message.Retain && seen[n] == 0 && n < order[topic] {
				t.Fatalf("seed %d: %s %d comes after %d", seed, topic, n, order[topic])
			}
			if seen[n]++; seen[n] > 1 && !f.entry.settled {
				again++
			}
			order[topic] = max(order[topic], n)
		}
		for i := 1; i <= 3000; i++ {
			now = now.Add(time.Duration(random.IntN(20)) * time.Millisecond)
			switch k := random.IntN(200); {
			case k < 90:
				topic, retain := fmt.Sprint("device/d", random.IntN(3), "/event"), false
				if k < 40 {
					topic, retain = fmt.Sprint("device/d", random.IntN(3), "/v", random.IntN(3)), true
					newest["site/"+topic] = i
				}
				l.say(topic, strconv.Itoa(i), retain)
				published++
			case k < 140 && connected:
				if f, _ := l.next(now); f.entry != nil {
					apply(f)
					under = append(under, f)
				}
			case k < 192 && len(under) > 0 && connected:
				l.queue.acknowledge(under[0].id, packet.Success, now)
				under = under[1:]
			case k == 192 && connected:
				faults++
				l.queue.end(0)
				connected, under = false, nil
			case k == 193:
				faults++
				l = l.crash()
				connected, under = false, nil
			case k > 193 && !connected:
				connected = true
				present := random.IntN(2) == 0
				l.queue.begin(server{window: window, qos: 1, retain: true}, present)
				if !present {
					l.recall()
				}
			}
			s := l.Stats()
			if s.Produced != uint64(published) {
				t.Fatalf("seed %d: produced %d, published %d: %+v", seed, s.Produced, published, s)
			}
		}
		if !connected {
			l.queue.begin(server{window: window, qos: 1, retain: true}, true)
		}
		for range 6000 {
			now = now.Add(time.Second)
			if f, _ := l.next(now); f.entry != nil {
				apply(f)
				under = append(under, f)
			}
			if len(under) > 0 {
				l.queue.acknowledge(under[0].id, packet.Success, now)
				under = under[1:]
			}
		}
		if s := l.Stats(); s.Queued != 0 || s.Delivered != uint64(published) || s.Bytes != 0 {
			t.Fatalf("seed %d: %+v, want %d delivered", seed, s, published)
		}
		if len(seen) != published {
			t.Fatalf("seed %d: %d of %d arrived", seed, len(seen), published)
		}
		if again > faults*window {
			t.Errorf("seed %d: %d came again after %d faults with a window of %d", seed, again, faults, window)
		}
		for topic, n := range newest {
			if retained[topic] != n {
				t.Errorf("seed %d: the server holds %d on %s, want %d", seed, retained[topic], topic, n)
			}
		}
		if err := l.feed.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		l = l.crash()
		if s := l.Stats(); s.Delivered != uint64(published) || s.Queued != 0 {
			t.Errorf("seed %d: after all, %+v", seed, s)
		}
		var sum uint64
		for id, a := range l.Accounts() {
			if len(id) != 2 {
				t.Errorf("there is an account %q", id)
			}
			sum += a.Delivered
		}
		if sum != uint64(published) {
			t.Errorf("seed %d: the accounts hold %d, want %d", seed, sum, published)
		}
		if err := l.store.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestKill9MakesAWindowComeTwiceAtMost(t *testing.T) {
	const all, acknowledged, window = 1000, 500, 10
	l := newLife(t, t.TempDir(), durableConfig())
	for i := range all {
		l.say("device/d/event", strconv.Itoa(i), false)
	}
	l.queue.begin(server{window: window, qos: 1, retain: true}, false)
	now := time.Now()
	for range acknowledged {
		f, _ := l.next(now)
		l.queue.acknowledge(f.id, packet.Success, now)
	}
	l = l.crash() // nobody else has written what was settled
	if s := l.Stats(); s.Queued > all-acknowledged+window || s.Produced != all {
		t.Errorf("%+v, want %d queued and a window of %d more at most", s.Account, all-acknowledged, window)
	}
	if err := l.store.Close(); err != nil {
		t.Fatal(err)
	}
}

// The broker publishes them before the bridge is there.
func TestWillsOfACrashAreCounted(t *testing.T) {
	l := newLife(t, t.TempDir(), durableConfig())
	for _, device := range []string{"a", "b", "c"} {
		will := mqtt.Message{Topic: "device/" + device + "/status", Payload: []byte("offline"), QoS: 1, Retain: true}
		if _, err := l.server.Connect(t.Context(), broker.ConnectOptions{ClientID: "fieldmq/" + device, Will: &will}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.store.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	l = l.crash()
	defer l.store.Close()
	if s := l.Stats(); s.Queued != 3 || s.Bytes == 0 {
		t.Errorf("the wills wait, and the figures are %+v", s)
	}
	l.queue.begin(anything, false)
	drained(t, l.queue, time.Now())
	if s := l.Stats(); s.Delivered != 3 || s.Queued != 0 || s.Bytes != 0 {
		t.Errorf("the wills arrived, and the figures are %+v", s)
	}
}
