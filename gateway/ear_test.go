package gateway

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/drivers"
	"fieldmq/mapping"
)

// listener is an ear of a device d whose bus takes ten seconds for each write.
type listener struct {
	ear
	wrote int

	mu      sync.Mutex
	answers []string
}

func newListener(t *testing.T) *listener {
	t.Helper()
	config := read(t, "buses: {b: {driver: modbus-tcp, address: a}}\ndevices: {d: {bus: b, points: {p: {holding: 1, write: true}}}}\n")
	table, err := config.Buses[0].table()
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{}
	l.table = func() *mapping.Table { return table }
	l.ordered = func(error) {}
	l.answer = func(messages ...mqtt.Message) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.answers = append(l.answers, string(messages[0].Payload))
	}
	l.write = func(ctx context.Context, _ ...drivers.Command) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Second):
			l.wrote++
			return nil
		}
	}
	return l
}

// answered is how many answers hold a text.
func (l *listener) answered(text string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.answers {
		if strings.Contains(a, text) {
			n++
		}
	}
	return n
}

const (
	carriedOut = `"ok":true`
	expired    = `"error":"the command expired before the bus was free for it; nothing was written"`
	busy       = `"error":"too many commands wait for the device already; nothing was written"`
)

func set(expiry time.Duration) mqtt.Message {
	return mqtt.Message{Topic: "device/d/p/set", Payload: []byte("1"), Expiry: expiry}
}

func TestCommandsThatExpireAreNotCarriedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newListener(t)
		// Each waits for those before it, too.
		l.hear(t.Context(), slices.Values([]mqtt.Message{set(5 * time.Second), set(20 * time.Second), set(20 * time.Second), set(0)}))
		_ = l.tasks.Wait()
		if l.answered(expired) != 2 || l.answered(carriedOut) != 2 || l.wrote != 2 {
			t.Errorf("wrote %d: %s", l.wrote, l.answers)
		}
	})
}

func TestCommandsThatCameTooFastAreRefusedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newListener(t)
		ctx, stop := context.WithCancel(t.Context())
		const excess = 50
		l.hear(ctx, func(yield func(mqtt.Message) bool) {
			for range 1 + mostOrders + excess {
				time.Sleep(time.Millisecond) // the first one is at the bus
				if !yield(set(0)) {
					return
				}
			}
		})
		time.Sleep(time.Second)
		if got := l.answered(busy); got != excess {
			t.Errorf("%d are refused, want %d", got, excess)
		}
		time.Sleep(34 * time.Second)
		stop() // those that wait are not carried out any more
		_ = l.tasks.Wait()
		if l.wrote != 3 || l.answered(carriedOut) != 3 {
			t.Errorf("wrote %d: %s", l.wrote, l.answers)
		}
	})
}
