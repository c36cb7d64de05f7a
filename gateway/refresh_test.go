package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fieldmq/drivers"
)

func TestValuesThatAreForgottenAreWrittenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var mu sync.Mutex
		var broken, gone bool
		var wrote []string
		set := func(b, g bool) {
			mu.Lock()
			defer mu.Unlock()
			broken, gone = b, g
		}
		setpoint, plain := &drivers.Point{Device: "d", Name: "setpoint"}, &drivers.Point{Device: "d", Name: "plain"}
		r := newRefresher(func(p *drivers.Point) time.Duration {
			mu.Lock()
			defer mu.Unlock()
			if p == setpoint && !gone {
				return 10 * time.Second
			}
			return 0
		}, func(_ context.Context, commands ...drivers.Command) error {
			mu.Lock()
			defer mu.Unlock()
			for _, c := range commands {
				wrote = append(wrote, fmt.Sprintf("%v %s=%v", time.Since(began), c.Point.Name, c.Value))
			}
			if broken {
				return errors.New("no answer")
			}
			return nil
		}, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- r.run(ctx) }()
		pass := func(d time.Duration) { time.Sleep(d); synctest.Wait() }

		pass(time.Minute) // nothing was given
		must := func(err error) {
			if err != nil {
				t.Error(err)
			}
		}
		must(r.write(ctx, drivers.Command{Point: setpoint, Value: drivers.Int(1)}, drivers.Command{Point: plain, Value: drivers.Int(5)}))
		pass(25 * time.Second)
		must(r.write(ctx, drivers.Command{Point: setpoint, Value: drivers.Int(2)}))
		pass(11 * time.Second)
		set(true, false)
		if r.write(ctx, drivers.Command{Point: setpoint, Value: drivers.Int(3)}) == nil {
			t.Error("a write that fails is taken for one that does not")
		}
		pass(10 * time.Second) // the value that it has is kept up, not the one it never had
		set(false, true)
		pass(time.Minute)
		cancel()
		must(<-ended)
		want := []string{"1m0s setpoint=1", "1m0s plain=5", "1m10s setpoint=1", "1m20s setpoint=1", "1m25s setpoint=2",
			"1m35s setpoint=2", "1m36s setpoint=3", "1m45s setpoint=2"}
		if fmt.Sprint(wrote) != fmt.Sprint(want) {
			t.Errorf("got  %v\nwant %v", wrote, want)
		}
	})
}
