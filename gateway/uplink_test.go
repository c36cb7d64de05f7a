package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"fieldmq/drivers"
	"fieldmq/mapping"
)

func TestLostUplinkIsAnsweredOnceALoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wrote []string
		began := time.Now()
		var there, broken atomic.Bool
		there.Store(true)
		losses := []mapping.Loss{{Upstream: "cloud", After: time.Minute, Command: drivers.Command{
			Point: &drivers.Point{Device: "d", Name: "p"}, Value: drivers.Int(7)}}}
		u := &uplinks{
			losses:    func() []mapping.Loss { return losses },
			connected: func(name string) bool { return name == "cloud" && there.Load() },
			do: func(_ context.Context, commands ...drivers.Command) error {
				wrote = append(wrote, fmt.Sprintf("%v %v=%v", time.Since(began), commands[0].Point, commands[0].Value))
				if broken.Load() {
					return errors.New("no answer")
				}
				return nil
			},
			log: slog.New(slog.DiscardHandler),
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- u.run(ctx) }()
		pass := func(d time.Duration) { time.Sleep(d); synctest.Wait() }

		pass(10*time.Minute + 500*time.Millisecond)
		there.Store(false)
		pass(5 * time.Minute) // once, a minute after it was last seen
		there.Store(true)
		pass(time.Minute)
		there.Store(false)
		broken.Store(true)
		pass(100 * time.Second) // tries again
		broken.Store(false)
		pass(time.Minute)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		want := []string{"11m0s d/p=7", "17m0s d/p=7", "17m30s d/p=7", "18m0s d/p=7"}
		if fmt.Sprint(wrote) != fmt.Sprint(want) {
			t.Errorf("got  %v\nwant %v", wrote, want)
		}
	})
}

func TestUpstreamsThatAreNotThereCannotBeLost(t *testing.T) {
	for point, want := range map[string]string{
		"on_uplink_lost: 1":                          "site.yaml:2:77: devices.d.points.p.on_uplink_lost: there are no upstreams that could be lost",
		"on_uplink_lost: {value: 1, upstream: moon}": `site.yaml:2:98: devices.d.points.p.on_uplink_lost.upstream: there is no upstream "moon"`,
	} {
		_, err := Read("site.yaml", []byte("buses: {b: {driver: modbus-tcp, address: a}}\n"+
			"devices: {d: {bus: b, points: {p: {holding: 1, write: true, "+point+"}}}}\n"), nil)
		if err == nil || err.Error() != want {
			t.Errorf("got %v", err)
		}
	}
}

func TestPointsThatAreNotReadAreNotPolled(t *testing.T) {
	config := read(t, `
buses: {b: {driver: modbus-rtu, port: /dev/x}}
devices:
  meter:
    bus: b
    unit: 1
    points:
      power: {input: 1}
      clear: {holding: 9, read: false, write: true}
      reset: {call: {function: 0x42}, write: true}
  all: {bus: b, unit: 0, points: {reset: {holding: 9, write: true}}}
`)
	meter, all := config.Buses[0].Devices[0], config.Buses[0].Devices[1]
	if groups := meter.Groups(); len(groups) != 1 || len(groups[0].Points) != 1 || groups[0].Points[0].Name != "power" {
		t.Errorf("got %v", groups)
	}
	if groups := all.Groups(); len(groups) != 0 {
		t.Errorf("unit 0 is asked for %v", groups)
	}
}
