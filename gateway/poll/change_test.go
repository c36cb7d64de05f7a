package poll

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"fieldmq/drivers"
)

// with is the loop's devices as they are, and one more.
func (r *rig) with(ids ...string) []Device {
	synctest.Wait()
	var devices []Device
	for _, id := range ids {
		d := Device{ID: id, OfflineAfter: 3, Groups: []Group{{Every: time.Second, Points: []*drivers.Point{{Device: id, Name: "p", At: place{}}}}}}
		if known := r.devices[id]; known != nil {
			d = known.Device
		}
		devices = append(devices, d)
	}
	return devices
}

func TestChangeMissesNoPollOfWhatStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &fakeBus{took: 10 * time.Millisecond}
		r, stop := start(t, bus, time.Second, time.Second)
		defer stop()
		for n := range 20 {
			time.Sleep(time.Second + 30*time.Millisecond) // at all phases of the schedule
			devices := r.with("a", "b", "x")
			if n%2 == 0 {
				devices = r.with("a", "y")
			}
			if err := r.Change(t.Context(), devices, func() {}); err != nil {
				t.Fatal(err)
			}
		}
		times := r.good("a")
		for i := 2; i < len(times); i++ {
			if gap := times[i].Sub(times[i-1]); gap < 970*time.Millisecond || gap > 1030*time.Millisecond {
				t.Errorf("read %d of a comes %v after the one before", i, gap)
			}
		}
		if len(times) < 20 || r.Stats().Missed > 0 || bus.opened != 1 {
			t.Errorf("%d reads, %d missed, the bus was opened %d times", len(times), r.Stats().Missed, bus.opened)
		}
	})
}

func TestChangeReadsWhatComesAndNotWhatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &fakeBus{}
		r, stop := start(t, bus, time.Second, time.Second)
		defer stop()
		time.Sleep(1700 * time.Millisecond)
		gone := len(r.good("b"))
		devices := r.with("a", "c")
		before := time.Now()
		if err := r.Change(t.Context(), devices, func() {
			if n := len(r.good("c")); n > 0 {
				t.Errorf("%d samples of a device that has not come yet", n)
			}
		}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if n := len(r.good("b")); n != gone {
			t.Errorf("%d reads of a device that is gone", n-gone)
		}
		if times := r.good("c"); len(times) < 10 || times[0].Sub(before) > 10*time.Millisecond {
			t.Errorf("a device that comes was read at %v", times)
		}
		if err := r.Poll(t.Context(), "b"); err == nil {
			t.Error("a device that is gone was polled")
		}
		if h := r.last("a"); !h.Online || h.Since.After(before) {
			t.Errorf("the device that stays is %+v", h)
		}
	})
}

// released is a bus that notes which points it lets go of.
type released struct {
	talking
	points *[]*drivers.Point
}

func (b released) Release(points []*drivers.Point) error {
	*b.points = append(*b.points, points...)
	return nil
}

func TestChangeReleasesWhatNobodyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &fakeBus{unasked: make(chan []drivers.Sample)}
		var points []*drivers.Point
		bus.wrap = func(b talking) drivers.Bus { return released{b, &points} }
		r, stop := start(t, bus, time.Second, time.Second)
		defer stop()
		time.Sleep(time.Second)
		a, b := r.point("a"), r.point("b")
		if err := r.Change(t.Context(), r.with("a"), func() {}); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(points, []*drivers.Point{b}) {
			t.Errorf("released %v", points)
		}
		bus.unasked <- []drivers.Sample{{Point: a, Time: time.Now(), Value: drivers.Int(7)}} // it is still listened to
		synctest.Wait()
	})
}
