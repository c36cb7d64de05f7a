package faults

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestTextsSayWhatTheyMean(t *testing.T) {
	for _, k := range []struct {
		text string
		want Fault
	}{
		{"meter ok", Fault{}},
		{"meter silence", Fault{Kind: Silence, Percent: 100}},
		{"meter late 800ms 30%", Fault{Kind: Late, Delay: 800 * time.Millisecond, Percent: 30}},
		{"meter late", Fault{Kind: Late, Delay: 1500 * time.Millisecond, Percent: 100}},
		{"meter slow 5ms", Fault{Kind: Slow, Delay: 5 * time.Millisecond, Percent: 100}},
		{"  meter   exception 6 10%  for 20s ", Fault{Kind: Exception, Code: 6, Percent: 10, For: 20 * time.Second}},
		{"meter crc for 1m 0.5%", Fault{Kind: CRC, Percent: 0.5, For: time.Minute}},
		{"meter noise 2%", Fault{Kind: Noise, Percent: 2}},
		{"meter wrong-unit", Fault{Kind: WrongUnit, Percent: 100}},
	} {
		device, got, err := Parse(k.text)
		if err != nil || device != "meter" || got != k.want {
			t.Errorf("%q: %q, %+v, %v", k.text, device, got, err)
		}
	}
}

func TestWrongTextsAreToldWhatIsWrong(t *testing.T) {
	b := NewBoard(1)
	b.Add("meter", "panel", Silence, Late, Exception)
	for _, k := range []struct{ text, want string }{
		{"", `"" is not a device and a fault`},
		{"meter", `"meter" is not a device and a fault`},
		{"meter broken", `"broken" is not a fault; there are crc, `},
		{"meter silence 30", `silence knows no "30"`},
		{"meter silence 0%", "0% is not a share"},
		{"meter silence 101%", "101% is not a share"},
		{"meter silence NaN%", "NaN% is not a share"},
		{"meter silence for", "for how long?"},
		{"meter silence for 20", `"20" is not a time span`},
		{"meter silence for 48h", "48h is not a time span up to 24h"},
		{"meter late 2m", "2m is not a time span up to 1m"},
		{"meter late -1s", "-1s is not a time span"},
		{"meter exception 0", "not an exception code"},
		{"meter exception 256", "not an exception code"},
		{"meter ok 30%", "nothing stands after ok"},
		{"boiler silence", `there is no device "boiler"; there are meter`},
		{"meter crc", "meter cannot have crc, only silence, late, exception"},
		{strings.Repeat("x", 300), "no longer than"},
	} {
		err := b.Apply(k.text)
		if err == nil || !strings.Contains(err.Error(), k.want) {
			t.Errorf("%q: %v, want %s", k.text, err, k.want)
		}
	}
	if got := b.List(); got != nil {
		t.Errorf("wrong texts had an effect: %q", got)
	}
}

func TestBoardListsWhatItWasTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBoard(1)
		b.Add("meter", "panel", Kinds()...)
		b.Add("boiler", "panel", Kinds()...)
		apply(t, b, "boiler late 800ms 30%", "meter exception 6 for 20s", "boiler late 900ms", "panel noise 3%")
		want := "meter exception 6 for 20s|meter noise 3%|boiler late 900ms|boiler noise 3%"
		if got := strings.Join(b.List(), "|"); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		time.Sleep(19 * time.Second)
		if got := b.List()[0]; got != "meter exception 6 for 1s" {
			t.Errorf("after 19 s: %s", got)
		}
		time.Sleep(time.Second)
		if got := b.List()[0]; got != "meter noise 3%" {
			t.Errorf("after 20 s: %s", got)
		}
		apply(t, b, "all ok")
		if got := b.List(); got != nil {
			t.Errorf("after all ok: %q", got)
		}
	})
}

func apply(t *testing.T, b *Board, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err := b.Apply(text); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFaultHealsWhenItsTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBoard(1)
		s := b.Add("meter", "panel", Silence)
		apply(t, b, "meter silence for 10s")
		time.Sleep(10*time.Second - 1)
		if !s.Draw().Silent {
			t.Error("healed too early")
		}
		time.Sleep(time.Nanosecond)
		if s.Draw().Silent {
			t.Error("did not heal")
		}
	})
}

func TestShareOfAnswersIsStruck(t *testing.T) {
	b := NewBoard(1)
	s := b.Add("meter", "panel", Silence)
	apply(t, b, "meter silence 30%")
	struck := 0
	for range 10000 {
		if s.Draw().Silent {
			struck++
		}
	}
	if struck < 2800 || struck > 3200 {
		t.Errorf("%d of 10000", struck)
	}
}

func TestSeedDecidesWhatIsStruck(t *testing.T) {
	draw := func(seed uint64, device string) string {
		b := NewBoard(seed)
		s := b.Add(device, "panel", Silence, Garbage)
		apply(t, b, device+" silence 50%", device+" garbage 50%")
		var all []byte
		for range 50 {
			e := s.Draw()
			all = append(all, e.Damage([]byte("frame"))...)
			if e.Silent {
				all = append(all, '!')
			}
		}
		return string(all)
	}
	if first, again := draw(1, "meter"), draw(1, "meter"); first != again {
		t.Error("one seed, two runs")
	}
	if draw(1, "meter") == draw(2, "meter") || draw(1, "meter") == draw(1, "boiler") {
		t.Error("two seeds, one run")
	}
}

func TestNoiseStrikesItsShareOfBytes(t *testing.T) {
	b := NewBoard(1)
	s := b.Add("meter", "panel", Noise)
	apply(t, b, "meter noise 10%")
	damaged := 0
	for range 100 {
		e := s.Draw()
		for _, x := range e.Damage(make([]byte, 100)) {
			if x != 0 {
				damaged++
			}
		}
	}
	if damaged < 850 || damaged > 1150 {
		t.Errorf("%d of 10000 bytes", damaged)
	}
}

func TestDelaysAddUp(t *testing.T) {
	b := NewBoard(1)
	s := b.Add("meter", "panel", Late, Slow)
	apply(t, b, "meter late 1s", "meter slow 20ms")
	if got := s.Draw().Delay; got != 1020*time.Millisecond {
		t.Errorf("%v", got)
	}
}

func TestNobodysFaultsNeverStrike(t *testing.T) {
	var s *Source
	e := s.Draw()
	if e.Silent || s.Strikes(NoSensor) || !bytes.Equal(e.Damage([]byte("frame")), []byte("frame")) {
		t.Error("a fault out of nowhere")
	}
}

func TestFaultsChangeWhileDevicesAnswer(t *testing.T) {
	b := NewBoard(1)
	s := b.Add("meter", "panel", Kinds()...)
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for range 200 {
				e := s.Draw()
				e.Damage(make([]byte, 8))
				b.List()
			}
		})
		wait.Go(func() {
			for range 100 {
				if err := b.Apply("meter garbage 50%"); err != nil {
					t.Error(err)
				}
				if err := b.Apply("all ok"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"meter ok", "boiler late 800ms 30%", "meter exception 6 10% for 20s",
		"meter noise 0.1%", "x silence for", "x late 1e9s", "\x00 \xff",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		device, fault, err := Parse(text)
		if err != nil || fault.Kind == "" {
			return
		}
		if !(fault.Percent > 0 && fault.Percent <= 100) || fault.Delay < 0 || fault.Delay > longestDelay || fault.For < 0 {
			t.Fatalf("%q gives %+v", text, fault)
		}
		again, same, err := Parse(device + " " + fault.String())
		if len(device) < 100 && (err != nil || again != device || same != fault) {
			t.Fatalf("%q gives %+v, which reads as %+v, %v", text, fault, same, err)
		}
	})
}

func TestDeviceHasOtherNamesToo(t *testing.T) {
	b := NewBoard(1)
	b.Add("scale", "scale", Kinds()...).Also("weigher")
	b.Add("meter", "panel", Kinds()...)
	apply(t, b, "weigher silence")
	if got := strings.Join(b.List(), "|"); got != "scale silence" {
		t.Errorf("faults are %s", got)
	}
	err := b.Apply("weiger silence")
	if want := "there are scale, weigher, meter"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
}
