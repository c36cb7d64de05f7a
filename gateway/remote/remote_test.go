package remote_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fieldmq/drivers"
	"fieldmq/drivers/modbus"
	sim "fieldmq/firmware-sim/modbus"
	"fieldmq/gateway"
	"fieldmq/gateway/remote"
)

// cells is a device with ten holding registers.
type cells struct {
	mu    sync.Mutex
	words [10]uint16
}

func (c *cells) Read(t sim.Table, address uint16, values []uint16) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return sim.Copy(values, c.words[:], 0, address)
}

func (c *cells) Write(_ sim.Table, address uint16, values []uint16) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if int(address)+len(values) > len(c.words) {
		return sim.IllegalDataAddress
	}
	copy(c.words[address:], values)
	return nil
}

// running is a gateway with a device, and its broker's URL; stop ends it.
func running(t *testing.T, may string) (url, plc string, stop func()) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	plc = listener.Addr().String()
	server, err := sim.NewServer(sim.Unit{ID: 1, Device: new(cells)})
	if err != nil {
		t.Fatal(err)
	}
	config, err := gateway.Read("site.yaml", []byte(`
gateway: {id: box, tools: `+may+`}
broker: {listen: [{url: "mqtt://127.0.0.1:0"}]}
buses: {plc: {driver: modbus-tcp, address: "`+plc+`", timeout: 300ms}}
devices: {tank: {bus: plc, unit: 1, points: {level: {holding: 3, write: {max: 50}}}}}
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	g, err := gateway.Open(t.Context(), config, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var ended sync.WaitGroup
	ended.Go(func() { server.ServeTCP(ctx, listener) })
	ended.Go(func() {
		if err := g.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	stop = func() { cancel(); ended.Wait() }
	t.Cleanup(stop)
	return g.URLs()[0], plc, stop
}

func dialled(t *testing.T, url string) *remote.Client {
	t.Helper()
	c, err := remote.Dial(t.Context(), remote.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// found waits for the bus of a gateway that has just started.
func found(t *testing.T, c *remote.Client, place string) remote.Place {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; {
		p, err := c.Find(t.Context(), place)
		if err == nil {
			return p
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func TestBusOfAGatewayIsBorrowed(t *testing.T) {
	url, address, _ := running(t, "write")
	c := dialled(t, url)
	want := remote.Place{Gateway: "box", Bus: "plc", Driver: "modbus-tcp", Line: address}
	for _, place := range []string{"plc", address} {
		if got := found(t, c, place); got != want {
			t.Errorf("%s is %+v, want %+v", place, got, want)
		}
	}
	bus := c.Bus(want)
	if _, err := bus.Request(t.Context(), 1, 6, []byte{0, 5, 0x12, 0x34}, time.Second); err != nil {
		t.Error(err)
	}
	if got, err := bus.Request(t.Context(), 1, 3, []byte{0, 5, 0, 1}, time.Second); err != nil || !slices.Equal(got, []byte{0x12, 0x34}) {
		t.Errorf("holding 5 is % X, %v", got, err)
	}
	var declined modbus.Exception
	if _, err := bus.Request(t.Context(), 1, 3, []byte{0, 99, 0, 1}, time.Second); !errors.As(err, &declined) || declined != 2 {
		t.Errorf("a register that is not there: %v", err)
	}
	if _, err := bus.Request(t.Context(), 7, 3, []byte{0, 0, 0, 1}, 200*time.Millisecond); !errors.Is(err, drivers.ErrOffline) {
		t.Errorf("a unit that is not there: %v", err)
	}
}

func TestGatewayLendsWhatItsFileSays(t *testing.T) {
	url, _, _ := running(t, "read")
	c := dialled(t, url)
	bus := c.Bus(found(t, c, "plc"))
	if _, err := bus.Request(t.Context(), 1, 6, []byte{0, 5, 0x12, 0x34}, time.Second); !errors.Is(err, drivers.ErrRefused) {
		t.Errorf("a write: %v", err)
	}
	url, _, _ = running(t, "none")
	c = dialled(t, url)
	for deadline := time.Now().Add(30 * time.Second); ; {
		_, err := c.Find(t.Context(), "plc")
		if err != nil && strings.Contains(err.Error(), "has plc, or gateway.tools is none") {
			return
		}
		if err == nil || time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func TestPointsAreSetByName(t *testing.T) {
	url, _, _ := running(t, "read")
	c := dialled(t, url)
	found(t, c, "plc")
	if err := c.Set(t.Context(), "tank", map[string]string{"level": "42"}); err != nil {
		t.Error(err)
	}
	if err := c.Set(t.Context(), "tank", map[string]string{"level": "51"}); !errors.Is(err, drivers.ErrRefused) || !strings.Contains(err.Error(), "above the maximum 50") {
		t.Errorf("too much: %v", err)
	}
	if err := c.Set(t.Context(), "boiler", map[string]string{"level": "1"}); err == nil || !strings.Contains(err.Error(), "nobody listens") {
		t.Errorf("nobody's: %v", err)
	}
	levels := 0
	err := c.Follow(t.Context(), "device/tank/level", func(topic string, payload []byte) bool {
		levels++
		return string(payload) != "42"
	})
	if err != nil || levels == 0 {
		t.Errorf("%d levels, %v", levels, err)
	}
	got, err := c.Retained(t.Context(), "device/tank/status")
	if err != nil || len(got) != 1 || string(got["device/tank/status"]) != "online" {
		t.Errorf("retained is %s, %v", got, err)
	}
}

func TestBrokerThatGoesIsSaid(t *testing.T) {
	url, _, stop := running(t, "read")
	c := dialled(t, url)
	p := found(t, c, "plc")
	gone := make(chan error, 1)
	go func() {
		gone <- c.Follow(context.Background(), "other/#", func(string, []byte) bool { return true })
	}()
	stop()
	select {
	case err := <-gone:
		if err == nil {
			t.Error("following ended well")
		}
	case <-time.After(30 * time.Second):
		t.Error("a client follows a broker that is gone")
	}
	if _, err := c.Bus(p).Request(t.Context(), 1, 3, []byte{0, 0, 0, 1}, time.Second); !errors.Is(err, drivers.ErrBus) {
		t.Errorf("a request: %v", err)
	}
}

func TestBrokerThatCannotBeReachedIsSaid(t *testing.T) {
	for url, want := range map[string]string{
		"http://127.0.0.1":   `"http://" is none of mqtt://, mqtts:// and unix://`,
		"mqtt://127.0.0.1:1": "connection refused",
		"unix:///nowhere":    "no such file",
		"mqtt://%":           "invalid",
	} {
		if c, err := remote.Dial(t.Context(), remote.Config{URL: url}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v", url, c, err)
		}
	}
}

func TestWrongPasswordIsSaid(t *testing.T) {
	users := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(users, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	config, err := gateway.Read("site.yaml", []byte(`
gateway: {id: box}
broker: {listen: [{url: "mqtt://127.0.0.1:0", anonymous: false}], users: `+users+`}
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	g, err := gateway.Open(t.Context(), config, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	_, err = remote.Dial(t.Context(), remote.Config{URL: strings.Replace(g.URLs()[0], "//", "//ann:wrong@", 1)})
	if !errors.Is(err, remote.ErrRefused) || strings.Contains(err.Error(), "wrong@") {
		t.Errorf("got %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
