package broker

import (
	"context"
	"errors"
	"iter"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// Store keeps what must outlive the server: Load gives back what Append was told
// in an earlier life, in that order, or records that come to the same. A server
// without one forgets.
//
// Messages of QoS 0 and sessions that end with their connection are not told,
// except for the fact of the connection and its will.
type Store interface {
	// Load is called once, before anything else.
	Load() iter.Seq2[Record, error]
	// Append takes note. It is called with locks held, from many goroutines,
	// and waits for nothing. The message belongs to the store as well as to
	// the server, and nobody changes it. It fails for a Retained or Queued that
	// there is no room for (ErrNoRoom), or while the disk fails, which then is not
	// acknowledged; for other records only if Commit fails from then on.
	Append(Record) error
	// Commit returns when all that was appended before is as safe as the store
	// makes it. PUBACK, PUBREC and PUBCOMP go out after it. It fails if that
	// can no longer be said; the client is disconnected then.
	Commit(context.Context) error
}

// ErrNoRoom: a store has no more room for messages, and would have some again if others
// went.
var ErrNoRoom = errors.New("no room")

// Shelf is a Store that gives single messages back, so that a queue of a million
// need not be held in memory. Load leaves out the messages of queues.
type Shelf interface {
	Store
	// Last is at least the highest number of a message that waits.
	Last() uint64
	// Read calls each for the messages that wait for a queue behind a number, in
	// order, until it returns false, but for those that skip names. A message that
	// cannot be read comes with an error. What was appended and not committed may be
	// left out, with all behind it. Append may be called meanwhile, also by each.
	Read(clientID string, after uint64, skip func(number uint64) bool, each func(Waiting, error) bool)
	// Tallies are the accounts of a queue.
	Tallies(clientID string) []Tally
	// Flush returns when no kill -9 can take back what was appended before.
	Flush(context.Context) error
}

// Waiting is a message that waits for a queue.
type Waiting struct {
	Number  uint64
	Message mqtt.Message // with QoS and retain flag as the queue is to have it
	Came    time.Time    // zero: unknown
	Expires time.Time    // zero: never
}

// Record is something that happened: one of the types below.
type Record interface{ record() }

// Records of sessions.
type (
	// Entered: a client is connected. New says that its session begins, and
	// whatever there was under its id is over.
	Entered struct {
		ClientID string
		User     string // whose session it is; empty: nobody's
		New      bool
		Inner    bool // of this process
		Expiry   time.Duration
		Will     *packet.Will
		Cert     string // of its Source
		Local    bool   // the same
	}
	// Left: the connection has ended at a time, and the session goes on. Will is
	// what is still to be published.
	Left struct {
		ClientID string
		At       time.Time
		Expiry   time.Duration
		Will     *packet.Will
	}
	// Ended: the session is over.
	Ended struct{ ClientID string }
	// Subscribed: a subscription was added or replaced.
	Subscribed struct {
		ClientID          string
		Filter            mqtt.Filter
		QoS               mqtt.QoS
		NoLocal           bool
		RetainAsPublished bool
		ID                uint32
	}
	// Unsubscribed: a subscription was taken away.
	Unsubscribed struct {
		ClientID string
		Filter   mqtt.Filter
	}
)

// Records of messages. Expires is zero for a message that does not expire.
type (
	// Retained: the message is the retained one of its topic; an empty payload
	// removes it.
	Retained struct {
		Message mqtt.Message
		Expires time.Time
		From    *Source // nil: this process, or unknown
	}
	// Queued: a message is to go to sessions. The number is its name in the
	// records below; numbers rise.
	Queued struct {
		Number  uint64
		Message mqtt.Message
		Came    time.Time // when it was published, to the millisecond
		Expires time.Time
		To      []Taker
		By      Received // of QoS 2: has happened with it; empty: nothing
	}
	// Sent: the message is in flight with a packet identifier.
	Sent struct {
		ClientID string
		Number   uint64
		PacketID uint16
	}
	// Released: PUBREC came for it.
	Released struct {
		ClientID string
		Number   uint64
	}
	// Settled: the client has the message, or will never get it.
	Settled struct {
		ClientID string
		Number   uint64
	}
	// Counted: what became of messages of a queue goes to an account: they were
	// delivered, or dropped for a reason. With a number it settles that message,
	// which counts once.
	Counted struct {
		ClientID string
		Number   uint64 // 0: of none that was queued
		Account  string
		Reason   string // empty: delivered
		Count    uint64
	}
	// Received: a message of QoS 2 with this identifier came from the client.
	Received struct {
		ClientID string
		PacketID uint16
	}
	// Forgotten: the identifier is free again.
	Forgotten struct {
		ClientID string
		PacketID uint16
	}
)

// Source is a client of another process as rules know it, also when it is gone.
type Source struct {
	ClientID string
	User     string
	Cert     string
	Local    bool
}

// Taker is a session that a message goes to, and how.
type Taker struct {
	ClientID string
	QoS      mqtt.QoS
	Retain   bool
	IDs      []uint32
	Share    mqtt.Filter
}

func (Entered) record()      {}
func (Left) record()         {}
func (Ended) record()        {}
func (Subscribed) record()   {}
func (Unsubscribed) record() {}
func (Retained) record()     {}
func (Queued) record()       {}
func (Sent) record()         {}
func (Released) record()     {}
func (Settled) record()      {}
func (Counted) record()      {}
func (Received) record()     {}
func (Forgotten) record()    {}

// Tally is what became of the messages of a queue that one account has.
type Tally struct {
	Account   string
	Delivered uint64
	Dropped   []Dropped // by reason
}

// Dropped is how many messages were dropped for a reason.
type Dropped struct {
	Reason string
	Count  uint64
}

// note tells the store, if there is one.
func (s *Server) note(r Record) {
	if s.Store != nil {
		_ = s.Store.Append(r) // Commit will say it
	}
}

// noteMessage tells the store, if there is one, of a message that it may refuse.
func (s *Server) noteMessage(r Record) error {
	if s.Store == nil {
		return nil
	}
	return s.Store.Append(r)
}

// commit waits for the store, if there is one.
func (s *Server) commit(ctx context.Context) error {
	if s.Store == nil {
		return nil
	}
	return s.Store.Commit(ctx)
}

// noteQueued tells the store of the message for sessions that are durable, before
// any of them gets it, and returns its number; 0 if there are none.
func (k *courier) noteQueued(now time.Time) (uint64, error) {
	for i := range k.targets {
		if k.targets[i].session.feed.Load() != nil {
			return k.feed(now)
		}
	}
	to := k.server.takers(&k.pub, k.targets)
	if to == nil {
		return 0, nil
	}
	return k.store(to)
}

// store tells the store of the message at hand, and of its origin in one record: a
// crash between two would lose the message, or bring it twice.
func (k *courier) store(to []Taker) (uint64, error) {
	k.noted = true
	n, err := k.server.number(k.pub.keep(), to, k.origin)
	if err == nil {
		k.origin = Received{}
	}
	return n, err
}

// takers are the sessions that the store keeps a message for, but for feeds.
func (s *Server) takers(p *publication, targets []target) (to []Taker) {
	if s.Store == nil || p.QoS == mqtt.AtMostOnce {
		return nil
	}
	for i := range targets {
		t := &targets[i]
		if qos := min(p.QoS, t.how.QoS); qos > 0 && t.session.durable && t.session.feed.Load() == nil {
			to = append(to, Taker{t.session.id, qos, p.Retain && t.how.RetainAsPublished, t.how.IDs, t.share})
		}
	}
	return to
}

// noteReplay tells the store of a retained message for one session. One that is
// refused is lost in a crash only, and retained still.
func (s *Server) noteReplay(to *session, d *delivery) uint64 {
	if s.Store == nil {
		return 0
	}
	n, _ := s.number(d.message, []Taker{{to.id, d.qos, d.retain, d.ids, d.share}}, Received{})
	return n
}

// number gives a message its name in the store; 0 if that refuses it.
func (s *Server) number(m *message, to []Taker, by Received) (uint64, error) {
	n := s.numbers.Add(1)
	if err := s.noteMessage(Queued{Number: n, Message: m.Message, Came: time.Now(), Expires: m.expires, To: to, By: by}); err != nil {
		return 0, err
	}
	return n, nil
}
