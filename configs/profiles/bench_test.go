package profiles_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/configs"
	"fieldmq/drivers"
	"fieldmq/drivers/modbus"
	sim "fieldmq/firmware-sim/modbus"
	"fieldmq/gateway"
	"fieldmq/mapping"
)

// vector is one executable fact about a profile: words of the device, and the
// values that come of them; or values that are written, and the words after.
type vector struct {
	Coil    *uint16           `yaml:"coil"`
	Input   *uint16           `yaml:"input"`
	Holding *uint16           `yaml:"holding"`
	Words   []uint16          `yaml:"words"`
	Want    map[string]string `yaml:"want"`    // by point; "no value" for none
	Write   map[string]string `yaml:"write"`   // by point
	Refused string            `yaml:"refused"` // why the write is, in part
	// Call is the one request that a write makes where no register tells, function
	// code and all in hexadecimal. Requests is how many a write takes; 0: any.
	Call     string `yaml:"call"`
	Requests int    `yaml:"requests"`
}

// place is the table and first address of the words.
func (v *vector) place() (sim.Table, uint16) {
	switch {
	case v.Coil != nil:
		return sim.Coils, *v.Coil
	case v.Input != nil:
		return sim.InputRegisters, *v.Input
	case v.Holding != nil:
		return sim.HoldingRegisters, *v.Holding
	}
	return 0, 0
}

// vectors are the facts about a profile, which stand in testdata under its name.
func vectors(t *testing.T, name string) []vector {
	t.Helper()
	file := "testdata/" + name + ".yaml"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var found struct {
		Vectors []vector `yaml:"vectors" check:"required"`
	}
	doc := configs.Parse(file, text, nil)
	doc.Root().Decode(&found)
	if err := doc.Err(); err != nil {
		t.Fatal(err)
	}
	return found.Vectors
}

// memory is a device that has every register and every coil. The server and
// the test take turns.
type memory struct {
	mu     sync.Mutex
	tables [4][1 << 16]uint16
	call   string
	writes int
}

// Call knows what no table has: function codes of makers' own, and coils that
// are neither on nor off, or all of them.
func (m *memory) Call(function byte, data []byte) ([]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if function < 0x41 && (function != 5 || data[2] != 0x55 && data[1] != 0xFF) {
		return nil, false
	}
	m.call = strings.TrimSpace(fmt.Sprintf("%02X % X", function, data))
	return data, true
}

func (m *memory) Read(t sim.Table, address uint16, values []uint16) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	copy(values, m.tables[t][address:])
	return nil
}

func (m *memory) Write(t sim.Table, address uint16, values []uint16) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	copy(m.tables[t][address:], values)
	m.writes++
	return nil
}

func (m *memory) reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tables, m.call, m.writes = [4][1 << 16]uint16{}, "", 0
}

// bench is a device of one profile on Modbus TCP, seen through the real driver
// and the real mapping.
type bench struct {
	t      *testing.T
	device gateway.Device
	table  *mapping.Table
	bus    drivers.Bus
	memory *memory
}

func newBench(t *testing.T, name string) *bench {
	t.Helper()
	b := &bench{t: t, memory: new(memory)}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	site := fmt.Sprintf("gateway: {id: box}\nbuses:\n  bus: {driver: modbus-tcp, address: %q}\ndevices:\n  it: {bus: bus, profile: %s}\n",
		listener.Addr(), name)
	config, err := gateway.Read("site.yaml", []byte(site), nil)
	if err != nil {
		t.Fatal(err)
	}
	b.device = config.Buses[0].Devices[0]
	if b.table, err = mapping.Compile([]mapping.Device{b.device.Device}); err != nil {
		t.Fatal(err)
	}
	server, err := sim.NewServer(sim.Unit{ID: b.device.Points[0].Point.At.(*modbus.Address).Unit(), Device: b.memory})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var served sync.WaitGroup
	served.Go(func() { server.ServeTCP(ctx, listener) })
	if b.bus, err = config.Buses[0].Settings.Open(ctx, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.bus.Close()
		cancel()
		served.Wait()
	})
	return b
}

// run proves one vector.
func (b *bench) run(v vector) {
	b.t.Helper()
	b.memory.reset()
	table, address := v.place()
	if len(v.Write) == 0 {
		b.memory.Write(table, address, v.Words)
		got := b.read()
		for _, point := range slices.Sorted(maps.Keys(v.Want)) {
			if got[point] != v.Want[point] {
				b.t.Errorf("%v %d, words %04X: %s is %s, want %s", table, address, v.Words, point, got[point], v.Want[point])
			}
		}
		return
	}
	err := b.write(v.Write)
	if (err == nil) != (v.Refused == "") || err != nil && !strings.Contains(err.Error(), v.Refused) {
		b.t.Errorf("write %v: %v, want %q", v.Write, err, v.Refused)
	}
	if v.Call != b.memory.call {
		b.t.Errorf("after %v the call was %q, want %q", v.Write, b.memory.call, v.Call)
	}
	if v.Requests > 0 && b.memory.writes != v.Requests {
		b.t.Errorf("%v took %d requests, want %d", v.Write, b.memory.writes, v.Requests)
	}
	words := make([]uint16, len(v.Words))
	if b.memory.Read(table, address, words); !slices.Equal(words, v.Words) {
		b.t.Errorf("after %v the words are %04X, want %04X", v.Write, words, v.Words)
	}
}

// read is what the device's state says: values and errors by point.
func (b *bench) read() map[string]string {
	b.t.Helper()
	var points []*drivers.Point
	for _, e := range b.device.Points {
		if !e.WriteOnly {
			points = append(points, e.Point)
		}
	}
	samples, err := b.bus.Read(b.t.Context(), points)
	if err != nil {
		b.t.Fatal(err)
	}
	b.table.Forget(b.device.ID)
	said := map[string]string{}
	for _, m := range b.table.Messages(samples, time.Now()) {
		if m.Topic == "device/it/state" {
			state(b.t, m.Payload, said)
		}
	}
	return said
}

func state(t *testing.T, payload []byte, said map[string]string) {
	t.Helper()
	var fields map[string]any
	d := json.NewDecoder(bytes.NewReader(payload))
	d.UseNumber()
	if err := d.Decode(&fields); err != nil {
		t.Fatal(err)
	}
	errors, _ := fields["errors"].(map[string]any)
	delete(fields, "errors")
	maps.Copy(fields, errors)
	for point, value := range fields {
		said[point] = fmt.Sprint(value)
	}
}

// write sends values as one command to the device.
func (b *bench) write(values map[string]string) error {
	members := make([]string, 0, len(values))
	for _, e := range b.device.Points { // in their order
		if v, ok := values[e.Point.Name]; ok {
			members = append(members, fmt.Sprintf("%q:%q", e.Point.Name, v))
		}
	}
	r, err := b.table.Request(mqtt.Message{Topic: "device/it/set", Payload: []byte("{" + strings.Join(members, ",") + "}")})
	if err != nil {
		return err
	}
	return b.bus.Write(b.t.Context(), r.Commands)
}
