package gpio

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fieldmq/configs"
	"fieldmq/drivers"
)

// takes are points of every kind on the first lines of a chip.
func takes() []*drivers.Point {
	return []*drivers.Point{
		point("door", func(a *Address) { a.Line, a.Debounce = "GPIO0", configs.Duration(20*ms) }),
		point("pulses", func(a *Address) { a.Line, a.Count = "GPIO1", rising }),
		point("clicks", func(a *Address) { a.Line, a.Count, a.Debounce = "GPIO2", both, configs.Duration(5*ms) }),
		point("wind", func(a *Address) { a.Line, a.Measure = "GPIO3", frequency }),
		point("lamp", func(a *Address) { a.Line = "GPIO4"; a.AllowWrite() }),
		point("found", func(a *Address) { a.Line, a.Active = "GPIO5", activeLow }),
	}
}

// diary is what a watch tells of a point, with the time since the first time.
type diary struct {
	mu    sync.Mutex
	told  []string
	first time.Time
}

func (d *diary) watch(ctx context.Context, b *bus, points []*drivers.Point, speed float64) error {
	return b.Watch(ctx, points, func(samples []drivers.Sample) error {
		d.mu.Lock()
		defer d.mu.Unlock()
		for _, s := range samples {
			// What is debounced is told when it has held.
			if late := time.Since(s.Time); late < 0 || s.Point.Name == "door" && late.Seconds()*speed > 0.021 {
				return fmt.Errorf("%v is told %v late", s.Point, late)
			}
			if s.Point.Name != "door" {
				continue
			}
			if d.first.IsZero() {
				d.first = s.Time
			}
			after := time.Duration(float64(s.Time.Sub(d.first)) * speed).Round(ms)
			d.told = append(d.told, fmt.Sprint(after, " ", s.Value))
		}
		return nil
	})
}

// ends are the values that points have in the end.
func ends(t *testing.T, b *bus, points []*drivers.Point) []string {
	t.Helper()
	samples, err := b.Read(t.Context(), points)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, s := range samples {
		if s.Time.After(time.Now()) {
			t.Errorf("%v is of the future", s.Point)
		}
		v := s.Value
		if s.Value.Kind() == drivers.KindFloat {
			v = drivers.Float(math.Round(v.Float()))
		}
		all = append(all, fmt.Sprint(s.Point.Name, " ", v, " ", s.Err))
	}
	return all
}

// performance moves all lines, bounces and all, for some seconds.
func performance(t *testing.T, f *fake, b *bus, points []*drivers.Point) {
	t.Helper()
	if err := b.Write(t.Context(), []drivers.Command{{Point: points[4], Value: drivers.Bool(true)}}); err != nil {
		t.Error(err)
	}
	for i := range 300 {
		time.Sleep(10 * ms)
		f.set(3, i%2 == 0) // 50 Hz
		if i < 20 {
			f.set(1, i%2 == 0)
		}
		if i%60 == 5 { // the door moves, and bounces
			f.set(0, true)
			f.set(2, true)
			time.Sleep(2 * ms)
			f.set(0, false)
			f.set(2, false)
			time.Sleep(2 * ms)
		}
		if i%30 == 5 {
			f.set(0, i%60 == 5)
			f.set(2, i%60 == 5)
		}
		if i%25 == 0 {
			ends(t, b, points) // a poll
		}
	}
}

func TestRecordedChipGivesTheSameValuesAtAnySpeed(t *testing.T) {
	for _, speed := range []float64{1, 8, 0.5} {
		synctest.Test(t, func(t *testing.T) {
			f, s := newFake(), &Settings{}
			var lines []drivers.Traffic
			var mu sync.Mutex
			s.Tapped().Listen(func(x drivers.Traffic) { mu.Lock(); defer mu.Unlock(); lines = append(lines, x) })
			b, points := f.openPipe(t, s), takes()
			s.SetCount(points[1], 41)
			f.set(5, true) // an edge that nobody hears: it was so
			then, live := follow(t, b, points, 1, func() { performance(t, f, b, points) })
			if len(then) != 10 || live[1] != "pulses 51 <nil>" || live[2] != "clicks 10 <nil>" || live[3] != "wind 50 <nil>" ||
				live[4] != "lamp true <nil>" || live[5] != "found false <nil>" {
				t.Fatalf("this is no proof: %q, %q", then, live)
			}
			tape := NewTape(lines, lines[0].At, speed)
			again := &Settings{}
			again.Play(tape)
			opened, err := again.Open(t.Context(), slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			points = takes()
			told, end := follow(t, opened.(*bus), points, speed, func() {
				for _, left, _ := tape.Report(); left > 0; _, left, _ = tape.Report() {
					time.Sleep(ms / 10)
				}
			})
			if !slices.Equal(told, then) {
				t.Errorf("speed %v: the door was\n%q, played\n%q", speed, then, told)
			}
			if !slices.Equal(end, live) {
				t.Errorf("speed %v: the values were\n%q, played\n%q", speed, live, end)
			}
		})
	}
}

// follow watches a bus while something goes on, and returns what was told of
// the door, and the values in the end.
func follow(t *testing.T, b *bus, points []*drivers.Point, speed float64, while func()) (told, end []string) {
	t.Helper()
	d := &diary{}
	ctx, cancel := context.WithCancel(t.Context())
	var tasks sync.WaitGroup
	tasks.Go(func() {
		if err := d.watch(ctx, b, points, speed); err != nil {
			t.Error(err)
		}
	})
	synctest.Wait()
	while()
	end = ends(t, b, points)
	time.Sleep(200 * ms)
	cancel()
	tasks.Wait()
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	return d.told, end
}

func TestLineThatIsNotRecordedIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := time.Now()
		tape := NewTape([]drivers.Traffic{
			{At: at, Level: &drivers.Level{Offset: 3, Name: "GPIO3", Edge: at}},
			{At: at.Add(-time.Hour), Level: &drivers.Level{Offset: 3, Name: "GPIO3", High: true}}, // the clock was set
			{At: at.Add(time.Second - time.Hour), Level: &drivers.Level{Offset: 3, Name: "GPIO3", High: true}},
		}, at, 1)
		s := &Settings{}
		s.Play(tape)
		b, err := s.Open(t.Context(), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		samples, err := b.Read(t.Context(), []*drivers.Point{input("4"), input("3")})
		if err != nil {
			t.Fatal(err)
		}
		if err := samples[0].Err; !errors.Is(err, drivers.ErrRefused) || !strings.Contains(err.Error(), `the recording has no line "4"`) {
			t.Error(err)
		}
		if s := samples[1]; s.Err != nil || !s.Value.Bool() {
			t.Errorf("before its falling edge a line is %v, %v", s.Value, s.Err)
		}
		for _, c := range []struct{ played, left int }{{2, 1}, {3, 0}} {
			time.Sleep(time.Second)
			if played, left, absent := tape.Report(); played != c.played || left != c.left || absent != 1 {
				t.Errorf("played %d, left %d, absent %d; want %v", played, left, absent, c)
			}
		}
	})
}

func TestPlayedEdgesKeepTheirOwnInstants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := time.Now()
		heard := func(edge, late time.Duration, high bool) drivers.Traffic {
			return drivers.Traffic{At: at.Add(edge + late), Level: &drivers.Level{Name: "GPIO0", High: high, Edge: at.Add(edge)}}
		}
		s := &Settings{}
		s.Play(NewTape([]drivers.Traffic{heard(10*ms, 5*ms, true), heard(60*ms, ms, false)}, at, 2))
		b, err := s.Open(t.Context(), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var instants, late []time.Duration
		door := point("door", func(a *Address) { a.Line, a.Debounce = "GPIO0", configs.Duration(40*ms) })
		err = b.(*bus).Watch(ctx, []*drivers.Point{door}, func(samples []drivers.Sample) error {
			for _, s := range samples {
				instants = append(instants, s.Time.Sub(at))
				late = append(late, time.Since(s.Time).Round(ms/10))
			}
			return nil
		})
		if want := []time.Duration{lead + 5*ms, lead + 30*ms}; err != nil || !slices.Equal(instants, want) {
			t.Errorf("%v, %v; want %v", instants, err, want)
		}
		if want := []time.Duration{45 * ms / 2, 41 * ms / 2}; !slices.Equal(late, want) { // heard late, and held
			t.Errorf("told %v after, want %v", late, want)
		}
	})
}

func TestWhatIsWrittenIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Settings{}
		var told []string
		s.Tapped().Listen(func(x drivers.Traffic) { told = append(told, fmt.Sprint(x.Sent, " ", x.Level.Name, " ", x.Level.High)) })
		lamp := point("lamp", func(a *Address) {
			a.Line, a.Initial, a.Active = "GPIO4", yes, activeLow
			a.AllowWrite()
		})
		b := newFake().openPipe(t, s)
		if err := b.Write(t.Context(), []drivers.Command{{Point: lamp, Value: drivers.Bool(false)}, {Point: lamp, Value: drivers.Bool(true)}}); err != nil {
			t.Error(err)
		}
		ends(t, b, []*drivers.Point{lamp})
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		want := []string{"true GPIO4 false", "true GPIO4 true", "true GPIO4 false", "false GPIO4 false"}
		if !slices.Equal(told, want) {
			t.Errorf("told %q, want %q", told, want)
		}
	})
}

// steady is a chip that debounces, as the kernel does: edges of its lines are those
// that a test says have held.
type steady struct{ chip }

func (c steady) input(offset int, bias, edges string, hold time.Duration) (line, error) {
	l, err := c.chip.input(offset, bias, edges, hold)
	return steadyLine{l}, err
}

type steadyLine struct{ line }

func (steadyLine) debounced() bool { return true }

// What the chip has debounced is not debounced once more, after which it would be
// told later than it was; a longer debounce comes on top.
func TestDebouncedEdgesArePlayedAsTheyWereTold(t *testing.T) {
	const hold = 20 * ms
	for _, tt := range []struct {
		debounce time.Duration // when it is played
		late     time.Duration
		pulses   int64
	}{{hold, hold, 2}, {hold / 2, hold, 2}, {2 * hold, 3 * hold, 0}} {
		synctest.Test(t, func(t *testing.T) {
			f, s := newFake(), &Settings{}
			var lines []drivers.Traffic
			s.Tapped().Listen(func(x drivers.Traffic) { lines = append(lines, x) })
			points := func(debounce time.Duration) []*drivers.Point {
				door := point("door", func(a *Address) { a.Line, a.Debounce = "GPIO0", configs.Duration(debounce) })
				flow := point("flow", func(a *Address) { a.Line, a.Count, a.Debounce = "GPIO1", rising, configs.Duration(debounce) })
				return []*drivers.Point{door, flow}
			}
			b := newBus(steady{f.connect(t)}, s, slog.New(slog.DiscardHandler))
			recorded := points(hold)
			ends(t, b, recorded)
			settled := func(offset int, kind string) {
				f.say(f.conns[0], fmt.Sprintf("edge %d %s %d\n", offset, kind, time.Now().Add(-hold).UnixNano()))
				synctest.Wait()
			}
			time.Sleep(100 * ms)
			settled(0, rising)
			for range 2 {
				time.Sleep(100 * ms)
				settled(1, rising)
				time.Sleep(hold)
				settled(1, falling)
			}
			ends(t, b, recorded)
			b.Close()

			s = &Settings{}
			s.Play(NewTape(lines, lines[0].At, 1))
			opened, err := s.Open(t.Context(), slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			b = opened.(*bus)
			defer b.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			var late []time.Duration
			played := points(tt.debounce)
			if err := b.Watch(ctx, played, func(samples []drivers.Sample) error {
				for _, s := range samples {
					if s.Point == played[0] {
						late = append(late, time.Since(s.Time).Round(ms))
					}
				}
				return nil
			}); err != nil {
				t.Error(err)
			}
			if !slices.Equal(late, []time.Duration{tt.late}) {
				t.Errorf("debounce %v: the door is told %v late, want %v", tt.debounce, late, tt.late)
			}
			if got := values(t, b, played[1])[0]; got != drivers.Int(tt.pulses) {
				t.Errorf("debounce %v: %v pulses, want %d", tt.debounce, got, tt.pulses)
			}
		})
	}
}
