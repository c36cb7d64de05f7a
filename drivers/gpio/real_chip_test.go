//go:build realchip

package gpio

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"fieldmq/configs"
	"fieldmq/drivers"
	"fieldmq/drivers/driverstest/board"
)

// This file is the first process of a virtual machine with a real kernel and a
// PL061 GPIO chip: see machine_test.go, which builds and starts it, and turns the
// chip's input lines when it is told to on the console.

// label is that of the machine's chip.
const label = "9030000.pl061"

func TestMain(m *testing.M) { board.Main(m) }

// slowly is how long a level lasts that must not be missed: an emulated processor
// on a busy machine is late for its interrupts, and the chip keeps one edge a line.
const slowly = 30 * time.Millisecond

// turn has the host set an input line to levels, one after the other with a
// pause between, and returns when it has.
func turn(t *testing.T, line int, pause time.Duration, levels ...int) {
	t.Helper()
	board.Ask(t, fmt.Sprintf("SET %d %d %s", line, pause.Microseconds(), strings.Trim(fmt.Sprint(levels), "[]")))
}

func openReal(t *testing.T, s *Settings) *bus {
	t.Helper()
	opened, err := s.Open(context.Background(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return opened.(*bus)
}

// watching follows points of a bus until stop, which returns what was told.
func watching(t *testing.T, b *bus, points ...*drivers.Point) (stop func() []drivers.Sample) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var told []drivers.Sample
	ended := make(chan error, 1)
	go func() {
		ended <- b.Watch(ctx, points, func(s []drivers.Sample) error { told = append(told, s...); return nil })
	}()
	time.Sleep(100 * time.Millisecond)
	return func() []drivers.Sample {
		time.Sleep(300 * time.Millisecond)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		return told
	}
}

func TestRealChipHasThreeNames(t *testing.T) {
	for _, name := range []string{"/dev/gpiochip0", "gpiochip0", label} {
		b := openReal(t, &Settings{Chip: name})
		if got := values(t, b, input("5")); len(got) != 1 {
			t.Errorf("%s: %v", name, got)
		}
		if err := b.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := (&Settings{Chip: "no-chip"}).Open(t.Context(), slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "there is /dev/gpiochip0") {
		t.Errorf("a chip that is not there: %v", err)
	}
}

func TestRealEdgesComeByInterrupt(t *testing.T) {
	turn(t, 5, 0, 0)
	b := openReal(t, &Settings{Chip: label})
	defer b.Close()
	door := input("5")
	values(t, b, door)
	stop := watching(t, b, door)
	began := time.Now()
	turn(t, 5, slowly, 1, 0, 1)
	told := stop()
	if len(told) != 3 || !told[0].Value.Bool() || told[1].Value.Bool() || !told[2].Value.Bool() {
		t.Fatalf("told %v", told)
	}
	for i, s := range told {
		if s.Time.Before(began) || s.Time.After(time.Now()) || i > 0 && !s.Time.After(told[i-1].Time) {
			t.Errorf("edge %d at %v, begun at %v", i, s.Time, began)
		}
	}
	if !values(t, b, door)[0].Bool() {
		t.Error("read false")
	}
}

func TestRealKernelDebounces(t *testing.T) {
	turn(t, 5, 0, 0)
	b := openReal(t, &Settings{Chip: label})
	defer b.Close()
	door := point("door", func(a *Address) { a.Line, a.Debounce = "5", configs.Duration(200*time.Millisecond) })
	values(t, b, door)
	if d, ok := b.points[door].line.(debouncer); !ok || !d.debounced() {
		t.Fatal("the kernel does not debounce")
	}
	stop := watching(t, b, door)
	turn(t, 5, 5*time.Millisecond, 1, 0, 1, 0, 1, 0, 1)
	time.Sleep(400 * time.Millisecond)
	told := stop()
	if len(told) != 1 || !told[0].Value.Bool() {
		t.Errorf("told %v", told)
	}
}

func TestRealPulsesAreCounted(t *testing.T) {
	turn(t, 5, 0, 0)
	b := openReal(t, &Settings{Chip: label})
	flow := point("flow", func(a *Address) { a.Line, a.Count = "5", rising })
	values(t, b, flow)
	var levels []int
	for range 50 {
		levels = append(levels, 1, 0)
	}
	turn(t, 5, slowly, levels...)
	time.Sleep(200 * time.Millisecond)
	if got := values(t, b, flow)[0].Int(); got != 50 {
		t.Errorf("counted %d of 50", got)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if n, ok := b.settings.Count(flow); !ok || n != 50 {
		t.Errorf("kept %d", n)
	}
	again := openReal(t, b.settings)
	defer again.Close()
	if got := values(t, again, flow)[0].Int(); got != 50 {
		t.Errorf("goes on at %d", got)
	}
}

func TestRealPulsesAreMeasured(t *testing.T) {
	turn(t, 5, 0, 0)
	b := openReal(t, &Settings{Chip: label})
	defer b.Close()
	speed := point("speed", func(a *Address) { a.Line, a.Measure, a.Window = "5", frequency, configs.Duration(20*time.Second) })
	values(t, b, speed)
	var levels []int
	for range 40 {
		levels = append(levels, 1, 0)
	}
	began := time.Now()
	turn(t, 5, slowly, levels...)
	want := 40 / time.Since(began).Seconds()
	if got := values(t, b, speed)[0].Float(); math.Abs(got-want) > want/3 {
		t.Errorf("%v Hz, want about %v", got, want)
	}
}

func TestRealOutputsKeepTheirLevel(t *testing.T) {
	lamp := point("lamp", func(a *Address) { a.Line = "6"; a.AllowWrite() })
	b := openReal(t, &Settings{Chip: label})
	if err := b.Write(t.Context(), []drivers.Command{{Point: lamp, Value: drivers.Bool(true)}}); err != nil {
		t.Fatal(err)
	}
	if !values(t, b, lamp)[0].Bool() {
		t.Error("written true, read false")
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = openReal(t, &Settings{Chip: label})
	if !values(t, b, lamp)[0].Bool() {
		t.Error("taken over, the output has fallen")
	}
	b.Close()
	dark := point("lamp", func(a *Address) { a.Line, a.Initial, a.Direction = "6", no, out })
	b = openReal(t, &Settings{Chip: label})
	values(t, b, dark)
	b.Close()
	b = openReal(t, &Settings{Chip: label})
	defer b.Close()
	if values(t, b, lamp)[0].Bool() {
		t.Error("initial: false left it on")
	}
}

func TestRealLineIsLookedAt(t *testing.T) {
	turn(t, 5, 0, 1)
	s := &Settings{Chip: label}
	s.OnlyLook()
	b := openReal(t, s)
	defer b.Close()
	lamp := point("lamp", func(a *Address) { a.Line, a.Initial, a.Direction = "5", no, out })
	if !values(t, b, lamp)[0].Bool() {
		t.Error("the line is high, and reads false")
	}
	turn(t, 5, 0, 0)
	if values(t, b, lamp)[0].Bool() {
		t.Error("it has become an output")
	}
}

func TestRealLineInUseIsRefused(t *testing.T) {
	b := openReal(t, &Settings{Chip: label})
	defer b.Close()
	values(t, b, input("5"))
	other := openReal(t, &Settings{Chip: label})
	defer other.Close()
	samples, err := other.Read(t.Context(), []*drivers.Point{input("5"), input("99")})
	if err != nil {
		t.Fatal(err)
	}
	if e := samples[0].Err; !errors.Is(e, drivers.ErrRefused) || !strings.Contains(e.Error(), "in use by another program") {
		t.Errorf("a line in use: %v", e)
	}
	if e := samples[1].Err; !errors.Is(e, drivers.ErrRefused) || !strings.Contains(e.Error(), "the chip has 8 lines") {
		t.Errorf("a line too far: %v", e)
	}
}
