package signal

import (
	"math"
	"testing"
	"testing/synctest"
	"time"
)

func TestWaveStaysWithinItsBounds(t *testing.T) {
	for seed := range uint64(20) {
		w := Within(seed, 15, 80)
		low, high := math.Inf(1), math.Inf(-1)
		for at := time.Duration(0); at < 3*day; at += 37 * time.Second {
			low, high = min(low, w.At(at)), max(high, w.At(at))
		}
		if low < 15 || high > 80 {
			t.Fatalf("seed %d: %.1f..%.1f", seed, low, high)
		}
		if high-low < 20 {
			t.Errorf("seed %d hardly moves: %.1f..%.1f", seed, low, high)
		}
	}
}

func TestSumIsTheIntegral(t *testing.T) {
	w := New(1, 900, 500, 300)
	const step = time.Second
	sum := 0.0
	for at := time.Duration(0); at < 10*time.Hour; at += step {
		sum += w.At(at+step/2) * step.Hours()
	}
	if got := w.Sum(10 * time.Hour); math.Abs(got-sum) > 0.01 {
		t.Errorf("%.3f, want %.3f", got, sum)
	}
}

func TestSeedAloneDecides(t *testing.T) {
	a, b, c := New(7, 0, 1, 1), New(7, 0, 1, 1), New(8, 0, 1, 1)
	if a.At(time.Hour) != b.At(time.Hour) {
		t.Error("one seed, two values")
	}
	if a.At(time.Hour) == c.At(time.Hour) {
		t.Error("two seeds, one value")
	}
	if Seed(1, "ab", "c") == Seed(1, "a", "bc") {
		t.Error("names run together")
	}
}

func TestClockRunsFasterByItsFactor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		elapsed := Clock(120)
		time.Sleep(time.Second)
		if got := elapsed(); got != 2*time.Minute {
			t.Errorf("%v", got)
		}
	})
}
