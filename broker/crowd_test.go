package broker

import (
	"testing"
	"testing/synctest"
	"time"
)

// crowded is a session with a long queue, for which some publishers wait.
type crowded struct {
	*session
	gone chan int // publishers that go on
}

// crowdAround has publishers come one after the other, in a bubble.
func crowdAround(publishers int) *crowded {
	s := &crowded{New(Defaults(), quiet()).newSession("slow", false), make(chan int, publishers)}
	s.conn = &conn{}
	for range crowdLen {
		s.queue.push(delivery{message: &message{}})
	}
	for i := range publishers {
		go func() {
			(&courier{crowded: s.session}).giveWay()
			s.gone <- i
		}()
		synctest.Wait()
	}
	return s
}

// take takes messages from the queue until so many are left.
func (s *crowded) take(left int) {
	s.mu.Lock()
	for s.queue.len() > left {
		s.queue.pop()
	}
	s.crowd.ease(&s.queue)
	s.mu.Unlock()
	synctest.Wait()
}

func (s *crowded) trusted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.crowd.until.IsZero()
}

func TestThoseWhoWaitForAQueueGoOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const publishers = 5
		s := crowdAround(publishers)
		for i := range 3 {
			s.take(200 - i)
			if n := len(s.gone); n != 1 {
				t.Fatalf("%d go on", n)
			}
			if got := <-s.gone; got != i {
				t.Errorf("publisher %d goes on, want %d", got, i)
			}
		}
		s.take(0)
		if n := len(s.gone); n != publishers-3 {
			t.Errorf("%d go on when the queue is empty", n)
		}
	})
}

func TestNobodyWaitsForAClientThatHasLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := crowdAround(2)
		s.server.mu.Lock()
		s.server.release(s.session)
		s.server.mu.Unlock()
		synctest.Wait()
		if n := len(s.gone); n != 2 || !s.trusted() {
			t.Errorf("%d go on, trusted %v", n, s.trusted())
		}
	})
}

func TestNobodyWaitsLongForAClientThatTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := crowdAround(2)
		began := time.Now()
		<-s.gone
		<-s.gone
		if waited := time.Since(began); waited != crowdPatience || s.trusted() {
			t.Errorf("after %v, trusted %v", waited, s.trusted())
		}
		if s.crowded(time.Now()) {
			t.Error("the next publisher shall wait")
		}
	})
}

// What one client does that comes back under other names, or a hundred at once, must
// not hold up the others again and again.
func TestNobodyWaitsForTheNextThatTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := crowdAround(1)
		<-s.gone
		next, old := s.server.newSession("other", false), s.server.newSession("old", false)
		next.crowd.moved, old.crowd.moved = time.Now(), time.Now()
		for range crowdLen {
			next.queue.push(delivery{message: &message{}})
			old.queue.push(delivery{message: &message{}})
			old.queue.pop()
		}
		for range crowdLen {
			old.queue.push(delivery{message: &message{}})
		}
		if next.crowded(time.Now()) {
			t.Error("the next newcomer is waited for")
		}
		if !old.crowded(time.Now()) {
			t.Error("a client that took its messages so far is not waited for")
		}
		time.Sleep(crowdMemory + 1)
		next.crowd.moved = time.Now()
		if !next.crowded(time.Now()) {
			t.Error("no newcomer is ever waited for again")
		}
	})
}

// A hundred dashboards may fall asleep together, each of which took all before.
func TestManyThatStopTakingCostOneWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := crowdAround(1)
		asleep := s.server.newSession("asleep", false)
		for range crowdLen {
			asleep.queue.push(delivery{message: &message{}})
			asleep.queue.pop()
		}
		for range crowdLen {
			asleep.queue.push(delivery{message: &message{}})
		}
		asleep.crowd.moved = time.Now()
		if !asleep.crowded(time.Now()) {
			t.Error("one that took all until now is not waited for")
		}
		<-s.gone
		if asleep.crowded(time.Now()) {
			t.Error("after one wait there is another")
		}
		time.Sleep(crowdMemory)
		if asleep.crowded(time.Now()) {
			t.Error("after a while there is another wait")
		}
	})
}

// A client that takes its messages slowly is not to lose some because many
// publishers take turns.
func TestASlowClientIsWaitedForInTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := crowdAround(50)
		began := time.Now()
		s.take(250)
		for left := 249; len(s.gone) < cap(s.gone); left-- {
			time.Sleep(crowdLimit / 10)
			s.take(left)
		}
		if waited := time.Since(began); waited > crowdLimit || !s.trusted() {
			t.Errorf("after %v, trusted %v", waited, s.trusted())
		}
	})
}

func TestAClientThatLetsNobodyGoOnIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := crowdAround(1)
		began := time.Now()
		for left := crowdLen - 1; len(s.gone) == 0; left-- {
			time.Sleep(crowdLimit / 10)
			s.take(left)
		}
		if waited := time.Since(began); waited != crowdLimit || s.trusted() {
			t.Errorf("after %v, trusted %v", waited, s.trusted())
		}
	})
}
