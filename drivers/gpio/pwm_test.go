package gpio

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"fieldmq/drivers"
	"fieldmq/drivers/driverstest"
)

func TestDriverOfPWM(t *testing.T) {
	driverstest.Run(t, func(t *testing.T) driverstest.Bench {
		f, k := newFake(), newPWMKernel(t)
		k.show("1", "1000000", "333000", "normal", "1")
		door, zero, one := input("GPIO3"), fan("0", nil), fan("1", nil)
		return driverstest.Bench{
			Settings:   pwmSettings{&Settings{Chip: f.listen(t)}, k.tree()},
			Points:     []*drivers.Point{one, door, zero},
			Values:     []drivers.Value{drivers.Float(33.3), drivers.Bool(false), drivers.Float(0)},
			Refused:    fan("2", nil),
			Commands:   []drivers.Command{{Point: zero, Value: drivers.Float(70.5)}, {Point: one, Value: drivers.Float(100)}},
			Impossible: []drivers.Command{{Point: zero, Value: drivers.Float(100.1)}},
		}
	})
}

// The simulated chip has PWM outputs of its own.
func TestDriverOfSimulatedPWM(t *testing.T) {
	driverstest.Run(t, func(t *testing.T) driverstest.Bench {
		f := newFake()
		zero, one := fan("0", nil), fan("1", nil)
		return driverstest.Bench{
			Settings:   &Settings{Chip: f.listen(t)},
			Points:     []*drivers.Point{zero, one},
			Values:     []drivers.Value{drivers.Float(0), drivers.Float(0)},
			Refused:    fan("2", nil),
			Commands:   []drivers.Command{{Point: zero, Value: drivers.Float(70.5)}},
			Impossible: []drivers.Command{{Point: zero, Value: drivers.Float(-1)}},
			Unplug:     f.unplug,
		}
	})
}

func TestPWMOutputIsTakenOver(t *testing.T) {
	low := func(a *Address) { a.Active = activeLow }
	at25kHz := func(a *Address) { a.Frequency = 25000 }
	tests := map[string]struct {
		before [4]string // period, duty, polarity, enable; empty: not exported
		set    func(*Address)
		value  float64
		after  [4]string
		writes []string
	}{
		"as it is": {[4]string{"40000", "10000", "normal", "1"}, at25kHz, 25,
			[4]string{"40000", "10000", "normal", "1"}, nil},
		"as it is, active low": {[4]string{"1000000", "250000", "inversed", "1"}, low, 25,
			[4]string{"1000000", "250000", "inversed", "1"}, nil},
		"with a shorter period": {[4]string{"1000000", "250000", "normal", "1"}, at25kHz, 25,
			[4]string{"40000", "10000", "normal", "1"}, []string{"pwm0/duty_cycle 10000", "pwm0/period 40000"}},
		"with a longer period": {[4]string{"40000", "40000", "normal", "1"}, nil, 100,
			[4]string{"1000000", "1000000", "normal", "1"}, []string{"pwm0/period 1000000", "pwm0/duty_cycle 1000000"}},
		"turned around": {[4]string{"1000000", "250000", "normal", "1"}, low, 75,
			[4]string{"1000000", "750000", "inversed", "1"},
			[]string{"pwm0/enable 0", "pwm0/polarity inversed", "pwm0/duty_cycle 750000", "pwm0/enable 1"}},
		"and stays off": {[4]string{"40000", "10000", "normal", "0"}, at25kHz, 0,
			[4]string{"40000", "10000", "normal", "0"}, nil},
		"and made": {[4]string{}, low, 0,
			[4]string{"1000000", "0", "inversed", "0"}, []string{"export 0", "pwm0/period 1000000", "pwm0/polarity inversed"}},
		"with a duty": {[4]string{}, func(a *Address) { a.Duty = new(30.0) }, 30,
			[4]string{"1000000", "300000", "normal", "1"},
			[]string{"export 0", "pwm0/period 1000000", "pwm0/duty_cycle 300000", "pwm0/enable 1"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			k := newPWMKernel(t)
			if tt.before[0] != "" {
				k.show("0", tt.before[0], tt.before[1], tt.before[2], tt.before[3])
			}
			b := openPWM(t, k)
			defer b.Close()
			if got := values(t, b, fan("0", tt.set))[0]; got != drivers.Float(tt.value) {
				t.Errorf("reads %v, want %v", got, tt.value)
			}
			k.is(tt.after[0], tt.after[1], tt.after[2], tt.after[3])
			if got := k.writes(); !slices.Equal(got, tt.writes) {
				t.Errorf("wrote %q, want %q", got, tt.writes)
			}
		})
	}
}

func TestPWMOutputIsGivenBackOnlyIfItIsOursAndOff(t *testing.T) {
	tests := map[string]struct {
		shown, written bool
		enable         string // afterwards; none: it is not exported
	}{
		"ours and off":     {false, false, "none"},
		"ours and on":      {false, true, "1"},
		"another's":        {true, false, "0"},
		"another's and on": {true, true, "1"},
	}
	ends := map[string]func(*bus, *drivers.Point) error{
		"closed":   func(b *bus, _ *drivers.Point) error { return nil },
		"released": func(b *bus, p *drivers.Point) error { return b.Release([]*drivers.Point{p}) },
	}
	for name, tt := range tests {
		for how, end := range ends {
			t.Run(name+", "+how, func(t *testing.T) {
				k := newPWMKernel(t)
				if tt.shown {
					k.show("0", "1000000", "0", "normal", "0")
				}
				b, p := openPWM(t, k), fan("0", nil)
				values(t, b, p)
				if tt.written {
					if err := b.Write(t.Context(), []drivers.Command{{Point: p, Value: drivers.Float(40)}}); err != nil {
						t.Error(err)
					}
				}
				if err := end(b, p); err != nil {
					t.Error(err)
				}
				if how == "released" {
					if got := k.get("pwm0/enable"); got != tt.enable {
						t.Errorf("released: enable is %s, want %s", got, tt.enable)
					}
					values(t, b, p) // it can be had again
				}
				if err := b.Close(); err != nil {
					t.Error(err)
				}
				if got := k.get("pwm0/enable"); got != tt.enable {
					t.Errorf("closed: enable is %s, want %s", got, tt.enable)
				}
			})
		}
	}
}

func TestPWMFaultsSayWhatToDo(t *testing.T) {
	tests := map[string]struct {
		prepare func(*pwmKernel)
		set     func(*Address)
		want    string
	}{
		"no such chip": {func(*pwmKernel) {}, func(a *Address) { a.PWM = "pwmchip7" },
			"there is no PWM chip pwmchip7; there is pwmchip0 (fe20c000.pwm)"},
		"no chip at all": {func(k *pwmKernel) { os.RemoveAll(k.path("")) }, nil, "dtoverlay=pwm"},
		"no such channel": {func(*pwmKernel) {}, func(a *Address) { a.Line = "2" },
			"pwmchip0 has no channel 2; it has 2, from 0"},
		"busy":          {func(k *pwmKernel) { k.busy = true }, nil, "a driver of the kernel has the channel"},
		"not allowed":   {func(k *pwmKernel) { k.denied = syscall.EACCES }, nil, "group gpio, to which the udev rule 60-fieldmq.rules"},
		"read-only":     {func(k *pwmKernel) { k.denied = syscall.EROFS }, nil, "ReadWritePaths=-/sys/devices"},
		"never allowed": {func(k *pwmKernel) { k.late = 1 << 30 }, nil, "group gpio, to which the udev rule 60-fieldmq.rules"},
		"too fast":      {func(*pwmKernel) {}, func(a *Address) { a.Frequency = 2e7 }, "the chip does not make 2e+07 Hz"},
		"another polarity": {func(k *pwmKernel) { k.plain = true }, func(a *Address) { a.Active = activeLow },
			"the chip cannot be active low"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			k := newPWMKernel(t)
			tt.prepare(k)
			synctest.Test(t, func(t *testing.T) {
				b := openPWMPipe(t, newFake(), k)
				defer b.Close()
				samples, err := b.Read(t.Context(), []*drivers.Point{fan("0", tt.set)})
				if err != nil {
					t.Fatal(err)
				}
				if err := samples[0].Err; !errors.Is(err, drivers.ErrRefused) || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %v, want %q", err, tt.want)
				}
			})
			if k.denied == nil && k.late == 0 && k.get("pwm0/enable") != "none" {
				t.Error("the channel is not given back")
			}
		})
	}
}

func TestPWMWaitsForUdev(t *testing.T) {
	k := newPWMKernel(t)
	k.late = 5
	synctest.Test(t, func(t *testing.T) {
		b := openPWMPipe(t, newFake(), k)
		defer b.Close()
		values(t, b, fan("0", nil))
	})
}

func TestPWMKeepsRunningWhenItCannotBeTurned(t *testing.T) {
	k := newPWMKernel(t)
	k.plain = true
	k.show("0", "1000000", "250000", "normal", "1")
	b := openPWM(t, k)
	defer b.Close()
	samples, err := b.Read(t.Context(), []*drivers.Point{fan("0", func(a *Address) { a.Active = activeLow })})
	if err != nil || samples[0].Err == nil {
		t.Fatalf("got %v, %v", samples, err)
	}
	k.is("1000000", "250000", "normal", "1")
}

func TestPWMChipIsFoundByItsDevice(t *testing.T) {
	for _, name := range []string{"pwmchip0", "fe20c000.pwm", "pwm@7e20c000"} {
		k := newPWMKernel(t)
		b := openPWM(t, k)
		values(t, b, fan("0", func(a *Address) { a.PWM = name }))
		b.Close()
	}
}

func TestPWMOutputThatWentAwayIsTakenAgain(t *testing.T) {
	k := newPWMKernel(t)
	b := openPWM(t, k)
	defer b.Close()
	p := fan("0", nil)
	values(t, b, p)
	folder := b.dimmers[p].(*pwmChannel).held
	if err := os.RemoveAll(k.path("pwm0")); err != nil {
		t.Fatal(err)
	}
	samples, err := b.Read(t.Context(), []*drivers.Point{p})
	if err != nil || !errors.Is(samples[0].Err, drivers.ErrRefused) {
		t.Fatalf("got %v, %v", samples, err)
	}
	if _, err := folder.Stat(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("the folder of the old one is still open: %v", err)
	}
	values(t, b, p)
	k.is("1000000", "0", "normal", "0")
}

func TestPWMOutputIsSwitchedOnOnce(t *testing.T) {
	k := newPWMKernel(t)
	k.show("0", "1000000", "0", "normal", "0")
	b, p := openPWM(t, k), fan("0", nil)
	defer b.Close()
	for _, percent := range []float64{40, 60, 0} {
		err := b.Write(t.Context(), []drivers.Command{{Point: p, Value: drivers.Float(percent)}})
		if err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"pwm0/duty_cycle 400000", "pwm0/enable 1", "pwm0/duty_cycle 600000", "pwm0/duty_cycle 0"}
	if got := k.writes(); !slices.Equal(got, want) {
		t.Errorf("wrote %q, want %q", got, want)
	}
}

func TestPWMOutputTakesNoWords(t *testing.T) {
	k := newPWMKernel(t)
	b := openPWM(t, k)
	defer b.Close()
	for _, v := range []drivers.Value{drivers.Text("50"), drivers.Bool(true), {}, drivers.Float(-0.1)} {
		err := b.Write(t.Context(), []drivers.Command{{Point: fan("0", nil), Value: v}})
		if !errors.Is(err, drivers.ErrRefused) {
			t.Errorf("%v: got %v", v, err)
		}
	}
}

// play opens a bus on a recording.
func play(t *testing.T, tape *Tape) *bus {
	t.Helper()
	s := &Settings{}
	s.Play(tape)
	b, err := s.Open(t.Context(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return b.(*bus)
}

func TestPWMOutputThatIsNotRecordedIsRefused(t *testing.T) {
	now := time.Now()
	tape := NewTape([]drivers.Traffic{{At: now, Duty: &drivers.Duty{Chip: "pwmchip0", Channel: 1}}}, now, 1)
	b := play(t, tape)
	defer b.Close()
	samples, err := b.Read(t.Context(), []*drivers.Point{fan("0", nil)})
	if err != nil || !errors.Is(samples[0].Err, drivers.ErrRefused) || !strings.Contains(samples[0].Err.Error(), "the recording has no channel 0 of pwmchip0") {
		t.Errorf("got %v, %v", samples, err)
	}
	if _, _, absent := tape.Report(); absent != 1 {
		t.Errorf("%d are absent", absent)
	}
}

func TestRecordedDutiesArePlayed(t *testing.T) {
	k := newPWMKernel(t)
	k.show("1", "1000000", "250000", "normal", "1")
	synctest.Test(t, func(t *testing.T) {
		s := &Settings{}
		var lines []drivers.Traffic
		s.Tapped().Listen(func(x drivers.Traffic) { lines = append(lines, x) })
		points := func() []*drivers.Point {
			return []*drivers.Point{fan("0", func(a *Address) { a.Duty = new(30.0) }), fan("1", nil)}
		}
		recorded := points()
		b := newBus(pwmChip{newFake().connect(t), k.tree()}, s, slog.New(slog.DiscardHandler))
		values(t, b, recorded...)
		time.Sleep(time.Second)
		if err := b.Write(t.Context(), []drivers.Command{{Point: recorded[1], Value: drivers.Float(62.5)}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		k.put("pwm0/duty_cycle", "0") // by somebody else
		values(t, b, recorded...)
		b.Close()
		var told []string
		for _, l := range lines {
			told = append(told, fmt.Sprint(l.Sent, *l.Duty))
		}
		want := []string{"true {pwmchip0 0 30}", "false {pwmchip0 0 30}", "false {pwmchip0 1 25}", "true {pwmchip0 1 62.5}",
			"false {pwmchip0 0 0}", "false {pwmchip0 1 62.5}"}
		if !slices.Equal(told, want) {
			t.Errorf("told %q, want %q", told, want)
		}

		tape := NewTape(lines, lines[0].At, 2)
		b = play(t, tape)
		defer b.Close()
		played := []*drivers.Point{fan("0", nil), fan("1", nil)}
		first := []drivers.Value{drivers.Float(30), drivers.Float(25)}
		if got := values(t, b, played...); !slices.Equal(got, first) {
			t.Errorf("before the first duty: %v, want %v", got, first)
		}
		time.Sleep(lead / 2)
		for after, want := range [][]drivers.Value{first, {drivers.Float(30), drivers.Float(62.5)}, {drivers.Float(0), drivers.Float(62.5)}} {
			time.Sleep(500 * ms)
			if got := values(t, b, played...); !slices.Equal(got, want) {
				t.Errorf("after %d seconds: %v, want %v", after, got, want)
			}
		}
		if err := b.Write(t.Context(), []drivers.Command{{Point: played[0], Value: drivers.Float(10)}}); err != nil {
			t.Error(err)
		}
		if got := values(t, b, played[0])[0]; got != drivers.Float(10) {
			t.Errorf("a command leaves %v", got)
		}
		if n, left, absent := tape.Report(); n != len(lines) || left+absent != 0 {
			t.Errorf("played %d, left %d, absent %d", n, left, absent)
		}
	})
}

// A watch of the points of a bus leaves its PWM outputs alone.
func TestPWMOutputIsNotWatched(t *testing.T) {
	k := newPWMKernel(t)
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		b := openPWMPipe(t, f, k)
		defer b.Close()
		_, end := hear(t, b, fan("0", nil))
		defer end()
		if got := f.requests(); len(got) != 1 {
			t.Errorf("asked the chip %q", got)
		}
	})
}

func TestFilesOfTheKernelAreWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "enable")
	if err := kernelPWM.write(path, "1"); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("a file that is not there: %v", err)
	}
	if err := os.WriteFile(path, []byte("0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := kernelPWM.write(path, "1"); err != nil {
		t.Error(err)
	}
	if text, _ := readWord(path); text != "1" {
		t.Errorf("got %q", text)
	}
}

// Names of a chip that check could not know, two buses, two programs: the channel
// is that of the first.
func TestPWMChannelHasOneOwner(t *testing.T) {
	k := newPWMKernel(t)
	owner := openPWM(t, k)
	first := fan("0", nil)
	values(t, owner, first)
	other := openPWM(t, k)
	defer other.Close()
	for name, b := range map[string]*bus{"another point": owner, "another bus": other} {
		p := fan("0", func(a *Address) { a.PWM, a.Frequency = "fe20c000.pwm", 25000 })
		samples, err := b.Read(t.Context(), []*drivers.Point{p})
		if err != nil || !errors.Is(samples[0].Err, drivers.ErrRefused) || !strings.Contains(samples[0].Err.Error(), "channel 0 of pwmchip0 is in use by another point") {
			t.Errorf("%s: got %v, %v", name, samples, err)
		}
	}
	k.is("1000000", "0", "normal", "0") // as the first has it
	if err := owner.Close(); err != nil {
		t.Fatal(err)
	}
	values(t, other, fan("0", nil))
}

func TestPWMOutputsAloneNeedNoChip(t *testing.T) {
	k := newPWMKernel(t)
	tree := k.tree()
	open := func(chip string, points ...*drivers.Point) (*bus, error) {
		s := &Settings{Chip: chip, pwm: &tree}
		if found := s.Check(points); len(found) > 0 {
			t.Fatal(found)
		}
		b, err := s.Open(t.Context(), slog.New(slog.DiscardHandler))
		if err != nil {
			return nil, err
		}
		return b.(*bus), nil
	}
	p := fan("0", nil)
	for name, points := range map[string][]*drivers.Point{"with a line": {p, input("GPIO1")}, "with a line first": {input("GPIO1"), p}, "without points": nil} {
		if b, err := open("/dev/gpiochip77", points...); err == nil {
			b.Close()
			t.Errorf("%s: the bus is open", name)
		}
	}
	if b, err := open(filepath.Join(t.TempDir(), "chip"), p); err == nil {
		b.Close()
		t.Error("a simulated chip has the outputs, and the bus is open without it")
	}
	b, err := open("/dev/gpiochip77", p)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := b.Write(t.Context(), []drivers.Command{{Point: p, Value: drivers.Float(40)}}); err != nil {
		t.Error(err)
	}
	if got := values(t, b, p)[0]; got != drivers.Float(40) {
		t.Errorf("got %v", got)
	}
	// A changed file asks for a line.
	samples, err := b.Read(t.Context(), []*drivers.Point{input("GPIO1"), p})
	if err != nil || !errors.Is(samples[0].Err, drivers.ErrOffline) || errors.Is(samples[0].Err, drivers.ErrRefused) || !strings.Contains(samples[0].Err.Error(), "open chip /dev/gpiochip77") || samples[1].Err != nil {
		t.Errorf("got %v, %v", samples, err)
	}
}

func TestChipThatComesIsOpenedWhenALineIsAsked(t *testing.T) {
	b := newBus(newAbsent(newFake().listen(t)), &Settings{}, slog.New(slog.DiscardHandler))
	defer b.Close()
	if _, err := b.Read(t.Context(), []*drivers.Point{input("GPIO1")}); !errors.Is(err, drivers.ErrBus) {
		t.Errorf("got %v", err)
	}
}

func TestLookingAtAPWMOutputChangesNothing(t *testing.T) {
	tests := map[string]struct {
		prepare func(*pwmKernel)
		channel string
		want    string // empty: it can be had
	}{
		"not shown":          {func(*pwmKernel) {}, "1", ""},
		"shown":              {func(k *pwmKernel) { k.show("1", "1000", "0", "normal", "0") }, "1", ""},
		"no such channel":    {func(*pwmKernel) {}, "2", "pwmchip0 has no channel 2"},
		"not allowed":        {func(k *pwmKernel) { k.denied = syscall.EACCES }, "1", "group gpio"},
		"shown, not allowed": {func(k *pwmKernel) { k.show("1", "1000", "0", "normal", "0"); k.late = 1 }, "1", "group gpio"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			k := newPWMKernel(t)
			tt.prepare(k)
			tree := k.tree()
			err := (&Settings{Chip: "gpiochip0", pwm: &tree}).LookPWM(fan(tt.channel, nil).At.(*Address))
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if got := k.writes(); len(got) > 0 {
				t.Errorf("wrote %q", got)
			}
		})
	}
}
