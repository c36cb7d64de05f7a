package gateway

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/firmware-sim/plant"
)

// field is a gateway over simulated devices whose configuration changes.
type field struct {
	t     *testing.T
	g     *Gateway
	ports *strings.Replacer
}

func startField(t *testing.T) *field {
	g, p, stop := startPlant(t)
	t.Cleanup(stop)
	return &field{t, g, strings.NewReplacer("PANEL", p.Port(plant.DemoRTU), "PLC", p.Port(plant.DemoTCP),
		"SCALE", p.Port(plant.DemoSerial), "CHIP", p.Port(plant.DemoGPIO))}
}

// reload puts the plant's configuration into force, with pairs of texts in it
// replaced, and returns the changes.
func (f *field) reload(replace ...string) []string {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), 20*time.Second)
	defer cancel()
	changes, err := f.g.Reload(ctx, f.config(replace...))
	if err != nil {
		f.t.Fatal(err)
	}
	return changes
}

func (f *field) config(replace ...string) *Config {
	f.t.Helper()
	text := plantYAML
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(text, replace[i]) {
			f.t.Fatalf("there is no %q in the configuration", replace[i])
		}
		text = strings.Replace(text, replace[i], replace[i+1], 1)
	}
	return read(f.t, f.ports.Replace(text))
}

// retained is the retained payload of a topic, empty if there is none.
func (f *field) retained(topic string) string {
	for _, m := range f.g.Server().Retained(mqtt.Filter(topic)) {
		return string(m.Payload)
	}
	return ""
}

// statuses collects what is said on device/<id>/status from now on.
func (f *field) statuses() (said func() []string) {
	var mu sync.Mutex
	var all []string
	messages := f.g.Server().Subscribe(f.t.Context(), "device/+/status")
	var group sync.WaitGroup
	group.Go(func() {
		for m := range messages {
			mu.Lock()
			all = append(all, strings.Split(m.Topic, "/")[1]+" "+string(m.Payload))
			mu.Unlock()
		}
	})
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(all)
	}
}

func TestReloadOfTheSameChangesNothing(t *testing.T) {
	f := startField(t)
	expect(t, f.g, online("meter", "boiler", "tank", "weigher", "door"))
	loops := map[string]any{}
	for key, u := range f.g.units {
		loops[key] = u.loop
	}
	if changes := f.reload(); len(changes) != 0 {
		t.Errorf("changed: %q", changes)
	}
	for key, u := range f.g.units {
		if u.loop != loops[key] {
			t.Errorf("the loop of bus %q is another one", key)
		}
	}
}

func TestChangedDeviceLeavesItsNeighboursAlone(t *testing.T) {
	f := startField(t)
	expect(t, f.g, online("meter", "boiler", "weigher", "door", "box"))
	said := f.statuses()
	changes := f.reload(
		"setpoint: {holding: 101, type: int16, scale: 0.1, write: true}", "wanted: {holding: 101, type: int16, scale: 0.1, write: true}",
		"open: {line: GPIO17}", "open: {line: GPIO17}, lamp: {line: GPIO22, write: true}")
	if want := []string{"device boiler: changed", "device door: changed"}; !slices.Equal(changes, want) {
		t.Errorf("changed: %q, want %q", changes, want)
	}
	expect(t, f.g, map[string]string{"device/door/lamp": "false"})
	if got := f.retained("device/boiler/setpoint"); got != "" {
		t.Errorf("the point that is gone still says %q", got)
	}
	if info := f.retained("device/boiler/info"); !strings.Contains(info, `"wanted"`) || strings.Contains(info, `"setpoint"`) {
		t.Errorf("info says %s", info)
	}
	f.eventually("a value of the point that came", func() bool { return f.retained("device/boiler/wanted") != "" })
	for _, s := range said() {
		if strings.HasSuffix(s, "offline") && s != "nobody offline" {
			t.Errorf("said: %s", s)
		}
	}
	for bus, m := range f.g.figures.meters {
		if m.loop.Stats().Missed > 0 {
			t.Errorf("bus %s missed %d polls", bus, m.loop.Stats().Missed)
		}
	}
	f.order("device/boiler/wanted/set", "61", `"value":61`)
	f.order("device/boiler/setpoint/set", "61", "there is no point")
}

// order sends a command and expects its answer.
func (f *field) order(topic, payload, want string) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), 20*time.Second)
	defer cancel()
	answers := f.g.Server().Subscribe(ctx, "answer")
	if err := f.g.Server().Publish(ctx, mqtt.Message{Topic: topic, Payload: []byte(payload), QoS: 1, ResponseTopic: "answer"}); err != nil {
		f.t.Fatal(err)
	}
	for m := range answers {
		if !strings.Contains(string(m.Payload), want) {
			f.t.Errorf("%s %s: answered %s, want %s", topic, payload, m.Payload, want)
		}
		return
	}
	f.t.Errorf("%s %s: no answer", topic, payload)
}

func TestRemovedDevicesAndBusesLeaveNothing(t *testing.T) {
	f := startField(t)
	expect(t, f.g, online("meter", "boiler", "tank", "door"))
	said := f.statuses()
	changes := f.reload(
		"  boiler:  {bus: panel, unit: 2, points: {setpoint: {holding: 101, type: int16, scale: 0.1, write: true}}}\n", "",
		"  pins:  {driver: gpio, chip: CHIP}\n", "",
		"  door:    {bus: pins, points: {open: {line: GPIO17}}}\n", "")
	want := []string{"bus pins: removed", "device boiler: removed", "device door: removed"}
	if !slices.Equal(changes, want) {
		t.Errorf("changed: %q, want %q", changes, want)
	}
	for _, topic := range []string{"device/boiler/#", "device/door/#", "device/box/bus_pins_load"} {
		if got := f.retained(topic); got != "" {
			t.Errorf("%s still says %q", topic, got)
		}
	}
	f.eventually("that the devices went offline", func() bool {
		return slices.Contains(said(), "boiler offline") && slices.Contains(said(), "door offline") && slices.Contains(said(), "door ")
	})
	f.reload()
	expect(t, f.g, online("boiler", "door"))
}

func (f *field) eventually(what string, holds func() bool) {
	f.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			f.t.Fatalf("never came: %s", what)
		}
	}
}

func TestChangedBusKeepsItsDevicesOnline(t *testing.T) {
	f := startField(t)
	expect(t, f.g, online("meter", "boiler"))
	said := f.statuses()
	if changes := f.reload("timeout: 300ms", "timeout: 400ms"); !slices.Equal(changes, []string{"bus panel: changed"}) {
		t.Errorf("changed: %q", changes)
	}
	f.eventually("a reading of the changed bus", func() bool { return f.g.figures.meters["panel"].loop.Stats().Polls > 3 })
	for _, s := range said() {
		if s == "meter offline" || s == "boiler offline" {
			t.Errorf("said: %s", s)
		}
	}
}

func TestDeviceMovesToAnotherBus(t *testing.T) {
	f := startField(t)
	expect(t, f.g, online("boiler", "tank"))
	f.reload("boiler:  {bus: panel, unit: 2, points: {setpoint: {holding: 101, type: int16, scale: 0.1, write: true}}}",
		"boiler:  {bus: plc, points: {setpoint: {holding: 0}}}")
	f.eventually("the device on its new bus", func() bool {
		return f.retained("device/boiler/status") == "online" && strings.Contains(f.retained("device/boiler/info"), `"bus":"plc"`)
	})
	if got := f.retained("device/boiler/setpoint"); got == "" {
		t.Error("its topic was taken away")
	}
}

func TestReloadThatCannotBeChangesNothing(t *testing.T) {
	f := startField(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, c := range []struct {
		name, from, to string
		want           string
	}{
		{"a port that is taken", `{url: "ws://127.0.0.1:0/mqtt"}`, `{url: "ws://` + taken.Addr().String() + `/mqtt"}`, "is taken by another program"},
		{"users that are not there", `broker: {`, `broker: {users: /nowhere/users, `, "/nowhere/users"},
		{"another id", "id: box", "id: crate", "gateway.id: takes a restart"},
		{"a folder for data", "id: box", "id: box, data: elsewhere", "gateway.data: takes a restart"},
		{"another title", "broker: {", "page: {title: Plant 7}\nbroker: {", "page.title: takes a restart"},
		{"a store that syncs otherwise, and is smaller", "broker: {", "store: {sync: always, max: 1GiB}\nbroker: {max_packet_size: 1000, ", "store.max, store.sync: takes a restart"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := f.g.URLs()
			config := f.config(c.from, c.to, "  door:    {bus: pins, points: {open: {line: GPIO17}}}\n", "")
			_, err := f.g.Reload(t.Context(), config)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
			var restart *RestartError
			if errors.As(err, &restart) != strings.Contains(c.want, "restart") {
				t.Errorf("%v is a RestartError: %v", err, restart != nil)
			}
			if !slices.Equal(before, f.g.URLs()) || f.g.units["pins"] == nil {
				t.Error("something has changed")
			}
		})
	}
}

func TestLimitsOfTheBrokerChange(t *testing.T) {
	f := startField(t)
	publish := func() error {
		return f.g.Server().Publish(t.Context(), mqtt.Message{Topic: "kept", Payload: []byte("x"), Retain: true})
	}
	changes := f.reload("broker: {", "broker: {max_retained: 0, max_queued: 7, ")
	if want := []string{"broker.max_queued: changed", "broker.max_retained: changed"}; !slices.Equal(changes, want) {
		t.Errorf("changed: %q, want %q", changes, want)
	}
	if err := publish(); err != nil || f.retained("kept") != "" {
		t.Errorf("%q is retained (%v)", f.retained("kept"), err)
	}
	f.reload()
	if err := publish(); err != nil || f.retained("kept") != "x" {
		t.Errorf("%q is retained (%v)", f.retained("kept"), err)
	}
}

func TestListenersComeAndGoAndTheOthersKeepTheirClients(t *testing.T) {
	f := startField(t)
	clients := byte('a')
	dial := func(url string) net.Conn {
		t.Helper()
		clients++
		_, address, _ := strings.Cut(url, "://")
		address, _, _ = strings.Cut(address, "/")
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		if _, err := conn.Write([]byte("\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01" + string(clients))); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 4)); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	alive := func(conn net.Conn) bool {
		_, err := conn.Write([]byte{0xC0, 0}) // PINGREQ
		if err == nil {
			_, err = conn.Read(make([]byte, 2))
		}
		return err == nil
	}
	stays := dial(f.g.URLs()[0])
	f.reload(`{url: "ws://127.0.0.1:0/mqtt"}`, `{url: "mqtt://localhost:0"}`)
	if len(f.g.URLs()) != 2 || !strings.HasPrefix(f.g.URLs()[1], "mqtt://") {
		t.Fatalf("listening: %q", f.g.URLs())
	}
	added := dial(f.g.URLs()[1])
	if !alive(stays) || !alive(added) {
		t.Error("a client of a listener that stays was cut")
	}
	at := f.g.URLs()[0]
	f.reload(`{url: "mqtt://127.0.0.1:0"}, {url: "ws://127.0.0.1:0/mqtt"}`, `{url: "mqtt://127.0.0.1:0", anonymous: true}`)
	if !slices.Equal(f.g.URLs(), []string{at}) {
		t.Errorf("a changed listener moved from %s to %q", at, f.g.URLs())
	}
	if alive(added) {
		t.Error("a client of a listener that is gone was kept")
	}
	if !alive(dial(at)) {
		t.Error("a changed listener lets nobody in")
	}
}

func TestBusThatStartsAgainLeavesOutputsAsTheyAre(t *testing.T) {
	f := startField(t)
	expect(t, f.g, online("boiler"))
	stops := []string{"scale: 0.1, write: true}}}\n", "scale: 0.1, write: true, on_stop: 30}}}\n"}
	f.reload(stops...)
	f.order("device/boiler/setpoint/set", "61", `"value":61`)
	f.reload(append(stops, "timeout: 300ms", "timeout: 400ms")...)
	f.eventually("a reading of the bus", func() bool { return f.g.figures.loops()["panel"].Stats().Polls > 3 })
	if got := f.retained("device/boiler/setpoint"); got != "61" {
		t.Errorf("a bus that starts again has left %s", got)
	}
	f.reload("  panel: {driver: modbus-rtu, port: PANEL, baud: 115200, timeout: 300ms}\n", "",
		"  meter:   {bus: panel, unit: 1, points: {voltage: {input: 0, type: float32, unit: V}}}\n", "",
		"  boiler:  {bus: panel, unit: 2, points: {setpoint: {holding: 101, type: int16, scale: 0.1, write: true}}}\n", "")
	f.reload()
	expect(t, f.g, map[string]string{"device/boiler/setpoint": "30"}) // what the removal has left
}

func TestPlacesThatGoAreLeftAsForAStop(t *testing.T) {
	f := startField(t)
	expect(t, f.g, online("boiler", "door"))
	const boiler = "  boiler:  {bus: panel, unit: 2, points: {setpoint: {holding: 101, type: int16, scale: 0.1, write: true}}}\n"
	const door = "points: {open: {line: GPIO17}}"
	with := func(setpoint, lamp string) []string {
		return []string{"setpoint: {holding: 101, type: int16, scale: 0.1, write: true}", setpoint, door, "points: {open: {line: GPIO17}, " + lamp + "}"}
	}
	f.reload(with("setpoint: {holding: 101, type: int16, scale: 0.1, write: true, on_stop: 30}", "lamp: {line: GPIO22, write: true, on_stop: off}")...)
	f.order("device/boiler/setpoint/set", "61", `"value":61`)
	f.order("device/door/lamp/set", "on", `"value":true`)
	f.reload(with("wanted: {holding: 101, type: int16, scale: 0.1, write: true, on_stop: 30}", "light: {line: GPIO22, write: true, on_stop: off}")...)
	expect(t, f.g, map[string]string{"device/boiler/wanted": "61", "device/door/light": "true"}) // other names for the same
	f.reload(boiler, "")
	f.reload()
	expect(t, f.g, map[string]string{"device/boiler/setpoint": "30"})
	f.reload(door, "points: {open: {line: GPIO17}, lamp: {line: GPIO22, write: true}}")
	expect(t, f.g, map[string]string{"device/door/lamp": "false"})
}
