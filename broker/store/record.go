package store

import (
	"math"
	"time"

	"fieldmq/broker"
	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// record is what the log consists of: something that happened, as the broker
// told it, or how things stand.
type record interface {
	kind() kind
	// fields carries the fields in the order of FORMAT.md.
	fields(*codec)
}

// kind stands before a record's fields in the log. The numbers are the format.
type kind byte

const (
	kindSession      kind = 1
	kindMessage      kind = 2
	kindRetained     kind = 3
	kindEntered      kind = 4
	kindLeft         kind = 5
	kindEnded        kind = 6
	kindSubscribed   kind = 7
	kindUnsubscribed kind = 8
	kindReceived     kind = 9
	kindForgotten    kind = 10
	kindSent         kind = 11
	kindReleased     kind = 12
	kindSettled      kind = 13
	kindKept         kind = 14
	kindCounted      kind = 15
)

// sessionRecord is all that is known of a client, but for its messages.
type sessionRecord struct {
	ClientID  string
	User      string
	Inner     bool
	Connected bool
	At        time.Time // when the client left
	Expiry    time.Duration
	Will      *packet.Will
	Subs      []broker.Subscribed // sorted by filter
	Received  []uint16            // sorted
	Tallies   []broker.Tally      // sorted by account
	Cert      string
	Local     bool
}

// messageRecord is a message and who is still to get it.
type messageRecord struct {
	Number  uint64
	Expires time.Time
	Came    time.Time
	Message mqtt.Message
	To      []taker
	By      broker.Received // empty: nobody, or it stands elsewhere
}

// taker is a session that a message goes to, and how far that has come.
type taker struct {
	broker.Taker
	flight
}

// flight is a message on its way to one session. Order is that of sending
// among all flights of the log; 0: not sent yet.
type flight struct {
	Order    uint64
	PacketID uint16
	Released bool
}

// keptRecord is a value that the gateway keeps under a key. An empty one removes
// it.
type keptRecord struct {
	Key   string
	Value []byte
}

// Records of the broker, with their fields in the log.
type (
	retainedRecord     struct{ broker.Retained }
	enteredRecord      struct{ broker.Entered }
	leftRecord         struct{ broker.Left }
	endedRecord        struct{ broker.Ended }
	subscribedRecord   struct{ broker.Subscribed }
	unsubscribedRecord struct{ broker.Unsubscribed }
	receivedRecord     struct{ broker.Received }
	forgottenRecord    struct{ broker.Forgotten }
	sentRecord         struct {
		broker.Sent
		Order uint64
	}
	releasedRecord struct{ broker.Released }
	settledRecord  struct{ broker.Settled }
	countedRecord  struct{ broker.Counted }
)

func (*sessionRecord) kind() kind      { return kindSession }
func (*messageRecord) kind() kind      { return kindMessage }
func (*retainedRecord) kind() kind     { return kindRetained }
func (*enteredRecord) kind() kind      { return kindEntered }
func (*leftRecord) kind() kind         { return kindLeft }
func (*endedRecord) kind() kind        { return kindEnded }
func (*subscribedRecord) kind() kind   { return kindSubscribed }
func (*unsubscribedRecord) kind() kind { return kindUnsubscribed }
func (*receivedRecord) kind() kind     { return kindReceived }
func (*forgottenRecord) kind() kind    { return kindForgotten }
func (*sentRecord) kind() kind         { return kindSent }
func (*releasedRecord) kind() kind     { return kindReleased }
func (*settledRecord) kind() kind      { return kindSettled }
func (*keptRecord) kind() kind         { return kindKept }
func (*countedRecord) kind() kind      { return kindCounted }

func (r *sessionRecord) fields(c *codec) {
	c.text(&r.ClientID)
	c.text(&r.User)
	c.flag(&r.Inner)
	c.flag(&r.Connected)
	c.time(&r.At)
	c.duration(&r.Expiry)
	c.will(&r.Will)
	list(c, &r.Subs, func(s *broker.Subscribed) { subscription(c, s) })
	list(c, &r.Received, c.packetID)
	if c.over() { // version 1 has none
		return
	}
	list(c, &r.Tallies, func(t *broker.Tally) {
		c.text(&t.Account)
		c.number(&t.Delivered)
		list(c, &t.Dropped, func(d *broker.Dropped) {
			c.text(&d.Reason)
			c.number(&d.Count)
		})
	})
	c.since3(&r.Cert, &r.Local)
}

func subscription(c *codec, s *broker.Subscribed) {
	filterOf(c, &s.Filter)
	small(c, &s.QoS, mqtt.ExactlyOnce)
	c.flag(&s.NoLocal)
	c.flag(&s.RetainAsPublished)
	small(c, &s.ID, math.MaxUint32)
}

func (r *messageRecord) fields(c *codec) {
	c.number(&r.Number)
	c.time(&r.Expires)
	list(c, &r.To, func(t *taker) {
		c.text(&t.ClientID)
		small(c, &t.QoS, mqtt.ExactlyOnce)
		c.flag(&t.Retain)
		list(c, &t.IDs, func(id *uint32) { small(c, id, math.MaxUint32) })
		filterOf(c, &t.Share)
		c.number(&t.Order)
		c.packetID(&t.PacketID)
		c.flag(&t.Released)
	})
	c.message(&r.Message)
	if c.over() { // version 1 has none
		return
	}
	c.milliseconds(&r.Came)
	if c.over() { // version 2 has none
		return
	}
	c.text(&r.By.ClientID)
	c.packetID(&r.By.PacketID)
}

func (r *retainedRecord) fields(c *codec) {
	c.time(&r.Expires)
	c.message(&r.Message)
	if c.over() { // version 2 has no source
		return
	}
	c.source(&r.From)
}

func (r *enteredRecord) fields(c *codec) {
	c.text(&r.ClientID)
	c.text(&r.User)
	c.flag(&r.New)
	c.flag(&r.Inner)
	c.duration(&r.Expiry)
	c.will(&r.Will)
	c.since3(&r.Cert, &r.Local)
}

func (r *leftRecord) fields(c *codec) {
	c.text(&r.ClientID)
	c.time(&r.At)
	c.duration(&r.Expiry)
	c.will(&r.Will)
}

func (r *endedRecord) fields(c *codec) { c.text(&r.ClientID) }

func (r *subscribedRecord) fields(c *codec) {
	c.text(&r.ClientID)
	subscription(c, &r.Subscribed)
}

func (r *unsubscribedRecord) fields(c *codec) {
	c.text(&r.ClientID)
	filterOf(c, &r.Filter)
}

func (r *receivedRecord) fields(c *codec) {
	c.text(&r.ClientID)
	c.packetID(&r.PacketID)
}

func (r *forgottenRecord) fields(c *codec) {
	c.text(&r.ClientID)
	c.packetID(&r.PacketID)
}

func (r *sentRecord) fields(c *codec) {
	c.text(&r.ClientID)
	c.number(&r.Number)
	c.packetID(&r.PacketID)
	c.number(&r.Order)
}

func (r *releasedRecord) fields(c *codec) {
	c.text(&r.ClientID)
	c.number(&r.Number)
}

func (r *settledRecord) fields(c *codec) {
	c.text(&r.ClientID)
	c.number(&r.Number)
}

func (r *keptRecord) fields(c *codec) {
	c.text(&r.Key)
	c.bytes(&r.Value)
}

func (r *countedRecord) fields(c *codec) {
	c.text(&r.ClientID)
	c.number(&r.Number)
	c.text(&r.Account)
	c.text(&r.Reason)
	c.number(&r.Count)
}

// blank are empty records by kind.
var blank = [...]func() record{
	kindSession:      func() record { return new(sessionRecord) },
	kindMessage:      func() record { return new(messageRecord) },
	kindRetained:     func() record { return new(retainedRecord) },
	kindEntered:      func() record { return new(enteredRecord) },
	kindLeft:         func() record { return new(leftRecord) },
	kindEnded:        func() record { return new(endedRecord) },
	kindSubscribed:   func() record { return new(subscribedRecord) },
	kindUnsubscribed: func() record { return new(unsubscribedRecord) },
	kindReceived:     func() record { return new(receivedRecord) },
	kindForgotten:    func() record { return new(forgottenRecord) },
	kindSent:         func() record { return new(sentRecord) },
	kindReleased:     func() record { return new(releasedRecord) },
	kindSettled:      func() record { return new(settledRecord) },
	kindKept:         func() record { return new(keptRecord) },
	kindCounted:      func() record { return new(countedRecord) },
}

// encode writes a record behind buf.
func encode(buf []byte, r record) []byte {
	c := codec{buf: append(buf, byte(r.kind()))}
	r.fields(&c)
	return c.buf
}

// decode reads what encode wrote. It is nil if that cannot be.
func decode(body []byte) record {
	if len(body) == 0 || body[0] == 0 || int(body[0]) >= len(blank) {
		return nil
	}
	r := blank[body[0]]()
	c := codec{buf: body[1:], reading: true}
	r.fields(&c)
	if c.broken || len(c.buf) > 0 {
		return nil
	}
	return r
}
