package gpio

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fieldmq/configs"
	"fieldmq/drivers"
	"fieldmq/drivers/driverstest"
)

func TestDriver(t *testing.T) {
	driverstest.Run(t, func(t *testing.T) driverstest.Bench {
		f := newFake()
		f.levels[2] = true
		lamp := output("GPIO4")
		return driverstest.Bench{
			Settings: &Settings{Chip: f.listen(t)},
			Points:   []*drivers.Point{input("GPIO1"), input("2"), input("GPIO3")},
			Refused:  input("GPIO7"),
			Commands: []drivers.Command{{Point: lamp, Value: drivers.Bool(true)}},
			Unplug:   f.unplug,
			Speak:    func() { f.set(3, !f.level(3)) },
		}
	})
}

// values reads points and fails the test for those without a value.
func values(t *testing.T, b *bus, points ...*drivers.Point) []drivers.Value {
	t.Helper()
	samples, err := b.Read(t.Context(), points)
	if err != nil {
		t.Fatal(err)
	}
	var values []drivers.Value
	for _, s := range samples {
		if s.Err != nil {
			t.Fatalf("%v: %v", s.Point, s.Err)
		}
		values = append(values, s.Value)
	}
	return values
}

func TestActiveLowIsUndone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.levels[1] = true
		door := point("door", func(a *Address) { a.Line, a.Active, a.Bias = "GPIO1", activeLow, "pull-up" })
		lamp := point("lamp", func(a *Address) { a.Line, a.Active = "GPIO2", activeLow; a.AllowWrite() })
		b := f.openPipe(t, &Settings{})
		defer b.Close()
		if got := values(t, b, door, lamp); got[0].Bool() || !got[1].Bool() {
			t.Errorf("got %v", got)
		}
		if err := b.Write(t.Context(), []drivers.Command{{Point: lamp, Value: drivers.Bool(false)}}); err != nil {
			t.Fatal(err)
		}
		if !f.level(2) {
			t.Error("false is low")
		}
		if !slices.Contains(f.requests(), "input 1 pull-up both") {
			t.Errorf("asked %q", f.requests())
		}
	})
}

func TestOutputsBeginAsConfigured(t *testing.T) {
	tests := map[string]struct {
		initial       Initial
		before, after bool
	}{
		"keeps its level":   {keep, true, true},
		"begins with true":  {yes, false, true},
		"begins with false": {no, true, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				f.levels[2] = tt.before
				lamp := point("lamp", func(a *Address) { a.Line, a.Initial, a.Direction = "2", tt.initial, out })
				b := f.openPipe(t, &Settings{})
				if got := values(t, b, lamp)[0].Bool(); got != tt.after || f.level(2) != tt.after {
					t.Errorf("begins with %v", got)
				}
				if err := b.Close(); err != nil {
					t.Fatal(err)
				}
				if got := f.level(2); got != tt.after {
					t.Errorf("ends with %v", got)
				}
			})
		})
	}
}

// shown is a chip none of whose lines may become an output.
type shown struct {
	pwmChip
	t *testing.T
}

func (c shown) output(offset int, level *bool) (line, error) {
	c.t.Errorf("line %d becomes an output", offset)
	return c.pwmChip.output(offset, level)
}

func TestLookedAtOutputsStayAsTheyAre(t *testing.T) {
	k := newPWMKernel(t)
	k.show("1", "1000000", "250000", "normal", "1")
	synctest.Test(t, func(t *testing.T) {
		f, s := newFake(), &Settings{}
		f.levels[2] = true
		s.OnlyLook()
		var told []bool
		s.Tapped().Listen(func(x drivers.Traffic) { told = append(told, x.Sent) })
		b := newBus(shown{pwmChip{f.connect(t), k.tree()}, t}, s, slog.New(slog.DiscardHandler))
		defer b.Close()
		lamp := point("lamp", func(a *Address) { a.Line, a.Initial, a.Direction = "2", no, out })
		duty := func(a *Address) { a.Duty, a.Frequency = new(30.0), 25000 }
		on, off := fan("1", duty), fan("0", duty)
		if got := values(t, b, lamp, on); got[0] != drivers.Bool(true) || got[1] != drivers.Float(25) || !f.level(2) {
			t.Errorf("got %v", got)
		}
		samples, err := b.Read(t.Context(), []*drivers.Point{off})
		if err != nil || !errors.Is(samples[0].Err, drivers.ErrNoValue) {
			t.Errorf("a channel that nobody has: %v, %v", samples, err)
		}
		for _, c := range []drivers.Command{{Point: lamp, Value: drivers.Bool(false)}, {Point: on, Value: drivers.Float(1)}} {
			if err := b.Write(t.Context(), []drivers.Command{c}); !errors.Is(err, drivers.ErrRefused) {
				t.Errorf("%v: %v", c.Point, err)
			}
		}
		if got := k.writes(); len(got) > 0 || !f.level(2) || slices.Contains(told, true) {
			t.Errorf("wrote %q", got)
		}
	})
	other := openPWM(t, k)
	defer other.Close()
	values(t, other, fan("1", nil)) // nobody has it
}

func TestOpenRequestsNoLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		b := f.openPipe(t, &Settings{})
		b.Close()
		if got := f.requests(); len(got) != 1 {
			t.Errorf("asked %q", got)
		}
	})
}

func TestWriteRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		b := f.openPipe(t, &Settings{})
		defer b.Close()
		tests := map[string]drivers.Command{
			"an input":         {Point: input("GPIO1"), Value: drivers.Bool(true)},
			"a text":           {Point: output("GPIO2"), Value: drivers.Text("on")},
			"a line in use":    {Point: output("GPIO7"), Value: drivers.Bool(true)},
			"an unknown line":  {Point: output("GPIO99"), Value: drivers.Bool(true)},
			"a line too far":   {Point: output("8"), Value: drivers.Bool(true)},
			"an offset of -1":  {Point: output("-1"), Value: drivers.Bool(true)},
			"an empty command": {Point: output("GPIO2")},
		}
		for name, c := range tests {
			err := b.Write(t.Context(), []drivers.Command{c})
			if !errors.Is(err, drivers.ErrRefused) || !strings.Contains(err.Error(), c.Point.String()) {
				t.Errorf("%s: got %v", name, err)
			}
		}
	})
}

func TestOneLineIsOnePointUnderAnyName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFake().openPipe(t, &Settings{})
		defer b.Close()
		samples, err := b.Read(t.Context(), []*drivers.Point{input("GPIO3"), input("3")})
		if err != nil {
			t.Fatal(err)
		}
		if samples[0].Err != nil || !errors.Is(samples[1].Err, drivers.ErrRefused) {
			t.Errorf("got %v and %v", samples[0].Err, samples[1].Err)
		}
	})
}

func TestSilentChipIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		b := f.openPipe(t, &Settings{})
		defer b.Close()
		f.mu.Lock()
		f.mute = true
		f.mu.Unlock()
		if _, err := b.Read(t.Context(), []*drivers.Point{input("GPIO1")}); !errors.Is(err, drivers.ErrBus) {
			t.Errorf("read: %v", err)
		}
		err := b.Write(t.Context(), []drivers.Command{{Point: output("GPIO1"), Value: drivers.Bool(true)}})
		if !errors.Is(err, drivers.ErrBus) {
			t.Errorf("write: %v", err)
		}
	})
}

// hear runs Watch in a bubble and collects what it tells.
func hear(t *testing.T, b *bus, points ...*drivers.Point) (take func() []drivers.Sample, end func() error) {
	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.Mutex
	var heard []drivers.Sample
	ended := make(chan error, 1)
	go func() {
		ended <- b.Watch(ctx, points, func(samples []drivers.Sample) error {
			mu.Lock()
			defer mu.Unlock()
			heard = append(heard, samples...)
			return nil
		})
	}()
	synctest.Wait()
	take = func() []drivers.Sample {
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		told := heard
		heard = nil
		return told
	}
	return take, func() error { cancel(); return <-ended }
}

func TestWatchTellsOfEdgesAtTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		door := input("GPIO1")
		b := f.openPipe(t, &Settings{})
		defer b.Close()
		take, end := hear(t, b, door)
		defer end()
		time.Sleep(time.Second)
		want := time.Now()
		f.set(1, true)
		f.set(1, false)
		got := take()
		if len(got) != 2 || !got[0].Value.Bool() || got[1].Value.Bool() || !got[0].Time.Equal(want) {
			t.Errorf("got %v", got)
		}
		if _, err := b.Read(t.Context(), []*drivers.Point{door}); err != nil {
			t.Fatal(err)
		}
		if got := take(); len(got) != 0 {
			t.Errorf("a read of what is known tells %v", got)
		}
	})
}

func TestBouncingContactChangesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		door := point("door", func(a *Address) { a.Line, a.Debounce = "GPIO1", configs.Duration(20*time.Millisecond) })
		b := f.openPipe(t, &Settings{})
		defer b.Close()
		take, end := hear(t, b, door)
		defer end()
		var last time.Time
		for i := range 5 {
			time.Sleep(3 * time.Millisecond)
			last = time.Now()
			f.set(1, i%2 == 0)
		}
		if got := values(t, b, door)[0].Bool(); got {
			t.Error("a read sees the bouncing")
		}
		if got := take(); len(got) != 0 {
			t.Errorf("told while bouncing: %v", got)
		}
		time.Sleep(20 * time.Millisecond)
		got := take()
		if len(got) != 1 || !got[0].Value.Bool() || !got[0].Time.Equal(last) {
			t.Errorf("got %v, want one true at %v", got, last)
		}
		if got := values(t, b, door)[0].Bool(); !got {
			t.Error("a read does not see the new value")
		}
	})
}

func TestReadFindsALevelWhoseEdgeWasLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		door, slow := input("GPIO1"), point("slow", func(a *Address) { a.Line, a.Debounce = "2", configs.Duration(time.Second) })
		b := f.openPipe(t, &Settings{})
		defer b.Close()
		take, end := hear(t, b, door, slow)
		defer end()
		f.slip(1, true)
		f.slip(2, true)
		if got := values(t, b, door, slow); !got[0].Bool() || got[1].Bool() {
			t.Errorf("got %v", got)
		}
		if got := take(); len(got) != 1 || !got[0].Value.Bool() {
			t.Errorf("told %v", got)
		}
		time.Sleep(time.Second)
		if got := take(); len(got) != 1 || got[0].Point != slow {
			t.Errorf("after the debounce time told %v", got)
		}
	})
}

func TestCounterCountsItsEdges(t *testing.T) {
	tests := map[string]struct {
		count, active string
		debounce      time.Duration
		want          int64
	}{
		"rising edges with their bounces":  {rising, activeHigh, 0, 6},
		"falling edges with their bounces": {falling, activeHigh, 0, 6},
		"both edges":                       {both, activeHigh, 0, 12},
		"what falls to true":               {rising, activeLow, 0, 6},
		"a bouncing pulse once":            {rising, activeHigh, 10 * ms, 3},
		"its end once":                     {falling, activeHigh, 10 * ms, 3},
		"both of its edges once":           {both, activeHigh, 10 * ms, 6},
		"bounces that are long enough":     {rising, activeHigh, ms / 2, 6},
	}
	for name, tt := range tests {
		t.Run("counts "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				flow := point("flow", func(a *Address) {
					a.Line, a.Count, a.Active, a.Debounce = "5", tt.count, tt.active, configs.Duration(tt.debounce)
				})
				b := f.openPipe(t, &Settings{})
				defer b.Close()
				values(t, b, flow)
				for range 3 { // a pulse that bounces as it rises
					f.set(5, true)
					time.Sleep(ms)
					f.set(5, false)
					time.Sleep(ms)
					f.set(5, true)
					time.Sleep(50 * ms)
					f.set(5, false)
					time.Sleep(50 * ms)
				}
				synctest.Wait()
				if got := values(t, b, flow)[0]; got != drivers.Int(tt.want) {
					t.Errorf("got %v, want %d", got, tt.want)
				}
			})
		})
	}
}

func TestCountsAreToldAtAPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		flow := point("flow", func(a *Address) { a.Line, a.Count = "5", rising })
		b := f.openPipe(t, &Settings{})
		defer b.Close()
		take, end := hear(t, b, flow)
		defer end()
		for range 100 { // 100 pulses in a second
			f.set(5, true)
			time.Sleep(5 * time.Millisecond)
			f.set(5, false)
			time.Sleep(5 * time.Millisecond)
		}
		time.Sleep(pace)
		got := take()
		if len(got) < 5 || len(got) > 12 {
			t.Errorf("told %d times", len(got))
		}
		if last := got[len(got)-1]; last.Value != drivers.Int(100) {
			t.Errorf("told %v in the end", last.Value)
		}
	})
}

func TestCountGoesOnWhenTheBusOpensAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		s := &Settings{}
		flow := point("flow", func(a *Address) { a.Line, a.Count = "5", rising })
		s.SetCount(flow, 40)
		for want := int64(41); want < 44; want++ {
			b := f.openPipe(t, s)
			values(t, b, flow)
			f.set(5, true)
			f.set(5, false)
			synctest.Wait()
			if got := values(t, b, flow)[0]; got != drivers.Int(want) {
				t.Errorf("got %v, want %d", got, want)
			}
			b.Close()
		}
	})
}

func TestWatchFailsWhenTheChipIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		b := f.openPipe(t, &Settings{})
		defer b.Close()
		_, end := hear(t, b, input("GPIO1"))
		f.unplug()
		synctest.Wait()
		if err := end(); !errors.Is(err, drivers.ErrBus) {
			t.Errorf("got %v", err)
		}
	})
}

func TestWatchEndsWithWhatEmitSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		b := f.openPipe(t, &Settings{})
		defer b.Close()
		full := errors.New("full")
		ended := make(chan error, 1)
		go func() {
			ended <- b.Watch(t.Context(), []*drivers.Point{input("GPIO1")}, func([]drivers.Sample) error { return full })
		}()
		synctest.Wait()
		f.set(1, true)
		if err := <-ended; !errors.Is(err, full) {
			t.Errorf("got %v", err)
		}
	})
}

func TestUnwatchedChangesTakeNoMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		b := f.openPipe(t, &Settings{})
		defer b.Close()
		values(t, b, input("GPIO1"))
		f.set(1, true)
		synctest.Wait()
		if len(b.changes) != 0 {
			t.Errorf("%d changes kept for nobody", len(b.changes))
		}
	})
}

func TestSlowListenerKeepsTheNewestChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		door := input("GPIO1")
		b := f.openPipe(t, &Settings{})
		defer b.Close()
		values(t, b, door)
		b.attend([]*drivers.Point{door})
		for i := range memory + 6 {
			f.set(1, i%2 == 0)
		}
		f.set(1, true)
		synctest.Wait()
		got, _ := b.take(nil, true)
		if len(got) != memory || !got[memory-1].Value.Bool() {
			t.Errorf("kept %d, the last is %v", len(got), got[len(got)-1].Value)
		}
	})
}
