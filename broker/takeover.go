package broker

import (
	"io"
	"sync/atomic"
	"time"
)

// listening is a reader that tells while it waits.
type listening struct {
	r     io.Reader
	waits *atomic.Bool
}

func (l *listening) Read(b []byte) (int, error) {
	l.waits.Store(true)
	defer l.waits.Store(false)
	return l.r.Read(b)
}

// A client may say good-bye and come back at once, by another connection. What
// it had said on the first one has arrived by then, but lies in another queue:
// it gets so long to be read, before it counts as the word of one that is
// thrown out. A will would be published otherwise that was revoked.
const finishing = 200 * time.Millisecond

// letFinish lets the connection that holds a session, if there is one, do what
// it has been told already.
func (s *Server) letFinish(id string) {
	for end := time.Now().Add(s.finishing); !s.idle(id) && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
}

// idle says whether a session is held by no connection, or by one that waits
// for its client.
func (s *Server) idle(id string) bool {
	s.mu.Lock()
	var c *conn
	if held := s.sessions[id]; held != nil {
		c, _ = held.holder.(*conn)
	}
	s.mu.Unlock()
	// In this order: what is read in between makes waits false first.
	return c == nil || !pending(c.line.conn) && c.waits.Load()
}
