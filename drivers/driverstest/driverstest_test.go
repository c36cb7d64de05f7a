package driverstest

import (
	"testing"
	"time"

	"fieldmq/drivers"
)

// place is the address of a point that reads as an integer.
type place struct{}

func (place) String() string     { return "nowhere" }
func (place) Kind() drivers.Kind { return drivers.KindInt }
func (place) Writable() bool     { return false }

func TestWrongSamplesAreFound(t *testing.T) {
	a, b := &drivers.Point{Name: "a", At: place{}}, &drivers.Point{Name: "b", At: place{}}
	began := time.Now()
	now, ended := began.Add(time.Second), began.Add(2*time.Second)
	sample := func(p *drivers.Point, at time.Time, v drivers.Value) drivers.Sample {
		return drivers.Sample{Point: p, Time: at, Value: v}
	}
	one := drivers.Int(1)
	tests := map[string]struct {
		samples []drivers.Sample
		right   bool
	}{
		"takes what is right":       {[]drivers.Sample{sample(a, now, one), sample(b, now, drivers.Uint(1<<63))}, true},
		"takes an older failure":    {[]drivers.Sample{sample(a, now, one), {Point: b, Time: began.Add(-1), Err: drivers.ErrRefused}}, true},
		"misses a sample":           {[]drivers.Sample{sample(a, now, one)}, false},
		"finds another order":       {[]drivers.Sample{sample(b, now, one), sample(a, now, one)}, false},
		"finds no time":             {[]drivers.Sample{sample(a, now, one), sample(b, time.Time{}, one)}, false},
		"finds a time before":       {[]drivers.Sample{sample(a, now, one), sample(b, began.Add(-1), one)}, false},
		"finds a time to come":      {[]drivers.Sample{sample(a, now, one), sample(b, ended.Add(1), one)}, false},
		"finds another kind":        {[]drivers.Sample{sample(a, now, one), sample(b, now, drivers.Float(1))}, false},
		"finds nothing as a value":  {[]drivers.Sample{sample(a, now, one), sample(b, now, drivers.Value{})}, false},
		"finds failures to come up": {[]drivers.Sample{sample(a, now, one), {Point: b, Err: drivers.ErrOffline}}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := checkSamples([]*drivers.Point{a, b}, tt.samples, began, ended)
			if (err == nil) != tt.right {
				t.Errorf("got %v", err)
			}
		})
	}
}
