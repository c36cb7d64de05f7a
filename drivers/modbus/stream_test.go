package modbus

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fieldmq/drivers"
)

func after(d time.Duration, frames ...[]byte) []burst {
	return []burst{{d, slices.Concat(frames...)}}
}

func TestFaultOnTheLineNeverGivesAWrongValue(t *testing.T) {
	const offline, broken = "no answer", "damaged answer"
	tests := map[string]struct {
		// answer is what the line carries instead of good, the right answer.
		answer func(request, good []byte) []burst
		once   bool   // only in place of the first answer
		want   string // empty: the value
	}{
		"takes a good answer": {answer: func(_, good []byte) []burst { return after(turnaround, good) }},
		"waits for a slow answer": {answer: func(_, good []byte) []burst {
			return after(490*time.Millisecond, good)
		}},
		"says when nothing comes": {answer: func(_, _ []byte) []burst { return nil }, want: offline},
		"skips garbage before": {answer: func(_, good []byte) []burst {
			return after(turnaround, []byte{0, 0xFF, 0x55}, good)
		}},
		"skips garbage that looks like a beginning": {answer: func(r, good []byte) []burst {
			return after(turnaround, []byte{r[0], r[1], 2, 7}, good)
		}},
		"skips garbage that comes long before": {answer: func(_, good []byte) []burst {
			return []burst{{turnaround, []byte{0xFF}}, {200 * time.Millisecond, good}}
		}},
		"ignores what follows": {answer: func(_, good []byte) []burst {
			return after(turnaround, good, []byte{1, 2, 3})
		}},
		"takes the first of two": {answer: func(_, good []byte) []burst {
			return []burst{{turnaround, good}, {turnaround, good}}
		}},
		"asks again after a wrong CRC": {once: true, answer: func(_, good []byte) []burst {
			good[3] ^= 4
			return after(turnaround, good)
		}},
		"gives a wrong CRC up": {want: broken, answer: func(_, good []byte) []burst {
			good[3] ^= 4
			return after(turnaround, good)
		}},
		"asks again after a short answer": {once: true, answer: func(_, good []byte) []burst {
			return after(turnaround, good[:5])
		}},
		"asks again after a lost byte": {once: true, answer: func(_, good []byte) []burst {
			return after(turnaround, good[:3], good[4:])
		}},
		"refuses more than it asked for": {want: offline, answer: func(r, _ []byte) []burst {
			return after(turnaround, sealed([]byte{r[0], r[1], 4, 0, 1, 0, 2}))
		}},
		"refuses an empty answer": {want: offline, answer: func(r, _ []byte) []burst {
			return after(turnaround, sealed([]byte{r[0], r[1], 0}))
		}},
		"refuses a byte count that lies": {want: offline, answer: func(r, _ []byte) []burst {
			return after(turnaround, sealed([]byte{r[0], r[1], 4, 0, 1}))
		}},
		"waits out another unit": {answer: func(r, good []byte) []burst {
			other := slices.Clone(good[:len(good)-2])
			other[0]++
			return []burst{{turnaround, sealed(other)}, {100 * time.Millisecond, good}}
		}},
		"takes no answer of another unit": {want: offline, answer: func(r, good []byte) []burst {
			other := slices.Clone(good[:len(good)-2])
			other[0]++
			return after(turnaround, sealed(other))
		}},
		"takes no answer of another function": {want: offline, answer: func(r, good []byte) []burst {
			other := slices.Clone(good[:len(good)-2])
			other[1]++
			return after(turnaround, sealed(other))
		}},
		"takes no exception of another function": {want: offline, answer: func(r, _ []byte) []burst {
			return after(turnaround, sealed([]byte{r[0], r[1] + 1 | failed, 2}))
		}},
		"takes an exception": {want: "illegal data address", answer: func(r, _ []byte) []burst {
			return after(turnaround, exception(r, 2))
		}},
		"takes an unknown exception": {want: "exception code 0", answer: func(r, _ []byte) []burst {
			return after(turnaround, exception(r, 0))
		}},
		"asks a busy device again": {once: true, answer: func(r, _ []byte) []burst {
			return after(turnaround, exception(r, 6))
		}},
		"says when a device stays busy": {want: "device busy", answer: func(r, _ []byte) []burst {
			return after(turnaround, exception(r, 6))
		}},
		"hears its own echo": {answer: func(r, good []byte) []burst {
			return []burst{{0, r}, {turnaround, good}}
		}},
		"hears nothing but its echo": {want: offline, answer: func(r, _ []byte) []burst {
			return after(0, r)
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := at9600()
				bus, _ := onWire(t, s, func(n int, request []byte) []burst {
					if good := simulated(request); n > 0 && tt.once {
						return after(turnaround, good)
					} else {
						return tt.answer(request, good)
					}
				})
				p := point(unitOf(s, 17), "p", holding(1000, Uint16))
				sample := readOne(t, bus, p)
				switch {
				case tt.want == "" && (sample.Err != nil || sample.Value != right(p)):
					t.Errorf("got %v, %v", sample.Value, sample.Err)
				case tt.want != "" && (sample.Err == nil || sample.Err.Error() != tt.want):
					t.Errorf("got %v, %v; want %s", sample.Value, sample.Err, tt.want)
				}
				silent := tt.want == offline || tt.want == broken
				if errors.Is(sample.Err, drivers.ErrOffline) != silent {
					t.Errorf("%v reads as silence: %v", sample.Err, !silent)
				}
			})
		})
	}
}

func TestSilentUnitGetsOneRequestARead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := at9600()
		bus, w := onWire(t, s, func(int, []byte) []burst { return nil })
		d := unitOf(s, 1)
		points := []*drivers.Point{point(d, "p", holding(10, Uint16)), point(d, "q", holding(2000, Uint16))}
		for read := 1; read <= 40; read++ {
			samples, err := bus.Read(t.Context(), points)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range samples {
				if s.Err != drivers.ErrOffline {
					t.Errorf("got %v", s.Err)
				}
			}
			if len(w.sent) != read {
				t.Fatalf("%d requests in %d reads", len(w.sent), read)
			}
		}
	})
}

// TestManyFaultsGiveNoWrongValue reads at random, while the line and the
// devices do all that lines and devices do. The device answers in order, some
// answers come after the time-out.
func TestManyFaultsGiveNoWrongValue(t *testing.T) {
	for name, line := range map[string]struct{ loose, overtakes bool }{
		"on a line that takes its time":              {},
		"on a line that takes none":                  {loose: true},
		"on a line where answers overtake late ones": {loose: true, overtakes: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(3, 5))
				s := at9600()
				var free time.Time // when the line is free: two at a time would be a collision
				bus, w := onWire(t, s, func(_ int, request []byte) []burst {
					wait := max(time.Until(free), 0) + turnaround
					good := simulated(request)
					switch random.IntN(22) {
					case 0:
						wait += time.Duration(random.IntN(900)) * time.Millisecond
					case 1:
						good[random.IntN(len(good))] ^= byte(1 + random.IntN(255))
					case 2:
						good = good[:random.IntN(len(good))]
					case 3:
						good = slices.Concat([]byte{byte(random.IntN(256)), byte(random.IntN(256))}, good)
					case 4:
						good = exception(request, byte(random.IntN(12)))
						if line.overtakes { // else it would be no answer to so wide a read
							good = exception(request, 6)
						}
					case 5:
						good = slices.Concat(good, good)
					case 6:
						return nil
					case 7: // another master asks for as much, at another place
						other := slices.Clone(request[:6])
						other[3] ^= 1
						good = slices.Concat(sealed(other), simulated(other), good)
					case 8:
						good[0] += 7
						good = sealed(good[:len(good)-2])
					}
					if line.overtakes {
						return after(wait, good)
					}
					free = time.Now().Add(wait + s.Char()*time.Duration(len(request)+len(good)))
					return after(wait, good)
				})
				w.loose = line.loose
				var points []*drivers.Point
				for _, unit := range []int{1, 2} {
					d := unitOf(s, unit)
					for n := range 10 {
						points = append(points, point(d, "r", holding(300*n, Uint16)), point(d, "c", coil(300*n)))
					}
				}
				good := 0
				for range 50000 {
					p := points[random.IntN(len(points))]
					switch got := readOne(t, bus, p); {
					case got.Err == nil && got.Value == right(p):
						good++
					case got.Err == nil:
						t.Fatalf("%v: got %v, want %v", p.At, got.Value, right(p))
					}
				}
				if good < 15000 {
					t.Errorf("only %d of 50000 reads gave a value", good)
				}
			})
		})
	}
}

// TestRequestIsOnTimeWhereSleepersWakeUpLate: no timer is exact.
func TestRequestIsOnTimeWhereSleepersWakeUpLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := at9600()
		bus, w := onWire(t, s, func(_ int, request []byte) []burst { return after(turnaround, simulated(request)) })
		w.lazy = 90 * time.Microsecond
		p := point(unitOf(s, 1), "p", holding(1, Uint16))
		w.busy = time.Now()
		for range 10 {
			readOne(t, bus, p)
		}
		silence := betweenFrames(s.Char(), s.Baud)
		for _, gap := range w.gaps[2:] {
			if gap < silence || gap > silence+3*time.Microsecond {
				t.Errorf("silence of %v, want %v", gap, silence)
			}
		}
		if w.gaps[0] < silence+w.lazy {
			t.Errorf("the first request came after %v: the wire is not lazy", w.gaps[0])
		}
	})
}

// TestReadTakesTheTimeThatWasPlanned holds the model of costs against the line.
func TestReadTakesTheTimeThatWasPlanned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, baud := range []int{9600, 19200, 115200} {
			s := at9600()
			s.Baud = baud
			bus, _ := onWire(t, s, func(_ int, request []byte) []burst { return after(turnaround, simulated(request)) })
			d := unitOf(s, 1)
			var points []*drivers.Point
			for n := range 20 {
				points = append(points, point(d, "p", holding(n*n*5, Float32)))
			}
			read := func() time.Duration {
				began := time.Now()
				if _, err := bus.Read(t.Context(), points); err != nil {
					t.Fatal(err)
				}
				return time.Since(began)
			}
			read() // learns the turn-around
			took := read()
			var planned time.Duration
			c := bus.link.cost(d.target())
			for _, q := range bus.plan(d, points, nil).requests {
				planned += c.of(q.Table, q.Count)
			}
			if took < planned*99/100 || took > planned*101/100 {
				t.Errorf("%d baud: planned %v, took %v", baud, planned, took)
			}
		}
	})
}

func TestWriteOnALineThatHearsItself(t *testing.T) {
	tests := map[string]struct {
		answers, known bool
		want           error
	}{
		"is agreed to by the device":         {answers: true},
		"is not agreed to by the echo":       {want: drivers.ErrOffline},
		"is agreed to after a read":          {answers: true, known: true},
		"is not agreed to by the known echo": {known: true, want: drivers.ErrOffline},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := at9600()
				bus, _ := onWire(t, s, func(_ int, request []byte) []burst {
					if reading := request[1] <= 4; reading && tt.known || tt.answers {
						return []burst{{0, request}, {turnaround, simulated(request)}}
					}
					return after(0, request)
				})
				p := point(unitOf(s, 1), "p", holding(1, Uint16))
				if tt.known {
					readOne(t, bus, p)
				}
				err := bus.Write(t.Context(), []drivers.Command{{Point: p, Value: drivers.Int(7)}})
				if !errors.Is(err, tt.want) {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

func TestDamagedAnswerToAWriteIsNotAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := at9600()
		bus, w := onWire(t, s, func(_ int, request []byte) []burst {
			answer := simulated(request)
			if request[1] == 6 {
				answer[5] ^= 1
			}
			return after(turnaround, answer)
		})
		p := point(unitOf(s, 1), "p", holding(1, Uint16))
		err := bus.Write(t.Context(), []drivers.Command{{Point: p, Value: drivers.Int(7)}})
		if !errors.Is(err, drivers.ErrOffline) || !strings.Contains(err.Error(), "unit-1/p: damaged answer") {
			t.Errorf("got %v", err)
		}
		writes := slices.DeleteFunc(w.sent, func(frame []byte) bool { return frame[1] != 6 })
		if len(writes) != 1 {
			t.Errorf("written %d times", len(writes))
		}
	})
}

func TestBroadcastIsNotAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := at9600()
		bus, w := onWire(t, s, func(int, []byte) []burst { return nil })
		began := time.Now()
		if _, err := bus.Request(t.Context(), 0, 6, []byte{0x40, 0, 0, 1}, time.Second); err != nil {
			t.Fatal(err)
		}
		if want := s.Char()*8 + broadcastDelay; time.Since(began) < want || len(w.sent) != 1 {
			t.Errorf("took %v and %d requests", time.Since(began), len(w.sent))
		}
	})
}

// TestAnotherMasterGetsHisAnswer: what he asks another unit is no silence to
// speak in, until the answer has come or will not.
func TestAnotherMasterGetsHisAnswer(t *testing.T) {
	for name, tt := range map[string]struct {
		answers bool
		want    time.Duration // from the end of his request to ours
	}{
		"while the unit takes its time": {true, 60 * time.Millisecond},
		"until it will not come":        {false, yields},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := at9600()
				bus, w := onWire(t, s, func(_ int, request []byte) []burst { return after(turnaround, simulated(request)) })
				theirs := sealed([]byte{9, 3, 0, 7, 0, 2})
				w.receive(theirs...)
				began := time.Now()
				if tt.answers {
					time.AfterFunc(tt.want, func() { w.receive(simulated(theirs)...) })
				}
				p := point(unitOf(s, 1), "p", holding(1, Uint16))
				if got := readOne(t, bus, p); got.Err != nil || got.Value != right(p) {
					t.Errorf("got %v, %v", got.Value, got.Err)
				}
				silence := betweenFrames(s.Char(), s.Baud)
				sent := began.Add(w.gaps[0])
				if tt.answers {
					sent = sent.Add(tt.want)
				} else {
					silence = 0 // it is over within the wait
				}
				if got := sent.Sub(began); got < tt.want+silence || got > tt.want+silence+time.Millisecond {
					t.Errorf("asked %v after his request, want %v", got, tt.want+silence)
				}
				if c := bus.Counts(p); c.Foreign != 1 {
					t.Errorf("counted %+v", c)
				}
			})
		})
	}
}

func TestBabblingLineEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := at9600()
		bus, w := onWire(t, s, func(int, []byte) []burst { return nil })
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for ctx.Err() == nil {
				w.receive(0x55)
				time.Sleep(s.Char())
			}
		}()
		defer func() { cancel(); <-ended }()
		time.Sleep(time.Second)
		got := readOne(t, bus, point(unitOf(s, 1), "p", holding(1, Uint16)))
		if got.Err != babbling || len(w.sent) > 0 {
			t.Errorf("got %v after %d requests", got.Err, len(w.sent))
		}
	})
}

func TestAnswerWithinNoiseWithoutEndIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := at9600()
		bus, _ := onWire(t, s, func(_ int, request []byte) []burst {
			noise := make([]byte, 450)
			return after(turnaround, noise, simulated(request), noise[:5])
		})
		p := point(unitOf(s, 1), "p", holding(1, Uint16))
		if got := readOne(t, bus, p); got.Err != nil || got.Value != right(p) {
			t.Errorf("got %v, %v", got.Value, got.Err)
		}
	})
}
