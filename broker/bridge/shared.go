package bridge

import (
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"

	"fieldmq/broker/mqtt"
)

// sharedAttributes are what ThingsBoard wants of devices. A change is told as it is
// made, to a device that is connected. What changed while it was not is asked for
// when the device is there again, and set once: what was set is remembered, so that a
// link that comes and goes never sets back what somebody has set here since.
type sharedAttributes struct {
	keeper Keeper
	key    string                     // that of a device begins so
	info   func(device string) []byte // its birth certificate
	log    *slog.Logger

	mu     sync.Mutex
	lastID int64
	asked  map[string]*tbQuestion // by device
}

// tbQuestion waits for its answer.
type tbQuestion struct {
	id    int64
	keys  []string
	newer map[string]bool // came by themselves meanwhile
}

// attributes are values by name.
type attributes map[string]json.RawMessage

// Topics of questions and answers.
const (
	tbAsk    = tbAttributes + "/request"
	tbAnswer = tbAttributes + "/response"
)

// ask is the question for what is wanted of a device, if anything can be.
func (s *sharedAttributes) ask(device string) []mqtt.Message {
	keys := writable(s.info(device))
	if len(keys) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastID++
	s.asked[device] = &tbQuestion{id: s.lastID, keys: keys, newer: map[string]bool{}}
	payload, _ := json.Marshal(map[string]any{"id": s.lastID, "device": device, "client": false, "keys": keys}) // strings and a number
	return []mqtt.Message{{Topic: tbAsk, Payload: payload}}
}

// writable are the names of the points that can be written.
func writable(info []byte) (names []string) {
	var birth struct {
		Points []struct {
			Name     string
			Writable bool
		}
	}
	if json.Unmarshal(info, &birth) != nil {
		return nil
	}
	for _, p := range birth.Points {
		if p.Writable {
			names = append(names, p.Name)
		}
	}
	return names
}

// answer is what is new in the answer to a question, by device.
func (s *sharedAttributes) answer(payload []byte) (device string, fresh attributes) {
	var a struct {
		ID     int64
		Device string
		Value  json.RawMessage
		Values attributes
	}
	if json.Unmarshal(payload, &a) != nil {
		return "", nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.asked[a.Device]
	if q == nil || q.id != a.ID {
		return "", nil
	}
	delete(s.asked, a.Device)
	if len(a.Value) > 0 && len(q.keys) == 1 {
		a.Values = attributes{q.keys[0]: a.Value}
	}
	known := s.set(a.Device)
	maps.DeleteFunc(a.Values, func(name string, v json.RawMessage) bool {
		return q.newer[name] || string(known[name]) == string(v) || !slices.Contains(q.keys, name)
	})
	return a.Device, a.Values
}

// told notes what came by itself.
func (s *sharedAttributes) told(device string, names attributes) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q := s.asked[device]; q != nil {
		for name := range names {
			q.newer[name] = true
		}
	}
}

// set is what was set on a device.
func (s *sharedAttributes) set(device string) attributes {
	known := attributes{}
	_ = json.Unmarshal(s.keeper.Get(s.key+device), &known) // our own
	return known
}

// remember notes what is being set.
func (s *sharedAttributes) remember(device string, values attributes) {
	known := s.set(device)
	maps.Copy(known, values)
	text, _ := json.Marshal(known) // it was read as JSON
	if err := s.keeper.Put(s.key+device, text); err != nil {
		s.log.Warn("shared attributes are not kept, and may be set again", "device", device, "error", err)
	}
}

// online says which device a message says to be online, if it is one that does.
func online(m *mqtt.Message) (device string, ok bool) {
	level := strings.Split(m.Topic, "/")
	if len(level) != 3 || level[0] != "device" || level[2] != "status" || string(m.Payload) != "online" {
		return "", false
	}
	return level[1], true
}
