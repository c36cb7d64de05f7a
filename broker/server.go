// Package broker is an MQTT server for 3.1.1 and 5.0 over any net.Listener and
// over WebSocket, for other processes as well as for its own.
//
// The way of a message: the goroutine that reads a client's connection decodes
// it (package packet), finds who wants it (package tree) and appends it to the
// lines of those who are connected; a line is flushed once a batch. What cannot
// go out waits in the session's queue. A message costs no wake-up but those of
// the machines that it goes to, and nobody waits for a client that does not read.
//
// Three kinds of locks, taken in this order: the server's (who is there), a
// session's (what waits for it), a line's (what is being written).
package broker

import (
	"context"
	"log/slog"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"fieldmq/broker/tree"
)

// Server is an MQTT server. Access and Store are set before it is used; all
// methods may be called from many goroutines.
type Server struct {
	// Access decides who may do what. NoUsers unless told otherwise.
	Access Access
	// Store keeps what must outlive the server. Nil: nothing does.
	Store Store

	cfg      Config
	log      *slog.Logger
	tree     *tree.Tree[*session]
	retained tree.Retained[*message]
	timers   *timers
	spares   sync.Pool // buffers of lines
	couriers sync.Pool // for those who publish from this process
	figures  Figures
	numbers  atomic.Uint64 // the last one given to a message for the store
	sockets  atomic.Int64  // network connections, before CONNECT too

	mu            sync.Mutex
	sessions      map[string]*session
	connected     int // sessions of clients outside that are connected
	mostConnected int // so far
}

// New makes a server and starts nothing.
func New(cfg Config, log *slog.Logger) *Server {
	s := &Server{
		Access:   NoUsers{},
		cfg:      cfg,
		log:      log,
		tree:     tree.New[*session](),
		timers:   newTimers(),
		sessions: map[string]*session{},
	}
	s.couriers.New = func() any { return &courier{server: s} }
	return s
}

// Figures are the server's counters.
func (s *Server) Figures() *Figures { return &s.figures }

// sweepEvery is how often retained messages that have expired are removed;
// nobody is sent one in between either.
const sweepEvery = 30 * time.Second

// Run keeps the server's time until ctx ends: keep alives, session expiry, will
// delays, expiry of retained messages, figures under $SYS.
func (s *Server) Run(ctx context.Context) error {
	sweep := &timer{fire: func(now time.Time) time.Time {
		s.sweep(now)
		return now.Add(sweepEvery)
	}}
	s.timers.set(sweep, time.Now().Add(sweepEvery))
	defer s.timers.stop(sweep)
	if s.cfg.SysInterval > 0 {
		now := time.Now()
		figures := &timer{fire: newSys(s, now).fire}
		s.timers.set(figures, now)
		defer s.timers.stop(figures)
	}
	s.timers.run(ctx)
	return nil
}

// sweep removes retained messages that have expired.
func (s *Server) sweep(now time.Time) {
	s.retained.DeleteFunc(func(m *message) bool { return m.expired(now) })
}

// retain makes the message the retained one of its topic, or removes that if
// the payload is empty. [MQTT-3.3.1-5] [MQTT-3.3.1-6] [MQTT-3.3.1-7]
func (s *Server) retain(p *publication) error {
	if len(p.Payload) == 0 {
		s.retained.Delete(p.Topic)
	} else if deep(p.Topic) || !s.retained.Put(p.Topic, p.keep(), s.room(p.Topic)) {
		s.figures.Dropped.Add(1)
		return nil
	}
	if s.Store == nil || reserved(p.Topic) {
		return nil
	}
	return s.noteMessage(Retained{Message: p.keep().Message, Expires: p.expires})
}

// room is how many topics may hold a retained message if this is one of them.
func (s *Server) room(topic string) int {
	if reserved(topic) {
		return math.MaxInt
	}
	return s.cfg.MaxRetained
}

// mayRetain says whether the topic may hold a retained message, for it does
// already or there is room.
func (s *Server) mayRetain(topic string) bool {
	if deep(topic) {
		return false
	}
	if s.retained.Len() < s.cfg.MaxRetained {
		return true
	}
	_, held := s.retained.Get(topic)
	return held
}

// maxLevels is how many levels a topic may have that is subscribed to or
// retained: each costs memory, and 65,535 bytes hold very many.
const maxLevels = 200

func deep(topic string) bool { return strings.Count(topic, "/") >= maxLevels }
