package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"fieldmq/drivers/modbus"
)

// units share a line.
const units = 8

// onLine runs a world with a line while f uses it.
func onLine(w world, f func(port string) error) (verdict, error) {
	r, err := start(w)
	if err != nil {
		return verdict{}, err
	}
	failed := f(r.Ports[0])
	v, err := r.stop()
	if failed != nil {
		return v, failed
	}
	return v, err
}

func rtuKeys(port string, baud int, more string) string {
	return fmt.Sprintf("{port: %s, baud: %d%s}", port, baud, more)
}

// lineCells are fieldmq and its peers on a healthy line.
func lineCells(baud int) []cell {
	w := newWire(baud)
	best, _ := w.best(scattered)
	name := func(who string) string { return fmt.Sprintf("%d %s", baud, who) }
	share := func(rate float64, v verdict) string {
		got := 100 * rate / w.limit()
		return fmt.Sprintf("%6.1f %% of %.1f values/s (%.1f %% without the simulator's own delays), silence too short before %d of %d requests",
			got, w.limit(), got/(1-v.Late), v.Short, v.Requests)
	}
	peer := func(who string, blocks []block, read func(ctx context.Context, port string, span time.Duration) (float64, error)) cell {
		return cell{name(who), func(ctx context.Context, span time.Duration) (string, error) {
			reads := 0.0
			v, err := onLine(world{Units: units}, func(port string) (err error) {
				reads, err = read(ctx, port, span)
				return err
			})
			perRead := float64(len(scattered)) / float64(len(blocks))
			return share(reads*perRead, v), err
		}}
	}
	return []cell{
		{name("fieldmq"), func(ctx context.Context, span time.Duration) (string, error) {
			var t tally
			v, err := onLine(world{Units: units}, func(port string) error {
				s, err := newSite(modbus.RTU, rtuKeys(port, baud, ""), units, scattered, 0)
				if err == nil {
					t = measure(ctx, 2*time.Second, span, s)
				}
				return err
			})
			return share(t.rate(), v) + fmt.Sprintf(", %d wrong, %.1f %% of a core", t.wrong, 100*t.cpu.Seconds()/t.took.Seconds()), err
		}},
		peer("libmodbus, best plan", best, func(ctx context.Context, port string, span time.Duration) (float64, error) {
			return libmodbus(ctx, port, baud, units, best, span)
		}),
		peer("libmodbus, one by one", single(scattered), func(ctx context.Context, port string, span time.Duration) (float64, error) {
			return libmodbus(ctx, port, baud, units, single(scattered), span)
		}),
		peer("goburrow, best plan", best, func(_ context.Context, port string, span time.Duration) (float64, error) {
			return plainRTU(port, baud, units, best, span)
		}),
		peer("goburrow, one by one", single(scattered), func(_ context.Context, port string, span time.Duration) (float64, error) {
			return plainRTU(port, baud, units, single(scattered), span)
		}),
	}
}

// deadCell is what a dead unit of eight costs the seven others.
func deadCell() cell {
	const baud = 9600
	return cell{"dead unit of eight", func(ctx context.Context, span time.Duration) (string, error) {
		rate := func(fault string, n int, before, span time.Duration) (float64, error) {
			var t tally
			_, err := onLine(world{Units: n, Fault: fault}, func(port string) error {
				s, err := newSite(modbus.RTU, rtuKeys(port, baud, ""), n, scattered, 0)
				if err == nil {
					t = measure(ctx, before, span, s)
				}
				return err
			})
			return t.rate(), err
		}
		healthy, err := rate("", units-1, 2*time.Second, 2*span)
		if err != nil {
			return "", err
		}
		sick, err := rate("dead", units, 60*time.Second, 6*span)
		return fmt.Sprintf("the seven others lose %.1f %%", 100-100*sick/healthy), err
	}}
}

// damaged are the faults of one frame in a hundred.
var damaged = []string{
	"garbage", "crc", "truncate", "wrong-unit", "foreign", "duplicate", "short", "long", "master", "echo", "silence", "exception 6",
}

// damageCells are what one damaged answer in a hundred costs, beside the
// exchanges that it spoils and the waits that these end in.
func damageCells() []cell {
	const baud = 115200
	var all []cell
	for _, fault := range damaged {
		all = append(all, cell{"1 % " + fault, func(ctx context.Context, span time.Duration) (string, error) {
			var t tally
			_, err := onLine(world{Units: units, Fault: fault + " 1%"}, func(port string) error {
				s, err := newSite(modbus.RTU, rtuKeys(port, baud, ", timeout: 100ms"), units, scattered, 0)
				if err == nil {
					t = measure(ctx, 2*time.Second, 2*span, s)
				}
				return err
			})
			return fmt.Sprintf("%6.1f %% of the limit, %d values wrong, %.1f %% without a value", 100*t.rate()/newWire(baud).limit(),
				t.wrong, 100*float64(t.failed)/float64(max(t.values+t.failed, 1))), err
		}})
	}
	return all
}

// tcpCells are a hundred devices of a hundred registers: each at its own address,
// and all behind one.
func tcpCells(trip time.Duration) []cell {
	const devices, each = 100, 100
	most := func(atATime int) float64 { return float64(atATime*each) / trip.Seconds() }
	say := func(t tally, most float64) string {
		text := fmt.Sprintf("%9.0f values/s, %.2f s of CPU a million, %d wrong", t.rate(), t.cpu.Seconds()/float64(t.values)*1e6, t.wrong)
		if trip > 0 {
			text += fmt.Sprintf(", %.1f %% of what the trips allow", 100*t.rate()/most)
		}
		return text
	}
	ours := func(addresses, units, inFlight int, read reader) func(context.Context, time.Duration) (string, error) {
		return func(ctx context.Context, span time.Duration) (string, error) {
			r, err := start(world{Units: units, TCP: addresses, Trip: trip})
			if err != nil {
				return "", err
			}
			var sites []*site
			for _, address := range r.Ports {
				s, err := newSite(modbus.TCP, fmt.Sprintf("{address: %q, in_flight: %d}", address, inFlight), units, nil, each)
				if err != nil {
					return "", err
				}
				sites = append(sites, s)
			}
			t, failed := read(ctx, span, sites...)
			_, err = r.stop()
			return say(t, most(addresses*inFlight)), errors.Join(failed, err)
		}
	}
	polled := func(ctx context.Context, span time.Duration, sites ...*site) (tally, error) {
		return measure(ctx, 2*time.Second, span, sites...), nil
	}
	plain := func(every time.Duration) func(context.Context, time.Duration) (string, error) {
		return func(_ context.Context, span time.Duration) (string, error) {
			r, err := start(world{Units: 1, TCP: devices, Trip: trip})
			if err != nil {
				return "", err
			}
			cpu, total, answers := used(), 0.0, make(chan float64)
			for _, address := range r.Ports {
				go func() {
					n, err := plainTCP(address, []block{{0, each}}, every, span)
					if err != nil {
						n = 0
					}
					answers <- n
				}()
			}
			for range r.Ports {
				total += <-answers
			}
			_, err = r.stop()
			return say(tally{values: int64(total * each * span.Seconds()), cpu: used() - cpu, took: span}, most(devices)), err
		}
	}
	at := "TCP " + strings.TrimSuffix(trip.String(), "0s")
	if trip == 0 {
		at = "TCP 0ms"
	}
	cells := []cell{
		{at + " fieldmq", ours(devices, 1, 1, polled)},
		{at + " fieldmq's driver alone", ours(devices, 1, 1, alone(0))},
		{at + " goburrow", plain(0)},
		{at + " one box", ours(1, devices, 1, polled)},
		{at + " one box, 16 in flight", ours(1, devices, 16, polled)},
	}
	if trip == 0 {
		eachSecond := func(ctx context.Context, span time.Duration, sites ...*site) (tally, error) {
			for _, s := range sites {
				s.each(time.Second)
			}
			return polled(ctx, span, sites...)
		}
		cells = append(cells,
			cell{"TCP each second fieldmq", ours(devices, 1, 1, eachSecond)},
			cell{"TCP each second, driver alone", ours(devices, 1, 1, alone(time.Second))},
			cell{"TCP each second goburrow", plain(time.Second)})
	}
	return cells
}
