package broker

import "time"

// A publisher that is faster than one of its subscribers waits a little for it,
// so that what was acknowledged is not dropped for want of a moment. It waits
// only for clients that keep up with that: one that takes nothing for
// crowdPatience, or lets nobody go on within crowdLimit, is not waited for during
// crowdMemory, so a client that reads slowly or not at all costs a publisher some
// two percent of its time at most. Nobody has to find that out of a client that has
// taken nothing for so long already, or a hundred of them would hold up a publisher
// for most of its time. Nor is any other client that has not taken much
// yet waited for then, so that many of them, or one that comes back under another
// name, cost no more. Where many wait they go on one by one, each
// with all that it has to say: if all went at once, most would fill the queue
// with a message each and wait again, and each message would cost a read and a
// write of its own.
const (
	crowdPatience = 500 * time.Millisecond
	crowdLimit    = time.Second
	crowdMemory   = time.Minute
	crowdShare    = 4       // a queue is crowded from this part of its limits on,
	crowdLen      = 2048    // or of so many messages,
	crowdBytes    = 2 << 20 // or of so many bytes
)

// crowd is the publishers that wait for a session. The session's lock guards it.
type crowd struct {
	server *Server       // whose limits hold
	turn   chan struct{} // taken by who may go on, closed for all; nil: nobody waits
	turns  int           // so many were given
	until  time.Time     // until then nobody shall wait
	moved  time.Time     // when the queue last began, or gave a message to the client
}

// crowded says whether publishers shall wait. The session's lock is held.
func (s *session) crowded(now time.Time) bool {
	return s.crowd.over(&s.queue, crowdShare) && now.After(s.crowd.until) && now.Sub(s.crowd.moved) < crowdPatience &&
		(s.proven() || now.UnixNano() > s.server.newcomers.Load())
}

// proven says whether the client has taken many messages that waited. The session's
// lock is held.
func (s *session) proven() bool { return s.queue.popped >= crowdLen }

func (c *crowd) over(q *queue, share int) bool {
	limits := c.server.cfg()
	return q.len() > min(limits.MaxQueued, crowdLen)/share ||
		q.bytes > min(limits.MaxQueuedBytes, crowdBytes)/share
}

// ease lets the one go on who has waited longest, if the queue is half of what is
// crowded, and all if it is empty: nothing will be taken from it then that could
// call ease again.
func (c *crowd) ease(q *queue) {
	if c.turn == nil || c.over(q, 2*crowdShare) {
		return
	}
	if q.len() == 0 {
		c.disperse()
		return
	}
	select {
	case c.turn <- struct{}{}:
		c.turns++
	default: // nobody is there yet, or any more
	}
}

// disperse lets all go on who wait.
func (c *crowd) disperse() {
	if c.turn != nil {
		close(c.turn)
		c.turn = nil
		c.turns++
	}
}

// join returns what to wait for; nil if it has passed.
func (s *session) join() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &s.crowd
	if s.conn == nil || !c.over(&s.queue, 2*crowdShare) {
		return nil
	}
	if c.turn == nil {
		c.turn = make(chan struct{})
	}
	return c.turn
}

// distrust says that the session did not keep up.
func (s *session) distrust(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.crowd.until = now.Add(crowdMemory)
	if !s.proven() {
		s.server.newcomers.Store(s.crowd.until.UnixNano())
	}
}

// giveWay waits for the client that the messages since the last flush have
// crowded, if there is one.
func (k *courier) giveWay() {
	s := k.crowded
	if s == nil {
		return
	}
	k.crowded = nil
	turn := s.join()
	if turn == nil {
		return
	}
	patience := time.NewTicker(crowdPatience)
	defer patience.Stop()
	taken, turns := s.progress()
	for waited := crowdPatience; ; waited += crowdPatience {
		select {
		case <-turn:
			return
		case now := <-patience.C:
			before := taken
			var given int
			taken, given = s.progress()
			if given == turns && (taken == before || waited >= crowdLimit) {
				s.distrust(now)
				return
			}
			if waited >= crowdLimit { // there may be much else that it has to say
				return
			}
		}
	}
}

// progress is how many messages have left the queue so far, and how many of
// those who waited were let go on.
func (s *session) progress() (taken, turns int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queue.popped, s.crowd.turns
}
