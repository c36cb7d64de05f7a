package gpio

import (
	"math/rand/v2"
	"testing"
	"time"
)

const ms = time.Millisecond

var origin = time.Unix(1_000_000, 0)

func at(ms int) time.Time { return origin.Add(time.Duration(ms) * time.Millisecond) }

func TestFilterWithoutHoldPassesEachEdge(t *testing.T) {
	var f filter
	f.start(false)
	for i := range 10 {
		c, ok := f.edge(i%2 == 0, at(i), at(i+5))
		if !ok || c.level != (i%2 == 0) || !c.at.Equal(at(i)) {
			t.Fatalf("edge %d: got %v, %v", i, c, ok)
		}
	}
	if _, ok := f.edge(false, at(20), at(20)); ok {
		t.Error("an edge to the level that is there passes")
	}
}

func TestFirstEdgeOfAnUnknownLinePasses(t *testing.T) {
	var f filter
	if c, ok := f.edge(true, at(0), at(0)); !ok || !c.level {
		t.Errorf("got %v, %v", c, ok)
	}
	f.start(false)
	if !f.level {
		t.Error("start overrules an edge")
	}
}

func TestShortPulseDoesNotPass(t *testing.T) {
	f := filter{hold: 20 * ms}
	f.start(false)
	f.edge(true, at(0), at(0))
	if _, ok := f.edge(false, at(19), at(19)); ok {
		t.Error("passes at its end")
	}
	if _, pending := f.due(); pending {
		t.Error("something is pending")
	}
	if _, ok := f.settle(at(100)); ok {
		t.Error("passes later")
	}
}

func TestEdgesThatCameLateAreJudgedByTheirOwnTimes(t *testing.T) {
	f := filter{hold: 20 * ms}
	f.start(false)
	late := at(500) // we were busy: all three are heard at once
	if _, ok := f.edge(true, at(0), late); ok {
		t.Error("the first edge passes at once")
	}
	if c, ok := f.edge(false, at(30), late); !ok || !c.level || !c.at.Equal(at(0)) {
		t.Errorf("a pulse of 30 ms: got %v, %v", c, ok)
	}
	if c, ok := f.edge(true, at(60), late); !ok || c.level || !c.at.Equal(at(30)) {
		t.Errorf("a pause of 30 ms: got %v, %v", c, ok)
	}
}

func TestClockThatIsSetDoesNotHoldALevelBack(t *testing.T) {
	f := filter{hold: 20 * ms}
	f.start(false)
	f.edge(true, at(3_600_000), at(0)) // the edge's clock is an hour ahead
	if c, ok := f.settle(at(20)); !ok || !c.level {
		t.Errorf("got %v, %v", c, ok)
	}
}

// TestFilterFollowsItsDefinition compares it with a plain reading of what it
// promises: a level passes if the next edge is at least hold away.
func TestFilterFollowsItsDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		f := filter{hold: 10 * ms}
		f.start(false)
		times := []int{0}
		for range 20 {
			times = append(times, times[len(times)-1]+1+rng.IntN(20))
		}
		var got, want []change
		passed := false
		for i, now := range times {
			level := i%2 == 0
			if due, pending := f.due(); pending && due.Before(at(now)) && rng.IntN(2) == 0 {
				if c, ok := f.settle(at(now)); ok { // the timer was on time
					got = append(got, c)
				}
			}
			if c, ok := f.edge(level, at(now), at(now)); ok {
				got = append(got, c)
			}
			long := i+1 == len(times) || times[i+1]-now >= 10
			if long && level != passed {
				passed = level
				want = append(want, change{level, at(now)})
			}
		}
		if c, ok := f.settle(at(times[len(times)-1] + 10)); ok {
			got = append(got, c)
		}
		if len(got) != len(want) {
			t.Fatalf("edges at %v: got %v, want %v", times, got, want)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("edges at %v: got %v, want %v", times, got, want)
			}
		}
	}
}
