package gateway

import (
	"context"
	"strconv"
	"testing"
	"time"
)

func TestBusesTellTheirRatesAndTimes(t *testing.T) {
	g, _, stop := startPlant(t)
	defer stop()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	wanted := map[string]bool{"device/box/bus_panel_rate": true, "device/box/bus_panel_round_trip": true, "device/box/bus_panel_jitter": false}
	for m := range g.Server().Subscribe(ctx, "device/box/+") {
		above, known := wanted[m.Topic]
		if !known {
			continue
		}
		value, err := strconv.ParseFloat(string(m.Payload), 64)
		if err != nil || value < 0 || value > 10000 {
			t.Errorf("%s is %s", m.Topic, m.Payload)
		}
		if value > 0 || !above {
			delete(wanted, m.Topic)
		}
		if len(wanted) == 0 {
			return
		}
	}
	t.Errorf("never came: %v", wanted)
}
