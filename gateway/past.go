package gateway

import (
	"encoding/json"
	"strings"
	"sync"
	"time"

	"fieldmq/broker/mqtt"
)

// past is the states of the last minutes, for charts that do not begin empty. It
// holds the payloads themselves, the oldest of all devices goes first.
type past struct {
	most int // bytes

	mu     sync.Mutex
	states []pastState // the newest last
	bytes  int
}

type pastState struct {
	at      time.Time
	device  string
	payload []byte
}

// overhead is what a state costs beside its payload, in bytes, roughly.
const overhead = 100

func newPast(most int) *past { return &past{most: most} }

// take keeps those of the messages that are states. Their payloads do not
// change any more.
func (p *past) take(messages []mqtt.Message, now time.Time) {
	if p.most <= 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range messages {
		m := &messages[i]
		device, ok := strings.CutSuffix(strings.TrimPrefix(m.Topic, "device/"), "/state")
		if !ok || strings.Contains(device, "/") || len(m.Payload)+overhead > p.most {
			continue
		}
		p.states = append(p.states, pastState{now, device, m.Payload})
		p.bytes += len(m.Payload) + overhead
	}
	drop := 0
	for p.bytes > p.most {
		p.bytes -= len(p.states[drop].payload) + overhead
		p.states[drop] = pastState{}
		drop++
	}
	p.states = p.states[drop:]
}

// since are the states after a time, of one device or of all, the oldest first,
// in so many bytes: if there are more, the oldest are left out.
func (p *past) since(from time.Time, device string, most int) map[string][]json.RawMessage {
	p.mu.Lock()
	defer p.mu.Unlock()
	first := len(p.states)
	for first > 0 && most > 0 && p.states[first-1].at.After(from) {
		first--
		if s := p.states[first]; device == "" || s.device == device {
			most -= len(s.payload)
		}
	}
	found := map[string][]json.RawMessage{}
	for _, s := range p.states[first:] {
		if device == "" || s.device == device {
			found[s.device] = append(found[s.device], s.payload)
		}
	}
	return found
}
