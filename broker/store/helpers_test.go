package store

import (
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"fieldmq/broker"
	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// tiny are settings for tests: short segments, no reserve.
func tiny() Config {
	return Config{Max: 1 << 30, Segment: 4 << 10}
}

func mustOpen(t testing.TB, dir string, cfg Config) *Store {
	t.Helper()
	s, err := Open(dir, cfg, quiet())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// die lets go of the folder as the end of the process would: nothing is written.
func (s *Store) die() {
	for _, g := range s.segments {
		g.close()
	}
	s.lock.Close()
}

func (s *Store) must(t testing.TB, records ...broker.Record) {
	t.Helper()
	for _, r := range records {
		if err := s.Append(r); err != nil {
			t.Fatalf("append %+v: %v", r, err)
		}
	}
	if err := s.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// contents is what a store would tell a broker.
func contents(t testing.TB, st *state) []broker.Record {
	t.Helper()
	var all []broker.Record
	for r, err := range load(st, true) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// reopened is what is in a folder, read from the disk.
func reopened(t testing.TB, dir string) ([]broker.Record, []Damage) {
	t.Helper()
	found, err := read(dir, func(record) {})
	if err != nil {
		t.Fatal(err)
	}
	return contents(t, found.state), found.damage
}

func same(t testing.TB, got, want []broker.Record) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || !reflect.DeepEqual(got[i], want[i]) {
			t.Fatalf("record %d:\n got %s\nwant %s", i, show(got, i), show(want, i))
		}
	}
}

func show(records []broker.Record, i int) string {
	if i >= len(records) {
		return "none"
	}
	return fmt.Sprintf("%T %+v", records[i], records[i])
}

func files(t testing.TB, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func entered(id string) broker.Entered {
	return broker.Entered{ClientID: id, User: "u", New: true, Expiry: time.Hour}
}

func queued(number uint64, payload string, to ...string) broker.Queued {
	q := broker.Queued{Number: number, Message: mqtt.Message{Topic: "t", Payload: []byte(payload), QoS: 1}}
	for _, id := range to {
		q.To = append(q.To, broker.Taker{ClientID: id, QoS: 1})
	}
	return q
}

func retained(topic, payload string) broker.Retained {
	return broker.Retained{Message: mqtt.Message{Topic: topic, Payload: []byte(payload), QoS: 1, Retain: true}}
}

// model is the state of a broker in the plainest form: what must come back.
type model struct {
	clients  map[string]*modelClient
	retained map[string]broker.Retained
	messages map[uint64]broker.Queued
}

type modelClient struct {
	entered  broker.Entered
	left     *broker.Left
	subs     map[mqtt.Filter]broker.Subscribed
	received map[uint16]bool
	queue    []uint64
	flights  []broker.Sent
	released map[uint64]bool
	tallies  map[string]uint64 // by account and reason
}

func newModel() *model {
	return &model{clients: map[string]*modelClient{}, retained: map[string]broker.Retained{}, messages: map[uint64]broker.Queued{}}
}

func (m *model) apply(r broker.Record) {
	switch r := r.(type) {
	case broker.Entered:
		c := m.clients[r.ClientID]
		if r.New || c == nil {
			c = &modelClient{subs: map[mqtt.Filter]broker.Subscribed{}, received: map[uint16]bool{}, released: map[uint64]bool{}, tallies: map[string]uint64{}}
			m.clients[r.ClientID] = c
		}
		r.New = true
		c.entered, c.left = r, nil
	case broker.Left:
		if c := m.clients[r.ClientID]; c != nil {
			c.left = &r
		}
	case broker.Ended:
		delete(m.clients, r.ClientID)
	case broker.Retained:
		m.retained[r.Message.Topic] = r
		if len(r.Message.Payload) == 0 {
			delete(m.retained, r.Message.Topic)
		}
	case broker.Queued:
		if c := m.clients[r.By.ClientID]; c != nil {
			c.received[r.By.PacketID] = true
		}
		r.By = broker.Received{} // comes back with the session
		m.messages[r.Number] = r
		for _, t := range r.To {
			if c := m.clients[t.ClientID]; c != nil {
				c.queue = append(c.queue, r.Number)
			}
		}
	case broker.Subscribed:
		m.clients[r.ClientID].subs[r.Filter] = r
	case broker.Unsubscribed:
		delete(m.clients[r.ClientID].subs, r.Filter)
	case broker.Received:
		m.clients[r.ClientID].received[r.PacketID] = true
	case broker.Forgotten:
		delete(m.clients[r.ClientID].received, r.PacketID)
	case broker.Sent:
		m.clients[r.ClientID].flights = append(m.clients[r.ClientID].flights, r)
	case broker.Released:
		m.clients[r.ClientID].released[r.Number] = true
	case broker.Settled:
		m.clients[r.ClientID].settle(r.Number)
	case broker.Counted:
		c := m.clients[r.ClientID]
		if r.Number == 0 || slices.Contains(c.queue, r.Number) {
			c.tallies[r.Account+"\x00"+r.Reason] += r.Count
		}
		c.settle(r.Number)
	}
}

func (c *modelClient) settle(number uint64) {
	c.queue = slices.DeleteFunc(c.queue, func(n uint64) bool { return n == number })
	c.flights = slices.DeleteFunc(c.flights, func(s broker.Sent) bool { return s.Number == number })
}

// records are what Load must tell, but for the order among clients of flights.
func (m *model) records() []broker.Record {
	var all []broker.Record
	waits := map[uint64]map[string]bool{}
	for _, id := range slices.Sorted(maps.Keys(m.clients)) {
		c := m.clients[id]
		e := c.entered
		if c.left != nil {
			e.Expiry, e.Will = c.left.Expiry, c.left.Will
		}
		all = append(all, e)
		for _, f := range slices.Sorted(maps.Keys(c.subs)) {
			all = append(all, c.subs[f])
		}
		for _, p := range slices.Sorted(maps.Keys(c.received)) {
			all = append(all, broker.Received{ClientID: id, PacketID: p})
		}
		for _, key := range slices.Sorted(maps.Keys(c.tallies)) {
			account, reason, _ := strings.Cut(key, "\x00")
			all = append(all, broker.Counted{ClientID: id, Account: account, Reason: reason, Count: c.tallies[key]})
		}
		if c.left != nil {
			all = append(all, *c.left)
		}
		for _, n := range c.queue {
			if waits[n] == nil {
				waits[n] = map[string]bool{}
			}
			waits[n][id] = true
		}
	}
	for _, topic := range slices.Sorted(maps.Keys(m.retained)) {
		all = append(all, m.retained[topic])
	}
	for _, n := range slices.Sorted(maps.Keys(waits)) {
		q := m.messages[n]
		to := q.To
		q.To = nil
		for _, t := range to {
			if waits[n][t.ClientID] {
				q.To = append(q.To, t)
			}
		}
		all = append(all, q)
	}
	return all
}

// flightsOf are the records of what is under way, apart for each client.
func (m *model) flights() map[string][]broker.Record {
	all := map[string][]broker.Record{}
	for id, c := range m.clients {
		for _, f := range c.flights {
			all[id] = append(all[id], f)
			if c.released[f.Number] {
				all[id] = append(all[id], broker.Released{ClientID: id, Number: f.Number})
			}
		}
	}
	return all
}

// check compares what a store tells with the model.
func (m *model) check(t testing.TB, got []broker.Record) {
	t.Helper()
	flights := map[string][]broker.Record{}
	var rest []broker.Record
	for _, r := range got {
		switch r := r.(type) {
		case broker.Sent:
			flights[r.ClientID] = append(flights[r.ClientID], r)
		case broker.Released:
			flights[r.ClientID] = append(flights[r.ClientID], r)
		default:
			rest = append(rest, r)
		}
	}
	same(t, rest, m.records())
	for id, want := range m.flights() {
		same(t, flights[id], want)
	}
}

// history is a life of a broker with every kind of record.
func history() []broker.Record {
	at := time.Unix(1_700_000_000, 5)
	will := &packet.Will{Message: mqtt.Message{Topic: "w", Payload: []byte("gone"), QoS: 1, Retain: true, Bytes: true}, Delay: time.Minute}
	full := queued(3, strings.Repeat("long ", 20), "a", "b")
	full.Expires = at
	full.Message.ContentType, full.Message.ResponseTopic = "text/plain", "answer"
	full.Message.CorrelationData, full.Message.UTF8 = []byte{}, true
	full.Message.UserProperties = []mqtt.UserProperty{{Name: "n", Value: "v"}}
	full.To[1].IDs, full.To[1].Share, full.To[1].Retain = []uint32{1, 1 << 30}, "$share/g/t", true
	taken, done := queued(8, "taken", "b"), queued(9, "done", "b")
	taken.By, done.By = broker.Received{ClientID: "a", PacketID: 20}, broker.Received{ClientID: "a", PacketID: 21}
	return []broker.Record{
		entered("a"),
		broker.Entered{ClientID: "b", New: true, Inner: true, Expiry: time.Minute, Will: will},
		broker.Subscribed{ClientID: "a", Filter: "t/#", QoS: 2, NoLocal: true, ID: 7},
		broker.Subscribed{ClientID: "a", Filter: "x", QoS: 1, RetainAsPublished: true},
		queued(1, "one", "a", "b"),
		queued(2, "two", "a"),
		broker.Sent{ClientID: "a", Number: 2, PacketID: 9},
		broker.Sent{ClientID: "a", Number: 1, PacketID: 10},
		broker.Released{ClientID: "a", Number: 1},
		retained("r/1", "first"), retained("r/2", "second"), retained("r/1", "third"),
		broker.Received{ClientID: "a", PacketID: 65535}, broker.Received{ClientID: "a", PacketID: 1},
		broker.Forgotten{ClientID: "a", PacketID: 1},
		taken, done, broker.Forgotten{ClientID: "a", PacketID: 21},
		full,
		broker.Settled{ClientID: "a", Number: 2},
		broker.Unsubscribed{ClientID: "a", Filter: "x"},
		broker.Left{ClientID: "b", At: at, Expiry: time.Hour, Will: will},
		retained("r/2", ""),
		broker.Entered{ClientID: "d", User: "u", New: true, Expiry: time.Hour, Cert: "meter", Local: true},
		broker.Retained{Message: mqtt.Message{Topic: "r/3", Payload: []byte("x")}, From: &broker.Source{ClientID: "d", User: "u", Cert: "meter", Local: true}},
		broker.Retained{Message: mqtt.Message{Topic: "r/4", Payload: []byte("x")}, From: &broker.Source{}},
		entered("c"), queued(4, "four", "c"), broker.Ended{ClientID: "c"},
		queued(5, "five", "b"), queued(6, "six", "a", "b"), queued(7, "seven", "b"),
		broker.Counted{ClientID: "b", Number: 5, Account: "meter", Count: 1},
		broker.Counted{ClientID: "b", Number: 6, Account: "meter", Reason: "expired", Count: 1},
		broker.Counted{ClientID: "b", Number: 6, Account: "meter", Reason: "expired", Count: 1},
		broker.Counted{ClientID: "b", Account: "boiler", Reason: "not connected", Count: 40},
	}
}

func writeFile(t testing.TB, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
