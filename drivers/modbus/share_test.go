package modbus

import (
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"fieldmq/configs"
)

// TestDamageCostsNoMoreThanItsOwnShare damages one answer in a hundred, and
// holds what is lost of the line's time against what that answer costs: the
// characters that are too many, or the wait in which the answer ends, the request
// that is sent in its place, and, while the answer may still come, the two
// characters of each read that make it look different: some 100 ms in all.
func TestDamageCostsNoMoreThanItsOwnShare(t *testing.T) {
	const reads, timeout = 5000, 100 * time.Millisecond
	const different = 100 * time.Millisecond
	const exchange = 8100 * time.Microsecond
	char := 10 * time.Second / 115200
	type damage = func(request, good []byte) []burst
	for name, tt := range map[string]struct {
		costs  time.Duration
		damage damage
	}{
		"crc":          {complete + exchange + different + 11*time.Millisecond, func(_, good []byte) []burst { good[3] ^= 1; return after(turnaround, good) }},
		"truncated":    {50*time.Millisecond + exchange + different, func(_, good []byte) []burst { return after(turnaround, good[:4]) }},
		"silence":      {timeout + different + exchange, func(_, _ []byte) []burst { return nil }},
		"garbage":      {3 * char, func(_, good []byte) []burst { return after(turnaround, []byte{1, 3, 0xFF}, good) }},
		"trailing":     {3 * char, func(_, good []byte) []burst { return after(turnaround, good, []byte{1, 3, 0xFF}) }},
		"twice":        {7 * char, func(_, good []byte) []burst { return after(turnaround, good, good) }},
		"another unit": {timeout + different, func(_, good []byte) []burst { good[0]++; return after(turnaround, sealed(good[:len(good)-2])) }},
		"another master": {(8 + 7) * char, func(request, good []byte) []burst {
			other := slices.Clone(request[:6])
			other[3] ^= 1
			return after(turnaround, sealed(other), simulated(other), good)
		}},
		"echo": {8 * char, func(request, good []byte) []burst { return []burst{{0, request}, {turnaround, good}} }},
		"busy": {busyWaits[0] + exchange + 3*time.Millisecond, func(request, _ []byte) []burst { return after(turnaround, exception(request, 6)) }},
		"late": {timeout + different + 3*exchange, func(_, good []byte) []burst { return after(timeout+50*time.Millisecond, good) }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := at9600()
				s.Baud, s.Timeout = 115200, configs.Duration(timeout)
				random := rand.New(rand.NewPCG(1, 2))
				struck, ill := 0, false
				bus, _ := onWire(t, s, func(_ int, request []byte) []burst {
					good := simulated(request)
					if !ill || random.IntN(100) > 0 {
						return after(turnaround, good)
					}
					struck++
					return tt.damage(request, good)
				})
				points := holdings(unitOf(s, 1), 0, 1000, 2000, 3000)
				run := func() (took time.Duration, wrong int) {
					began := time.Now()
					for n := range reads {
						p := points[n%len(points)]
						if got := readOne(t, bus, p); got.Err == nil && got.Value != right(p) {
							wrong++
						}
					}
					return time.Since(began), wrong
				}
				run() // learns
				healthy, _ := run()
				ill = true
				sick, wrong := run()
				per := (sick - healthy) / time.Duration(struck)
				if wrong > 0 || per > tt.costs+tt.costs/50 {
					t.Errorf("%d answers of %d were struck: each cost %v, want at most %v; %d values wrong", struck, reads, per, tt.costs, wrong)
				}
				if struck < reads/200 {
					t.Errorf("only %d answers were struck", struck)
				}
			})
		})
	}
}
