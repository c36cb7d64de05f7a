package broker

import (
	"context"
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
	// there is no room for, which then is not acknowledged; for other records
	// only if Commit fails from then on.
	Append(Record) error
	// Commit returns when all that was appended before is as safe as the store
	// makes it. PUBACK, PUBREC and PUBCOMP go out after it. It fails if that
	// can no longer be said; the client is disconnected then.
	Commit(context.Context) error
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
	}
	// Queued: a message is to go to sessions. The number is its name in the
	// records below; numbers rise.
	Queued struct {
		Number  uint64
		Message mqtt.Message
		Expires time.Time
		To      []Taker
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
func (Received) record()     {}
func (Forgotten) record()    {}

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

// noteQueued tells the store of a message for sessions that are durable, before
// any of them gets it, and returns its number; 0 if there are none.
func (s *Server) noteQueued(p *publication, targets []target) (uint64, error) {
	if s.Store == nil || p.QoS == mqtt.AtMostOnce {
		return 0, nil
	}
	var to []Taker
	for _, t := range targets {
		if qos := min(p.QoS, t.how.QoS); qos > 0 && t.session.durable {
			to = append(to, Taker{t.session.id, qos, p.Retain && t.how.RetainAsPublished, t.how.IDs, t.share})
		}
	}
	if to == nil {
		return 0, nil
	}
	return s.number(p.keep(), to)
}

// noteReplay tells the store of a retained message for one session. One that is
// refused is lost in a crash only, and retained still.
func (s *Server) noteReplay(to *session, d *delivery) uint64 {
	if s.Store == nil {
		return 0
	}
	n, _ := s.number(d.message, []Taker{{to.id, d.qos, d.retain, d.ids, d.share}})
	return n
}

// number gives a message its name in the store; 0 if that refuses it.
func (s *Server) number(m *message, to []Taker) (uint64, error) {
	n := s.numbers.Add(1)
	if err := s.noteMessage(Queued{Number: n, Message: m.Message, Expires: m.expires, To: to}); err != nil {
		return 0, err
	}
	return n, nil
}
