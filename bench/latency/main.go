// Latency measures how long a value is on its way: from the change of a
// register in a simulated device, over the wire, the poll, the mapping and the
// broker, to a subscriber on a TCP connection.
//
//	go run ./bench/latency
//
// A change waits for the next poll, so the bar is one interval plus 10 ms. The
// program prints what it measured and asserts nothing: machines differ.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/eclipse/paho.golang/paho"
	"golang.org/x/sync/errgroup"

	"fieldmq/firmware-sim/cable"
	"fieldmq/firmware-sim/modbus"
	"fieldmq/gateway"
)

// bar is what a change may take beyond the polling interval.
const bar = 10 * time.Millisecond

const site = `
gateway: {id: bench, every: 1h}
broker: {listen: [{url: "mqtt://127.0.0.1:0"}]}
buses:
  tcp: {driver: modbus-tcp, address: "TCP", every: EVERY}
  rtu: {driver: modbus-rtu, port: RTU, baud: 115200, every: EVERY}
devices:
  tcp: {bus: tcp, unit: 1, points: {value: {holding: 0, type: uint32, qos: 0}}}
  rtu: {bus: rtu, unit: 1, points: {value: {holding: 0, type: uint32, qos: 0}}}
`

func main() {
	every := flag.Duration("every", 100*time.Millisecond, "polling interval")
	changes := flag.Int("changes", 100, "changes to measure on each bus")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *every, *changes); err != nil {
		fmt.Fprintln(os.Stderr, "latency:", err)
		os.Exit(1)
	}
}

// register is a device with one value of two registers, high word first.
type register struct{ value atomic.Uint32 }

func (r *register) Read(_ modbus.Table, address uint16, values []uint16) error {
	v := r.value.Load()
	return modbus.Copy(values, []uint16{uint16(v >> 16), uint16(v)}, 0, address)
}

func (*register) Write(modbus.Table, uint16, []uint16) error { return modbus.IllegalFunction }

func run(ctx context.Context, every time.Duration, changes int) error {
	devices := map[string]*register{"tcp": {}, "rtu": {}}
	ctx, cancel := context.WithCancel(ctx)
	group, serving := errgroup.WithContext(ctx)
	text, err := serve(serving, group, devices)
	if err != nil {
		cancel()
		return err
	}
	config, err := gateway.Read("bench", []byte(strings.ReplaceAll(text, "EVERY", every.String())), nil)
	if err != nil {
		cancel()
		return err
	}
	g, err := gateway.Open(ctx, config, slog.New(slog.DiscardHandler))
	if err != nil {
		cancel()
		return err
	}
	group.Go(func() error { return g.Run(serving) })
	group.Go(func() error {
		defer cancel()
		return measure(serving, g.URLs()[0], devices, every, changes)
	})
	return group.Wait()
}

// serve puts the devices on a TCP socket and a serial cable, and returns the
// site with their places.
func serve(ctx context.Context, group *errgroup.Group, devices map[string]*register) (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	line, err := cable.Open("")
	if err != nil {
		return "", err
	}
	tcp, err := modbus.NewServer(modbus.Unit{ID: 1, Device: devices["tcp"]})
	if err != nil {
		return "", err
	}
	rtu, err := modbus.NewServer(modbus.Unit{ID: 1, Device: devices["rtu"]})
	if err != nil {
		return "", err
	}
	group.Go(func() error { return tcp.ServeTCP(ctx, ln) })
	group.Go(func() error { return rtu.ServeRTU(ctx, line) })
	return strings.NewReplacer("TCP", ln.Addr().String(), "RTU", line.Port()).Replace(site), nil
}

// arrival is a value that a subscriber received.
type arrival struct {
	device string
	value  uint64
	at     time.Time
}

// measure changes registers at random instants and waits for their topics.
func measure(ctx context.Context, broker string, devices map[string]*register, every time.Duration, changes int) error {
	arrivals, err := subscribe(ctx, broker)
	if err != nil {
		return err
	}
	fmt.Printf("polling every %v, %d changes a bus; the bar is the interval and %v\n", every, changes, bar)
	fmt.Printf("%-5s %10s %10s %10s %10s   %s\n", "bus", "p50", "p95", "p99", "max", "within the bar")
	for _, name := range []string{"tcp", "rtu"} {
		var took []time.Duration
		for i := range changes {
			time.Sleep(every/2 + rand.N(every))
			value, began := uint32(i+1), time.Now()
			devices[name].value.Store(value)
			at, err := await(ctx, arrivals, name, uint64(value))
			if err != nil {
				return err
			}
			took = append(took, at.Sub(began))
		}
		report(name, took, every+bar)
	}
	return nil
}

func report(name string, took []time.Duration, bar time.Duration) {
	slices.Sort(took)
	at := func(share float64) time.Duration {
		return took[int(share*float64(len(took)-1))].Round(100 * time.Microsecond)
	}
	within, _ := slices.BinarySearch(took, bar+1)
	fmt.Printf("%-5s %10v %10v %10v %10v   %d of %d\n", name, at(.5), at(.95), at(.99), at(1), within, len(took))
}

func await(ctx context.Context, arrivals <-chan arrival, device string, value uint64) (time.Time, error) {
	for {
		select {
		case a := <-arrivals:
			if a.device == device && a.value == value {
				return a.at, nil
			}
		case <-ctx.Done():
			return time.Time{}, ctx.Err()
		case <-time.After(10 * time.Second):
			return time.Time{}, fmt.Errorf("value %d of %s never came", value, device)
		}
	}
}

// subscribe connects to the broker as any client does.
func subscribe(ctx context.Context, broker string) (<-chan arrival, error) {
	u, err := url.Parse(broker)
	if err != nil {
		return nil, err
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		return nil, err
	}
	arrivals := make(chan arrival, 1000) // more than come between two looks
	client := paho.NewClient(paho.ClientConfig{
		Conn: conn,
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(r paho.PublishReceived) (bool, error) {
			value, err := strconv.ParseUint(string(r.Packet.Payload), 10, 64)
			arrivals <- arrival{device: strings.Split(r.Packet.Topic, "/")[1], value: value, at: time.Now()}
			return true, err
		}},
	})
	if _, err := client.Connect(ctx, &paho.Connect{ClientID: "bench", KeepAlive: 30, CleanStart: true}); err != nil {
		return nil, err
	}
	_, err = client.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: "device/+/value"}}})
	return arrivals, err
}
