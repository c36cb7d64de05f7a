// Package broker is an MQTT server for 3.1.1 and 5.0 over any net.Listener and
// over WebSocket, for other processes as well as for its own.
//
// The way of a message: the goroutine that reads a client's connection decodes
// it (package packet), finds who wants it (package tree) and appends it to the
// lines of those who are connected; a line is flushed once a batch. What cannot
// go out waits in the session's queue. A message costs no wake-up but those of
// the machines that it goes to, and nobody waits for a client that does not read.
//
// Four kinds of locks, taken in this order: the server's (who is there), that of
// feeds, a session's (what waits for it), a line's (what is being written).
package broker

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"fieldmq/broker/packet"
	"fieldmq/broker/tree"
)

// Server is an MQTT server. Its fields are set before it is used; all
// methods may be called from many goroutines.
type Server struct {
	// Access decides who may do what. NoUsers unless told otherwise.
	Access Access
	// Store keeps what must outlive the server. Nil: nothing does.
	Store Store
	// Version is that of the program, for those who ask under $SYS.
	Version string

	limits   atomic.Pointer[Config]
	log      *slog.Logger
	tree     *tree.Tree[*session]
	retained tree.Retained[retainedMessage]
	timers   *timers
	hoard    hoard // of all sessions

	figuresDue timer // when they are published under $SYS

	spares   sync.Pool // buffers of lines
	buffers  packet.Buffers
	batches  sync.Pool // of connections that have published something
	couriers sync.Pool // for those who publish from this process
	figures  Figures
	numbers  atomic.Uint64 // the last one given to a message for the store
	feeding  sync.Mutex    // held while a message for feeds is numbered, stored and taken
	feeds    atomic.Pointer[[]*Feed]
	sockets  atomic.Int64 // network connections, before CONNECT too

	newcomers atomic.Int64 // until then, in Unix nanoseconds, nobody waits for clients that have taken little; see crowd

	finishing time.Duration // see letFinish

	strangers     atomic.Int64 // bytes of CONNECTs that have come in part
	strangersRoom int64        // for them

	retainedFull atomic.Bool // the log has been told that a message was not retained

	mu            sync.Mutex
	sessions      map[string]*session
	connected     int // sessions of clients outside that are connected
	mostConnected int // so far
}

// New makes a server and starts nothing.
func New(cfg Config, log *slog.Logger) *Server {
	s := &Server{
		Access:    NoUsers{},
		Version:   "unknown",
		finishing: finishing,

		strangersRoom: strangersRoom,
		log:           log,
		tree:          tree.New[*session](),
		timers:        newTimers(),
		sessions:      map[string]*session{},
	}
	s.limits.Store(&cfg)
	s.figuresDue.fire = newSys(s, time.Now()).fire
	s.batches.New = func() any { return &batch{courier: courier{server: s, pub: publication{borrowed: true}}} }
	s.couriers.New = func() any { return &courier{server: s} }
	return s
}

// cfg are the limits that hold now.
func (s *Server) cfg() *Config { return s.limits.Load() }

// SetLimits puts others into the place of the limits. They count at once, but what
// clients that are connected were told in CONNACK holds until they connect again.
func (s *Server) SetLimits(cfg Config) {
	before := s.limits.Swap(&cfg)
	if before.SysInterval != cfg.SysInterval {
		s.timers.set(&s.figuresDue, time.Now())
	}
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
	s.timers.set(&s.figuresDue, time.Now())
	defer s.timers.stop(&s.figuresDue)
	s.timers.run(ctx)
	return nil
}
