package serial

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"fieldmq/configs"
	"fieldmq/drivers"
)

// eventually repeats until done.
func eventually(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not come")
		}
	}
}

func TestDeviceThatSpeaksByItselfIsReadOnce(t *testing.T) {
	d := newDevice(t, nil)
	s := d.settings()
	b := open(t, s)
	weight, stable := point(s, "weight", "", match(`([\d.]+) kg`)), point(s, "count", "", match(`n=(\d+)`))
	for _, sample := range read(t, b, weight, stable) {
		if !errors.Is(sample.Err, drivers.ErrOffline) {
			t.Errorf("before a word: %v", sample.Err)
		}
	}
	eventually(t, func() bool { return b.isSilent() })
	before := time.Now()
	d.say("12.5 kg\r\n")
	var samples []drivers.Sample
	eventually(t, func() bool { samples = read(t, b, weight, stable); return samples[0].Err == nil })
	after := time.Now()
	if got := samples[0]; got.Value != drivers.Float(12.5) || got.Time.Before(before) || got.Time.After(after) {
		t.Errorf("got %v", got)
	}
	if err := samples[1].Err; !errors.Is(err, drivers.ErrNoValue) {
		t.Errorf("a point never heard of: %v", err)
	}
	if err := read(t, b, weight, stable)[0].Err; !errors.Is(err, drivers.ErrOffline) {
		t.Errorf("a second time: %v", err)
	}
}

func TestFirstWordIsWaitedFor(t *testing.T) {
	d := newDevice(t, nil)
	s := d.settings(func(s *Settings) { s.Timeout = configs.Duration(time.Minute) })
	b := open(t, s)
	var said sync.WaitGroup
	said.Go(func() {
		for !b.isSilent() {
			time.Sleep(time.Millisecond)
		}
		d.say("12.5 kg\r\n")
	})
	defer said.Wait()
	if got := read(t, b, point(s, "weight", "", match(`([\d.]+) kg`)))[0]; got.Value != drivers.Float(12.5) {
		t.Errorf("got %v", got)
	}
}

// isSilent says whether the reader has seen a silence.
func (b *bus) isSilent() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.silent && !b.splitter.lost
}

// watching runs Watch until the end of the test.
func watching(t *testing.T, b *bus, points ...*drivers.Point) <-chan []drivers.Sample {
	heard := make(chan []drivers.Sample, 1000)
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		ended <- b.Watch(ctx, points, func(samples []drivers.Sample) error { heard <- samples; return nil })
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("watch: %v", err)
		}
	})
	return heard
}

func TestWatchTellsWhatComesBesideAnswers(t *testing.T) {
	d := newDevice(t, func(string) string { return "5 kg\nT=7\n" })
	s := d.settings()
	b := open(t, s)
	eventually(t, b.isSilent)
	weight, asked := point(s, "weight", "", match(`(\d+) kg`)), point(s, "t", "R\r", match(`T=(\d)`))
	heard := watching(t, b, weight, asked)
	eventually(t, func() bool { b.mu.Lock(); defer b.mu.Unlock(); return b.watched[weight] })
	if got := read(t, b, asked)[0]; got.Value != drivers.Float(7) {
		t.Errorf("answer %v", got)
	}
	d.say("6 kg\n")
	var got []drivers.Sample
	for len(got) < 2 {
		got = append(got, <-heard...)
	}
	if got[0].Point != weight || got[0].Value != drivers.Float(5) || got[1].Value != drivers.Float(6) {
		t.Errorf("heard %v", got)
	}
}

func TestUnheardSamplesTakeNoMemory(t *testing.T) {
	b := &bus{settings: Driver.New().(*Settings), sources: map[*drivers.Point]*source{}, news: make(chan struct{}, 1), first: make(chan struct{})}
	b.log = slog.New(slog.DiscardHandler)
	b.splitter = newSplitter(&b.settings.Frame)
	p := point(b.settings, "v", "", match(`\d+`))
	b.source(p)
	for range 2 {
		b.take(nil, time.Now())
		for range memory + 10 {
			b.take([]byte("1\n2\n"), time.Now())
		}
		if len(b.heard) > memory || b.watched == nil && len(b.heard) > 0 {
			t.Errorf("%d samples are kept", len(b.heard))
		}
		b.attend([]*drivers.Point{p})
	}
	if got := b.told(); len(got) != 0 {
		t.Errorf("attend keeps %d samples", len(got))
	}
	b.take([]byte("3\n"), time.Now())
	if got := b.told(); len(got) != 1 || got[0].Value != drivers.Float(3) {
		t.Errorf("told %v", got)
	}
}

func TestUnpluggedLineEndsAWatch(t *testing.T) {
	d := newDevice(t, nil)
	s := d.settings()
	b := open(t, s)
	ended := make(chan error)
	go func() { ended <- b.Watch(t.Context(), []*drivers.Point{point(s, "v", "", match(`.`))}, nil) }()
	d.far.Close()
	if err := <-ended; !errors.Is(err, drivers.ErrBus) {
		t.Errorf("got %v", err)
	}
}
