package gateway

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"fieldmq/drivers"
)

// TestFirstCountIsKeptAtOnce, so that a crash in the first minute does not let a
// total begin anew.
func TestFirstCountIsKeptAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &read(t, `
buses: {b: {driver: modbus-tcp, address: plc}}
devices: {meter: {bus: b, points: {energy: {holding: 0, counter: true}}}}
`).Buses[0]
		table, err := bus.table()
		if err != nil {
			t.Fatal(err)
		}
		keeper := &forgetful{}
		c := &counts{keeper: keeper, log: slog.New(slog.DiscardHandler)}
		point := bus.Devices[0].Points[0].Point
		count := func(n int64) string {
			table.Messages([]drivers.Sample{{Point: point, Time: time.Now(), Value: drivers.Int(n)}}, time.Now())
			c.save(table, bus, false)
			return string(keeper.Get(countsKey("meter")))
		}
		c.save(table, bus, false) // before anything is counted
		first := count(7)
		if first == "" {
			t.Error("the first count is not kept")
		}
		if later := count(8); later != first {
			t.Error("each count is a write")
		}
		time.Sleep(countsEvery)
		if later := count(9); later == first {
			t.Error("after a minute nothing is kept")
		}
	})
}
