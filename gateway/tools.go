package gateway

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"fieldmq/broker"
	"fieldmq/broker/mqtt"
	"fieldmq/drivers"
	"fieldmq/drivers/modbus"
	"fieldmq/drivers/modbus/frame"
	"fieldmq/gateway/poll"
	"fieldmq/mapping"
)

// Tools are the words for what the tools may do that ask the gateway for a bus
// it holds.
const (
	ToolsNone  = "none"
	ToolsRead  = "read"
	ToolsWrite = "write"
)

// Topics of the tools, below device/<gateway>/tools/: "find" asks every bus
// whether it is the one at a place, "<bus>/exchange" puts one request to a unit,
// "<bus>/lessons" tells or forgets what was learned of devices.
// Recordings are in record.go.
const (
	toolsTopic    = "/tools/"
	findTopic     = "find"
	exchangeTopic = "/exchange"
	lessonsTopic  = "/lessons"
)

// ToolRequest is what a tool asks for, as JSON.
type ToolRequest struct {
	// Place is for find: a port or an address as the configuration has it, or a
	// bus's name.
	Place string `json:"place,omitempty"`
	// The others are for exchange; data is what stands behind the function code,
	// in hexadecimal.
	Unit     int    `json:"unit"`
	Function int    `json:"function,omitempty"`
	Data     string `json:"data,omitempty"`
	Timeout  string `json:"timeout,omitempty"` // "500ms"; default that of the device
	// Device is for lessons, one or all of the bus; with Forget they are forgotten.
	Device string `json:"device,omitempty"`
	Forget bool   `json:"forget,omitempty"`
	// For is for record: how long, such as "10s".
	For string `json:"for,omitempty"`
}

// ToolAnswer is the answer.
type ToolAnswer struct {
	OK bool `json:"ok"`
	// Bus, Driver and Line are the answer to find; Line is a port with its speed,
	// or an address.
	Bus    string `json:"bus,omitempty"`
	Driver string `json:"driver,omitempty"`
	Line   string `json:"line,omitempty"`
	// Data is what the unit answered, without function code and byte count, and
	// Took how long the exchange did.
	Data string `json:"data,omitempty"`
	Took int64  `json:"took_us,omitempty"`
	// Lessons is what was learned of devices.
	Lessons map[string]json.RawMessage `json:"lessons,omitempty"`
	// Error is why there is no answer; of the unit's own, Exception is the code,
	// and Silent says that it did not answer at all.
	Error     string `json:"error,omitempty"`
	Exception int    `json:"exception,omitempty"`
	Silent    bool   `json:"silent,omitempty"`
}

// tools are what tools may do with the buses, as it is in force.
type tools struct {
	gateway string
	server  *broker.Server
	mu      sync.Mutex
	may     string
}

func (t *tools) set(may string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.may = may
}

func (t *tools) get() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.may
}

// desk is where tools ask for a bus.
type desk struct {
	*tools
	bus      *Bus
	loop     *poll.Loop
	timeout  func(unit byte) time.Duration
	recorder *recorder
	book     *lessons
}

// run answers tools until ctx ends.
func (d *desk) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return d.recorder.run(ctx, func(lines []byte) { _ = d.server.Publish(ctx, d.message(lines)) })
	})
	group.Go(func() error { return d.listen(ctx) })
	return group.Wait()
}

// listen answers what tools ask.
func (d *desk) listen(ctx context.Context) error {
	base := "device/" + d.gateway + toolsTopic
	filters := []mqtt.Filter{mqtt.Filter(base + findTopic), mqtt.Filter(base + d.bus.Name + exchangeTopic), mqtt.Filter(base + d.bus.Name + recordTopic), mqtt.Filter(base + d.bus.Name + lessonsTopic)}
	for m := range d.server.Subscribe(ctx, filters...) {
		if d.get() == ToolsNone || m.Retain || !mapping.MayAnswer(m.ResponseTopic) {
			continue
		}
		answer, mine := d.answer(ctx, strings.TrimPrefix(m.Topic, base), m.Payload)
		if !mine {
			continue
		}
		payload, err := json.Marshal(answer)
		if err != nil {
			return err
		}
		// Fails for the end of the broker only, which ends us too.
		_ = d.server.Publish(ctx, mqtt.Message{
			Topic: m.ResponseTopic, Payload: payload, QoS: m.QoS, CorrelationData: m.CorrelationData,
			UTF8: true, ContentType: "application/json",
		})
	}
	return nil
}

// answer is what a tool gets; mine is false if it means another bus.
func (d *desk) answer(ctx context.Context, topic string, payload []byte) (a ToolAnswer, mine bool) {
	var q ToolRequest
	if err := json.Unmarshal(payload, &q); err != nil {
		return ToolAnswer{Error: "no JSON object: " + err.Error()}, topic != findTopic
	}
	if topic == findTopic {
		return ToolAnswer{OK: true, Bus: d.bus.Name, Driver: d.bus.Driver, Line: d.bus.Place()}, d.at(q.Place)
	}
	if strings.HasSuffix(topic, recordTopic) {
		if err := d.recorder.ask(q.For); err != nil {
			return ToolAnswer{Error: err.Error()}, true
		}
		return ToolAnswer{OK: true, Bus: d.bus.Name, Driver: d.bus.Driver, Line: d.bus.Place()}, true
	}
	if strings.HasSuffix(topic, lessonsTopic) {
		return d.lessonsOf(ctx, q), true
	}
	began := time.Now()
	data, err := d.exchange(ctx, q)
	a = ToolAnswer{OK: err == nil, Data: hex.EncodeToString(data), Took: time.Since(began).Microseconds()}
	if err != nil {
		var e modbus.Exception
		a.Error, a.Silent = err.Error(), errors.Is(err, drivers.ErrOffline)
		if errors.As(err, &e) {
			a.Exception = int(e)
		}
	}
	return a, true
}

// at says whether the bus is at a place that a tool names: its name, its
// address, or its port under any name.
func (d *desk) at(place string) bool {
	own, _, _ := strings.Cut(d.bus.Place(), " ")
	if place == d.bus.Name || place == own {
		return true
	}
	a, errA := filepath.EvalSymlinks(place)
	b, errB := filepath.EvalSymlinks(own)
	return errA == nil && errB == nil && a == b
}

// longestToolWait bounds what one exchange of a tool may take of the bus.
const longestToolWait = 5 * time.Second

// exchange puts a tool's request on the bus when its turn comes.
func (d *desk) exchange(ctx context.Context, q ToolRequest) ([]byte, error) {
	data, err := hex.DecodeString(q.Data)
	if err != nil || q.Unit < 0 || q.Unit > 255 || q.Function < 1 || q.Function > 127 {
		return nil, errors.New(`this is no request such as {"unit":1,"function":3,"data":"00000001"}`)
	}
	request, err := frame.Parse(append([]byte{byte(q.Function)}, data...))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the request is wrong: %w", err)
	case request.Write.Count > 0 && d.get() != ToolsWrite:
		return nil, errors.New("the gateway lets tools read only: set gateway.tools to write, or write points by name")
	}
	timeout := d.timeout(byte(q.Unit))
	if asked, err := time.ParseDuration(q.Timeout); err == nil && asked > 0 {
		timeout = min(asked, longestToolWait)
	}
	var answer []byte
	err = d.loop.Exchange(ctx, func(ctx context.Context, bus drivers.Bus) error {
		b, ok := bus.(interface {
			Request(ctx context.Context, unit, function byte, data []byte, timeout time.Duration) ([]byte, error)
		})
		if !ok {
			return fmt.Errorf("bus %s does not speak Modbus", d.bus.Name)
		}
		var err error
		answer, err = b.Request(ctx, byte(q.Unit), byte(q.Function), data, timeout)
		return err
	})
	return answer, err
}

// Place is the port with its speed, the address or the chip of the bus.
func (b *Bus) Place() string {
	if p, ok := b.Settings.(interface{ Place() string }); ok {
		return p.Place()
	}
	return ""
}
