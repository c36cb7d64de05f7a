package broker

import "time"

// A publisher that is faster than one of its subscribers waits a little for it,
// so that what was acknowledged is not dropped for want of a moment. It waits
// only for clients that keep up with that: one that takes nothing for
// crowdPatience, or has not thinned its queue within crowdLimit, is not waited
// for during crowdMemory, so a client that reads slowly or not at all costs a
// publisher some two percent of its time at most.
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
	limits *Config
	relief chan struct{} // closed when the queue is thin again; nil: nobody waits
	until  time.Time     // until then nobody shall wait
}

func (c *crowd) wanted(q *queue, now time.Time) bool {
	return c.over(q, crowdShare) && now.After(c.until)
}

func (c *crowd) over(q *queue, share int) bool {
	return q.len() > min(c.limits.MaxQueued, crowdLen)/share ||
		q.bytes > min(c.limits.MaxQueuedBytes, crowdBytes)/share
}

// ease lets those go who wait, if the queue is half of what is crowded.
func (c *crowd) ease(q *queue) {
	if c.relief != nil && !c.over(q, 2*crowdShare) {
		close(c.relief)
		c.relief = nil
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
	if c.relief == nil {
		c.relief = make(chan struct{})
	}
	return c.relief
}

// distrust says that the session did not keep up.
func (s *session) distrust(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.crowd.until = now.Add(crowdMemory)
}

// giveWay waits for the client that the messages since the last flush have
// crowded, if there is one.
func (k *courier) giveWay() {
	s := k.crowded
	if s == nil {
		return
	}
	k.crowded = nil
	relief := s.join()
	if relief == nil {
		return
	}
	patience := time.NewTicker(crowdPatience)
	defer patience.Stop()
	for taken, waited := s.taken(), time.Duration(0); ; waited += crowdPatience {
		select {
		case <-relief:
			return
		case now := <-patience.C:
			before := taken
			if taken = s.taken(); taken == before || waited >= crowdLimit {
				s.distrust(now)
				return
			}
		}
	}
}

// taken is how many messages have left the queue so far.
func (s *session) taken() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queue.popped
}
