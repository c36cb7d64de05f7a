package line

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"fieldmq/configs"
)

// fakePins notes when RTS changed, and sends its bytes after a while.
type fakePins struct {
	log   []string
	left  int
	mute  bool // cannot tell whether the last bit is out
	looks int  // until the last bit is out
}

func (p *fakePins) rts(on bool) error {
	p.log = append(p.log, fmt.Sprint("rts ", on))
	return nil
}

func (p *fakePins) waiting() (int, error) {
	p.left = max(p.left-1, 0)
	return p.left, nil
}

func (p *fakePins) empty() (bool, error) {
	if p.mute {
		return false, errors.New("inappropriate ioctl for device")
	}
	p.looks--
	if p.looks < 0 {
		p.log = append(p.log, "empty")
	}
	return p.looks < 0, nil
}

func TestRTSIsHeldUntilTheLastBitIsOut(t *testing.T) {
	for name, c := range map[string]struct {
		set  RS485
		pins fakePins
		want []string
	}{
		"high while sending":            {RS485{}, fakePins{left: 3, looks: 2}, []string{"rts true", "empty", "rts false"}},
		"low where it is inverted":      {RS485{Invert: true}, fakePins{}, []string{"rts false", "empty", "rts true"}},
		"a while where nobody can tell": {RS485{}, fakePins{mute: true}, []string{"rts true", "rts false"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := &direction{RS485: c.set, pins: &c.pins, char: 100 * time.Microsecond}
			began := time.Now()
			if err := errors.Join(d.talk(), d.quiet(10, began, time.Second)); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took < 10*d.char {
				t.Errorf("the line was turned after %v, amid the bytes", took)
			}
			if !slices.Equal(c.pins.log, c.want) {
				t.Errorf("got %q, want %q", c.pins.log, c.want)
			}
		})
	}
}

func TestLineThatNeverEmptiesIsTurnedBackAllTheSame(t *testing.T) {
	pins := &fakePins{left: 1 << 30}
	d := &direction{pins: pins, char: time.Microsecond}
	if err := d.quiet(1, time.Now(), 0); !errors.Is(err, errStuck) || !slices.Equal(pins.log, []string{"rts false"}) {
		t.Errorf("got %v, %q", err, pins.log)
	}
}

func TestKernelIsToldHowToTurnTheLine(t *testing.T) {
	r := RS485{Direction: byKernel, Before: configs.Duration(1500 * time.Microsecond)}
	if got := r.kernelMode(); got.flags != rs485Enabled|rs485RTSOnSend || got.before != 2 || got.after != 0 {
		t.Errorf("got %+v", got)
	}
	r.Invert = true
	if got := r.kernelMode(); got.flags != rs485Enabled|rs485RTSAfterSend {
		t.Errorf("got %+v", got)
	}
}

// TestPortThatCannotTurnTheLineSaysSo: a pseudo terminal has no such wires.
func TestPortThatCannotTurnTheLineSaysSo(t *testing.T) {
	l, _ := openPair(t)
	name := l.name
	l.Close()
	for _, by := range []string{byKernel, byRTS} {
		s := Defaults()
		s.Port, s.RS485.Direction = name, by
		_, err := Open(t.Context(), s, slog.New(slog.DiscardHandler))
		if !errors.Is(err, errNoDirection) || !strings.Contains(err.Error(), "delete rs485") {
			t.Errorf("%s: got %v", by, err)
		}
	}
}

func TestFaultsOfAnRS485LineAreFound(t *testing.T) {
	for text, want := range map[string]string{
		"{port: a, rs485: {direction: kernal}}":               "rs485.direction: \"kernal\" is not adapter, kernel or rts",
		"{port: a, rs485: {after: 1ms}}":                      "rs485.direction: is missing: write kernel or rts, which is who is to keep invert, before and after",
		"{port: a, rs485: {direction: rts, after: 1s}}":       "rs485.after: 1s is more than 100ms",
		"{port: a, rs485: {direction: kernel, invert: true}}": "",
	} {
		doc := configs.Parse("line.yaml", []byte(text), nil)
		s := Defaults()
		doc.Root().Decode(&s)
		got := ""
		for _, f := range doc.Faults() {
			got += f.Path + ": " + f.Text
		}
		if got != want {
			t.Errorf("%s: got %s", text, got)
		}
	}
}
